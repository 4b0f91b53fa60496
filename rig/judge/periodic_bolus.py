"""Judges periodic boluses: each between two weighings, and all of them together."""

from __future__ import annotations

from itertools import pairwise

from rig.definitions.bench_file import BenchFile, UnitFile
from rig.definitions.cases import PeriodicBolusCase
from rig.judge.findings import Findings, Value, doubted_intervals
from rig.judge.portions import furthest, in_results, weighed_portion
from rig.judge.pump_claims import claimed_volume
from rig.judge.weighing import (
    NotMeasuredError,
    blank_flags,
    blank_measurements,
    evaporation_of,
    the_step,
    weighing_on,
)
from rig.judge.witnesses import flow_flags, stall_flags
from rig.record.case_data import CaseData


def find_periodic_bolus(
    data: CaseData, case: PeriodicBolusCase, unit: UnitFile, bench: BenchFile, reference_temperature_c: float
) -> Findings:
    """Everything that the record of one case of periodic boluses shows."""
    found = Findings(
        set={
            "bolus_ml": case.bolus_ml,
            "bolus_duration_s": case.bolus_duration_s,
            "interval_s": case.interval_s,
            "count": case.count,
            "blank_s": case.blank_s,
            "reference_temperature_c": reference_temperature_c,
        },
        flags=stall_flags(data),
    )
    try:
        step = the_step(data, "sample")
        found.flags += flow_flags(data, step)
        claimed = claimed_volume(data, step, lambda _from_ns, _to_ns: case.volume_ml)
        if claimed is not None:
            found.budgets["claimed_delivery"] = claimed
            found.values["claimed_delivery"] = found.measurements["claimed_delivery"] = Value.of(claimed)
        weighing = weighing_on(unit, bench, reference_temperature_c)
        evaporation = evaporation_of(data, weighing.balance)
        found.measurements |= blank_measurements(evaporation)
        found.flags += blank_flags(data, evaporation)
        marks = [int(t_ns) for t_ns in data.mass.t_ns.tolist() if step.start_ns <= t_ns <= step.end_ns]
        if len(marks) <= case.count:
            raise NotMeasuredError(f"{max(len(marks) - 1, 0)} of {case.count} boluses were weighed")
        marks = marks[: case.count + 1]
        doses = [
            weighed_portion(
                data, f"bolus {place}", span, lambda _a, _b: case.bolus_ml, evaporation, weighing, timed=False
            )
            for place, span in enumerate(pairwise(marks), 1)
        ]
        span = (marks[0], marks[-1])
        whole = weighed_portion(
            data, "all boluses", span, lambda _a, _b: case.volume_ml, evaporation, weighing, timed=False
        )
    except NotMeasuredError as reason:
        found.unmeasured = str(reason)
        return found
    doubts = doubted_intervals(found.flags)
    for name, portions in (("single_dose", doses), ("mean_error", [whole])):
        value = furthest(portions, doubts)
        if value is not None:
            found.values[name] = found.measurements[name] = value
            found.budgets[name] = max(portions, key=lambda portion: abs(portion.error.value)).error
    found.portions = in_results([*doses, whole])
    return found
