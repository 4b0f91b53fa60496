"""Two witnesses: balance and flow sensor, interval by interval; the pump's own count is the third.

Source: E_n numbers, ISO/IEC 17043:2010, B.3.1.3 e, and ISO 13528:2022, 9.7: the difference of two results over
the root of the sum of their squared expanded uncertainties; beyond 1 they do not agree. What both see is the
pump's. What only one sees is a fault of the measurement, never of the pump: it puts the interval in doubt.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from rig.definitions.instruments import FlowInstrument
from rig.judge.findings import NS_PER_S, Flag, Kind, Result
from rig.judge.period import Booleans, Floats, Period
from rig.judge.pump_claims import claimed_nl
from rig.judge.witnesses import means_between, sensor_means_ml_h
from rig.record.case_data import CaseData, FlowSeries, Step

CONFIDENCE = 0.999  # that no interval of an undisturbed case is called disturbed
FEWEST = 4  # intervals whose median difference is believed to be calibration
COUNT_SHARE = 0.5
S_PER_H = 3600.0
NL_PER_ML = 1e6


@dataclass(frozen=True)
class Sensed:
    """The flow sensor between successive moments: mean and what it may be off, both mL/h, shape (n - 1,).

    NaN where there is no sample, or where any of them is air or saturated.
    """

    flow_ml_h: Floats
    tolerance_ml_h: Floats


def sensed(data: CaseData, t_ns: NDArray[np.int64], sensor: FlowInstrument) -> Sensed:
    """What the sensor saw between moments, shape (n,)."""
    of_value = sensor.accuracy_of_value_pct / 100 * np.abs(data.flow.flow_ml_h)
    of_full_scale = sensor.accuracy_of_full_scale_pct / 100 * sensor.full_scale_ml_h
    tolerance = np.maximum(of_value, of_full_scale)
    return Sensed(sensor_means_ml_h(data, t_ns), means_between(data.flow, t_ns, tolerance))


def _u_of_sampling_ml_h(flow: FlowSeries, t_ns: NDArray[np.int64]) -> Floats:
    """Standard uncertainty of the sensor's means for having looked only now and then, shape (n - 1,).

    s/√m of the m samples between moments, s pooled over all intervals (JCGM 100:2008, 4.2.3 and 4.2.4):
    strokes that come faster than the samples make their mean a matter of chance.
    """
    count = np.diff(np.searchsorted(flow.t_ns, t_ns)).astype(np.float64)
    mean = means_between(flow, t_ns, flow.flow_ml_h)
    known = np.isfinite(mean) & (count > 1)
    squares = (means_between(flow, t_ns, flow.flow_ml_h**2) - mean**2) * count
    degrees = float(np.sum(count[known] - 1))
    variance = float(np.sum(squares[known])) / degrees if degrees else 0.0
    return np.sqrt(max(variance, 0.0) / np.maximum(count, 1))


def en_number(first: Floats, second: Floats, first_expanded: Floats, second_expanded: Floats) -> Floats:
    """E_n = (x1 - x2) / sqrt(U1² + U2²), element by element; all in one unit.

    ISO/IEC 17043:2010, B.3.1.3 e. Infinite for a difference without any uncertainty.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((first - second) / np.hypot(first_expanded, second_expanded), dtype=np.float64)


def factor_for_all(count: int, confidence: float = CONFIDENCE) -> float:
    """Coverage factor of each of ``count`` independent intervals that holds for all of them at once (Šidák 1967)."""
    return NormalDist().inv_cdf((1 + confidence ** (1 / max(count, 1))) / 2)


def disturbed(
    data: CaseData, t_ns: NDArray[np.int64], flow_ml_h: Floats, u_ml_h: Floats, sensor: FlowInstrument
) -> list[Flag]:
    """Intervals in which the balance saw a flow that the sensor did not: a bump, a draught, a touched vessel.

    ``t_ns`` of n + 1 readings, ``flow_ml_h`` between them with standard uncertainties ``u_ml_h``, shape (n,).
    The usual difference is calibration, for which the mean is compared, and taken off where that brings the
    two nearer (it may be in proportion to the flow: at rest there is none). Too few intervals: no flags.
    """
    seen = sensed(data, t_ns, sensor)
    apart = flow_ml_h - seen.flow_ml_h
    known = np.isfinite(apart)
    if known.sum() < FEWEST:
        return []
    usual = float(np.median(apart[known]))
    calibrated = np.where(np.abs(apart - usual) < np.abs(apart), flow_ml_h - usual, flow_ml_h)
    factor = factor_for_all(int(known.sum()))
    # A bump moves the balance's flow, not the sensor's: what the sensor may be off goes by the larger of them.
    tolerance = np.maximum(seen.tolerance_ml_h, float(np.median(seen.tolerance_ml_h[known])))
    by_sensor = np.hypot(tolerance, factor * _u_of_sampling_ml_h(data.flow, t_ns))
    en = en_number(calibrated, seen.flow_ml_h, factor * u_ml_h, by_sensor)
    return [
        Flag(
            "balance_disturbed",
            f"the balance saw {flow_ml_h[index]:.4g} mL/h in this interval, the flow sensor "
            f"{seen.flow_ml_h[index]:.4g} mL/h (E_n {en[index]:.2g}): the balance was touched, or something fell on "
            "or off it",
            int(t_ns[index]),
            int(t_ns[index + 1]),
            kind=Kind.MEASUREMENT,
        )
        for index in np.flatnonzero(known & (np.abs(en) > 1))
    ]


