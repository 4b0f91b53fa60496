"""``rig check``: refuses bad plans and benches, warns of cases that cannot be decided; touches no instrument."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rig.cli.arguments import explain
from rig.definitions.python_plans.functions import PYTHON_SUFFIX
from rig.definitions.user_file import PLAN_SUFFIX
from rig.errors import EXIT_ALL_PASS, DefinitionError, Where

if TYPE_CHECKING:
    from rig.definitions.bench_file import BenchFile
    from rig.definitions.plan_file import Plan


BENCH_SUFFIX = ".bench.toml"  # usual
PYTHON_TELLS = "read, not run: only a run tells its time, volume, criteria and their uncertainty"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "plans", metavar="PLAN", nargs="+", type=Path, help="plan file (*.plan.toml) or Python plan (*.py)"
    )
    parser.add_argument("--bench", metavar="FILE", required=True, type=Path, help="bench file (*.bench.toml)")
    parser.add_argument("--json", action="store_true", help="print what was found as JSON")
    explain(
        parser,
        "Says of each case how long it takes, and which limits the bench can decide. Nothing is opened, and a "
        "Python plan is read, not run.",
        example="rig check test_plans/flow_accuracy.plan.toml --bench fixtures/simulated.bench.toml",
        status="0 no mistake (warnings do not count), 4 a mistake: where it is and what to do",
    )


def checked(
    plan_files: Sequence[Path], bench_file: Path, instead_of_python: str = ""
) -> tuple[list[Plan], BenchFile, list[str]]:
    """Plans and bench, read and held against each other, with warnings. Raises DefinitionError with all problems.

    ``instead_of_python``: for a command that takes no Python plans, what to do with one instead.
    """
    from rig.bench.open import check_instruments
    from rig.cli.trace import warnings_of as trace_warnings
    from rig.definitions.bench_file import load_bench
    from rig.definitions.check import check_plan_on_bench
    from rig.definitions.check_together import check_plans_together
    from rig.definitions.python_plans.source import load_any_plan

    problems: list[DefinitionError] = []
    plans: list[Plan] = []
    warnings: list[str] = []
    bench: BenchFile | None = None
    try:
        if bench_file.name.endswith(PLAN_SUFFIX):
            raise DefinitionError(
                "this is a plan", Where(str(bench_file), key="--bench"), "it takes a bench file"
            )
        bench = load_bench(bench_file)
        check_instruments(bench)
    except DefinitionError as error:
        problems.extend(error.problems)
    for path in plan_files:
        try:
            _check_name(path, instead_of_python)
            plan = load_any_plan(path)
            if bench is not None:
                warnings += check_plan_on_bench(plan, bench)
            plans.append(plan)
        except DefinitionError as error:
            problems.extend(error.problems)
    if bench is not None and not problems:
        try:
            warnings += check_plans_together(plans, bench)
        except DefinitionError as error:
            problems.extend(error.problems)
    if len(problems) == 1:
        raise problems[0]
    if problems or bench is None:
        raise DefinitionError("several problems", more=tuple(problems))
    return plans, bench, warnings + trace_warnings(plans)


def _check_name(path: Path, instead_of_python: str) -> None:
    """Raises DefinitionError for a path that pytest, which carries plans out, cannot be given."""
    if path.suffix == PYTHON_SUFFIX and instead_of_python:
        raise DefinitionError("this is a Python plan", Where(str(path)), instead_of_python)
    if path.is_file() and not path.name.endswith((PLAN_SUFFIX, PYTHON_SUFFIX)):
        if path.name.endswith(BENCH_SUFFIX):
            raise DefinitionError("this is a bench, not a plan", Where(str(path)), "give it with --bench")
        hint = f"name it '{path.name.removesuffix('.toml')}{PLAN_SUFFIX}'"
        raise DefinitionError(f"a plan file's name ends in {PLAN_SUFFIX}", Where(str(path)), hint)
    if path.exists() and any(sign in str(path.absolute()) for sign in ("[", "]", "::")):
        raise DefinitionError("a plan's path must not hold '[', ']' or '::'", Where(str(path)), "move it")


def run(args: argparse.Namespace) -> int:
    from rig.definitions.cases.python import PYTHON
    from rig.definitions.report_file import load_report_file
    from rig.judge.expected import summary_of, time_text, warnings_of
    from rig.record.report_settings import SETTINGS

    try:
        load_report_file(Path(SETTINGS))
        plans, bench, warnings = checked(args.plans, args.bench)
    except DefinitionError as error:
        if not args.json:
            raise
        print(json.dumps({"problems": [_problem(each) for each in error.problems]}, indent=1))
        return error.exit_status
    warnings += [warning for plan in plans for warning in warnings_of(plan, bench)]
    if args.json:
        told = {"problems": [], "warnings": warnings, "plans": [_plan(plan, bench) for plan in plans]}
        print(json.dumps(told, indent=1))
        return EXIT_ALL_PASS
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)
    for plan in plans:
        lasts = f"about {time_text(sum(case.duration_s for case in plan.cases))}"
        if any(case.procedure == PYTHON for case in plan.cases):
            lasts = PYTHON_TELLS
        print(
            f"{plan.id} (revision {plan.revision}): {_count(len(plan.cases), 'case')} on "
            f"{_count(len(bench.units), 'unit')} of bench '{bench.id}', {lasts}"
        )
        for line in summary_of(plan, bench):
            print(f"  {line}")
    print("no mistake found" + (f"; warnings: {len(warnings)}" if warnings else ""))
    return EXIT_ALL_PASS


def _problem(error: DefinitionError) -> dict[str, Any]:
    return {**asdict(error.where), "message": error.message, "hint": error.hint}


def _plan(plan: Plan, bench: BenchFile) -> dict[str, Any]:
    from rig.definitions.cases.python import PYTHON

    cases = [
        {
            "id": case.id,
            "procedure": case.procedure,
            "duration_s": None if case.procedure == PYTHON else case.duration_s,
        }
        for case in plan.cases
    ]
    units = [unit.serial for unit in bench.units]
    return {"id": plan.id, "revision": plan.revision, "bench": bench.id, "units": units, "cases": cases}


def _count(number: int, name: str) -> str:
    return f"{number} {name}" if number == 1 else f"{number} {name}s"
