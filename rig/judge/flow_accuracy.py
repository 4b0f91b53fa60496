"""Judges a flow accuracy case: IEC 60601-2-24:2012, 201.12.1, with the plan's periods and windows.

What is read off the balance in the step "sample" is corrected for evaporation by the blanks before and
after, turned into volume at the reference temperature, and compared with what the pump was set to: over the
whole period (mean error A), and over every observation window (trumpet).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rig.analysis.delivery import Difference, Weighing, delivery_error
from rig.analysis.gravimetry import Evaporation, corrected_reading_g, improbable
from rig.analysis.trumpet import Window, trumpet
from rig.analysis.uncertainty import Budget
from rig.definitions.bench_file import BenchFile, UnitFile
from rig.definitions.cases import FlowAccuracyCase
from rig.errors import DefinitionError
from rig.judge.findings import NS_PER_S, Findings, Flag, Kind, Value
from rig.judge.pump_claims import claimed_delivery, programmed_rate_ml_h
from rig.judge.weighing import (
    NotMeasuredError,
    blank_flags,
    blank_measurements,
    evaporation_of,
    flat_flags,
    readings_in,
    the_step,
    weighing_on,
)
from rig.judge.witnesses import (
    flow_flags,
    interval_disagreement,
    mean_disagreement,
    sensor_means_ml_h,
    stall_flags,
)
from rig.record.case_data import CaseData, Step

Floats = NDArray[np.float64]
S_PER_H = 3600.0
MATERIAL_CHANGE_PCT = 2.0  # of the set rate: a change from the first half to the second that matters
LATE_SHARE = 0.25  # of the sample interval: a reading further off its moment belongs to none
SPOILED_SHARE = 0.05  # of the windows of one length left out: too many to call what is left the extremes


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
        flags=[*rate_flags, *stall_flags(data)],
    )
    try:
        step = the_step(data, "sample")
        found.flags += flow_flags(data, step)
        claimed = claimed_delivery(data, step, rate_ml_h)
        if claimed is not None:
            found.budgets["claimed_delivery"] = claimed
            found.values["claimed_delivery"] = Value.of(claimed)
            found.measurements["claimed_delivery"] = Value.of(claimed)
        _weigh(found, data, case, unit, weighing_on(unit, bench, reference_temperature_c), rate_ml_h, step)
    except NotMeasuredError as reason:
        found.unmeasured = str(reason)
    return found


@dataclass(frozen=True)
class Samples:
    """Readings of the analysis period put on its grid of n + 1 moments; NaN where there is none."""

    t_s: Floats
    mass_g: Floats
    every_s: float
    lateness_s: float  # standard deviation of the actual moments about the grid

    @property
    def known(self) -> NDArray[np.intp]:
        return np.flatnonzero(np.isfinite(self.mass_g))


def samples_of(data: CaseData, case: FlowAccuracyCase, step: Step) -> Samples:
    """The readings of the analysis period by their moment. Raises NotMeasuredError with fewer than two."""
    t_s, mass_g, _ = readings_in(data, step)
    count = round(case.sample_for_s / case.sample_every_s) + 1
    on_grid_t, on_grid_g = np.full(count, math.nan), np.full(count, math.nan)
    start_s = step.start_ns / NS_PER_S
    for moment_s, reading_g in zip(t_s, mass_g, strict=True):
        index = round((moment_s - start_s) / case.sample_every_s)
        late_s = moment_s - start_s - index * case.sample_every_s
        free = 0 <= index < count and math.isnan(on_grid_g[index])
        if free and abs(late_s) <= LATE_SHARE * case.sample_every_s:
            on_grid_t[index], on_grid_g[index] = moment_s, reading_g
    known = np.isfinite(on_grid_g)
    if known.sum() < 2:
        raise NotMeasuredError(f"the analysis period holds {int(known.sum())} balance reading(s)")
    late = (on_grid_t - np.arange(count) * case.sample_every_s)[known]
    return Samples(on_grid_t, on_grid_g, case.sample_every_s, float(np.std(late)))


def _weigh(
    found: Findings,
    data: CaseData,
    case: FlowAccuracyCase,
    unit: UnitFile,
    weighing: Weighing,
    rate_ml_h: float,
    step: Step,
) -> None:
    samples = samples_of(data, case, step)
    evaporation = evaporation_of(data, weighing.balance)
    found.measurements |= blank_measurements(evaporation)
    found.flags += blank_flags(data, evaporation)
    found.flags += _gap_flags(samples, step)

    mean = _mean_error(samples, evaporation, weighing, rate_ml_h)
    volume_ml = _volume_ml(samples, evaporation, weighing)
    found.flags += _fault_flags(data, samples, volume_ml, evaporation, weighing, unit, rate_ml_h, mean)
    bad = _bad_intervals(samples, found.flags)

    without = _mean_without(samples, volume_ml, bad, rate_ml_h) if bad.any() else None
    found.budgets["mean_error"] = mean
    found.values["mean_error"] = found.measurements["mean_error"] = Value.of(mean, without)
    found.measurements |= _flow_measurements(data, samples, mean, rate_ml_h)
    relative = rate_ml_h / 100
    found.flags += mean_disagreement(
        data, step, unit.flow, (100 + mean.value) * relative, mean.expanded_uncertainty * relative
    )
    if not bad.any() and not found.has_pump_fault:
        found.flags += _trend_flags(samples, evaporation, weighing, rate_ml_h, step)

    for window in _trumpet(volume_ml, case, rate_ml_h, found):
        expanded = _window_budget(window, samples, evaporation, weighing, rate_ml_h)
        found.trumpet.append((window, expanded.expanded_uncertainty))
        for criterion in case.criteria:
            if criterion.window_s == window.window_s:
                good = _trumpet_without(volume_ml, bad, case, rate_ml_h, window) if bad.any() else None
                low, high = criterion.limit.low, criterion.limit.high
                found.budgets[criterion.name] = replace(expanded, value=_extreme(window, low, high))
                found.values[criterion.name] = _window_value(
                    window, good, expanded, low, high, bool(bad.any())
                )


def _mean_error(samples: Samples, evaporation: Evaporation, weighing: Weighing, rate_ml_h: float) -> Budget:
    """A with its budget, from the first and the last reading and the actual time between them."""
    first, end = samples.known[0], samples.known[-1]
    t_s, mass_g = samples.t_s, samples.mass_g
    duration_s = float(t_s[end] - t_s[first])
    return delivery_error(
        Difference.between(float(mass_g[first]), float(mass_g[end]), float(t_s[first]), float(t_s[end])),
        rate_ml_h * duration_s / S_PER_H,
        evaporation,
        weighing,
        timed_over_s=duration_s,
    )


def _volume_ml(samples: Samples, evaporation: Evaporation, weighing: Weighing) -> Floats:
    """Cumulative volume at each moment of the grid, corrected for evaporation; NaN where there is no
    reading.
    """
    known = samples.known
    volume = np.full(len(samples.mass_g), math.nan)
    corrected = corrected_reading_g(samples.t_s[known], samples.mass_g[known], evaporation)
    volume[known] = corrected * weighing.volume_per_display_ml_g
    return volume


def _gap_flags(samples: Samples, step: Step) -> list[Flag]:
    missing = np.flatnonzero(np.isnan(samples.mass_g))
    if not len(missing):
        return []
    every_ns = round(samples.every_s * NS_PER_S)
    words = f"{len(missing)} of {len(samples.mass_g)} balance readings are missing"
    ends = {0, len(samples.mass_g) - 1} & set(missing.tolist())
    effect = "windows that begin or end there are left out"
    if ends:
        effect += "; the mean is over the time between the first and the last reading there is"
    start_ns, end_ns = step.start_ns + int(missing[0]) * every_ns, step.start_ns + int(missing[-1]) * every_ns
    return [Flag("balance_gap", words, start_ns, end_ns, effect)]


def _fault_flags(
    data: CaseData,
    samples: Samples,
    volume_ml: Floats,
    evaporation: Evaporation,
    weighing: Weighing,
    unit: UnitFile,
    rate_ml_h: float,
    mean: Budget,
) -> list[Flag]:
    """Where the balance itself is in doubt: it stood still, or it saw what the flow sensor did not."""
    known = samples.known
    t_s = samples.t_s[known]
    t_ns = np.round(t_s * NS_PER_S).astype(np.int64)
    expected_g = np.diff(t_s) * rate_ml_h / S_PER_H / weighing.volume_per_display_ml_g
    stalls = stall_flags(data)
    flat = [
        flag
        for flag in flat_flags(t_s, samples.mass_g[known], expected_g, weighing.balance)
        if not any(stall.start_ns <= flag.end_ns and flag.start_ns <= stall.end_ns for stall in stalls)
    ]
    flow_ml_h = np.diff(volume_ml[known]) / np.diff(t_s) * S_PER_H
    one = _interval_budget(samples, evaporation, weighing, rate_ml_h)
    u_ml_h = one.combined_standard_uncertainty / 100 * rate_ml_h
    return [*flat, *interval_disagreement(data, t_ns, flow_ml_h, u_ml_h, unit.flow)]


def _interval_budget(
    samples: Samples, evaporation: Evaporation, weighing: Weighing, rate_ml_h: float
) -> Budget:
    """Budget of the flow in one sample interval in the middle of the period."""
    middle = samples.known[len(samples.known) // 2]
    t_s, mass_g = float(samples.t_s[middle]), float(samples.mass_g[middle])
    expected_g = rate_ml_h * samples.every_s / S_PER_H / weighing.volume_per_display_ml_g
    return delivery_error(
        Difference.between(mass_g, mass_g + expected_g, t_s, t_s + samples.every_s),
        rate_ml_h * samples.every_s / S_PER_H,
        evaporation,
        weighing,
        timed_over_s=samples.every_s,
        lateness_s=math.sqrt(2) * samples.lateness_s,
    )


def _bad_intervals(samples: Samples, flags: list[Flag]) -> NDArray[np.bool_]:
    """Which sample intervals overlap a flag that puts the measurement in doubt, shape (n,)."""
    grid_s = (
        samples.t_s[samples.known[0]] + (np.arange(len(samples.t_s)) - samples.known[0]) * samples.every_s
    )
    moments = np.where(np.isfinite(samples.t_s), samples.t_s, grid_s)
    bad = np.zeros(len(moments) - 1, dtype=np.bool_)
    for flag in flags:
        if flag.kind is Kind.MEASUREMENT:
            start_s, end_s = flag.start_ns / NS_PER_S, flag.end_ns / NS_PER_S
            bad |= (moments[:-1] < end_s - 1e-6) & (moments[1:] > start_s + 1e-6)
    return bad


def _mean_without(samples: Samples, volume_ml: Floats, bad: NDArray[np.bool_], rate_ml_h: float) -> float:
    """Mean error of the intervals that are not in doubt; NaN if there is none."""
    volume, duration_s = np.diff(volume_ml), np.diff(samples.t_s)
    good = ~bad & np.isfinite(volume)
    if not good.any():
        return math.nan
    programmed_ml = rate_ml_h * float(duration_s[good].sum()) / S_PER_H
    return 100 * (float(volume[good].sum()) / programmed_ml - 1)


def _trumpet(
    volume_ml: Floats, case: FlowAccuracyCase, rate_ml_h: float, found: Findings
) -> tuple[Window, ...]:
    try:
        return trumpet(volume_ml, case.sample_every_s, rate_ml_h, case.windows_s)
    except DefinitionError as error:  # too many readings are missing
        found.unmeasured = error.message
        return ()


def _window_budget(
    window: Window, samples: Samples, evaporation: Evaporation, weighing: Weighing, rate_ml_h: float
) -> Budget:
    """Budget of the error of one window: of the two with an extreme, the one with the larger uncertainty."""
    length = round(window.window_s / samples.every_s)
    budgets = []
    for first in (window.first_of_max - 1, window.first_of_min - 1):
        t_s, mass_g = samples.t_s, samples.mass_g
        budgets.append(
            delivery_error(
                Difference.between(
                    float(mass_g[first]),
                    float(mass_g[first + length]),
                    float(t_s[first]),
                    float(t_s[first + length]),
                ),
                rate_ml_h * window.window_s / S_PER_H,
                evaporation,
                weighing,
                timed_over_s=window.window_s,
                lateness_s=math.sqrt(2) * samples.lateness_s,
            )
        )
    return max(budgets, key=lambda budget: budget.expanded_uncertainty)


def _extreme(window: Window, low: float | None, high: float | None) -> float:
    """The extreme that decides: with the smaller margin to its limits, of equal ones that further from
    zero.
    """

    def margin(error_pct: float) -> tuple[float, float]:
        above = math.inf if high is None else high - error_pct
        below = math.inf if low is None else error_pct - low
        return min(above, below), -abs(error_pct)

    return min((window.error_max_pct, window.error_min_pct), key=margin)


def _window_value(
    window: Window, good: Window | None, budget: Budget, low: float | None, high: float | None, doubted: bool
) -> Value:
    without = None
    if doubted:
        without = math.nan if good is None else _extreme(good, low, high)
    value = Value.of(replace(budget, value=_extreme(window, low, high)), without)
    total = window.count + window.left_out
    if window.left_out > SPOILED_SHARE * total:
        return replace(value, undecided=f"{window.left_out} of {total} windows lack a reading at one end")
    return value


def _trumpet_without(
    volume_ml: Floats, bad: NDArray[np.bool_], case: FlowAccuracyCase, rate_ml_h: float, window: Window
) -> Window | None:
    """The extremes over the windows that hold no interval in doubt; None if there is no such window."""
    length = round(window.window_s / case.sample_every_s)
    kept = []
    begin = 0
    for index, ends in enumerate([*bad.tolist(), True]):
        if not ends:
            continue
        stretch = volume_ml[begin : index + 1]
        if len(stretch) > length and np.isfinite(stretch[length:] - stretch[:-length]).any():
            kept += list(trumpet(stretch, case.sample_every_s, rate_ml_h, [window.window_s]))
        begin = index + 1
    if not kept:
        return None
    return replace(
        window,
        error_max_pct=max(part.error_max_pct for part in kept),
        error_min_pct=min(part.error_min_pct for part in kept),
    )


def _trend_flags(
    samples: Samples, evaporation: Evaporation, weighing: Weighing, rate_ml_h: float, step: Step
) -> list[Flag]:
    """Whether the flow of the second half differs from that of the first: then the mean is quoted on a
    slope.
    """
    known = samples.known
    if len(known) < 4:
        return []
    middle = known[len(known) // 2]
    halves = []
    for part in (slice(0, middle + 1), slice(middle, None)):
        half = replace(samples, t_s=samples.t_s[part], mass_g=samples.mass_g[part])
        halves.append(_mean_error(half, evaporation, weighing, rate_ml_h))
    change_pct = halves[1].value - halves[0].value
    # What is common to both halves (densities, evaporation, clock) cancels: the estimate is on the safe side.
    u_pct = math.hypot(*(half.combined_standard_uncertainty for half in halves))
    if abs(change_pct) <= MATERIAL_CHANGE_PCT or not improbable(change_pct, u_pct):
        return []
    words = (
        f"the flow of the second half differs from that of the first by {change_pct:+.3g} % of the set rate"
    )
    effect = "the mean error is quoted on a slope: it holds for this period only"
    return [Flag("not_stationary", words, step.start_ns, step.end_ns, effect)]


def _flow_measurements(data: CaseData, samples: Samples, mean: Budget, rate_ml_h: float) -> dict[str, Value]:
    """Mean flow and delivered volume by weighing; what the flow sensor says beside it."""
    ends = samples.known
    hours = float(samples.t_s[ends[-1]] - samples.t_s[ends[0]]) / S_PER_H
    flow, u = rate_ml_h * (1 + mean.value / 100), mean.expanded_uncertainty / 100 * rate_ml_h
    k = mean.coverage_factor
    told = {
        "mean_flow": Value(flow, "mL/h", u, k),
        "delivered_volume": Value(flow * hours, "mL", u * hours, k),
    }
    period_ns = np.array([samples.t_s[ends[0]], samples.t_s[ends[-1]]]) * NS_PER_S
    by_sensor = float(sensor_means_ml_h(data, period_ns.astype(np.int64))[0])
    if not math.isnan(by_sensor):
        told["mean_flow_by_sensor"] = Value(by_sensor, "mL/h")
    inside = (data.flow.t_ns >= period_ns[0]) & (data.flow.t_ns <= period_ns[1])
    if inside.any():
        temperature_c = data.flow.temperature_c[inside]
        told["temperature_at_sensor"] = Value(float(temperature_c.mean()), "degC")
        told["temperature_range_at_sensor"] = Value(float(np.ptp(temperature_c)), "K")
    return told
