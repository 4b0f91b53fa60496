"""Sudden changes in a balance log: missing readings, tares and container changes, bumps, single wrong readings."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rig.analysis.log_series import Floats, Hazard, Series, local_rest, scatter

_SIGNIFICANT = 6.0  # scatters; a normal variable is there once in 5e8
_LONGEST = 4  # intervals; what lasts longer is a change of flow
_SIDE = 10  # intervals on either side whose flow is compared
_FILTER_SIDE = 12  # readings on either side for a small step
_STANDING = 0.25  # of the usual flow
_IMMATERIAL = 1e-3  # of a usual interval's mass
_FEWEST_ALIKE, _ALIKE = 2, 0.25
_LARGE = 5.0  # usual intervals' mass: no bump, but another container or a tare


@dataclass(frozen=True)
class _Jump:
    first: int  # intervals first..last, inclusive
    last: int
    net_g: float
    largest_g: float


def find_gaps(series: Series) -> list[Hazard]:
    """Intervals longer than 1.5 sample intervals."""
    gaps = []
    dt, dm = np.diff(series.t_s), np.diff(series.mass_g)
    for index in np.flatnonzero(~series.known):
        start, end = float(series.t_s[index]), float(series.t_s[index + 1])
        expected = float(series.expected_g[index])
        missing = round(dt[index] / series.interval_s) - 1
        usual = expected * series.interval_s / float(dt[index])
        as_one = missing >= 2 and abs(float(dm[index]) - usual) < 0.5 * usual
        gaps.append(
            Hazard(
                "gap",
                start,
                end,
                end - start,
                "s",
                f"about {missing} reading{'s' if missing != 1 else ''} missing; across the gap the weight changed by "
                f"{dm[index]:.4g} g where the flow around it makes {expected:.4g} g",
                (
                    "The clock was set forward, or nothing flowed meanwhile. "
                    if as_one
                    else "The log did not record. "
                )
                + "Whatever happened in between is unknown; the interval is left out.",
                lost=True,
            )
        )
    return gaps


def find_jumps(series: Series) -> tuple[list[Hazard], Series]:
    """Jumps of the weight with the same flow before and after, and the series with them taken out."""
    dt, dm = np.diff(series.t_s), np.diff(series.mass_g)
    rest = np.where(series.known, local_rest(dm, dt), 0.0)
    threshold = max(_SIGNIFICANT * series.noise_g, 3.0 * series.resolution_g, 1.5 * series.packet_g)
    hazards: list[Hazard] = []
    known, mended = series.known.copy(), dm.copy()
    for first, last in _clusters(np.abs(rest) > threshold):
        inside = rest[first : last + 1]
        jump = _Jump(first, last, float(inside.sum()), float(inside[np.argmax(np.abs(inside))]))
        if last - first + 1 > _LONGEST or _is_change_of_flow(
            inside, dm[first : last + 1], dt[first : last + 1]
        ):
            continue
        hazard = _named(series, jump, dm)
        hazards.append(hazard)
        if hazard.name != "edge_step":  # left to start-up and running empty
            mended[first : last + 1] -= inside
        if hazard.lost:
            known[first : last + 1] = False
    hazards = _together(series, hazards)
    expected = series.expected_g
    gap = ~series.known
    mended[gap] = expected[gap]
    return hazards, replace(series, known=known, mended_g=_summed(series.mass_g[0], mended))


def _together(series: Series, hazards: list[Hazard]) -> list[Hazard]:
    """Small steps that are all of one size are no bumps: a stroke or drop more or less in an interval."""
    steps = [h for h in hazards if h.name in ("step", "disturbed_reading", "edge_step")]
    sizes = np.abs([step.size for step in steps])
    if len(steps) < _FEWEST_ALIKE or float(np.median(sizes)) > series.typical_g:
        return hazards
    lump_g = float(np.median(sizes))
    if float(np.max(np.abs(sizes - lump_g))) > max(_ALIKE * lump_g, 4.0 * series.noise_g):
        return hazards
    lumps = quantised(series, lump_g, f"{len(steps)} times an interval brings a lump more or less")
    return [lumps, *(hazard for hazard in hazards if hazard not in steps)]


def quantised(series: Series, lump_g: float, how: str) -> Hazard:
    """Mass that comes in lumps."""
    share = 100.0 * lump_g / series.typical_g
    return Hazard(
        "quantised",
        float(series.t_s[0]),
        float(series.t_s[-1]),
        lump_g,
        "g",
        f"{how}: about {lump_g:.3g} g, {share:.3g} % of one sample interval's mass",
        "Drops at the outlet, strokes of the pump, or sampling that beats with them. Short windows of the trumpet "
        "show the lumps; take windows of whole strokes, and submerge the outlet.",
    )


def find_small_steps(series: Series) -> tuple[list[Hazard], Series]:
    """Steps too small to show in one interval: two parallel lines fitted to the readings on either side."""
    side = _FILTER_SIDE
    if len(series.mended_g) < 6 * side or series.packet_g:
        return [], series
    t, m = series.t_s, series.mended_g
    windows = np.lib.stride_tricks.sliding_window_view(m - series.trend.level_g_s * (t - t[0]), 2 * side)
    size = windows @ _step_filter(side)
    whole = np.lib.stride_tricks.sliding_window_view(series.known, 2 * side - 1).all(axis=1)
    if whole.sum() < 4 * side:
        return [], series
    noise = max(scatter(size[whole]), 0.3 * series.resolution_g, _IMMATERIAL * series.typical_g)
    hazards: list[Hazard] = []
    mended = np.diff(m)
    left = np.where(whole, np.abs(size), 0.0)
    while True:
        place = int(np.argmax(left))
        if left[place] <= _SIGNIFICANT * noise:
            break
        left[max(0, place - 2 * side) : place + 2 * side + 1] = 0.0
        interval = place + side - 1
        before = (m[interval] - m[place]) / (t[interval] - t[place])
        after = (m[place + 2 * side - 1] - m[interval + 1]) / (t[place + 2 * side - 1] - t[interval + 1])
        if abs(after - before) * side * series.interval_s > abs(size[place]):
            continue  # the flow changed there: not a bump
        mended[interval] -= size[place]
        hazards.append(_step(series, _Jump(interval, interval, float(size[place]), float(size[place]))))
    return hazards, replace(series, mended_g=_summed(m[0], mended))


def _step_filter(side: int) -> Floats:
    """Weights that give the least-squares step between two parallel lines through 2 x ``side`` even readings."""
    place = np.arange(2 * side) - (side - 0.5)
    design = np.column_stack([np.ones(2 * side), place, np.where(place > 0, 1.0, 0.0)])
    weights: Floats = np.linalg.pinv(design)[2]
    return weights


def _clusters(flagged: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and last index of each group of flagged intervals; one unflagged between them joins."""
    groups: list[tuple[int, int]] = []
    for index in np.flatnonzero(flagged).tolist():
        if groups and index - groups[-1][1] <= 2:
            groups[-1] = (groups[-1][0], index)
        else:
            groups.append((index, index))
    return groups


