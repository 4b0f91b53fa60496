"""Hazards of a weighing as flags: what the detectors see in the analysis period, held against the other witnesses.

The detectors are those of :mod:`rig.analysis.log_hazards`, on the balance as displayed. What they find may be the
balance's, or the flow's own. The flow sensor decides, where it can: a flow that both saw is delivery, and stays in;
what only the balance saw puts the measurement in doubt, and the verdicts are computed with and without it.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from rig.analysis.log_hazards import find_hazards
from rig.analysis.log_series import Hazard
from rig.judge.findings import NS_PER_S, Flag, Kind, doubted_intervals, time_text
from rig.judge.period import MATERIAL_CHANGE_PCT, Floats, Period
from rig.judge.pump_claims import NL_PER_ML
from rig.judge.witnesses import sensor_means_ml_h
from rig.record.case_data import CaseData

# Said elsewhere with stated uncertainties (missing readings, a trend), or no more than a failed criterion says.
_SAID_ELSEWHERE = frozenset({"gap", "far_from_rate"})
_BALANCE = frozenset({"tare", "container_change", "flat"})  # no flow looks so
CHANGES_OF_FLOW = frozenset({
    "step", "edge_step", "disturbed_reading", "stop", "reverse_flow", "surge", "low_flow", "high_flow", "start_up",
    "running_empty", "flow_stops",
})  # fmt: skip
_FOR_GOOD = frozenset({"running_empty", "flow_stops"})  # what comes behind belongs to it
_AGREES = 0.5  # of what the balance saw: so near the sensor confirms it
_SENSOR_NOISE = 5.0  # standard errors
_FEWEST = 4  # intervals beside, to know the usual flow by
_DELIVERED = "none: both witnesses saw it, so it was delivery and stays in"
_STAYS_IN = "none: the data stay in"
_CLOCK_S, _CLOCK_PPM = 2.0, 100.0  # the pump counts whole seconds and is asked in between


def hazard_flags(data: CaseData, period: Period, said: list[Flag]) -> list[Flag]:
    """A flag for each hazard found in the analysis period, but those that ``said`` names already."""
    known = period.samples.known
    if len(known) < 4:
        return []
    t_s, mass_g = period.samples.t_s[known], period.samples.mass_g[known]
    figures = period.weighing.balance
    temperature_c = _temperature_at(data, t_s)
    found = find_hazards(
        t_s,
        mass_g,
        1.0 / period.weighing.volume_per_display_ml_g,
        period.rate_ml_h,
        display_step_g=figures.resolution_g or None,
        temperature_c=temperature_c,
        least_g=period.mean_error.expanded_uncertainty / 100 * abs(float(mass_g[-1] - mass_g[0])),
    )
    last_s = float(t_s[-1])
    found = tuple(replace(h, end_s=last_s) if h.name in _FOR_GOOD else h for h in found)
    flags = [
        _flag(data, hazard, period, temperature_c)
        for hazard in found
        if hazard.name not in _SAID_ELSEWHERE and not _is_said(hazard, said) and not _is_trend(hazard)
    ]
    return [*flags, *clock_flags(data)]


def _is_said(hazard: Hazard, said: list[Flag]) -> bool:
    """Whether flags of the measurement or of the pump are about most of its time: the same finding twice."""
    start_ns, end_ns = hazard.start_s * NS_PER_S, hazard.end_s * NS_PER_S
    faults = [(flag.start_ns, flag.end_ns) for flag in said if flag.kind is Kind.PUMP]
    shared_ns = sum(
        max(0.0, min(end, end_ns) - max(begin, start_ns))
        for begin, end in [*faults, *doubted_intervals(said)]
    )
    return hazard.name in _BALANCE | CHANGES_OF_FLOW and shared_ns >= 0.5 * (end_ns - start_ns)


def _is_trend(hazard: Hazard) -> bool:
    """A drift so large that the two halves are compared by their uncertainties."""
    return hazard.name == "drift" and abs(hazard.size) / 2 > MATERIAL_CHANGE_PCT


def _flag(data: CaseData, hazard: Hazard, period: Period, temperature_c: Floats | None) -> Flag:
    start_ns, end_ns = round(hazard.start_s * NS_PER_S), round(hazard.end_s * NS_PER_S)
    words = f"{hazard.evidence}{_claim(data, hazard, start_ns, end_ns)}. {hazard.meaning}"
    kind, effect = Kind.NOTE, _STAYS_IN
    if hazard.name in _BALANCE:
        kind, effect = Kind.MEASUREMENT, ""
    elif hazard.name in CHANGES_OF_FLOW:
        if _sensor_saw_it(data, hazard, period):
            effect = _DELIVERED
        else:
            kind, effect = Kind.MEASUREMENT, ""
    elif hazard.name == "thermal_drift" and temperature_c is not None:
        moved_g = hazard.size * float(temperature_c[-1] - temperature_c[0]) / float(np.ptp(temperature_c))
        moved_pct = 100 * moved_g / float(period.samples.mass_g[period.samples.known[[0, -1]]] @ [-1.0, 1.0])
        words += f" It moves the mean by {moved_pct:+.2g} %."
        if abs(moved_pct) > period.mean_error.expanded_uncertainty:
            kind, effect = Kind.MEASUREMENT, ""
    return Flag(hazard.name, words, start_ns, end_ns, effect, kind)


def _claim(data: CaseData, hazard: Hazard, start_ns: int, end_ns: int) -> str:
    """What the pump counted while the balance saw no or little flow."""
    if hazard.name not in ("stop", "running_empty", "flow_stops", "low_flow", "reverse_flow"):
        return ""
    inside = [state for state in data.pump_states if start_ns <= int(state["t_ns"]) <= end_ns]
    if len(inside) < 2:
        return ""
    claimed_ml = (int(inside[-1]["delivered_nl"]) - int(inside[0]["delivered_nl"])) / NL_PER_ML
    return f"; the pump counted {claimed_ml:.4g} mL delivered meanwhile"


def _sensor_saw_it(data: CaseData, hazard: Hazard, period: Period) -> bool:
    """Whether the flow sensor saw the flow change as the balance did: by at least half as much, and surely."""
    t_s = period.samples.t_s[period.samples.known]
    by_sensor = sensor_means_ml_h(data, np.round(t_s * NS_PER_S).astype(np.int64))
    inside = (t_s[:-1] < hazard.end_s - 1e-6) & (t_s[1:] > hazard.start_s + 1e-6)
    known = np.isfinite(by_sensor)
    during, else_ = known & inside, known & ~inside
    if not during.any() or else_.sum() < _FEWEST:
        return False
    by_balance = period.flow_ml_h
    change = float(by_balance[during].mean() - by_balance[else_].mean())
    seen = float(by_sensor[during].mean() - by_sensor[else_].mean())
    noise = float(np.std(by_sensor[else_])) / math.sqrt(int(during.sum()))
    return abs(seen - change) <= _AGREES * abs(change) and abs(seen) > _SENSOR_NOISE * noise


def _temperature_at(data: CaseData, t_s: Floats) -> Floats | None:
    """The flow sensor's temperature in °C at the readings; None without one."""
    if len(data.flow.t_ns) < 2 or not np.isfinite(data.flow.temperature_c).all():
        return None
    return np.interp(t_s, data.flow.t_ns / NS_PER_S, data.flow.temperature_c)


