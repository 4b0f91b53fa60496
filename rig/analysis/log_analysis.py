"""Mean error, trumpet curve and start-up of a balance log from elsewhere, with all that speaks against them.

Source: IEC 60601-2-24:2012, 201.12.1.102, as in :mod:`rig.analysis.trumpet`. The mean error is the delivered
volume over the time in which the flow is known; intervals across a gap, a tare or another container are left
out and named, and no window of the trumpet reaches over them. No uncertainty is stated: nothing is known of
the balance.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import numpy as np

from rig.analysis.log_hazards import find_hazards
from rig.analysis.log_results import Block, FoundHazard, LogAnalysis
from rig.analysis.log_series import Bools, Floats, Hazard
from rig.analysis.log_windows import log_trumpet
from rig.definitions.logs.balance_log import BalanceLog
from rig.errors import DefinitionError, Where

S_PER_H = 3600.0
MIN = 60.0
START_UP_S = 7200.0  # the standard's start-up curve: the first two hours
FEWEST_INTERVALS = 3
_EVEN = 2e-5  # of an interval: rounding of times, such as of a day in eight digits
_BLOCKS = 12  # of the flow along the log
# What does not make the flow unknown, but counts in the mean error as if the pump had done it.
_COUNTED = frozenset({
    "step", "edge_step", "disturbed_reading", "stop", "reverse_flow", "surge", "low_flow", "high_flow", "flat",
    "start_up", "running_empty", "flow_stops",
})  # fmt: skip
_FOR_GOOD = frozenset({"running_empty", "flow_stops"})  # nothing behind them says anything of the pump


def analyze_log(
    log: BalanceLog,
    rate_ml_h: float,
    density_g_ml: float,
    *,
    from_s: float | None = None,
    to_s: float | None = None,
    windows_s: Sequence[float] | None = None,
    weighs: Literal["collected", "source"] = "collected",
) -> LogAnalysis:
    """Analyse the intervals whose ends lie in the closed range ``from_s`` to ``to_s`` (default: the whole log).

    ``weighs``: the balance weighs what is collected (weight rises) or the container emptied (weight falls).
    ``windows_s`` None: the standard's windows that fit the sample interval.

    Raises DefinitionError for a rate or density that is not positive, a period that is not in the log or too
    short, and a window asked for that is no whole multiple of the sample interval or longer than the period.
    """
    _check_settings(rate_ml_h, density_g_ml)
    mass_g = -log.mass_g if weighs == "source" else log.mass_g
    first, last = _period(log, from_s, to_s)
    period_s = (float(log.t_s[first]), float(log.t_s[last]))
    hazards = find_hazards(
        log.t_s, mass_g, density_g_ml, rate_ml_h, period_s=period_s, display_step_g=log.display_step_g
    )
    known = np.ones(len(log.t_s) - 1, dtype=bool)
    for hazard in hazards:
        if hazard.lost:
            known &= ~_overlap(log.t_s, hazard.start_s, hazard.end_s)
    inside = np.zeros(len(known), dtype=bool)
    inside[first:last] = True
    interval_s, even = _sample_interval(log.t_s, known & inside)
    if not even:
        hazards = (*hazards, _uneven(log.t_s, known & inside, interval_s))
    volume_ml = mass_g / density_g_ml
    segments = _segments(known, first, last)
    grids = [_grid(log.t_s, volume_ml, a, b, interval_s, even) for a, b in segments]
    windows, windows_left_out = log_trumpet(
        grids, interval_s, rate_ml_h, windows_s, period_s[1] - period_s[0], log.file
    )
    flow = _flow(log.t_s, volume_ml, known & inside)
    left_out = tuple((h.start_s, h.end_s, h.name) for h in hazards if h.lost and _touches(h, period_s))
    return LogAnalysis(
        log=log,
        rate_ml_h=rate_ml_h,
        density_g_ml=density_g_ml,
        weighs=weighs,
        interval_s=interval_s,
        even=even,
        period_s=period_s,
        intervals=int((known & inside).sum()),
        analysed_s=float(np.diff(log.t_s)[known & inside].sum()),
        delivered_ml=float(np.diff(volume_ml)[known & inside].sum()),
        flow_ml_h=flow,
        mean_error_pct=_error(flow, rate_ml_h),
        left_out=left_out,
        windows=windows,
        windows_left_out=windows_left_out,
        start_up=_start_up(log.t_s, volume_ml, known),
        along=_along(log.t_s, volume_ml, known, rate_ml_h),
        hazards=tuple(_found(h, log.t_s, volume_ml, known & inside, period_s, rate_ml_h) for h in hazards),
    )


def _check_settings(rate_ml_h: float, density_g_ml: float) -> None:
    if not rate_ml_h > 0:
        raise DefinitionError(f"the set rate must be above zero, not {rate_ml_h:g} mL/h", Where(key="--rate"))
    if not 0.5 <= density_g_ml <= 3.0:
        raise DefinitionError(
            f"a density of {density_g_ml:g} g/mL is no density of a fluid for infusion",
            Where(key="--density"),
            "water at 20 degC has 0.998 g/mL",
        )


def _period(log: BalanceLog, from_s: float | None, to_s: float | None) -> tuple[int, int]:
    """First and last reading within the closed range."""
    start, end = float(log.t_s[0]), float(log.t_s[-1])
    low, high = start if from_s is None else from_s, end if to_s is None else to_s
    slack = _EVEN * float(np.median(np.diff(log.t_s)))
    range_text = f"the log runs from {start / MIN:.6g} min to {end / MIN:.6g} min"
    for key, value in (("--from", low), ("--to", high)):
        if not start - slack <= value <= end + slack:
            raise DefinitionError(
                f"{value / MIN:.6g} min is not in the log", Where(log.file, key=key), range_text
            )
    if low >= high:
        said = f"the period ends ({high / MIN:.6g} min) before it begins ({low / MIN:.6g} min)"
        raise DefinitionError(said, Where(log.file, key="--from"))
    inside = np.flatnonzero((log.t_s >= low - slack) & (log.t_s <= high + slack))
    if len(inside) < FEWEST_INTERVALS + 1 and len(log.t_s) > FEWEST_INTERVALS:
        said = f"only {max(0, len(inside) - 1)} sample intervals lie from {low / MIN:.6g} to {high / MIN:.6g} min"
        raise DefinitionError(said, Where(log.file, key="--from"), f"at least {FEWEST_INTERVALS} are needed")
    return int(inside[0]), int(inside[-1])


def _overlap(t_s: Floats, start_s: float, end_s: float) -> Bools:
    """Intervals that share more than an end with a stretch of time."""
    overlapping: Bools = (t_s[:-1] < end_s - 1e-9) & (t_s[1:] > start_s + 1e-9)
    return overlapping


def _touches(hazard: Hazard, period_s: tuple[float, float]) -> bool:
    return hazard.start_s < period_s[1] - 1e-9 and hazard.end_s > period_s[0] + 1e-9


def _sample_interval(t_s: Floats, counted: Bools) -> tuple[float, bool]:
    """The sample interval in s, and whether all are the same but for the digits that time was written with.

    It is the mean, rounded if that changes even ones by less than those digits, uneven ones by less than 1 %.
    """
    if not counted.any():
        return float(np.median(np.diff(t_s))), True
    dt = np.diff(t_s)[counted]
    middle = float(np.median(dt))
    even = float(np.max(np.abs(dt - middle))) <= _EVEN * middle
    mean = float(np.mean(dt[dt >= 0.5 * middle]))
    slack = _EVEN if even else 0.01
    for nice in (
        float(round(mean / MIN)) * MIN,
        float(round(mean)),
        float(f"{mean:.2g}"),
        float(f"{mean:.6g}"),
    ):
        if nice > 0 and abs(nice - mean) <= slack * mean:
            return nice, even
    return mean, even


def _uneven(t_s: Floats, counted: Bools, interval_s: float) -> Hazard:
    dt = np.diff(t_s)[counted]
    worst = float(np.max(np.abs(dt - interval_s)))
    return Hazard(
        "uneven_intervals",
        float(t_s[:-1][counted][0]),
        float(t_s[1:][counted][-1]),
        worst,
        "s",
        f"sample intervals from {dt.min():.6g} s to {dt.max():.6g} s; taken as {interval_s:.6g} s",
        "The mean error uses the times as logged. For the trumpet the weight is interpolated in a straight line "
        "to even times, which blurs windows of a few intervals.",
    )


def _segments(known: Bools, first: int, last: int) -> list[tuple[int, int]]:
    """Readings (first, last) of each unbroken run of known intervals in the period."""
    runs = np.zeros(len(known) + 2, dtype=np.int8)
    runs[first + 1 : last + 1] = known[first:last]
    edges = np.flatnonzero(np.diff(runs))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def _grid(t_s: Floats, volume_ml: Floats, first: int, last: int, interval_s: float, even: bool) -> Floats:
    """Cumulative volumes of a segment at even times."""
    if even:
        return volume_ml[first : last + 1]
    count = int((t_s[last] - t_s[first]) / interval_s + 1e-9)
    times = t_s[first] + interval_s * np.arange(count + 1)
    grid: Floats = np.interp(times, t_s[first : last + 1], volume_ml[first : last + 1])
    return grid


def _flow(t_s: Floats, volume_ml: Floats, counted: Bools) -> float | None:
    """Mean flow in mL/h over the intervals counted."""
    if not counted.any():
        return None
    return float(np.diff(volume_ml)[counted].sum() / np.diff(t_s)[counted].sum()) * S_PER_H


def _error(flow_ml_h: float | None, rate_ml_h: float) -> float | None:
    return None if flow_ml_h is None else 100.0 * (flow_ml_h - rate_ml_h) / rate_ml_h


def _start_up(t_s: Floats, volume_ml: Floats, known: Bools) -> tuple[tuple[float, float], ...]:
    """Flow of every known interval of the first two hours."""
    flow = np.diff(volume_ml) / np.diff(t_s) * S_PER_H
    early = known & (t_s[1:] <= t_s[0] + START_UP_S + 1e-6)
    return tuple((float(t), float(q)) for t, q in zip(t_s[1:][early], flow[early], strict=True))


def _along(t_s: Floats, volume_ml: Floats, known: Bools, rate_ml_h: float) -> tuple[Block, ...]:
    """The log in a dozen parts of equal numbers of intervals."""
    ends = np.unique(np.linspace(0, len(t_s) - 1, _BLOCKS + 1).round().astype(int))
    blocks = []
    for a, b in pairwise(ends.tolist()):
        counted = np.zeros(len(known), dtype=bool)
        counted[a:b] = known[a:b]
        flow = _flow(t_s, volume_ml, counted)
        blocks.append(Block(float(t_s[a]), float(t_s[b]), flow, _error(flow, rate_ml_h)))
    return tuple(blocks)


def _found(
    hazard: Hazard,
    t_s: Floats,
    volume_ml: Floats,
    counted: Bools,
    period_s: tuple[float, float],
    rate_ml_h: float,
) -> FoundHazard:
    in_period = _touches(hazard, period_s)
    without = None
    if in_period and hazard.name in _COUNTED:
        end_s = float(t_s[-1]) if hazard.name in _FOR_GOOD else hazard.end_s
        rest = counted & ~_overlap(t_s, hazard.start_s, end_s)
        without = _error(_flow(t_s, volume_ml, rest), rate_ml_h)
    return FoundHazard(hazard, in_period, without)
