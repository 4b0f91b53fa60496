"""Aliasing of pump strokes: a window that holds no whole number of strokes shows errors that the pump has not.

Source: counting. A pump that delivers one packet each stroke period τ, perfectly, puts floor(P/τ) or ceil(P/τ)
packets into a window of length P, whichever way the strokes happen to fall. The windows are those of IEC
60601-2-24:2012.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rig.analysis.trumpet import S_PER_H

Floats = NDArray[np.float64]

_WHOLE = 1e-9  # relative: rounding of lengths that are whole multiples on paper


@dataclass(frozen=True)
class StrokeWindow:
    """A window of ``window_s`` seconds with ``strokes`` stroke periods in it.

    ``error_max_pct`` and ``error_min_pct`` are the largest errors that aliasing alone can make, 0 for a whole number.
    """

    window_s: float
    strokes: float
    error_max_pct: float
    error_min_pct: float

    @property
    def whole(self) -> bool:
        """Whether the window holds a whole number of strokes."""
        return self.error_max_pct == 0.0 and self.error_min_pct == 0.0

    @property
    def worst_pct(self) -> float:
        """The larger of the two errors without its sign, in %."""
        return max(self.error_max_pct, -self.error_min_pct)


def stroke_period_s(stroke_ml: float, rate_ml_h: float) -> float:
    """Time between two strokes, 3600 v / r: 50 µL at 10 mL/h is a stroke every 18 s (by definition of the rate).

    Raises ValueError for a stroke volume or rate that is not positive.
    """
    if not (stroke_ml > 0 and rate_ml_h > 0):
        raise ValueError("stroke volume and rate must be positive")
    return S_PER_H * stroke_ml / rate_ml_h


def stroke_window(window_s: float, stroke_s: float) -> StrokeWindow:
    """What aliasing can do to one window: 100 (ceil(P/τ) τ/P - 1) and 100 (floor(P/τ) τ/P - 1) in %, by counting.

    A perfect pump with a stroke every 18 s, sampled every 30 s, shows +20 and -40 %. Strokes that are spread
    over their period, as a rotor's ripple is, make less.

    Raises ValueError for a window or stroke period that is not positive.
    """
    if not (window_s > 0 and stroke_s > 0):
        raise ValueError("window and stroke period must be positive")
    strokes = window_s / stroke_s
    if round(strokes) >= 1 and abs(strokes - round(strokes)) <= _WHOLE * strokes:
        return StrokeWindow(window_s, float(round(strokes)), 0.0, 0.0)
    return StrokeWindow(
        window_s=window_s,
        strokes=strokes,
        error_max_pct=100.0 * (math.ceil(strokes) / strokes - 1.0),
        error_min_pct=100.0 * (math.floor(strokes) / strokes - 1.0),
    )


def aliased_windows(
    stroke_s: float, sample_every_s: float, windows_s: Sequence[float], allowed_pct: float = 0.0
) -> tuple[StrokeWindow, ...]:
    """Those of the sample interval and the windows (lengths in s) that strokes can falsify by more than is allowed (%).

    In that order, by :func:`stroke_window`, which says how and what is raised.
    """
    windows = [stroke_window(length_s, stroke_s) for length_s in (sample_every_s, *windows_s)]
    return tuple(window for window in windows if window.worst_pct > allowed_pct)


def whole_stroke_window_s(
    wanted_s: float, stroke_s: float, sample_every_s: float, longest_s: float, allowed_pct: float = 0.0
) -> float | None:
    """The window of whole sample intervals nearest to ``wanted_s`` whose aliasing is within ``allowed_pct``.

    All lengths in s, by counting as in :func:`stroke_window`; of two equally near the shorter. None if none up to
    ``longest_s`` will do.

    Raises ValueError for lengths that are not positive.
    """
    if not (wanted_s > 0 and sample_every_s > 0):
        raise ValueError("wanted window and sample interval must be positive")
    lengths = (
        count * sample_every_s
        for count in range(1, math.floor(longest_s / sample_every_s * (1 + _WHOLE)) + 1)
    )
    good = [length_s for length_s in lengths if stroke_window(length_s, stroke_s).worst_pct <= allowed_pct]
    return min(good, key=lambda length_s: abs(length_s - wanted_s), default=None)


def stroke_averaged_flow_ml_h(t_s: Floats, volume_ml: Floats, stroke_s: float, strokes: int = 1) -> Floats:
    """Flow in mL/h over the whole strokes that begin at each reading, shape (m,), m readings having them inside.

    ``t_s`` (s, rising) and cumulative ``volume_ml``, shapes (n,). (V(t + kτ) - V(t)) / kτ, V between readings
    by straight lines: readings must be several a stroke, or the strokes many (definition of a mean flow).

    Raises ValueError for fewer than one stroke, a stroke period that is not positive, or a series shorter than that.
    """
    span_s = strokes * stroke_s
    if strokes < 1 or not stroke_s > 0:
        raise ValueError(f"{strokes} strokes of {stroke_s:g} s are no time to average over")
    last_s = float(t_s[-1]) + _WHOLE * span_s
    starts = t_s[t_s + span_s <= last_s]
    if len(starts) == 0:
        raise ValueError(f"the series is shorter than {strokes} strokes, {span_s:g} s")
    later = np.interp(starts + span_s, t_s, volume_ml)
    flow: Floats = (later - volume_ml[: len(starts)]) * (S_PER_H / span_s)
    return flow
