"""One run of a plan in virtual time on a unit with a fault, and what really flowed in it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rig.analysis.decision import Outcome, worst
from rig.bench.open import open_bench
from rig.clock.virtual import VirtualClock
from rig.definitions.bench_file import BenchFile
from rig.definitions.cases import Case
from rig.definitions.plan_file import Plan
from rig.errors import RigError
from rig.prove.fault import Fault
from rig.record.case_data import RunRecord
from rig.record.load_run import load_run
from rig.run.run import Run
from rig.sim.build import simulate
from rig.sim.fluid.densities import water_density_g_ml
from rig.sim.fluid.path import FluidPath
from rig.sim.wire.line import NS_PER_S

Injured = tuple[Fault, float]  # with its size
# Criteria whose limits are in % of what was programmed, and hold for what was weighed in one portion, dose or period.
PORTIONS = (
    "mean_error",
    "single_dose",
    "step_volume",
    "day_volume",
    "portion_volume",
    "prime_volume",
    "bridge_volume",
)


@dataclass(frozen=True)
class Missed:
    """A criterion that was not PASS."""

    case: str
    criterion: str
    verdict: str


@dataclass(frozen=True)
class Tried:
    """One fault at one size: the outcome of the plan, the criteria that were not PASS.

    ``overlooked``: what really flowed outside the plan's limits though the outcome is PASS, in words; "" if nothing.
    """

    size: float
    outcome: str
    missed: tuple[Missed, ...]
    overlooked: str = ""
    message: str = ""

    @property
    def is_caught(self) -> bool:
        return self.outcome != "PASS"

    @property
    def caught_by(self) -> tuple[str, ...]:
        """ "case/criterion", or the error that ended the run."""
        told = tuple(f"{missed.case}/{missed.criterion}" for missed in self.missed)
        return told or ((self.message,) if self.message else ())


@dataclass(frozen=True)
class Healthy:
    """The plan on a unit without a fault. ``moments_ns``: the middle of the longest delivery of each case that has one;
    ``moment_ns``: of the whole plan.
    """

    tried: Tried
    moment_ns: int
    moments_ns: dict[str, int]


class Trial:
    """A plan on the first unit of a bench."""

    def __init__(self, plan: Plan, bench: BenchFile) -> None:
        self.plan, self.bench = plan, bench
        self.serial = bench.units[0].serial

    def healthy(self) -> Healthy:
        """As the bench file says it is: it has to pass, or nothing is proven."""
        longest: dict[str, tuple[int, int]] = {}

        def seen(record: RunRecord, fluid: FluidPath, began_ns: int) -> None:
            longest.update(_longest_deliveries(record, fluid, began_ns))

        tried = self._carry_out(VirtualClock(), (), 0, self.plan.cases, seen)
        moments_ns = {case: (start_ns + end_ns) // 2 for case, (start_ns, end_ns) in longest.items()}
        longest_case = max(longest, key=lambda case: longest[case][1] - longest[case][0], default="")
        return Healthy(tried, moments_ns.get(longest_case, 0), moments_ns)

    def injured(
        self, faults: Sequence[Injured], moment_ns: int, cases: Sequence[Case], *, whole: bool
    ) -> Tried:
        """With these faults, in these ``cases``; ``whole``: in all, else only up to the first that is not PASS."""
        return self._carry_out(VirtualClock(), faults, moment_ns, cases, None, whole=whole)

    def _carry_out(
        self, clock: VirtualClock, faults: Sequence[Injured], moment_ns: int, cases: Sequence[Case],
        seen: Callable[[RunRecord, FluidPath, int], None] | None, *, whole: bool = True,
    ) -> Tried:  # fmt: skip
        world = simulate(self.bench, clock)
        channel = world.units[self.serial]
        for fault, size in faults:
            if fault.later:
                clock.call_at(moment_ns, lambda fault=fault, size=size: fault.inject(channel, size))  # type: ignore[misc]
            else:
                fault.inject(channel, size)
        size = faults[0][1] if faults else 0.0
        with (
            tempfile.TemporaryDirectory(prefix="rig-prove-") as folder,
            open_bench(self.bench, clock, [self.serial], world) as opened,
        ):
            began_ns = clock.now_ns()  # times in the record count from here
            run = Run(self.plan, opened, Path(folder), "rig prove")
            results: list[dict[str, Any]] = []
            try:
                for case in cases:
                    results.append(run.carry_out(case, [self.serial])[self.serial])
                    if not whole and results[-1]["outcome"] != "PASS":
                        break
            except RigError as error:
                return Tried(size, "ERROR", _missed(results), message=str(error))
            finally:
                run.folder.journal.close()
            outcome = worst([Outcome(result["outcome"]) for result in results])
            overlooked = ""
            if outcome is Outcome.PASS or seen is not None:
                record = load_run(run.folder.path)
                if seen is not None:
                    seen(record, channel.fluid, began_ns)
                overlooked = next(_outside(self.plan, results, record, channel.fluid, began_ns), "")
        return Tried(size, str(outcome), _missed(results), overlooked if outcome is Outcome.PASS else "")


def _missed(results: Sequence[dict[str, Any]]) -> tuple[Missed, ...]:
    return tuple(
        Missed(result["id"], criterion["name"], criterion["verdict"])
        for result in results
        for criterion in result["criteria"]
        if criterion["verdict"] != "PASS"
    )


def _longest_deliveries(
    record: RunRecord, fluid: FluidPath, began_ns: int
) -> Iterator[tuple[str, tuple[int, int]]]:
    """The longest step of each case in which anything left the tube, on the clock of the world."""
    for data in record.cases:
        spans = [
            (began_ns + step.start_ns, began_ns + step.end_ns)
            for step in data.steps
            if step.end_ns > step.start_ns
        ]
        delivering = [span for span in spans if float(fluid.delivered_nl(span) @ [-1.0, 1.0]) > 1.0]
        if delivering:
            yield data.case, max(delivering, key=lambda span: span[1] - span[0])


def _outside(
    plan: Plan, results: Sequence[dict[str, Any]], record: RunRecord, fluid: FluidPath, began_ns: int
) -> Iterator[str]:
    """Where more or less arrived in the vessel than the widest limit of the case accepts, by the world itself."""
    for result in results:
        case = plan.case(result["id"])
        limits = [criterion.limit for criterion in case.criteria if criterion.quantity in PORTIONS]
        if not limits:
            continue
        low = min(-float("inf") if limit.low is None else limit.low for limit in limits)
        high = max(float("inf") if limit.high is None else limit.high for limit in limits)
        for name, start_s, end_s, expected_ml in _weighed(result, record):
            span_ns = [began_ns + round(t_s * NS_PER_S) for t_s in (start_s, end_s)]
            volume_ml = float(fluid.delivered_g(span_ns) @ [-1.0, 1.0]) / water_density_g_ml(
                fluid.temperature_c
            )
            error_pct = 100 * (volume_ml / expected_ml - 1)
            if not low <= error_pct <= high:
                yield f"{case.id}, {name}: {error_pct:+.3g} % really arrived"


def _weighed(result: dict[str, Any], record: RunRecord) -> Iterator[tuple[str, float, float, float]]:
    """What was weighed and judged in a case: name, from, to (s), programmed volume (mL)."""
    for portion in result["portions"]:
        yield portion["name"], portion["start_s"], portion["end_s"], portion["expected_ml"]
    data = record.case(result["id"], result["unit"])
    if data is None:
        return
    for dose in data.doses:
        span_s = dose.weighed_before_t_ns / NS_PER_S, dose.weighed_after_t_ns / NS_PER_S
        yield f"bolus {dose.index + 1}", *span_s, dose.commanded_ml
    if result["procedure"] == "flow_accuracy" and (step := data.step("sample")) is not None:
        hours = (step.end_ns - step.start_ns) / NS_PER_S / 3600
        yield "mean", step.start_ns / NS_PER_S, step.end_ns / NS_PER_S, result["set"]["rate_ml_h"] * hours