def _is_change_of_flow(rest: Floats, dm: Floats, dt: Floats) -> bool:
    """Several intervals to the same side, none of them outstanding: the flow itself, not the balance."""
    same_side = bool(np.all(rest > 0) or np.all(rest < 0))
    return len(rest) > 1 and same_side and float(np.max(np.abs(rest))) < 0.8 * abs(float(rest.sum()))


def _named(series: Series, jump: _Jump, dm: Floats) -> Hazard:
    fall = float(dm[jump.first : jump.last + 1].sum())
    threshold = _SIGNIFICANT * series.noise_g
    if jump.last > jump.first and abs(jump.net_g) < 0.3 * abs(jump.largest_g):
        return _wrong_reading(series, jump)
    if _catches_up(series, jump, dm):
        return _step(series, jump)
    if abs(jump.net_g) > max(_LARGE * series.typical_g, threshold) or fall < -threshold:
        return _container(series, jump, fall)
    if jump.first == 0 or jump.last == len(dm) - 1:
        return _edge(series, jump, dm)
    return _step(series, jump)


def _catches_up(series: Series, jump: _Jump, dm: Floats) -> bool:
    """Whether a rise only makes up for a stretch without flow just before it: a balance that stood still, a bubble."""
    flowing = np.flatnonzero(dm[: jump.first] > _STANDING * series.expected_g[: jump.first])
    stood = int(flowing[-1]) + 1 if len(flowing) else 0
    missing = float(series.expected_g[stood : jump.first].sum() - dm[stood : jump.first].sum())
    return jump.first - stood >= 2 and 0.2 * missing < jump.net_g < 1.5 * missing


