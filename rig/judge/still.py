"""Judges the flow of a stopped pump: from the first to the last weighing with the line open."""

from __future__ import annotations

from dataclasses import replace

from rig.analysis.delivery import delivery_error
from rig.analysis.drug_dose import volume_budget
from rig.analysis.weighed_difference import Difference, Weighing
from rig.definitions.bench_file import BenchFile, UnitFile
from rig.definitions.cases import StillCase
from rig.definitions.limits import Criterion
from rig.judge.findings import Findings, Value
from rig.judge.verdicts import ACCEPTED, verdict_on
from rig.judge.weighing import (
    NotMeasuredError,
    readings_in,
    the_step,
    weigh_blanks,
)
from rig.judge.witnesses import stall_flags
from rig.record.case_data import CaseData

S_PER_H = 3600.0
SEEN_AT_LEAST = 0.5  # of what the pump was told to deliver


def find_still(
    data: CaseData, case: StillCase, unit: UnitFile, bench: BenchFile, reference_temperature_c: float
) -> Findings:
    """Everything that the record of one case at rest shows. Forward flow counts positive."""
    found = Findings(
        set={
            "rate_ml_h": case.rate_ml_h,
            "sample_for_s": case.sample_for_s,
            "sample_every_s": case.sample_every_s,
            "blank_s": case.blank_s,
            "reference_temperature_c": reference_temperature_c,
        },
        flags=stall_flags(data),
    )
    try:
        weighing, evaporation = weigh_blanks(found, data, unit, bench, reference_temperature_c)
        t_s, mass_g, _ = readings_in(data, the_step(data, "sample"))
        if len(t_s) < 2:
            raise NotMeasuredError("fewer than two weighings")
        hours = float(t_s[-1] - t_s[0]) / S_PER_H
        difference = Difference.between(float(mass_g[0]), float(mass_g[-1]), float(t_s[0]), float(t_s[-1]))
        volume = volume_budget(delivery_error(difference, 1.0, evaporation, weighing), 1.0)
        flow = replace(
            volume,
            value=volume.value / hours,
            unit="mL/h",
            components=tuple(
                replace(part, sensitivity=part.sensitivity / hours) for part in volume.components
            ),
        )
        is_good = all(
            verdict_on(criterion, Value.of(flow))["verdict"] in ACCEPTED for criterion in _judged(case)
        )
        value = replace(Value.of(flow), undecided=_unseen(data, case, weighing) if is_good else "")
        found.put("flow_at_rest", flow, value)
    except NotMeasuredError as reason:
        found.unmeasured = str(reason)
    return found


def _judged(case: StillCase) -> list[Criterion]:
    return [criterion for criterion in case.criteria if criterion.name == "flow_at_rest"]


def _unseen(data: CaseData, case: StillCase, weighing: Weighing) -> str:
    """Why no flow means nothing: the balance did not see the pump deliver before or after; "" if it did."""
    expected_ml = case.rate_ml_h * case.run_for_s / S_PER_H
    for which in ("before", "after"):
        run, stop = the_step(data, f"run_{which}"), the_step(data, f"stop_{which}")
        span_ns = (run.start_ns, stop.end_ns)
        inside = (data.mass.t_ns >= span_ns[0]) & (data.mass.t_ns <= span_ns[1])
        seen_g = data.mass.mass_g[inside]
        seen_ml = float(seen_g[-1] - seen_g[0]) * weighing.volume_per_display_ml_g if len(seen_g) > 1 else 0.0
        if abs(seen_ml) < SEEN_AT_LEAST * expected_ml:
            return (
                f"{which} the rest the balance saw {seen_ml:.3g} mL of {expected_ml:.3g} mL delivered: a balance that "
                "stands still, or a line that is closed, shows no flow at rest either"
            )
    return ""
