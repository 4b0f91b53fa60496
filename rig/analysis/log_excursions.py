"""Slow changes of a balance log that no single reading shows: another level of flow, a wave, mass that follows the
temperature; and what the weight does while nothing is delivered.
"""

from __future__ import annotations

import numpy as np

from rig.analysis.departures import flow_excursion, flow_wave, follows, steady_rate
from rig.analysis.log_series import Floats, Hazard, Series
from rig.analysis.log_stretches import Stretches, bridged, resting

S_PER_H = 3600.0

_CHANCE = 0.016  # at most: the places looked at are much alike
_CHANCE_OF_ONE = 1e-5
_LEAST_SHARE = 0.005  # of the mass delivered: what makes less harms no mean
_LEAST_WAVE = 0.02  # of the mass delivered, from crest to trough
_FEWEST_AT_REST = 6  # intervals
_LEAST_AT_REST = 1e-3  # of the usual flow


def find_thermal_drift(
    series: Series, temperature_c: Floats, least_g: float | None
) -> tuple[list[Hazard], Series]:
    """Mass that follows the temperature (°C at each reading, shape (n,)), and the series without it."""
    with_it = follows(series.t_s, bridged(series), temperature_c)
    if with_it is None or with_it.chance >= _CHANCE_OF_ONE:
        return [], series
    off = flow_excursion(series.t_s, bridged(series))
    if off is not None and off.chance < with_it.chance:
        return [], series  # a change of level that happens to look like it
    if abs(with_it.swing_g) < _material_g(series, least_g):
        return [], series
    swing_k = float(np.ptp(temperature_c))
    found = Hazard(
        "thermal_drift",
        float(series.t_s[0]),
        float(series.t_s[-1]),
        with_it.swing_g,
        "g",
        f"the weight follows the temperature, {with_it.per_x_g:+.3g} g/K: {abs(with_it.swing_g):.3g} g for its "
        f"range of {swing_k:.2g} K, {100 * abs(with_it.swing_g) / _total_g(series):.2g} % of what was delivered",
        "Dead volume expands as it warms, or the balance's zero point follows the room. Windows that are no whole "
        "swing show it as flow; so does the mean, unless temperature ends where it began.",
    )
    return [found], series.with_mass(series.mended_g - with_it.per_x_g * (temperature_c - temperature_c[0]))


def find_excursion(
    series: Series, stretches: Stretches, least_g: float | None, chance_of_drift: float
) -> list[Hazard]:
    """The stretch, within the steady part, in which the flow is on another level; else a slow wave of the weight.

    Nothing if the flow drifts all along (the probability of so large a drift without one) and that fits better.
    """
    begin_s, end_s = float(series.t_s[0]), float(series.t_s[-1])
    # What is left of a start-up or a running empty beside them is theirs.
    from_s = stretches.steady_from_s + 2.0 * (stretches.steady_from_s - begin_s)
    to_s = stretches.steady_to_s - (end_s - stretches.steady_to_s)
    inside = (series.t_s >= from_s) & (series.t_s <= to_s)
    t_s, mass_g = series.t_s[inside], bridged(series, stretches.unusual)[inside]
    material_g = max(_material_g(series, least_g), 2.0 * series.packet_g)
    off = flow_excursion(t_s, mass_g) if len(t_s) > 2 else None
    wave = flow_wave(t_s, mass_g) if len(t_s) > 2 else None
    if off is None or wave is None or chance_of_drift < min(off.chance, wave.chance):
        return []
    if off.chance < wave.chance:
        if off.chance >= _CHANCE or abs(off.size_g) < material_g:
            return []
        low = off.size_g < 0
        return [
            Hazard(
                "low_flow" if low else "high_flow",
                off.start_s,
                off.end_s,
                off.size_g,
                "g",
                f"flow is {abs(off.change_pct):.3g} % (± {2 * off.standard_error_pct:.2g} %) "
                f"{'below' if low else 'above'} that of the rest of the log for {(off.end_s - off.start_s) / 60:.4g} "
                f"min: {abs(off.size_g):.3g} g {'less' if low else 'more'}",
                (
                    "A partly closed line, a slow occlusion, a leak, or evaporation that came and went."
                    if low
                    else "A siphon, a released occlusion, a changed rate, or drops that fell in."
                )
                + " It counts in the mean error.",
            )
        ]
    if wave.chance >= _CHANCE or wave.swing_g < max(2.0 * material_g, _LEAST_WAVE * _total_g(series)):
        return []
    return [
        Hazard(
            "slow_wave",
            float(t_s[0]),
            float(t_s[-1]),
            wave.swing_g,
            "g",
            f"the weight swings by {wave.swing_g:.3g} g about a steady rise, once in {wave.period_s / 60:.3g} min",
            "Temperature of dead volume or balance, strokes that beat with the sampling, or a rhythm of the pump. Take "
            "whole swings for the mean, and log the temperature.",
        )
    ]


def find_at_rest(series: Series) -> list[Hazard]:
    """Weight that falls or rises steadily while the flow stands: what evaporates or siphons all the time."""
    found = []
    for first, end in resting(series):
        if end - first < _FEWEST_AT_REST:
            continue
        t_s, mass_g = series.t_s[first : end + 1], series.mended_g[first : end + 1]
        rate_g_s, chance = steady_rate(t_s, mass_g)
        moved_g = abs(rate_g_s) * float(t_s[-1] - t_s[0])
        if chance >= _CHANCE_OF_ONE or abs(rate_g_s) <= _LEAST_AT_REST * series.trend.level_g_s:
            continue
        if moved_g <= 3.0 * series.resolution_g:
            continue
        share_pct = 100.0 * rate_g_s / series.trend.level_g_s
        falls = rate_g_s < 0
        found.append(
            Hazard(
                "evaporation" if falls else "flow_at_rest",
                float(t_s[0]),
                float(t_s[-1]),
                rate_g_s * S_PER_H,
                "g/h",
                f"with no delivery the weight {'falls' if falls else 'rises'} by {abs(rate_g_s) * S_PER_H:.3g} g/h",
                (
                    f"Evaporation (or a leak). If it goes on during delivery and is not corrected, the mean error is "
                    f"off by {share_pct:+.2g} %."
                    if falls
                    else f"A siphon or free flow, {share_pct:.2g} % of the usual flow: it flows whether the pump "
                    "delivers or not."
                ),
            )
        )
    return found


def _material_g(series: Series, least_g: float | None) -> float:
    return max(_LEAST_SHARE * _total_g(series) if least_g is None else least_g, 2.0 * series.resolution_g)


def _total_g(series: Series) -> float:
    return series.trend.level_g_s * float(series.t_s[-1] - series.t_s[0])