def clock_flags(data: CaseData) -> list[Flag]:
    """The pump's clock against the run's: it was set, or runs so fast or slow that its log is shifted."""
    states = [state for state in data.pump_states if state.get("clock_s")]
    if len(states) < 2:
        return []
    t_ns = np.array([int(state["t_ns"]) for state in states], dtype=np.int64)
    ahead_s = np.array([int(state["clock_s"]) for state in states], dtype=np.float64) - t_ns / NS_PER_S
    moved_s = float(np.ptp(ahead_s))
    if moved_s <= _CLOCK_S + 1e-6 * _CLOCK_PPM * float(t_ns[-1] - t_ns[0]) / NS_PER_S:
        return []
    jumps = np.abs(np.diff(ahead_s))
    at = int(np.argmax(jumps))
    when = time_text(int(t_ns[at + 1]) - data.started_ns)
    how = (
        f"it was set by {ahead_s[at + 1] - ahead_s[at]:+.4g} s at {when} into the case"
        if jumps[at] > 0.5 * moved_s
        else f"it gains {ahead_s[-1] - ahead_s[0]:+.4g} s in {time_text(int(t_ns[-1] - t_ns[0]))}"
    )
    words = f"the pump's clock does not keep the run's time: {how}"
    effect = "times in the pump's log are placed by the nearest time it was asked; no verdict rests on them"
    return [Flag("clock_skew", words, int(t_ns[0]), int(t_ns[-1]), effect)]
