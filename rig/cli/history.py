"""``rig history``: past runs, and how each criterion went over them."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rig.cli.arguments import add_runs_to_look_at, explain
from rig.errors import EXIT_ALL_PASS, DefinitionError, IntegrityError, Where

if TYPE_CHECKING:
    from rich.console import Console

    from rig.history.past_runs import Course, PastRun


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_runs_to_look_at(parser)
    parser.add_argument("--plan", metavar="ID", help="only runs of this plan")
    parser.add_argument("--unit", metavar="SERIAL", help="only this unit under test")
    parser.add_argument("--case", metavar="ID", help="only this case")
    parser.add_argument("--criterion", metavar="NAME", help="only this criterion, such as mean_error")
    parser.add_argument("--json", action="store_true", help="print runs and courses as JSON")
    explain(
        parser,
        "Nothing is judged anew.",
        example="rig history runs --plan flow-accuracy --criterion mean_error",
        status="0 whatever the verdicts were, 3 results of some run cannot be read, 4 bad input",
    )


def run(args: argparse.Namespace) -> int:
    from rig.history.past_runs import courses, read_run
    from rig.record.run_folder import run_folders_in

    if not args.runs.is_dir():
        raise DefinitionError(
            "there is no such folder", Where(str(args.runs), key="RUNS"), "rig run makes one"
        )
    found, unread = [], []
    for folder in run_folders_in(args.runs):
        try:
            found.append(read_run(folder))
        except IntegrityError as error:
            unread.append(str(error))
    past = sorted(
        (each for each in found if args.plan in (None, each.plan)), key=lambda each: each.started_utc
    )
    chosen = [each for each in courses(past) if _is_asked_for(each, args)]
    if found and not chosen:
        names = "'rig history' without options tells which there are"
        raise DefinitionError("no criterion of any run there is asked for", Where(str(args.runs)), names)
    if args.json:
        print(
            json.dumps(
                {"runs": [_run_json(each) for each in past], "courses": [_json(each) for each in chosen]},
                indent=1,
            )
        )
    else:
        _print(past, chosen)
    for trouble in unread:
        print(f"rig history: {trouble}", file=sys.stderr)
    return IntegrityError.exit_status if unread else EXIT_ALL_PASS


def _is_asked_for(course: Course, args: argparse.Namespace) -> bool:
    asked = ((args.unit, course.serial), (args.case, course.case), (args.criterion, course.criterion))
    return all(wanted in (None, there) for wanted, there in asked)


def _run_json(each: PastRun) -> dict[str, Any]:
    told = asdict(each) | {"folder": str(each.folder)}
    del told["cases"]
    return told


def _json(course: Course) -> dict[str, Any]:
    more = {name: getattr(course, name) for name in ("change", "normalized_change", "drifted")}
    return asdict(course) | more


def _print(past: Sequence[PastRun], chosen: Sequence[Course]) -> None:
    from rich.console import Console

    from rig.cli.verdict_table import WIDTH_WITHOUT_TERMINAL

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=WIDTH_WITHOUT_TERMINAL)
    if not past:
        console.print("no run there yet")
        return
    _print_runs(console, past)
    _print_courses(console, chosen)
    drifted = sum(course.drifted for course in chosen)
    console.print(
        f"{_count(len(past), 'run')}, {_count(len(chosen), 'criterion', 'criteria')}: {drifted or 'none'} drifted"
    )


def _print_runs(console: Console, past: Sequence[PastRun]) -> None:
    from rich.table import Table
    from rich.text import Text

    from rig.cli.verdict_table import MARKS
    from rig.report.plain_text import visible

    table = Table(header_style="bold")
    for heading in ("run", "plan", "bench", "kind", "outcome"):
        table.add_column(heading, overflow="fold")
    for each in past:
        kind = "rehearsal" if each.rehearsal else "evidence"
        cells = (each.run_id, f"{each.plan} {each.revision}", each.bench, kind)
        outcome = Text(visible(each.outcome), style=MARKS.get(each.outcome, ""))
        table.add_row(*(Text(visible(cell)) for cell in cells), outcome)
    console.print(table)


def _print_courses(console: Console, chosen: Sequence[Course]) -> None:
    from rich.table import Table
    from rich.text import Text

    from rig.report.plain_text import visible

    table = Table(header_style="bold")
    for heading in ("plan / case", "unit", "criterion", "runs", "oldest", "newest", "change", "E_n"):
        table.add_column(heading, overflow="fold")
    for course in chosen:
        ends = (_with_uncertainty(course, 0), _with_uncertainty(course, -1)) if course.points else ("", "")
        change = "" if course.change is None else f"{course.change:+.3g} {course.unit}".strip()
        normalized = "" if course.normalized_change is None else f"{course.normalized_change:+.2f}"
        name = f"{course.plan} / {course.case}" + (" (rehearsal)" if course.rehearsal else "")
        cells = (name, course.serial, course.criterion, str(len(course.points)), *ends, change)
        style = "bold yellow" if course.drifted else ""
        drift = Text(normalized + (" drift" if course.drifted else ""), style=style)
        table.add_row(*(Text(visible(cell)) for cell in cells), drift)
    console.print(table)


def _with_uncertainty(course: Course, place: int) -> str:
    """Oldest or newest value as it is told, or the verdict where there is none."""
    point = course.points[place]
    if point.value is None:
        return point.verdict.replace("_", " ")
    value = f"{point.value:+.3g}" + (f" ± {point.expanded:.2g}" if point.expanded else "")
    return f"{value} {course.unit}".strip()


def _count(number: int, name: str, names: str = "") -> str:
    return f"{number} {name}" if number == 1 else f"{number} {names or name + 's'}"
