"""Stretches of a balance log in which the flow is not the usual one: start-up, stops, reverse flow, surges, a balance
that stands still, a container that runs empty."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rig.analysis.log_series import Bools, Floats, Hazard, Series, middle_scatter, scatter

_FINE_ENOUGH = 0.08  # relative scatter at which half the flow is seen without doubt
_LOW, _HIGH = 0.5, 1.5  # of the usual flow
_FALLEN, _FALLING = 0.75, 0.8  # of the usual flow: fallen at the end of the log, since it was last above this
_NOTHING = 0.1
_COARSE = 0.1  # of a usual interval's mass
_SIGNIFICANT = 6.0
_START_BAND = 0.05
_SETTLED_BAND = 0.03


@dataclass(frozen=True)
class Stretches:
    """What was found, and the part of the log (s) between start-up and running empty.

    ``unusual`` marks intervals that belong to a stop, a surge or a standing balance.
    """

    hazards: list[Hazard]
    steady_from_s: float
    steady_to_s: float
    unusual: Bools


def find_stretches(series: Series) -> Stretches:
    """Every stretch of unusual flow. ``series`` with its jumps mended."""
    hazards: list[Hazard] = []
    count = len(series.t_s) - 1
    unusual = np.zeros(count, dtype=bool)
    flats, told = _flats(series), list[tuple[int, int]]()
    for first, end in flats:
        unusual[first:end] = True
    width = _resolving_width(series)
    steady_from, tail = 0, count
    if width is not None:
        ratio = _ratio(series, width)
        tail, ending = _tail(series, width, ratio)
        if ending:
            hazards.append(ending)
            unusual[tail:] = True
        steady_from, starting = _start_up(series, width, tail)
        if starting:
            hazards.append(starting)
        for low, groups in (
            (True, _stretches(ratio < _LOW, width)),
            (False, _stretches(ratio > _HIGH, width)),
        ):
            for first, end in groups:
                touching = any(flat[0] <= end and first <= flat[1] for flat in flats)
                if first < steady_from or end > tail or (end - first < 2 and not touching):
                    continue
                unusual[first:end] = True
                within = [flat for flat in flats if flat[0] < end and first < flat[1]]
                if low and sum(b - a for a, b in within) < 0.5 * (end - first):
                    hazards.append(_stop(series, first, end))
                    told += within
                elif not low and not within and end - first >= 2:
                    hazards.append(_surge(series, first, end))
    flats = [flat for flat in flats if flat not in told]  # a few equal readings within a longer stop
    hazards += [_flat(series, first, end) for first, end in flats if end <= tail and first >= steady_from]
    return Stretches(hazards, float(series.t_s[steady_from]), float(series.t_s[tail]), unusual)


def resting(series: Series) -> list[tuple[int, int]]:
    """Stretches without delivery, as intervals [first, end)."""
    width = _resolving_width(series)
    if width is None:
        return []
    runs = _stretches(np.abs(_ratio(series, width)) < _NOTHING, width)
    return [
        (first + width // 2 + 1, end - width // 2 - 1) if width > 1 else (first, end) for first, end in runs
    ]


def bridged(series: Series, unusual: Bools | None = None) -> Floats:
    """Mass, shape (n,), as if the flow had been the usual one in the unusual intervals and those not known."""
    odd = ~series.known if unusual is None else unusual | ~series.known
    dm = np.where(odd, series.expected_g, np.diff(series.mended_g))
    return np.concatenate([[series.mass_g[0]], series.mass_g[0] + np.cumsum(dm)])


def _ratio(series: Series, width: int) -> Floats:
    """Flow over ``width`` intervals in parts of the usual flow, shape (n - width,)."""
    expected = np.concatenate([[0.0], np.cumsum(series.expected_g)])
    ratio: Floats = (series.mended_g[width:] - series.mended_g[:-width]) / (
        expected[width:] - expected[:-width]
    )
    return ratio


def _resolving_width(series: Series) -> int | None:
    """Fewest intervals over which half the usual flow is told from the usual; None if the log is too coarse."""
    lump = max(4.0 * series.resolution_g, 3.0 * series.packet_g)
    coarse = (
        series.resolution_g > _COARSE * series.typical_g
    )  # few different values: their middle says nothing
    noise = series.noise_g / series.typical_g if coarse else 0.0
    width = 1
    while width <= max(1, (len(series.t_s) - 1) // 8):
        seen = max(noise / width, middle_scatter(_ratio(series, width)))
        if width * series.typical_g >= lump and seen <= _FINE_ENOUGH:
            return width
        width = width + 1 if width < 4 else int(width * 1.5)
    return None


def _stretches(flagged: Bools, width: int) -> list[tuple[int, int]]:
    """Intervals [first, end) behind each run of flagged windows of ``width`` intervals."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flagged, [False]]).astype(np.int8)))
    inset = (width - 1) // 2
    return [(int(a) + inset, int(b) - 1 + width - inset) for a, b in edges.reshape(-1, 2)]


