"""Runs a plan on a healthy unit and on faulty ones, in virtual time, and says what was caught."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rig.analysis.decision import Outcome, worst
from rig.bench.open import open_bench
from rig.clock.virtual import VirtualClock
from rig.definitions.bench_file import BenchFile
from rig.definitions.plan_file import Plan
from rig.errors import DefinitionError, RigError
from rig.prove.faults import FAULTS, Fault
from rig.record.proof_file import SCHEMA
from rig.run.run import Run
from rig.sim.build import simulate


@dataclass(frozen=True)
class Tried:
    """One fault at one size: the outcome of the plan, and the criteria that were not PASS, "case/criterion"."""

    size: float
    outcome: str
    caught_by: tuple[str, ...]

    @property
    def is_caught(self) -> bool:
        return self.outcome != "PASS"


@dataclass(frozen=True)
class Proven:
    """What became of one fault: the sizes that were tried, rising; ``smallest`` size caught, None if none was."""

    fault: Fault
    tried: tuple[Tried, ...]

    @property
    def smallest(self) -> Tried | None:
        return next((tried for tried in self.tried if tried.is_caught), None)


def check_can_prove(bench: BenchFile) -> None:
    """Only in this process can pumps be injured. Raises DefinitionError for a bench with real lines."""
    if not bench.is_in_process:
        raise DefinitionError(
            "faults can be put into simulated instruments only",
            bench.source.where(None, "bench"),
            "give a bench whose addresses all begin with sim://",
        )


def healthy(plan: Plan, bench: BenchFile) -> Tried:
    """The plan on the first unit as the bench file says it is: it has to pass, or nothing is proven."""
    return _tried(plan, bench, None, 0.0)


def fitting(plan: Plan, bench: BenchFile) -> Iterator[Fault]:
    """The faults that the first unit of this bench can have, and that this plan is about."""
    channel = simulate(bench, VirtualClock()).units[bench.units[0].serial]
    tested = {case.procedure for case in plan.cases}
    for fault in FAULTS:
        if fault.fits(channel) and (not fault.procedures or fault.procedures & tested):
            yield fault


def prove(plan: Plan, bench: BenchFile, fault: Fault, told: Callable[[], object] = lambda: None) -> Proven:
    """Find the smallest size that is caught: the largest first, then by halving. ``told`` is called after each run."""
    tried: dict[int, Tried] = {}

    def is_caught(place: int) -> bool:
        if place not in tried:
            tried[place] = _tried(plan, bench, fault, fault.sizes[place])
            told()
        return tried[place].is_caught

    low, high = 0, len(fault.sizes) - 1
    if is_caught(high):
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if is_caught(middle) else (middle + 1, high)
        is_caught(low)
    return Proven(fault, tuple(tried[place] for place in sorted(tried)))


def _tried(plan: Plan, bench: BenchFile, fault: Fault | None, size: float) -> Tried:
    serial = bench.units[0].serial
    clock = VirtualClock()
    world = simulate(bench, clock)
    if fault is not None:
        fault.inject(world.units[serial], size)
    with (
        tempfile.TemporaryDirectory(prefix="rig-prove-") as folder,
        open_bench(bench, clock, [serial], world) as opened,
    ):
        run = Run(plan, opened, Path(folder), "rig prove")
        try:
            cases = [run.carry_out(case, [serial])[serial] for case in plan.cases]
        except RigError as error:
            return Tried(size, "ERROR", (str(error),))
        finally:
            run.folder.journal.close()
    outcome = worst([Outcome(case["outcome"]) for case in cases])
    missed = [
        f"{case['id']}/{criterion['name']}"
        for case in cases
        for criterion in case["criteria"]
        if criterion["verdict"] != "PASS"
    ]
    return Tried(size, str(outcome), tuple(missed))


def as_json(plan: Plan, bench: BenchFile, sound: Tried, proven: list[Proven]) -> dict[str, Any]:
    """What a run folder and a report keep of it."""
    return {
        "schema": SCHEMA,
        "plan": {"id": plan.id, "revision": plan.revision, "sha256": plan.source.sha256},
        "bench": {"id": bench.id, "sha256": bench.source.sha256},
        "healthy": sound.outcome,
        "faults": [
            {
                "name": each.fault.name,
                "words": each.fault.words,
                "of": each.fault.of,
                "unit": each.fault.unit,
                "smallest_caught": each.smallest.size if each.smallest else None,
                "outcome": each.smallest.outcome if each.smallest else "PASS",
                "caught_by": list(each.smallest.caught_by) if each.smallest else [],
                "tried": [{"size": tried.size, "outcome": tried.outcome} for tried in each.tried],
            }
            for each in proven
        ],
    }
