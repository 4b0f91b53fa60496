"""Flags on a case that are not its procedure's: what was recorded, calibration, temperature, budgets, and effects."""

from __future__ import annotations

from dataclasses import replace

from rig.analysis.decision import Outcome
from rig.definitions.bench_file import BenchFile, UnitFile
from rig.definitions.instruments import SHARED
from rig.definitions.plan_file import Plan
from rig.judge.findings import Flag, Kind, Result
from rig.judge.instruments import calibration_valid, instruments_of
from rig.record.case_data import CaseData, RunRecord


def recorded_flags(data: CaseData) -> list[Flag]:
    """What the procedure flagged while it went on."""
    return [
        Flag(
            str(record["name"]),
            str(record["message"]),
            int(record["start_t_ns"]),
            int(record["end_t_ns"]),
            "nothing was delivered; the verdicts are INCONCLUSIVE" if data.ended == "refused" else "",
        )
        for record in data.flags
    ]


def calibration_flags(data: CaseData, unit: UnitFile, run: RunRecord) -> list[Flag]:
    """The balance out of calibration though the case went on: its verdicts are INCONCLUSIVE."""
    if data.ended == "refused":
        return []
    flags = []
    for record in [*instruments_of(run, unit.serial), *instruments_of(run, SHARED)]:
        if record["role"] == "pump" or calibration_valid(record, run) is not False:
            continue
        decides = record["role"] == "balance"
        flags.append(
            Flag(
                "calibration_expired" if decides else f"calibration_of_{record['role']}_expired",
                f"the calibration of the {record['role']} expired on {record['calibrated_until']}",
                data.started_ns,
                data.finished_ns,
                "verdicts by weighing are INCONCLUSIVE" if decides else "none: the verdict is by weighing",
            )
        )
    return flags


def temperature_flags(data: CaseData, bench: BenchFile, plan: Plan) -> list[Flag]:
    """A plan that states its volumes at another temperature than the fluid in the pump has."""
    fluid_c, reference_c = bench.fluid_temperature_c, plan.reference_temperature_c
    if fluid_c is None or abs(fluid_c - reference_c) <= 3 * bench.fluid_temperature_u_k:
        return []
    words = f"volumes are stated at {reference_c:g} °C, the fluid in the pump is at {fluid_c:g} °C"
    return [
        Flag(
            "reference_temperature",
            words,
            data.started_ns,
            data.finished_ns,
            "none: the plan's temperature was used",
        )
    ]


def drawn_flags(budgets: dict[str, Result], data: CaseData) -> list[Flag]:
    """Budgets whose interval the Monte Carlo method does not confirm."""
    differ = [
        f"{name}: {drawn['low']:.4g} to {drawn['high']:.4g} {budget['unit']} instead of "
        f"{budget['value']:.4g} ± {budget['expanded_uncertainty']:.4g}"
        for name, budget in budgets.items()
        if (drawn := budget["monte_carlo"]) is not None and not drawn["agrees"]
    ]
    if not differ:
        return []
    words = f"with the distributions drawn (JCGM 101), the 95 % interval is another: {'; '.join(differ)}"
    effect = "none: the verdict is by the budget"
    return [Flag("monte_carlo_differs", words, data.started_ns, data.finished_ns, effect)]


def with_effects(flags: list[Flag], criteria: list[Result]) -> list[Flag]:
    """Say of each flag that puts the measurement in doubt what came of it."""
    undone = [
        str(criterion["name"])
        for criterion in criteria
        if criterion["verdict"] is Outcome.INCONCLUSIVE and "flagged data" in criterion["reason"]
    ]
    effect = "none: the verdicts are the same without these data"
    if undone:
        effect = f"without the data in doubt the verdict would be another or none: {', '.join(undone)} INCONCLUSIVE"
    return [replace(flag, effect=effect) if flag.kind is Kind.MEASUREMENT else flag for flag in flags]
