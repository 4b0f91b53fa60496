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

    ``count`` windows were used, ``left_out`` had no reading at one end. ``first_of_max`` and
    ``first_of_min`` number the first interval (from 1, as j in the standard) of the first window with that
    extreme.
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
    period, for a set rate that is not positive, and if no window has both readings.
    """
    lengths = _lengths(len(volume_ml) - 1, sample_every_s, rate_ml_h, windows_s)
    return tuple(
        _window(volume_ml, length, window_s, rate_ml_h * length * sample_every_s / S_PER_H)
        for length, window_s in zip(lengths, windows_s, strict=True)
    )


def trumpet_of_counts(
    counts: NDArray[np.int64],
    step_ml: float,
    sample_every_s: float,
    rate_ml_h: float,
    windows_s: Sequence[float],
) -> tuple[Window, ...]:
    """The same from cumulative whole steps of a display (or strokes), each of ``step_ml``: exact to the last digit.

    ``counts``: shape (n + 1,), on an even grid, none missing. Differences of whole numbers are exact, so equal windows
    are equal and the first of them is named, however long the series (IEC 60601-2-24:2012, 201.12.1).

    Raises DefinitionError as :func:`trumpet`, ValueError for a step that is not positive.
    """
    if not step_ml > 0:
        raise ValueError(f"a step of {step_ml:g} mL is not positive")
    narrow = _narrowed(counts)
    windows = []
    for length, window_s in zip(
        _lengths(len(counts) - 1, sample_every_s, rate_ml_h, windows_s), windows_s, strict=True
    ):
        most, first_of_max, least, first_of_min = _whole_extremes(narrow, length)
        programmed_ml = rate_ml_h * length * sample_every_s / S_PER_H
        windows.append(
            Window(
                window_s,
                len(counts) - length,
                100.0 * (most * step_ml - programmed_ml) / programmed_ml,
                100.0 * (least * step_ml - programmed_ml) / programmed_ml,
                first_of_max + 1,
                first_of_min + 1,
            )
        )
    return tuple(windows)


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


def _narrowed(counts: NDArray[np.int64]) -> NDArray[np.int32] | NDArray[np.int64]:
    """From zero on, in half the bytes where every difference fits in them: half the time for long series."""
    least = counts.min()
    if int(counts.max()) - int(least) < 1 << 31:
        narrow: NDArray[np.int32] = (counts - least).astype(np.int32)
        return narrow
    return counts


def _whole_extremes(counts: NDArray[np.int32] | NDArray[np.int64], length: int) -> tuple[int, int, int, int]:
    """Largest and smallest of what windows of ``length`` counted, each followed by the number of the first such."""
    most = least = first_of_max = first_of_min = -1
    for start in range(0, len(counts) - length, _BLOCK):
        later = counts[start + length : start + length + _BLOCK]
        differences = later - counts[start : start + len(later)]
        high, low = differences.argmax(), differences.argmin()
        highest, lowest = differences.item(high), differences.item(low)
        if highest > most or not start:
            most, first_of_max = highest, start + int(high)
        if lowest < least or not start:
            least, first_of_min = lowest, start + int(low)
    return most, first_of_max, least, first_of_min


def _window(volume: Floats, length: int, window_s: float, programmed_ml: float) -> Window:
    highs, lows, left_out = [], [], 0
    for start in range(0, len(volume) - length, _BLOCK):
        differences = _differences(volume, length, start)
        high, low, unknown = _extremes(differences)
        highs.append(high)
        lows.append(low)
        left_out += unknown
    if left_out == len(volume) - length:
        raise DefinitionError(f"no window of {window_s / 60:g} min has a reading at both ends")
    most, least = max(highs), min(lows)
    largest = 100.0 * (most - programmed_ml) / programmed_ml
    smallest = 100.0 * (least - programmed_ml) / programmed_ml
    # Windows that are equal on paper differ by rounding; the first of them is named.
    tie = _TIE_PCT * max(1.0, abs(largest), abs(smallest)) * programmed_ml / 100.0
    at_most = _BLOCK * next(number for number, high in enumerate(highs) if high >= most - tie)
    at_least = _BLOCK * next(number for number, low in enumerate(lows) if low <= least + tie)

    def block(at: int) -> Floats:
        return differences if at == start else _differences(volume, length, at)

    return Window(
        window_s=window_s,
        count=len(volume) - length - left_out,
        error_max_pct=largest,
        error_min_pct=smallest,
        first_of_max=at_most + int((block(at_most) >= most - tie).argmax()) + 1,
        first_of_min=at_least + int((block(at_least) <= least + tie).argmax()) + 1,
        left_out=left_out,
    )


def _differences(volume: Floats, length: int, start: int) -> Floats:
    """What each window of ``length`` intervals delivered, for one block: it stays in the processor's cache."""
    later = volume[start + length : start + length + _BLOCK]
    return later - volume[start : start + len(later)]


def _extremes(differences: Floats) -> tuple[float, float, int]:
    """Largest and smallest of one block, and how many are unknown (all: -inf, inf)."""
    largest: float = differences[differences.argmax()].item()  # NaN if there is one
    if not math.isnan(largest):
        return largest, differences[differences.argmin()].item(), 0
    known = differences[~np.isnan(differences)]
    return known.max(initial=-np.inf).item(), known.min(initial=np.inf).item(), len(differences) - len(known)
