"""What is wrong with a balance log, unasked: every detector on one series of weighings.

Nothing found is deleted: a hazard says where, how large, what was seen and what it may mean. Scatter is taken from the
log itself, so that a noisy log is not called faulty and a quiet one hides little.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from rig.analysis.log_excursions import find_at_rest, find_excursion, find_thermal_drift
from rig.analysis.log_jumps import find_gaps, find_jumps, find_small_steps, quantised
from rig.analysis.log_series import Floats, Hazard, Series, prepare
from rig.analysis.log_stretches import Stretches, bridged, find_stretches
from rig.analysis.steadiness import Slope, flow_slope, flow_trend

S_PER_H = 3600.0

_DRIFT_CHANCE = 3e-4
_DRIFT_LEAST_PCT = 0.3
_SLIP_BAND = 0.25  # relative
_FAR = 0.3  # from the set rate, relative
_SLIPS = (
    (24.0, "a rate per day taken as per hour, or hours for days"),
    (60.0, "seconds for minutes or minutes for hours"),
    (1000.0, "mg for g, or uL for mL"),
    (1440.0, "minutes for days"),
    (3600.0, "seconds for hours"),
    (1e6, "ug for g, or nL for mL"),
)


def find_hazards(
    t_s: Floats,
    mass_g: Floats,
    density_g_ml: float,
    rate_ml_h: float,
    *,
    period_s: tuple[float, float] | None = None,
    display_step_g: float | None = None,
    temperature_c: Floats | None = None,
    least_g: float | None = None,
) -> tuple[Hazard, ...]:
    """All hazards of a log, in order of time.

    ``t_s`` (s, rising) and ``mass_g`` (g, rising while the pump delivers): shape (n,), n >= 3. ``period_s`` is the
    analysis period (default: the whole log); drift is looked for in it and in the whole log. ``display_step_g``: one
    unit of the last digit in the log, if known. ``temperature_c``: shape (n,), at each reading, if measured.
    ``least_g``: slow changes that make less are not told (default: half a percent of what was delivered).
    """
    if flow_trend(t_s, -mass_g).level_g_s > flow_trend(t_s, mass_g).level_g_s:
        falling = _falling(t_s, mass_g)
        rest = find_hazards(
            t_s,
            -mass_g,
            density_g_ml,
            rate_ml_h,
            period_s=period_s,
            display_step_g=display_step_g,
            temperature_c=temperature_c,
            least_g=least_g,
        )
        return (falling, *rest)
    series = prepare(t_s, mass_g, display_step_g)
    found = find_gaps(series)
    gained_g = max(series.trend.level_g_s * float(t_s[-1] - t_s[0]), float(mass_g[-1] - mass_g[0]))
    if series.trend.level_g_s <= 0 or gained_g <= max(6.0 * series.noise_g, 3.0 * series.resolution_g):
        return (*found, _no_flow(series, rate_ml_h, density_g_ml))
    jumps, series = find_jumps(series)
    stretches = find_stretches(series)
    calm = replace(series, known=series.known & ~stretches.unusual)
    small, calm = find_small_steps(calm)
    found += [jump for jump in jumps if not _belongs_to(jump, stretches.hazards)] + stretches.hazards
    found += [step for step in small if stretches.steady_from_s <= step.start_s < stretches.steady_to_s]
    calm = replace(calm, known=series.known)
    if temperature_c is not None:
        thermal, calm = find_thermal_drift(calm, temperature_c, least_g)
        found += thermal
    drifts, chance = _drifts(calm, stretches, period_s)
    found += find_excursion(calm, stretches, least_g, chance) or drifts
    found += find_at_rest(series)
    found += _far_from_rate(series, stretches, density_g_ml, rate_ml_h)
    if series.packet_g:
        found.append(quantised(series, series.packet_g, "weight rises in lumps"))
    return tuple(sorted(found, key=lambda hazard: (hazard.start_s, hazard.end_s, hazard.name)))


def _belongs_to(jump: Hazard, stretches: list[Hazard]) -> bool:
    """Whether a step is the beginning or the end of a stretch without flow (a balance that catches up)."""
    return jump.name in ("step", "disturbed_reading", "edge_step") and any(
        stretch.start_s <= jump.end_s and jump.start_s <= stretch.end_s
        for stretch in stretches
        if stretch.name in ("flat", "stop", "reverse_flow", "running_empty", "flow_stops", "start_up")
    )


def _drifts(
    series: Series, stretches: Stretches, period_s: tuple[float, float] | None
) -> tuple[list[Hazard], float]:
    """Drift in the analysis period, and over the whole steady part of the log if that is longer; and its chance."""
    mass_g = bridged(series, stretches.unusual)
    whole = (stretches.steady_from_s, stretches.steady_to_s)
    first, last = period_s or whole
    period = (max(first, whole[0]), min(last, whole[1]))
    found = []
    slope = _slope(series.t_s, mass_g, period)
    if slope is not None and _is_drift(slope):
        found.append(_drift(slope, period, ""))
    longer = whole[1] - whole[0] > 1.25 * (period[1] - period[0])
    over_all = _slope(series.t_s, mass_g, whole) if longer else None
    if over_all is not None and _is_drift(over_all):
        by_itself = ""
        if slope is not None:
            alone = f"{slope.change_pct:+.2g} % (± {slope.expanded_pct:.2g} %)"
            by_itself = f"; the analysis period by itself shows {alone}"
        found.append(_drift(over_all, whole, by_itself))
    slopes = (slope, over_all) if found else ()
    return found, min((each.chance for each in slopes if each is not None), default=1.0)


def _slope(t_s: Floats, mass_g: Floats, span_s: tuple[float, float]) -> Slope | None:
    inside = (t_s >= span_s[0] - 1e-6) & (t_s <= span_s[1] + 1e-6)
    return flow_slope(t_s[inside], mass_g[inside]) if inside.sum() >= 3 else None


def _is_drift(slope: Slope) -> bool:
    return abs(slope.change_pct) >= _DRIFT_LEAST_PCT and slope.chance < _DRIFT_CHANCE


def _drift(slope: Slope, span_s: tuple[float, float], addition: str) -> Hazard:
    hours = (span_s[1] - span_s[0]) / S_PER_H
    return Hazard(
        "drift",
        span_s[0],
        span_s[1],
        slope.change_pct,
        "%",
        f"flow changes by {slope.change_pct:+.3g} % (± {slope.expanded_pct:.2g} %) over {hours:.3g} h, "
        f"{slope.change_pct / hours:+.3g} %/h{addition}",
        "The flow is not steady, so the mean error depends on when it is measured: falling pressure or level, a pump "
        "not yet settled, evaporation that changes, or temperature.",
    )


def _far_from_rate(
    series: Series, stretches: Stretches, density_g_ml: float, rate_ml_h: float
) -> list[Hazard]:
    """The usual flow against the set rate: a slip of units is named if the ratio looks like one."""
    usual = series.known & ~stretches.unusual
    if not usual.any():
        return []
    gained_g, in_s = float(np.diff(series.mended_g)[usual].sum()), float(np.diff(series.t_s)[usual].sum())
    flow = gained_g / in_s * S_PER_H / density_g_ml
    ratio = flow / rate_ml_h
    start_s, end_s = float(series.t_s[0]), float(series.t_s[-1])
    evidence = f"usual flow {flow:.4g} mL/h, set rate {rate_ml_h:.4g} mL/h: {ratio:.4g} times"
    for factor, slip in _SLIPS:
        for near, sense in ((factor, f"× {factor:g}"), (1 / factor, f"÷ {factor:g}")):
            if abs(ratio / near - 1.0) <= _SLIP_BAND:
                meaning = (
                    f"The flow is about {sense} the set rate, as after a slip of units ({slip}). "
                    "Check the units of log and rate."
                )
                return [Hazard("unit_slip", start_s, end_s, ratio, "times", evidence, meaning)]
    doubt = 3.0 * (series.noise_g + series.resolution_g) / max(gained_g, 1e-300)
    if abs(ratio - 1.0) > _FAR + doubt * ratio:
        meaning = (
            "The flow is far from the set rate and no slip of units explains it: another rate, log or pump?"
        )
        return [Hazard("far_from_rate", start_s, end_s, ratio, "times", evidence, meaning)]
    return []


def _falling(t_s: Floats, mass_g: Floats) -> Hazard:
    return Hazard(
        "falling_weight",
        float(t_s[0]),
        float(t_s[-1]),
        float(mass_g[-1] - mass_g[0]),
        "g",
        f"weight goes from {mass_g[0]:.6g} g to {mass_g[-1]:.6g} g and falls most of the time",
        "The balance weighed the container that is emptied, or the flow runs backwards. If the former, say so "
        "(--weighs source).",
    )


def _no_flow(series: Series, rate_ml_h: float, density_g_ml: float) -> Hazard:
    change = float(series.mass_g[-1] - series.mass_g[0])
    span_s = float(series.t_s[-1] - series.t_s[0])
    expected = rate_ml_h * density_g_ml * span_s / S_PER_H
    return Hazard(
        "no_flow",
        float(series.t_s[0]),
        float(series.t_s[-1]),
        change,
        "g",
        f"weight changes by {change:.4g} g in all, the set rate makes {expected:.4g} g",
        "No flow can be told from the balance's noise: pump stopped, line closed, or a balance that stood still.",
    )
