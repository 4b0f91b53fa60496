"""The verdicts of one run as a table: a row a criterion, a column a unit; then what did not pass, in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

MARKS = {"PASS": "green", "CONDITIONAL_PASS": "yellow", "INCONCLUSIVE": "yellow"}
NARROWEST = 100


def print_verdicts(folder: Path, results: dict[str, Any]) -> None:
    """Print the table, the reasons of what did not pass, and where the evidence lies."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=NARROWEST)
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
        names = dict.fromkeys(criterion["name"] for case in cases if case for criterion in case["criteria"])
        for index, name in enumerate(names):
            cells = [_cell(case, name) for case in cases]
            last = index == len(names) - 1
            table.add_row(Text(case_id if index == 0 else ""), Text(name), *cells, end_section=last)
    console.print(table)
    for line in _in_words(results):
        console.print(Text(line))
    console.print(f"outcome  [bold {MARKS.get(results['outcome'], 'red')}]{results['outcome']}[/]")
    console.print(Text(f"evidence {folder}"), soft_wrap=True)
    console.print(Text(f"report   {folder / 'report.html'}"), soft_wrap=True)
    console.print()


def _cell(case: dict[str, Any] | None, name: str) -> Any:
    from rich.text import Text

    criterion = next((entry for entry in case["criteria"] if entry["name"] == name), None) if case else None
    if criterion is None:
        return Text("-")
    text = Text(criterion["verdict"].replace("_", " "), style=MARKS.get(criterion["verdict"], "red"))
    if criterion["value"] is not None and criterion["expanded_uncertainty"] is not None:
        digits = 1 if criterion["expanded_uncertainty"] >= 1 else 2
        value, uncertainty = criterion["value"], criterion["expanded_uncertainty"]
        text.append(f" {value:+.{digits}f} ± {uncertainty:.{digits}f} {criterion['unit']}", style="default")
    return text


def _in_words(results: dict[str, Any]) -> list[str]:
    lines = []
    for case in results["cases"]:
        failed = [entry for entry in case["criteria"] if entry["verdict"] != "PASS"]
        reasons = dict.fromkeys(entry["reason"] for entry in failed if entry.get("reason"))
        if case["message"]:
            reasons = dict.fromkeys([case["message"], *reasons])
        if case["outcome"] != "PASS":
            lines.append(
                f"{case['unit']} {case['id']}: {case['outcome']}" + "".join(f"\n    {r}" for r in reasons)
            )
    return lines
