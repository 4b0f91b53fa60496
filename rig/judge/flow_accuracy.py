"""Judges a flow accuracy case: IEC 60601-2-24:2012, 201.12.1, with the plan's periods and windows.

What is read off the balance in the step "sample" is corrected for evaporation by the blanks before and
after, turned into volume at the reference temperature, and compared with what the pump was set to: over the
whole period (mean error A), and over every observation window (trumpet).
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from rig.analysis.drug_dose import dose_budget, volume_budget
from rig.analysis.trumpet import Window, trumpet
from rig.analysis.uncertainty import Budget
from rig.definitions.bench_file import BenchFile, UnitFile
from rig.definitions.cases import FlowAccuracyCase
from rig.judge.agreement import compared, disturbed, sensed
from rig.judge.findings import (
    NOTHING,
    NS_PER_S,
    Findings,
    Flag,
    Interval,
    Value,
    doubted_intervals,
    interruption_flags,
)
from rig.judge.hazards import CHANGES_OF_FLOW, hazard_flags
from rig.judge.period import S_PER_H, Period, gap_flags, samples_of, trend_flags
from rig.judge.pump_claims import claimed_delivery, programmed_rate_ml_h
from rig.judge.weighing import (
    NotMeasuredError,
    blank_flags,
    blank_measurements,
    evaporation_of,
    flat_flags,
    the_step,
    weighing_on,
)
from rig.judge.windows import window_budget, window_value, window_without
from rig.judge.witnesses import flow_flags, stall_flags
from rig.record.case_data import CaseData, Step


def find_flow_accuracy(
    data: CaseData, case: FlowAccuracyCase, unit: UnitFile, bench: BenchFile, reference_temperature_c: float
) -> Findings:
    """Everything that the record of one flow accuracy case shows."""
    rate_ml_h, rate_flags = programmed_rate_ml_h(data, case.rate_ml_h)
    found = Findings(
        set={
            "rate_ml_h": case.rate_ml_h,
            "programmed_rate_ml_h": rate_ml_h,
            "dose_ug_h": case.dose_ug_h,
            "drug": case.drug_name,
            "concentration_ug_ml": case.concentration_ug_ml,
            "settle_s": case.settle_s,
            "blank_s": case.blank_s,
            "sample_every_s": case.sample_every_s,
            "sample_for_s": case.sample_for_s,
            "reference_temperature_c": reference_temperature_c,
        },
        flags=[*rate_flags, *stall_flags(data), *interruption_flags(data)],
    )
    try:
        step = the_step(data, "sample")
        found.flags += flow_flags(data, step)
        found.put("claimed_delivery", claimed_delivery(data, step, rate_ml_h))
        weighing = weighing_on(unit, bench, reference_temperature_c)
        samples = samples_of(data, case, step)
        found.flags += gap_flags(samples, step)
        evaporation = evaporation_of(data, weighing.balance)
        found.measurements |= blank_measurements(evaporation)
        found.flags += blank_flags(data, evaporation)
        _errors(found, data, case, unit, step, Period(samples, evaporation, weighing, rate_ml_h))
    except NotMeasuredError as reason:
        found.unmeasured = str(reason)
    return found


def _errors(
    found: Findings, data: CaseData, case: FlowAccuracyCase, unit: UnitFile, step: Step, period: Period
) -> None:
    """Mean error and trumpet, with and without the data that any flag puts in doubt."""
    # Whatever looks for data in doubt adds its flags here, before anything is judged: with a flag of the kind
    # MEASUREMENT, mean error and trumpet are computed with and without its intervals, those in the blanks too.
    found.flags += _stood_still(data, period)
    found.flags += _disturbed(data, unit, period)
    found.flags += hazard_flags(data, period, found.flags)
    if unit.flow is not None:
        bad = period.doubted(doubted_intervals(found.flags))
        flags, found.witnesses = compared(data, period, bad, step, unit.flow)
        found.flags += flags
    explained = any(flag.name in CHANGES_OF_FLOW for flag in found.flags)
    if not explained and not doubted_intervals(found.flags) and not found.has_pump_fault:
        found.flags += trend_flags(period, step)
    doubts = doubted_intervals(found.flags)
    bad, sound = period.doubted(doubts), _without(data, period, doubts)
    error_without = None if sound is None else sound.error_of(~bad)
    without = NOTHING if error_without is None else Value.of(error_without)

    mean = period.mean_error
    found.budgets["mean_error"] = mean
    found.values["mean_error"] = Value.of(mean, without if doubts else None)
    found.measurements |= _measurements(data, unit, period)
    if case.concentration_ug_ml is not None:
        drug = _delivered_drug(mean, case, rate_ml_h=period.rate_ml_h)
        found.budgets["delivered_drug"] = drug
        found.measurements["delivered_drug"] = Value.of(drug)
        drug_without = NOTHING
        if error_without is not None:
            drug_without = Value.of(_delivered_drug(error_without, case, rate_ml_h=period.rate_ml_h))
        found.values["delivered_drug"] = Value.of(drug, drug_without if doubts else None)
    for window in _trumpet(found, case, period):
        budget = window_budget(window, period)
        found.trumpet.append((window, budget.expanded_uncertainty))
        for criterion in case.criteria:
            if criterion.window_s == window.window_s:
                limit = criterion.limit
                other = window_without(window, budget, limit, sound, bad) if doubts else None
                found.budgets[criterion.name] = budget
                found.values[criterion.name] = window_value(window, budget, limit, other)


def _delivered_drug(error: Budget, case: FlowAccuracyCase, *, rate_ml_h: float) -> Budget:
    """Drug delivered a day: mean flow times the concentration that the plan states."""
    a_day = replace(volume_budget(error, 24 * rate_ml_h), unit="mL/day")
    u_ug_ml = case.concentration_u_ug_ml
    source = "stated in the plan" if u_ug_ml else "stated in the plan: taken as exact"
    return dose_budget(a_day, case.concentration_ug_ml or 0.0, u_ug_ml, source=source)


def _without(data: CaseData, period: Period, doubts: list[Interval]) -> Period | None:
    """The same period with blanks that hold no reading in doubt; None if too little of a blank is left."""
    try:
        evaporation = evaporation_of(data, period.weighing.balance, doubts)
    except NotMeasuredError:
        return None
    return replace(period, evaporation=evaporation)


def _trumpet(found: Findings, case: FlowAccuracyCase, period: Period) -> list[Window]:
    """Each window that has readings at both ends somewhere; a criterion on another stays without a value."""
    windows = trumpet(period.volume_ml, case.sample_every_s, period.rate_ml_h, case.windows_s)
    for window in windows:
        if not window.count:  # too many readings are missing for this one
            found.unmeasured = f"no window of {window.window_s / 60:g} min has a reading at both ends"
    return [window for window in windows if window.count]


def _stood_still(data: CaseData, period: Period) -> list[Flag]:
    """Where the display stood still although the pump says it was running."""
    samples, known = period.samples, period.samples.known
    t_s = samples.t_s[known]
    expected_g = np.diff(t_s) * period.rate_ml_h / S_PER_H / period.weighing.volume_per_display_ml_g
    stalls = stall_flags(data)
    return [
        flag
        for flag in flat_flags(t_s, samples.mass_g[known], expected_g, period.weighing.balance)
        if not any(stall.start_ns <= flag.end_ns and flag.start_ns <= stall.end_ns for stall in stalls)
    ]


def _disturbed(data: CaseData, unit: UnitFile, period: Period) -> list[Flag]:
    """Where the balance saw what the flow sensor did not."""
    if unit.flow is None:
        return []
    t_ns = np.round(period.samples.t_s[period.samples.known] * NS_PER_S).astype(np.int64)
    u_ml_h = period.interval_u_ml_h * np.median(np.diff(t_ns)) / np.diff(t_ns)
    return disturbed(data, t_ns, period.flow_ml_h, u_ml_h, unit.flow)


def _measurements(data: CaseData, unit: UnitFile, period: Period) -> dict[str, Value]:
    """Mean flow and delivered volume by weighing; what the flow sensor says beside it."""
    mean, rate_ml_h = period.mean_error, period.rate_ml_h
    first_s, last_s = period.samples.t_s[period.samples.known[[0, -1]]]
    hours = float(last_s - first_s) / S_PER_H
    flow, u = rate_ml_h * (1 + mean.value / 100), mean.expanded_uncertainty / 100 * rate_ml_h
    told = {
        "mean_error": Value.of(mean),
        "mean_flow": Value(flow, "mL/h", u, mean.coverage_factor),
        "delivered_volume": Value(flow * hours, "mL", u * hours, mean.coverage_factor),
    }
    ends_ns = np.array([round(first_s * NS_PER_S), round(last_s * NS_PER_S)], dtype=np.int64)
    if unit.flow is not None:
        by_sensor = sensed(data, ends_ns, unit.flow)
        if math.isfinite(by_sensor.flow_ml_h[0]):
            told["mean_flow_by_sensor"] = Value(
                float(by_sensor.flow_ml_h[0]), "mL/h", float(by_sensor.tolerance_ml_h[0])
            )
    inside = (data.flow.t_ns >= ends_ns[0]) & (data.flow.t_ns <= ends_ns[1])
    if inside.any():
        temperature_c = data.flow.temperature_c[inside]
        told["temperature_at_sensor"] = Value(float(temperature_c.mean()), "degC")
        told["temperature_range_at_sensor"] = Value(float(np.ptp(temperature_c)), "K")
    return told
