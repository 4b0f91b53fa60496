"""Judges periodic boluses: each between two weighings, and all of them together."""

from __future__ import annotations

from itertools import pairwise

from rig.definitions.bench_file import BenchFile, UnitFile
from rig.definitions.cases import PeriodicBolusCase
from rig.judge.findings import Findings
from rig.judge.portions import in_results, put_furthest, weighed_portion
from rig.judge.pump_claims import claimed_volume
from rig.judge.weighing import (
    NotMeasuredError,
    the_step,
    weigh_blanks,
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
        found.put("claimed_delivery", claimed_volume(data, step, lambda _from_ns, _to_ns: case.volume_ml))
        weighing, evaporation = weigh_blanks(found, data, unit, bench, reference_temperature_c)
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
    for name, portions in (("single_dose", doses), ("mean_error", [whole])):
        put_furthest(found, name, portions)
    found.portions = in_results([*doses, whole])
    return found