def disturbed_doses(data: CaseData, volume_ml: Floats, u_ml: Floats, sensor: FlowInstrument) -> list[Flag]:
    """Doses of which the balance saw another volume than the sensor, between the same two weighings.

    ``volume_ml`` and its standard uncertainty ``u_ml``, shape (n,) for n doses.
    """
    spans_ns = np.array([(d.weighed_before_t_ns, d.weighed_after_t_ns) for d in data.doses], dtype=np.int64)
    hours = np.diff(spans_ns)[:, 0] / NS_PER_S / S_PER_H
    seen = [sensed(data, span_ns, sensor) for span_ns in spans_ns]
    by_sensor = np.array([float(each.flow_ml_h[0]) for each in seen]) * hours
    tolerance = np.array([float(each.tolerance_ml_h[0]) for each in seen]) * hours
    known = np.isfinite(by_sensor)
    en = en_number(volume_ml, by_sensor, factor_for_all(int(known.sum())) * u_ml, tolerance)
    return [
        Flag(
            "dose_disturbed",
            f"of bolus {data.doses[index].index + 1} the balance saw {volume_ml[index]:.4g} mL, the flow sensor "
            f"{by_sensor[index]:.4g} mL (E_n {en[index]:.2g}): one of the two measured wrongly",
            int(spans_ns[index, 0]),
            int(spans_ns[index, 1]),
            kind=Kind.MEASUREMENT,
        )
        for index in np.flatnonzero(known & (np.abs(en) > 1))
    ]


def compared(
    data: CaseData, period: Period, bad: Booleans, step: Step, sensor: FlowInstrument
) -> tuple[list[Flag], list[Result]]:
    """Balance and flow sensor about the mean flow, over the intervals not in doubt; beside it the pump's count.

    Returns a flag if E_n is beyond 1, and an entry for results.json; nothing if they cannot be compared.
    """
    samples = period.samples
    grid_s = np.where(np.isfinite(samples.t_s), samples.t_s, step.start_ns / NS_PER_S)
    t_ns = np.round(np.maximum.accumulate(grid_s) * NS_PER_S).astype(np.int64)
    seen = sensed(data, t_ns, sensor)
    good = ~bad & np.isfinite(seen.flow_ml_h) & np.isfinite(np.diff(samples.mass_g))
    budget = period.error_of(good)
    if budget is None:
        return [], []
    weight = np.diff(samples.t_s)[good] / float(np.diff(samples.t_s)[good].sum())
    flow, tolerance = (float(np.sum(weight * part[good])) for part in (seen.flow_ml_h, seen.tolerance_ml_h))
    weighed = period.rate_ml_h * (1 + budget.value / 100)
    expanded = budget.expanded_uncertainty / 100 * period.rate_ml_h
    en = float(
        en_number(np.array([weighed]), np.array([flow]), np.array([expanded]), np.array([tolerance]))[0]
    )
    claimed = claimed_nl(data, step)
    claim = None if claimed is None else claimed[0] / NL_PER_ML / claimed[1] * S_PER_H
    entry: Result = {
        "balance_ml_h": weighed,
        "balance_expanded_uncertainty_ml_h": expanded,
        "sensor_ml_h": flow,
        "sensor_tolerance_ml_h": tolerance,
        "pump_ml_h": claim,
        "en": en,
        "intervals": int(good.sum()),
    }
    if abs(en) <= 1:
        return _claim_flags(entry, step), [entry]
    third = "" if claim is None else f"; the pump counted {claim:.5g} mL/h"
    words = (
        f"mean flow {flow:.5g} mL/h by the flow sensor, {weighed:.5g} mL/h by weighing (E_n {en:.2g}): further apart "
        f"than their uncertainties explain, so one of the two measures wrongly{third}"
    )
    return [Flag("sensor_disagrees", words, step.start_ns, step.end_ns, kind=Kind.MEASUREMENT)], [entry]


def _claim_flags(entry: Result, step: Step) -> list[Flag]:
    """Whether the pump's count is off by more than half, where the two others agree: then it is worth nothing."""
    claim, weighed = entry["pump_ml_h"], entry["balance_ml_h"]
    if claim is None:
        return []
    doubt = math.hypot(entry["balance_expanded_uncertainty_ml_h"], entry["sensor_tolerance_ml_h"])
    if abs(weighed - claim) <= COUNT_SHARE * max(abs(weighed), abs(claim)) + doubt:
        return []
    words = (
        f"the pump counted {claim:.4g} mL/h; balance and flow sensor agree on {weighed:.4g} mL/h: what this pump says "
        "it delivered is no evidence"
    )
    return [
        Flag("pump_counts_otherwise", words, step.start_ns, step.end_ns, "none: the verdict is by weighing")
    ]
