"""Does a plan go together with a bench and its pumps? Asked before anything is opened."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate

from rig.definitions.bench_file import BenchFile, UnitFile
from rig.definitions.cases import Case
from rig.definitions.cases.common import Commanded
from rig.definitions.plan_file import Plan
from rig.definitions.tables import Contradiction
from rig.definitions.toml_lines import KeyPath
from rig.errors import DefinitionError

UNCALIBRATED = ("pump", "valves")  # they measure nothing that counts
ROUNDING_TOLD_PCT = 0.05  # a set value that the pump's steps change by more is worth a warning
_SLACK = 1 + 1e-9  # floats: what is written equal counts as equal


def check_plan_on_bench(plan: Plan, bench: BenchFile) -> list[str]:
    """Warnings about this plan on this bench, in the order of the plan.

    Raises DefinitionError with every problem found: a value beyond what pump or bench allows, an instrument that
    a procedure needs and a unit lacks, more volume than the reservoir holds.
    """
    problems: dict[str, DefinitionError] = {}  # by text: units of one model say the same
    warnings: dict[str, None] = {}
    for problem in _unattended_problems(plan, bench):
        problems[str(problem)] = problem
    planned = accumulate(case.counted_ml for case in plan.cases)
    drawn = accumulate(case.drawn_ml for case in plan.cases)
    refused = False  # a rate or a bolus: what volumes it adds up to is then not worth a word more
    for case, planned_ml, drawn_ml in zip(plan.cases, planned, drawn, strict=True):
        for unit in bench.units:
            doses = list(_dose_problems(case, unit, bench))
            refused = refused or bool(doses)
            volumes = [] if refused else _volume_problems(case, unit, bench, planned_ml, drawn_ml)
            for keys, message, hint in (*_role_problems(case, unit, bench), *doses, *volumes):
                problem = DefinitionError(message, plan.source.where(case.id, *map(str, keys)), hint)
                problems.setdefault(str(problem), problem)
            for message in _case_warnings(case, unit, drawn_ml):
                warnings[f"{plan.source.where(case.id)}: {message}"] = None
    if problems:
        first, *others = problems.values()
        more = tuple(problems.values()) if others else ()
        raise DefinitionError(first.message, first.where, first.hint, more)
    return [*warnings, *_bench_warnings(plan, bench)]


def _unattended_problems(plan: Plan, bench: BenchFile) -> Iterator[DefinitionError]:
    """Nobody is near, so something must make the pumps safe even if this PC dies. A rehearsal harms nobody."""
    if plan.unattended and bench.if_both_die == "none" and not bench.is_in_process:
        where = bench.source.where(None, "bench", "if_both_die")
        yield DefinitionError(
            f"nothing on bench '{bench.id}' makes the pumps safe if run and guard both die ({where})",
            plan.source.where(None, "plan", "unattended"),
            "stay with it (unattended = false), or add a layer and name it there: if_both_die = ...",
        )


def _role_problems(case: Case, unit: UnitFile, bench: BenchFile) -> Iterator[Contradiction]:
    """Instruments that the case needs and the unit lacks."""
    where = bench.source.where(unit.serial)
    for role in case.roles:
        if role not in {item.role for item in (*unit.instruments, *bench.shared.auxiliaries)}:
            hint = f"add [unit.{role}] there, or leave the case out"
            yield (
                ("procedure",),
                f"{case.procedure} needs a {role}, and unit '{unit.serial}' has none ({where})",
                hint,
            )


def _dose_problems(case: Case, unit: UnitFile, bench: BenchFile) -> Iterator[Contradiction]:
    """Rates and boluses of the case that pump or bench refuse."""
    for told in case.commanded():
        yield from _rate_problems(told, unit, bench)
        yield from _bolus_problems(told, unit, bench)


def _volume_problems(
    case: Case, unit: UnitFile, bench: BenchFile, planned_ml: float, drawn_ml: float
) -> Iterator[Contradiction]:
    """More than the reservoir holds or the bench allows: up to the end of the case, from the reservoir and in all."""
    where, volume_key = bench.source.where(unit.serial), case.volume_key
    if drawn_ml > unit.reservoir_ml * _SLACK:
        message = (
            f"up to the end of this case the plan delivers {drawn_ml:.4g} mL, and the reservoir of unit "
        )
        message += f"'{unit.serial}' is filled with {unit.reservoir_ml:g} mL ({where})"
        yield (volume_key,), message, "shorten the cases, or make a plan of its own of some"
    if bench.volume_max_ml is not None and planned_ml > bench.volume_max_ml * _SLACK:
        limit = bench.source.where(None, "bench", "volume_max")
        message = f"up to the end of this case the plan may deliver {planned_ml:.4g} mL, more than the bench allows: "
        yield (volume_key,), f"{message}{bench.volume_max_ml:g} mL ({limit})", "shorten the cases"


def _rate_problems(told: Commanded, unit: UnitFile, bench: BenchFile) -> Iterator[Contradiction]:
    profile, rate = unit.profile, told.rate_ml_h
    if rate is None:
        return
    if rate * _SLACK < profile.rate_min_ml_h:
        limit = f"{profile.rate_min_ml_h:.6g} mL/h ({profile.source.where(None, 'pump', 'rate_min')})"
        yield (
            told.key,
            f"{rate:.6g} mL/h is below the pump's lowest rate, {limit}",
            _usual_slip(rate * 24, unit),
        )
    if rate > profile.rate_max_ml_h * _SLACK:
        limit = f"{profile.rate_max_ml_h:.6g} mL/h ({profile.source.where(None, 'pump', 'rate_max')})"
        yield (
            told.key,
            f"{rate:.6g} mL/h is above the pump's highest rate, {limit}",
            _usual_slip(rate / 24, unit),
        )
    else:
        yield from _above_bench(told.key, rate, bench)


def _usual_slip(other_rate_ml_h: float, unit: UnitFile) -> str:
    profile = unit.profile
    possible = profile.rate_min_ml_h <= other_rate_ml_h * _SLACK and other_rate_ml_h <= profile.rate_max_ml_h
    return "is it per hour or per day?" if possible else ""


def _bolus_problems(told: Commanded, unit: UnitFile, bench: BenchFile) -> Iterator[Contradiction]:
    profile, bolus_ml = unit.profile, told.bolus_ml
    if bolus_ml is None:
        return
    if bolus_ml * _SLACK < profile.bolus_min_ml:
        limit = f"{profile.bolus_min_ml:.6g} mL ({profile.source.where(None, 'pump', 'bolus_min')})"
        yield told.key, f"{bolus_ml:.6g} mL is below the pump's smallest bolus, {limit}", ""
    if bolus_ml > profile.bolus_max_ml * _SLACK:
        limit = f"{profile.bolus_max_ml:.6g} mL ({profile.source.where(None, 'pump', 'bolus_max')})"
        yield told.key, f"{bolus_ml:.6g} mL is above the pump's largest bolus, {limit}", ""
    if bench.bolus_max_ml is not None and bolus_ml > bench.bolus_max_ml * _SLACK:
        limit = f"{bench.bolus_max_ml:.6g} mL ({bench.source.where(None, 'bench', 'bolus_max')})"
        yield told.key, f"{bolus_ml:.6g} mL is more than the bench allows in one bolus, {limit}", ""
    rate = peak_ml_h(told)
    duration_key = (*told.key[:-1], f"{told.key[-1]}_duration")
    if profile.bolus_rate_max_ml_h is not None and rate > profile.bolus_rate_max_ml_h * _SLACK:
        where = profile.source.where(None, "pump", "bolus_rate_max")
        message = (
            f"{bolus_ml:.6g} mL in {told.bolus_duration_s:g} s is {rate:.6g} mL/h, above the pump's "
            f"highest rate of a bolus, {profile.bolus_rate_max_ml_h:.6g} mL/h ({where})"
        )
        yield duration_key, message, "give it more time"
    yield from _above_bench(duration_key, rate, bench)


def peak_ml_h(told: Commanded) -> float:
    """The highest rate of what is commanded."""
    if told.rate_ml_h is not None:
        return told.rate_ml_h
    return (told.bolus_ml or 0.0) / told.bolus_duration_s * 3600 if told.bolus_duration_s else 0.0


def _above_bench(key: KeyPath, rate_ml_h: float, bench: BenchFile) -> Iterator[Contradiction]:
    if bench.rate_max_ml_h is not None and rate_ml_h > bench.rate_max_ml_h * _SLACK:
        limit = f"{bench.rate_max_ml_h:.6g} mL/h ({bench.source.where(None, 'bench', 'rate_max')})"
        yield key, f"{rate_ml_h:.6g} mL/h is more than the bench allows, {limit}", ""


def _case_warnings(case: Case, unit: UnitFile, drawn_ml: float) -> Iterator[str]:
    profile = unit.profile
    if not case.verifies:
        yield "it verifies no requirement ('verifies' is empty)"
    for rate in {told.rate_ml_h: None for told in case.commanded() if told.rate_ml_h}:
        off = abs(round(rate / profile.rate_step_ml_h) * profile.rate_step_ml_h / rate - 1) * 100
        if off > ROUNDING_TOLD_PCT:
            yield f"the pump's step of {profile.rate_step_ml_h:.6g} mL/h changes the rate by {off:.2g} %"
    peak = max((peak_ml_h(told) for told in case.commanded()), default=0.0)
    if unit.flow is not None and peak > unit.flow.full_scale_ml_h:
        yield f"{peak:.6g} mL/h is beyond the full scale of the flow sensor of unit '{unit.serial}'"
    left_ml = unit.reservoir_ml - drawn_ml
    if left_ml <= profile.low_reservoir_ml and any(criterion.name == "alarms" for criterion in case.criteria):
        alarm = f"the low-reservoir alarm of '{unit.serial}' will come"
        yield f"{left_ml:.4g} mL are left at its end: {alarm}, so without a refill before it the case is refused"


def other_kinds(plan: Plan, bench: BenchFile) -> Iterator[str]:
    """Units whose pump is of a kind that the plan is not for."""
    for unit in bench.units:
        if plan.pumps and unit.profile.kind and unit.profile.kind not in plan.pumps:
            yield f"it is for {' or '.join(plan.pumps)} pumps, and {unit.serial} is {unit.profile.kind}"


def _bench_warnings(plan: Plan, bench: BenchFile) -> Iterator[str]:
    for message in other_kinds(plan, bench):
        yield f"{plan.source.where(None, 'plan', 'pumps')}: {message}"
    fluid_c, stated_c = bench.fluid_temperature_c, plan.reference_temperature_c
    if fluid_c is not None and abs(fluid_c - stated_c) > 1:
        where = plan.source.where(None, "plan", "reference_temperature")
        yield f"{where}: volumes are stated at {stated_c:g} degC, the bench's fluid is at {fluid_c:g} degC"
    for unit in bench.units:
        if unit.flow is None:
            where = bench.source.where(unit.serial)
            yield f"{where}: no flow sensor, so what happens between weighings is not seen"
    for owner, item in bench.instruments:
        if item.role not in UNCALIBRATED and item.calibrated_until is None:
            where = bench.where(owner, item.role)
            yield f"{where}: it is not said until when it is calibrated ('calibrated_until')"
