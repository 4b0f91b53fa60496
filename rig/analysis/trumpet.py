"""Flow from successive weighings, mean error and the trumpet curve.

Source: IEC 60601-2-24:2012, 201.12.1: with W the mass corrected for evaporation, S the sample interval, d
the density and r the set rate, Q_i = 60 (W_i - W_(i-1)) / (S d) and, over all windows of length P, E_p(max)
and E_p(min) the largest and smallest mean of 100 (Q_i - r) / r. Here W / d is a cumulative volume in mL and
times are in s. A sum of successive Q_i is a difference of two volumes: the cumulative volume is its own
prefix sum, so no window adds up rounding errors, and results depend on differences of mass only.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rig.errors import DefinitionError

S_PER_H = 3600.0
Floats = NDArray[np.float64]

_BLOCK = 16_384  # windows looked at together
_TIE_PCT = 1e-9  # relative: rounding of volumes


@dataclass(frozen=True)
class Window:
    """The extremes of the error over all windows of one length.

    ``count`` windows were used, ``left_out`` had no reading at one end; with none used the errors are NaN.
    ``first_of_max`` and ``first_of_min`` number the first interval (from 1, as j in the standard) of the first
    window with that extreme.
    """

    window_s: float
    count: int
    error_max_pct: float
    error_min_pct: float
    first_of_max: int
    first_of_min: int
    left_out: int = 0


def intervals_in(window_s: float, sample_every_s: float) -> int:
    """How many sample intervals a window has.

    Raises DefinitionError for a window that is no whole multiple of the sample interval.
    """
    if not sample_every_s > 0:
        raise DefinitionError(f"the sample interval {sample_every_s:g} s is not positive")
    count = round(window_s / sample_every_s)
    if count < 1 or abs(window_s - count * sample_every_s) > 1e-9 * sample_every_s * count:
        raise DefinitionError(
            f"a window of {window_s / 60:g} min is no whole multiple of the sample interval, "
            f"{sample_every_s / 60:g} min"
        )
    return count


def interval_flow_ml_h(volume_ml: Floats, sample_every_s: float) -> Floats:
    """Q_i in mL/h, shape (n,), from n + 1 cumulative volumes on an even grid. NaN beside a missing volume."""
    return np.diff(volume_ml) * (S_PER_H / sample_every_s)


def mean_error_pct(volume_ml: Floats, sample_every_s: float, rate_ml_h: float) -> float:
    """A = 100 (Q - r) / r in % of the set rate, from the first and last of n + 1 cumulative volumes."""
    programmed_ml = rate_ml_h * (len(volume_ml) - 1) * sample_every_s / S_PER_H
    return 100.0 * (float(volume_ml[-1] - volume_ml[0]) - programmed_ml) / programmed_ml


def trumpet(
    volume_ml: Floats, sample_every_s: float, rate_ml_h: float, windows_s: Sequence[float]
) -> tuple[Window, ...]:
    """E_p(max) and E_p(min) in % of the set rate for each window, in the order given.

    ``volume_ml``: n + 1 cumulative volumes on an even grid; NaN where a reading is missing. There are n -
    P/S + 1 windows of length P; one without a reading at either end is left out and counted.

    Raises DefinitionError for a window that is no whole multiple of the sample interval or longer than the
    period, and for a set rate that is not positive.
    """
    lengths = _lengths(len(volume_ml) - 1, sample_every_s, rate_ml_h, windows_s)
    return tuple(
        _window(volume_ml, length, window_s, rate_ml_h * length * sample_every_s / S_PER_H)
        for length, window_s in zip(lengths, windows_s, strict=True)
    )


def _lengths(
    intervals: int, sample_every_s: float, rate_ml_h: float, windows_s: Sequence[float]
) -> list[int]:
    """Of each window, in sample intervals. Raises DefinitionError as :func:`trumpet`."""
    if not rate_ml_h > 0:
        raise DefinitionError(f"the set rate {rate_ml_h:g} mL/h is not positive")
    lengths = [intervals_in(window_s, sample_every_s) for window_s in windows_s]
    if lengths and max(lengths) > intervals:
        longest_s, period_s = max(lengths) * sample_every_s, intervals * sample_every_s
        raise DefinitionError(
            f"a window of {longest_s / 60:g} min is longer than the period analysed, {period_s / 60:g} min"
        )
    return lengths


def _window(volume: Floats, length: int, window_s: float, programmed_ml: float) -> Window:
    blocks = range(0, len(volume) - length, _BLOCK)
    highs, lows, left_out = [], [], 0
    for start in blocks:
        differences = _differences(volume, length, start)
        high, low, unknown = _extremes(differences)
        highs.append(high)
        lows.append(low)
        left_out += unknown
    count = len(volume) - length - left_out
    if not count:
        return Window(window_s, 0, math.nan, math.nan, 0, 0, left_out)
    most, least = max(highs), min(lows)
    largest = 100.0 * (most - programmed_ml) / programmed_ml
    smallest = 100.0 * (least - programmed_ml) / programmed_ml
    # Windows that are equal on paper differ by rounding; the first of them is named.
    tie = _TIE_PCT * max(1.0, abs(largest), abs(smallest)) * programmed_ml / 100.0
    first_of_max = first_of_min = 0
    if len(blocks) > 1:
        first_of_max = _BLOCK * next(number for number, high in enumerate(highs) if high >= most - tie)
        first_of_min = _BLOCK * next(number for number, low in enumerate(lows) if low <= least + tie)
        differences = _differences(volume, length, first_of_max)
    first_of_max += int((differences >= most - tie).argmax()) + 1
    if len(blocks) > 1:
        differences = _differences(volume, length, first_of_min)
    first_of_min += int((differences <= least + tie).argmax()) + 1
    return Window(window_s, count, largest, smallest, first_of_max, first_of_min, left_out)


def _differences(volume: Floats, length: int, start: int) -> Floats:
    """What each window of ``length`` intervals delivered, for one block: it stays in the processor's cache."""
    later = volume[start + length : start + length + _BLOCK]
    return later - volume[start : start + len(later)]


def _extremes(differences: Floats) -> tuple[float, float, int]:
    """Largest and smallest of one block, and how many are unknown (all: -inf, inf)."""
    largest: float = differences.item(differences.argmax())  # NaN if there is one
    if not math.isnan(largest):
        return largest, differences.item(differences.argmin()), 0
    known = differences[~np.isnan(differences)]
    return known.max(initial=-np.inf).item(), known.min(initial=np.inf).item(), len(differences) - len(known)
