"""Judges an occlusion: IEC 60601-2-24:2012, 201.12.4.4: time to the alarm, pressure at it, volume released."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from rig.analysis.delivery import delivery_error
from rig.analysis.drug_dose import volume_budget
from rig.analysis.occlusion import occlusion
from rig.analysis.uncertainty import Budget, Component
from rig.analysis.weighed_difference import Difference
from rig.definitions.bench_file import BenchFile, UnitFile
from rig.definitions.cases import OcclusionCase
from rig.judge.findings import NS_PER_S, Findings, Flag, Interval, Kind, Value, time_text
from rig.judge.moments import first_alarm, never_seen, time_budget
from rig.judge.weighing import (
    NotMeasuredError,
    readings_in,
    the_step,
    weigh_blanks,
)
from rig.record.case_data import CaseData

SEEN_AT_LEAST = 0.5  # of what the pressure says was stored in the line
ALARM_CRITERIA = frozenset({"time_to_alarm", "alarm_pressure"})


def find_occlusion(
    data: CaseData, case: OcclusionCase, unit: UnitFile, bench: BenchFile, reference_temperature_c: float
) -> Findings:
    """Everything that the record of one occlusion shows."""
    found = Findings(
        set={
            "rate_ml_h": case.rate_ml_h,
            "settle_s": case.settle_s,
            "wait_s": case.wait_s,
            "open_at_kpa": case.open_at_kpa,
            "release_s": case.release_s,
            "blank_s": case.blank_s,
            "reference_temperature_c": reference_temperature_c,
        }
    )
    try:
        closed, released = the_step(data, "closed"), the_step(data, "released")
        shut = (closed.start_ns, released.start_ns)
        seen = first_alarm(data, (closed.start_ns, closed.end_ns))
        if seen is None and not ALARM_CRITERIA & {criterion.name for criterion in case.criteria}:
            pass  # a pump that has no alarm for it
        elif seen is None:
            words = f"no alarm in {time_text(closed.end_ns - closed.start_ns)} with the line closed"
            found.flags.append(
                Flag("no_occlusion_alarm", words, *shut, "a fault of the pump: the case fails", Kind.PUMP)
            )
            found.values["time_to_alarm"] = never_seen(closed.end_ns - closed.start_ns, words)
            found.unmeasured = words
        else:
            alarm, between = seen
            time = time_budget(closed.start_ns, between)
            value = replace(Value.of(time), reason=alarm.in_words(data.started_ns))
            found.put("time_to_alarm", time, value)
            _pressure(found, data, case, unit, shut, between)
        _released(found, data, case, unit, bench, reference_temperature_c)
    except NotMeasuredError as reason:
        found.unmeasured = str(reason)
    return found


def _pressure(
    found: Findings, data: CaseData, case: OcclusionCase, unit: UnitFile, shut: Interval, between: Interval
) -> None:
    """Pressure at the alarm, highest pressure and compliance, from the transmitter in the line."""
    series = next((each for each in data.channels if each.channel == "line_pressure_kpa"), None)
    alarm_s = sum(between) / 2 / NS_PER_S
    closed_s, opened_s = shut[0] / NS_PER_S, shut[1] / NS_PER_S
    if series is None:
        raise NotMeasuredError("the pressure in the line was never read")
    t_s, pressure_kpa = series.t_ns / NS_PER_S, series.values
    try:
        shown = occlusion(
            t_s, pressure_kpa, closed_s, max(alarm_s, closed_s + 1e-3), opened_s, case.rate_ml_h
        )
    except ValueError as error:
        raise NotMeasuredError(str(error)) from error
    around = np.interp([between[0] / NS_PER_S, between[1] / NS_PER_S], t_s, pressure_kpa)
    accuracy_kpa = unit.pressure.accuracy_kpa if unit.pressure is not None else None
    budget = Budget(
        shown.alarm_kpa,
        "kPa",
        (
            Component(
                "pressure transmitter", "stated half width" if accuracy_kpa else "not stated: taken for nothing",
                shown.alarm_kpa, "kPa", (accuracy_kpa or 0.0) / math.sqrt(3), 1.0, distribution="rectangular",
            ),
            Component(
                "moment of the alarm", "half the change of pressure between the questions it came between",
                shown.alarm_kpa, "kPa", abs(float(around[1] - around[0])) / 2 / math.sqrt(3), 1.0,
                distribution="rectangular",
            ),
        ),
    )  # fmt: skip
    found.put("alarm_pressure", budget)
    found.measurements["highest_pressure"] = Value(shown.highest_kpa, "kPa")
    if shown.compliance_ml_kpa is not None:
        found.measurements["line_compliance"] = Value(1000 * shown.compliance_ml_kpa, "uL/kPa")


def _stored(data: CaseData, case: OcclusionCase) -> float | None:
    """What the line held by its pressure when the pump was stopped, V = C ΔP in mL; None where that is not known."""
    series = next((each for each in data.channels if each.channel == "line_pressure_kpa"), None)
    closed, held = the_step(data, "closed"), the_step(data, "held")
    if series is None:
        return None
    closed_s, stopped_s = closed.start_ns / NS_PER_S, held.start_ns / NS_PER_S
    t_s = series.t_ns / NS_PER_S
    try:
        shown = occlusion(t_s, series.values, closed_s, stopped_s, stopped_s, case.rate_ml_h)
    except ValueError:
        return None
    return shown.released_ml


def _released(
    found: Findings, data: CaseData, case: OcclusionCase, unit: UnitFile, bench: BenchFile,
    reference_temperature_c: float,
) -> None:  # fmt: skip
    """What came after the line was opened: from the weighing before it to the last one.

    INCONCLUSIVE where the balance saw less than half of what the pressure says was stored: one that stands still sees
    nothing, which is no small bolus.
    """
    weighing, evaporation = weigh_blanks(found, data, unit, bench, reference_temperature_c)
    before_s, before_g, _ = readings_in(data, the_step(data, "held"))
    after_s, after_g, _ = readings_in(data, the_step(data, "released"))
    if not len(before_s) or not len(after_s):
        raise NotMeasuredError("what was released was not weighed")
    difference = Difference.between(
        float(before_g[-1]), float(after_g[-1]), float(before_s[-1]), float(after_s[-1])
    )
    budget = volume_budget(delivery_error(difference, 1.0, evaporation, weighing), 1.0)
    stored_ml, value = _stored(data, case), Value.of(budget)
    if stored_ml is not None and budget.value < SEEN_AT_LEAST * stored_ml:
        words = f"the balance saw {budget.value:.3g} mL, by its pressure the line held {stored_ml:.3g} mL"
        value = replace(value, undecided=words)
    found.put("released_volume", budget, value)
