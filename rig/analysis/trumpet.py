"""Flow from successive weighings, mean error and the trumpet curve.

Source: IEC 60601-2-24:2012, 201.12.1: with W the mass corrected for evaporation, S the sample interval, d
the density and r the set rate, Q_i = 60 (W_i - W_(i-1)) / (S d) and, over all windows of length P, E_p(max)
and E_p(min) the largest and smallest mean of 100 (Q_i - r) / r. Here W / d is a cumulative volume in mL and
times are in s. A sum of successive Q_i is a difference of two volumes: the cumulative volume is its own
prefix sum, so no window adds up rounding errors, and results depend on differences of mass only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rig.errors import DefinitionError

S_PER_H = 3600.0
Floats = NDArray[np.float64]


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
    if not rate_ml_h > 0:
        raise DefinitionError(f"the set rate {rate_ml_h:g} mL/h is not positive")
    return tuple(_window(volume_ml, sample_every_s, rate_ml_h, window_s) for window_s in windows_s)


def _window(volume_ml: Floats, sample_every_s: float, rate_ml_h: float, window_s: float) -> Window:
    length = intervals_in(window_s, sample_every_s)
    if length > len(volume_ml) - 1:
        raise DefinitionError(
            f"a window of {window_s / 60:g} min is longer than the period analysed, "
            f"{(len(volume_ml) - 1) * sample_every_s / 60:g} min"
        )
    programmed_ml = rate_ml_h * length * sample_every_s / S_PER_H
    error_pct = 100.0 * ((volume_ml[length:] - volume_ml[:-length]) - programmed_ml) / programmed_ml
    known = np.isfinite(error_pct)
    if not known.any():
        raise DefinitionError(f"no window of {window_s / 60:g} min has a reading at both ends")
    largest, smallest = float(np.nanmax(error_pct)), float(np.nanmin(error_pct))
    # Windows that are equal on paper differ by rounding; the first of them is named.
    tie = 1e-9 * max(1.0, abs(largest), abs(smallest))
    return Window(
        window_s=window_s,
        count=int(known.sum()),
        error_max_pct=largest,
        error_min_pct=smallest,
        first_of_max=int(np.argmax(np.where(known, error_pct >= largest - tie, False))) + 1,
        first_of_min=int(np.argmax(np.where(known, error_pct <= smallest + tie, False))) + 1,
        left_out=int((~known).sum()),
    )