def _flats(series: Series) -> list[tuple[int, int]]:
    """Runs of identical readings that are too long for the balance's resolution, as intervals [first, end)."""
    least_g = max(
        6.0 * series.resolution_g, 6.0 * series.noise_g, 2.5 * series.packet_g, 1.5 * series.typical_g
    )
    same = np.abs(np.diff(series.mass_g)) <= 1e-9 * max(1.0, float(np.max(np.abs(series.mass_g))))
    edges = np.flatnonzero(np.diff(np.concatenate([[False], same & series.known, [False]]).astype(np.int8)))
    expected = series.expected_g
    runs = [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]
    return [(a, b) for a, b in runs if b - a >= 2 and float(expected[a:b].sum()) > least_g]


def _tail(series: Series, width: int, ratio: Floats) -> tuple[int, Hazard | None]:
    """Where the flow begins to fall away towards the end of the log (the number of intervals if it does not)."""
    count = len(series.t_s) - 1
    if len(ratio) < 12:
        return count, None
    coarse = 0.3 * series.resolution_g / (width * series.typical_g)
    limit = min(_FALLEN, 1.0 - _SIGNIFICANT * max(middle_scatter(ratio), coarse))
    if not np.all(ratio[-2:] < limit):
        return count, None
    threes = np.sort(np.lib.stride_tricks.sliding_window_view(ratio, 3), axis=1)[:, 1]
    smooth = np.concatenate([[ratio[:2].mean()], threes, [ratio[-2:].mean()]])
    usual = np.flatnonzero(smooth >= _FALLING)
    if not len(usual):
        return count, None
    onset = min(int(usual[-1]) + 1 + (width - 1) // 2, count - 1)
    nothing = min(_NOTHING, max(0.2 * _NOTHING, 4.0 * middle_scatter(ratio)))
    flowing = np.flatnonzero(ratio > nothing)
    last = min(int(flowing[-1]) + width, count) if len(flowing) else onset
    last = max(last, onset + 1)
    start_s, end_s = float(series.t_s[onset]), float(series.t_s[last])
    between = _partial(series, onset, width, ratio)
    expected_g = float(series.expected_g[onset:].sum())
    missing_g = expected_g - float(series.mended_g[-1] - series.mended_g[onset])
    left_pct = 100.0 * float(ratio[-1])
    then = f", nothing after {end_s / 60:.4g} min" if last < count else ""
    evidence = (
        f"flow below {100 * _FALLING:.0f} % of its trend from {start_s / 60:.4g} min on, {left_pct:.0f} % of it "
        f"at the end of the log{then}; {missing_g:.4g} g less than the trend makes expect"
    )
    if between >= 3:
        name = "running_empty"
        meaning = (
            "The flow falls away towards the end: the container runs empty (or a slow occlusion). A pump that reckons "
            "by its programmed rate goes on claiming delivery. Readings from here on say nothing of its accuracy."
        )
    else:
        name = "flow_stops"
        meaning = (
            "The flow ends at once: container empty, pump stopped or stalled, or line closed; compare the pump's own "
            "log. Readings from here on say nothing of its accuracy."
        )
    return onset, Hazard(name, start_s, end_s, missing_g, "g", evidence, meaning)


def _partial(series: Series, onset: int, width: int, ratio: Floats) -> int:
    """In how many intervals since ``onset`` some flow was left, but not the usual: few if it ended at once."""
    single = _ratio(series, 1)
    scatter_of_one = middle_scatter(single)
    if scatter_of_one <= 2 * _FINE_ENOUGH and series.packet_g == 0:
        some = max(_NOTHING, 3.0 * scatter_of_one)
        return int(
            np.sum((single[max(0, onset - width) :] > some) & (single[max(0, onset - width) :] < _FALLING))
        )
    return int(np.sum((ratio[onset:] > _NOTHING) & (ratio[onset:] < _FALLING))) - (width - 1)


def _start_up(series: Series, width: int, tail: int) -> tuple[int, Hazard | None]:
    """How many intervals pass until the flow is the usual one."""
    scale = width
    found = False
    while scale <= max(width, tail // 8):
        ratio = _ratio(series, scale)[: max(1, tail - scale)]
        lump = 0.5 * (series.resolution_g + series.packet_g) / (scale * series.typical_g)
        off = abs(float(ratio[0]) - 1.0)
        clear = off > max(_START_BAND, _SIGNIFICANT * max(scatter(ratio - np.median(ratio)), lump))
        gross = off > _LOW and off > _SIGNIFICANT * max(middle_scatter(ratio), lump)
        if len(ratio) >= 12 and (clear or gross):
            found = True
            break
        scale *= 2
    if not found:
        return 0, None
    ratio = _ratio(series, scale)[: max(1, tail - scale)]
    band = max(_SETTLED_BAND, 3.0 * middle_scatter(ratio))
    settled = np.flatnonzero(np.abs(ratio - 1.0) <= band)
    end = min(int(settled[0]), tail) if len(settled) else tail
    end = max(end, 1)
    expected_g = float(series.expected_g[:end].sum())
    missing_g = expected_g - float(series.mended_g[end] - series.mended_g[0])
    return end, Hazard(
        "start_up",
        float(series.t_s[0]),
        float(series.t_s[end]),
        -missing_g,
        "g",
        f"flow begins at {100 * float(ratio[0]):.0f} % of its trend and reaches it after "
        f"{(series.t_s[end] - series.t_s[0]) / 60:.4g} min; {abs(missing_g):.4g} g "
        + ("less" if missing_g > 0 else "more")
        + " than the trend makes expect",
        "Start-up (filling of the line, compliance, a pump that was still being set). A mean that begins in it is no "
        "steady flow: begin the analysis period later.",
    )


def _after(series: Series, first: int, end: int) -> str:
    """What the weight did behind a stretch without flow: came back, or went on as if the time had not been."""
    missing = float(series.expected_g[first:end].sum()) - float(series.mass_g[end] - series.mass_g[first])
    then = min(end + max(2, (end - first) // 2), len(series.t_s) - 1)
    extra = float(series.mass_g[then] - series.mass_g[end]) - float(series.expected_g[end:then].sum())
    share = 100.0 * extra / missing if missing > 0 and then > end else 0.0
    if share > 70:
        held = "held back (balance, bubble, line), not lost"
        return f"then {share:.0f} % of the {missing:.4g} g missing came at once: {held}"
    if share > 20:
        return f"then {share:.0f} % of the {missing:.4g} g missing came as a surge: a bubble or a released occlusion"
    return f"the {missing:.4g} g missing did not come later: nothing was delivered meanwhile"


def _stop(series: Series, first: int, end: int) -> Hazard:
    start_s, end_s = float(series.t_s[first]), float(series.t_s[end])
    change = float(series.mended_g[end] - series.mended_g[first])
    expected = float(series.expected_g[first:end].sum())
    share = 100.0 * change / expected
    reverse = change < -max(6.0 * series.noise_g, 0.1 * expected)
    return Hazard(
        "reverse_flow" if reverse else "stop",
        start_s,
        end_s,
        expected - change,
        "g",
        f"flow at {share:.0f} % of the usual for {(end_s - start_s) / 60:.4g} min; {_after(series, first, end)}",
        (
            "The weight falls: flow backwards, a siphon, a leak or evaporation with the pump stopped."
            if reverse
            else "Motor stall, occlusion, bubble or a stopped pump; compare the pump's own log."
        )
        + " It counts in the mean error.",
    )


def _surge(series: Series, first: int, end: int) -> Hazard:
    start_s, end_s = float(series.t_s[first]), float(series.t_s[end])
    change = float(series.mended_g[end] - series.mended_g[first])
    expected = float(series.expected_g[first:end].sum())
    return Hazard(
        "surge",
        start_s,
        end_s,
        change - expected,
        "g",
        f"flow at {100 * change / expected:.0f} % of the usual for {(end_s - start_s) / 60:.4g} min",
        "Siphon or free flow, a released occlusion, a bolus, or a changed rate. It counts in the mean error.",
    )


def _flat(series: Series, first: int, end: int) -> Hazard:
    start_s, end_s = float(series.t_s[first]), float(series.t_s[end])
    expected = float(series.expected_g[first:end].sum())
    return Hazard(
        "flat",
        start_s,
        end_s,
        end_s - start_s,
        "s",
        f"{end - first + 1} identical readings where {expected:.4g} g were to be expected; "
        + _after(series, first, end),
        "The balance or its log stood still, or no flow arrived at all. Windows within it show no flow.",
    )
