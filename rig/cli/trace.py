"""``rig trace``: which case verifies which requirement, and what does not meet. Needs no bench."""

from __future__ import annotations

import argparse
import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rig.cli.arguments import explain
from rig.errors import EXIT_ALL_PASS, EXIT_NOT_ALL_PASS, DefinitionError, IntegrityError, Where

if TYPE_CHECKING:
    from rig.definitions.plan_file import Plan
    from rig.judge.trace import Finding, Row, Trace

COLUMNS = (
    "requirement",
    "title",
    "text",
    "limit",
    "quantity",
    "hazards",
    "verified by",
    "verdict",
    "gaps",
    "source",
)
CRITERION = ("name", "limit", "limit_low", "limit_high", "unit")  # what is read of one in results.json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "plans", metavar="PLAN", nargs="+", type=Path, help="plan file (*.plan.toml) or Python plan (*.py)"
    )
    parser.add_argument(
        "--run",
        metavar="RUN",
        action="append",
        default=[],
        type=Path,
        help="run folder whose verdicts are shown; can be given several times",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print the matrix as JSON on standard output")
    form.add_argument("--csv", action="store_true", help="print the matrix as CSV on standard output")
    explain(
        parser,
        example="rig trace test_plans/flow_accuracy.plan.toml --run runs/NAME",
        status="0 all meets, 1 something does not, 4 bad input, or no plan names a requirement set",
    )


def run(args: argparse.Namespace) -> int:
    from rig.judge.python import with_criteria_found
    from rig.judge.trace import trace

    plans = load_plans(args.plans)
    if not any(plan.requirements for plan in plans):
        hint = 'add to [plan], or to the mark of a Python plan: requirements = "requirements.csv"'
        raise DefinitionError("no plan names a requirement set", Where(str(args.plans[0])), hint)
    results = [_results(folder) for folder in args.run]
    plans = [with_criteria_found(plan, results) for plan in plans]
    traced = trace(plans, results)
    if args.json:
        print(json.dumps(as_json(traced), indent=1))
    elif args.csv:
        print(as_csv(traced), end="")
    else:
        _print(traced, plans)
    return EXIT_NOT_ALL_PASS if traced.findings else EXIT_ALL_PASS


def load_plans(paths: Sequence[Path]) -> list[Plan]:
    """The plans. Raises DefinitionError with the problems of all."""
    from rig.definitions.python_plans.source import load_any_plan

    plans: list[Plan] = []
    problems: list[DefinitionError] = []
    for path in paths:
        try:
            plans.append(load_any_plan(path))
        except DefinitionError as error:
            problems.extend(error.problems)
    if len(problems) == 1:
        raise problems[0]
    if problems:
        raise DefinitionError("several problems", more=tuple(problems))
    return plans


def _results(folder: Path) -> dict[str, Any]:
    from rig.record.layout import RESULTS, check_is_run_folder

    check_is_run_folder(folder)
    try:
        results = json.loads((folder / RESULTS).read_bytes())
        cases = [
            {
                **{key: case[key] for key in ("id", "unit", "outcome")},
                "criteria": [{key: told[key] for key in CRITERION} for told in case["criteria"]],
            }
            for case in results["cases"]
        ]
        return {"plan": {"id": results["plan"]["id"]}, "cases": cases}
    except FileNotFoundError:
        hint = "this run was never judged; rig report makes a report of it"
        raise DefinitionError(f"there is no {RESULTS} in it", Where(str(folder)), hint) from None
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise IntegrityError(f"{folder / RESULTS}: cannot be read: {error}") from error


def as_json(traced: Trace) -> dict[str, Any]:
    """``requirements`` as in results.json, ``cases`` with their plan; ``gaps``; what was ``not_compared``."""
    from rig.judge.trace import requirement_row

    rows = [
        {**requirement_row(row), "cases": [f"{plan}/{case}" for plan, case in row.cases]}
        for row in traced.rows
    ]
    gaps = [
        {"gap": each.gap, "about": each.about, "message": each.message, "where": str(each.where)}
        for each in traced.findings
    ]
    return {"requirements": rows, "gaps": gaps, "not_compared": list(traced.not_compared)}


def as_csv(traced: Trace) -> str:
    """The matrix: a line a requirement, then a line for each gap that is about no requirement of it."""
    listed = {row.id for row in traced.rows}
    lines = [[*_cells(row), _gaps(traced, row.id), row.requirement.source if row.requirement else ""]
             for row in traced.rows]  # fmt: skip
    for each in traced.findings:
        if each.about not in listed:
            lines.append([each.about, *[""] * 7, _gap(each), ""])
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([list(COLUMNS), *map(_neutral, lines)])
    return text.getvalue()


def _cells(row: Row) -> list[str]:
    from rig.judge.trace import requirement_row

    told = requirement_row(row)
    cases = ", ".join(f"{plan}/{case}" for plan, case in row.cases)
    verdict = row.verdict.value if row.verdict is not None else ""
    hazards = ", ".join(told["hazards"])
    return [row.id, told["title"], told["text"], told["limit"], told["quantity"], hazards, cases, verdict]


def _neutral(cells: Sequence[str]) -> list[str]:
    """Cells that no spreadsheet computes: an apostrophe goes before what looks like a formula."""
    from rig.report.results_csv import may_be_formula

    return [f"'{cell}" if may_be_formula(cell) else cell for cell in cells]


def _gaps(traced: Trace, about: str) -> str:
    return "; ".join(_gap(each) for each in traced.findings if each.about == about)


def _gap(finding: Finding) -> str:
    return f"{finding.gap}: {finding.message}"


def _print(traced: Trace, plans: Sequence[Plan]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from rig.cli.verdict_table import MARKS, WIDTH_WITHOUT_TERMINAL
    from rig.report.plain_text import visible

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=WIDTH_WITHOUT_TERMINAL)
    with_verdicts = any(row.verdict is not None for row in traced.rows)
    table = Table(header_style="bold", show_lines=True)
    for heading in ("requirement", "title", "limit", "verified by", "hazards", *["verdict"] * with_verdicts):
        table.add_column(heading, overflow="fold")
    for row in traced.rows:
        name, title, _, limit, _, hazards, cases, verdict = map(visible, _cells(row))
        cells = [Text(cell) for cell in (name, title, limit, cases.replace(", ", "\n") or "-", hazards)]
        if with_verdicts:
            cells.append(
                Text(verdict.replace("_", " ") or "-", style=MARKS.get(verdict, "red" if verdict else ""))
            )
        table.add_row(*cells)
    console.print(table)
    for gap in dict.fromkeys(finding.gap for finding in traced.findings):
        console.print(Text(f"{gap}:", style="bold"))
        for finding in traced.findings:
            if finding.gap is gap:
                told = f"  {finding.where}: {finding.about}: {finding.message}"
                console.print(Text(visible(told)), soft_wrap=True)
    if traced.not_compared:
        names = ", ".join(traced.not_compared)
        told = f"only a run of the Python plan tells what it verifies (--run): limits not compared: {names}"
        console.print(Text(visible(told)), soft_wrap=True)
    hazards_count = len(
        {hazard.id for plan in plans for found in plan.requirements for hazard in found.hazards}
    )
    counts = [
        _count(sum(row.requirement is not None for row in traced.rows), "requirement"),
        _count(hazards_count, "hazard"),
        _count(sum(len(plan.cases) for plan in plans), "case"),
    ]
    gaps = _count(len(traced.findings), "gap") if traced.findings else "no gap"
    console.print(Text(f"{gaps}: {', '.join(counts)}"), soft_wrap=True)


def _count(number: int, name: str) -> str:
    return f"{number} {name}" if number == 1 else f"{number} {name}s"


def warnings_of(plans: Sequence[Plan]) -> list[str]:
    """What ``rig check`` says of the trace of ``plans``.

    A requirement counts as tested if another plan in the folders of these verifies it.
    """
    if not any(plan.requirements for plan in plans):
        return []
    from rig.judge.trace import Gap, trace
    from rig.report.plain_text import visible

    tested = {name for plan in _beside(plans) for case in plan.cases for name in case.verifies}
    told = []
    untested: dict[str, list[Finding]] = {}
    for finding in trace(plans).findings:
        if finding.gap is Gap.UNTESTED:
            if finding.about not in tested:
                untested.setdefault(finding.where.file or "", []).append(finding)
        elif finding.gap is not Gap.IDLE:  # told with the plan
            told.append(visible(f"{finding.where}: {finding.about}: {finding.message}"))
    for file, findings in untested.items():
        names = ", ".join(finding.about for finding in findings)
        told.append(visible(f"{file}: no case of any plan in these folders verifies {names}", 1000))
    return told


def _beside(plans: Sequence[Plan]) -> list[Plan]:
    """All plans in the folders of ``plans`` that can be read; those that cannot are not this command's to judge."""
    from rig.definitions.python_plans.source import load_any_plan
    from rig.definitions.user_file import PLAN_SUFFIX

    found = []
    for folder in dict.fromkeys(plan.source.path.parent for plan in plans):
        for path in sorted([*folder.glob(f"*{PLAN_SUFFIX}"), *folder.glob("test_*.py")]):
            try:
                found.append(load_any_plan(path))
            except DefinitionError:
                continue
    return found
