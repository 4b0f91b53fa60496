"""A run in Markdown, as short as it can be: for the summary page of a CI server, a chat, a ticket."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from rig.errors import EXIT_RIG_FAILED
from rig.judge.quarantine import criterion_name, quarantined
from rig.record.durable_files import write_atomically
from rig.report.plain_text import visible

SUMMARY = "summary.md"
MOST_ROWS = 50  # of what did not pass; the report has all


def write_summary(results: dict[str, Any], path: Path) -> None:
    """Write ``exports/summary.md``."""
    write_atomically(path, summary_of(results).encode("utf-8"))


def summary_of(results: dict[str, Any]) -> str:
    """What was tested on which pumps, how it came out, and a row for everything that did not pass.

    A rig that failed is told in one line, not in as many as there are criteria.
    """
    plan, known = results["plan"], quarantined(results)
    rows = [(case, criterion) for case in results["cases"] for criterion in case["criteria"]]
    counts: dict[str, int] = {}
    for _, criterion in rows:
        counts[criterion["verdict"]] = counts.get(criterion["verdict"], 0) + 1
    rehearsal = " - REHEARSAL" if results["rehearsal"] else ""
    lines = [
        f"### {_plain(plan['id'])} revision {_plain(plan['revision'])}: {results['outcome']}{rehearsal}",
        "",
        f"{', '.join(f'{count} {verdict}' for verdict, count in counts.items()) or 'nothing was judged'}; "
        f"bench {_plain(results['bench']['id'])}, run `{_plain(results['run_id'])}`",
        "",
    ]
    broken = {(case["unit"], case["message"]) for case in results["cases"] if case["outcome"] == "ERROR"}
    for unit, message in sorted(broken):
        lines += [
            f"**The rig failed on {_plain(unit)}; nothing is said about the pump:** {_plain(message)}",
            "",
        ]
    failed = [(case, one) for case, one in rows if one["verdict"] not in ("PASS", "SKIPPED", "ERROR")]
    if failed:
        lines += ["| unit | case | criterion | verdict | value | limit | |", "|---|---|---|---|---|---|---|"]
        for case, criterion in failed[:MOST_ROWS]:
            entry = known.get(criterion_name(plan["id"], case, criterion))
            told = "" if entry is None else f"quarantined until {entry['expires']}, {_plain(entry['owner'])}"
            cells = (
                case["unit"],
                case["id"],
                criterion["name"],
                criterion["verdict"],
                _value(criterion),
                criterion["limit"],
            )
            lines.append(f"| {' | '.join(_plain(str(cell)) for cell in cells)} | {told} |")
        if len(failed) > MOST_ROWS:
            lines.append(f"\n{len(failed) - MOST_ROWS} more: see the report.")
        lines.append("")
    return "\n".join(lines)


def notice(exit_status: int, errors: list[str]) -> str:
    """One line for a night in which the rig came to no verdict."""
    what = "The rig failed" if exit_status == EXIT_RIG_FAILED else "Nothing was tested"
    return f"**{what}; nothing is said about any pump:** {_plain('; '.join(errors) or 'see the log')}\n"


def _value(criterion: dict[str, Any]) -> str:
    if criterion["value"] is None:
        return ""
    value = f"{criterion['value']:+.3g}"
    if criterion["expanded_uncertainty"] is not None:
        value += f" ± {criterion['expanded_uncertainty']:.2g}"
    return f"{value} {criterion['unit']}".strip()


def _plain(text: str) -> str:
    """A text that Markdown shows as it is, on one line."""
    return re.sub(r"([\\`*_{}\[\]<>|#])", r"\\\1", " ".join(visible(str(text)).split()))
