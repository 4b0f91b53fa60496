"""The verdicts of one run as a table: a row a criterion, a column a unit; then what did not pass, in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rig.judge.quarantine import quarantined

MARKS = {"PASS": "green", "CONDITIONAL_PASS": "yellow", "INCONCLUSIVE": "yellow"}
WIDTH_WITHOUT_TERMINAL = 120


def print_verdicts(folder: Path, results: dict[str, Any]) -> None:
    """Print the table, the reasons of what did not pass, and where the evidence lies."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table
    from rich.text import Text

    from rig.report.plain_text import visible

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=WIDTH_WITHOUT_TERMINAL)
    serials = [unit["serial"] for unit in results["units"]]
    found = {(case["id"], case["unit"]): case for case in results["cases"]}
    title = (
        f"{results['plan']['id']} revision {results['plan']['revision']} on bench {results['bench']['id']}"
    )
    if results["rehearsal"]:
        title += " - REHEARSAL"
    table = Table(title=escape(title), title_justify="left", header_style="bold")
    for heading in ("case", "criterion", *serials):
        table.add_column(escape(heading), overflow="fold")
    for case_id in dict.fromkeys(case["id"] for case in results["cases"]):
        cases = [found.get((case_id, serial)) for serial in serials]
        limits = {entry["name"]: entry["limit"] for case in cases if case for entry in case["criteria"]}
        for index, (name, limit) in enumerate(limits.items()):
            cells = [_cell(case, name) for case in cases]
            last = index == len(limits) - 1
            table.add_row(
                Text(case_id if index == 0 else ""), Text(f"{name} {limit}"), *cells, end_section=last
            )
    console.print(table)
    for line in _in_words(results):
        console.print(Text(visible(line)), soft_wrap=True)
    console.print(f"outcome  [bold {MARKS.get(results['outcome'], 'red')}]{results['outcome']}[/]")
    console.print(Text(f"evidence {folder}"), soft_wrap=True)
    console.print(Text(f"report   {folder / 'report.html'}"), soft_wrap=True)
    console.print()


def _cell(case: dict[str, Any] | None, name: str) -> Any:
    from rich.text import Text

    criterion = next((entry for entry in case["criteria"] if entry["name"] == name), None) if case else None
    if criterion is None:
        return Text("-")
    verdict = criterion["verdict"].replace("_", " ")
    return Text(verdict, style=MARKS.get(criterion["verdict"], "red")).append(
        _value(criterion), style="default"
    )


def _value(criterion: dict[str, Any]) -> str:
    """Value and expanded uncertainty, briefly: the report has all digits."""
    value, uncertainty, unit = criterion["value"], criterion["expanded_uncertainty"], criterion["unit"]
    if value is None or uncertainty is None:
        return ""
    digits = 1 if uncertainty >= 1 else 2
    return f" {round(value, digits) + 0.0:+.{digits}f} ± {uncertainty:.{digits}f} {unit}"


def _in_words(results: dict[str, Any]) -> list[str]:
    """Each case that did not pass, with the reasons; a criterion without one speaks by its figures."""
    known = quarantined(results)
    lines = [
        f"quarantined until {entry['expires']} ({entry['owner']}): {name}" for name, entry in known.items()
    ]
    for case in results["cases"]:
        if case["outcome"] == "PASS":
            continue
        not_passed = [entry for entry in case["criteria"] if entry["verdict"] != "PASS"]
        reasons = [case["message"]] if case["message"] else []
        given = [entry["reason"] for entry in not_passed]
        for entry in not_passed:
            figures, reason = f"{entry['name']}{_value(entry)}, limit {entry['limit']}", entry["reason"]
            if reason and (entry["value"] is None or given.count(reason) > 1):
                reasons.append(reason)  # no figures, or of several criteria: told once
            else:
                reasons.append(f"{figures}: {reason}" if reason else figures)
        lines.append(f"{case['unit']} {case['id']}: {case['outcome'].replace('_', ' ')}")
        lines += [f"    {reason}" for reason in dict.fromkeys(reasons)]
    return lines
