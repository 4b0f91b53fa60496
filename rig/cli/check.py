"""``rig check``: refuses bad plans and benches, warns of cases that cannot be decided; touches no instrument."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rig.errors import EXIT_ALL_PASS, DefinitionError

if TYPE_CHECKING:
    from rig.definitions.bench_file import BenchFile
    from rig.definitions.plan_file import Plan


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("plans", metavar="PLAN", nargs="+", type=Path, help="plan file (*.plan.toml)")
    parser.add_argument("--bench", metavar="FILE", required=True, type=Path, help="bench file (*.bench.toml)")


def checked(plan_files: Sequence[Path], bench_file: Path) -> tuple[list[Plan], BenchFile, list[str]]:
    """Plans and bench, read and held against each other, with warnings. Raises DefinitionError with all problems."""
    from rig.bench.open import check_instruments
    from rig.definitions.bench_file import load_bench
    from rig.definitions.check import check_plan_on_bench
    from rig.definitions.plan_file import load_plan

    problems: list[DefinitionError] = []
    plans: list[Plan] = []
    warnings: list[str] = []
    bench: BenchFile | None = None
    try:
        bench = load_bench(bench_file)
        check_instruments(bench)
    except DefinitionError as error:
        problems.extend(error.problems)
    for path in plan_files:
        try:
            plan = load_plan(path)
            if bench is not None:
                warnings += check_plan_on_bench(plan, bench)
            plans.append(plan)
        except DefinitionError as error:
            problems.extend(error.problems)
    if len(problems) == 1:
        raise problems[0]
    if problems or bench is None:
        raise DefinitionError("several problems", more=tuple(problems))
    return plans, bench, warnings


def run(args: argparse.Namespace) -> int:
    plans, bench, warnings = checked(args.plans, args.bench)
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)
    for plan in plans:
        hours = sum(case.duration_s for case in plan.cases) / 3600
        print(
            f"{plan.id} (revision {plan.revision}): {len(plan.cases)} cases on {len(bench.units)} units "
            f"of bench '{bench.id}', about {hours:.1f} h"
        )
    print("no mistake found" + (f", {len(warnings)} warnings" if warnings else ""))
    return EXIT_ALL_PASS