def _container(series: Series, jump: _Jump, change_g: float) -> Hazard:
    before, after = float(series.mass_g[jump.first]), float(series.mass_g[jump.last + 1])
    zeroed = abs(after) <= max(2 * series.typical_g, 10 * series.noise_g) and abs(before) > abs(after)
    return Hazard(
        "tare" if zeroed else "container_change",
        float(series.t_s[jump.first]),
        float(series.t_s[jump.last + 1]),
        change_g,
        "g",
        f"weight goes from {before:.6g} g to {after:.6g} g at once, {_flows(series, jump)}",
        ("The balance was set to zero. " if zeroed else "The container was changed, emptied or lifted. ")
        + "What was delivered meanwhile is unknown; the interval is left out.",
        lost=True,
    )


def _wrong_reading(series: Series, jump: _Jump) -> Hazard:
    return Hazard(
        "disturbed_reading",
        float(series.t_s[jump.first]),
        float(series.t_s[jump.last + 1]),
        jump.largest_g,
        "g",
        f"weight is off by {jump.largest_g:+.4g} g and comes back within {jump.last - jump.first + 1} intervals",
        "Draught, touch or an unstable reading; or a bubble, flow missing and made up for at once. The mean is "
        "unharmed unless a limit of the period lies there; short windows show it as flow.",
    )


def _step(series: Series, jump: _Jump) -> Hazard:
    return Hazard(
        "step",
        float(series.t_s[jump.first]),
        float(series.t_s[jump.last + 1]),
        jump.net_g,
        "g",
        f"weight jumps by {jump.net_g:+.4g} g, {_flows(series, jump)}",
        "The balance was bumped, a drop fell or clung, or something touched the container; or flow was missing or in "
        "excess within one sample interval. It counts in full in the mean error.",
    )


def _edge(series: Series, jump: _Jump, dm: Floats) -> Hazard:
    """A first or last interval unlike the rest: nothing on its other side tells a step from flow."""
    brought = float(dm[jump.first : jump.last + 1].sum())
    place = "first" if jump.first == 0 else "last"
    return Hazard(
        "edge_step",
        float(series.t_s[jump.first]),
        float(series.t_s[jump.last + 1]),
        jump.net_g,
        "g",
        f"the {place} interval brings {brought:.4g} g, {jump.net_g:+.4g} g off the flow beside it",
        f"The {place} reading is disturbed, or delivery {'began' if place == 'first' else 'ended'} within the "
        "interval. It counts in full in the mean error: take the period one reading shorter.",
    )


def _flows(series: Series, jump: _Jump) -> str:
    """Flow on both sides, in % of the usual."""
    level = series.trend.level_g_s
    sides = []
    for start, end in (
        (max(0, jump.first - _SIDE), jump.first),
        (jump.last + 1, min(len(series.t_s) - 1, jump.last + 1 + _SIDE)),
    ):
        if end > start:
            flow = (series.mass_g[end] - series.mass_g[start]) / (series.t_s[end] - series.t_s[start])
            sides.append(f"{100 * flow / level:.0f} %")
    return "with a flow of " + " of the usual before and ".join(sides) + (" after" if len(sides) == 2 else "")


def _summed(start: float, dm: Floats) -> Floats:
    return np.concatenate([[start], start + np.cumsum(dm)])
