"""The start-up curve: flow against time from the start, and when it has settled.

Source: IEC 60601-2-24:2012, 201.12.1.102 (Q_i against time over the stabilisation period).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rig.analysis.trumpet import S_PER_H, interval_flow_ml_h

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class StartUp:
    """Flow of each sample interval from the start, shapes (n,): ``end_s`` of the interval and ``flow_ml_h``.

    ``settled_s`` is the end of the last interval outside the band about the set rate, 0 if none is, None if the last
    one is: it never settled. ``deficit_ml`` is what had been programmed but not delivered by then (by the end if it
    never settled), negative if too much was.
    """

    end_s: Floats
    flow_ml_h: Floats
    settled_s: float | None
    deficit_ml: float


def start_up(volume_ml: Floats, sample_every_s: float, rate_ml_h: float, band_pct: float) -> StartUp:
    """Start-up curve from n + 1 cumulative volumes in mL on an even grid, the first at the start (IEC 60601-2-24).

    ``band_pct``: how far from the set rate a settled flow may be, in % of it. An interval without a reading at either
    end (NaN) is neither inside nor outside.

    Raises ValueError for fewer than two volumes, an interval, rate or band that is not positive, or no flow known.
    """
    if len(volume_ml) < 2 or not (sample_every_s > 0 and rate_ml_h > 0 and band_pct > 0):
        raise ValueError("a start-up curve needs two volumes, and an interval, a rate and a band above zero")
    flow = interval_flow_ml_h(volume_ml, sample_every_s)
    end_s: Floats = sample_every_s * np.arange(1.0, len(volume_ml))
    known = np.flatnonzero(np.isfinite(flow))
    if len(known) == 0:
        raise ValueError("no interval has a reading at both ends")
    outside = known[np.abs(flow[known] - rate_ml_h) > rate_ml_h * band_pct / 100.0]
    settled = int(outside[-1]) + 1 if len(outside) else 0
    never = settled == int(known[-1]) + 1
    by = int(known[-1]) + 1 if never else settled
    elapsed_s = sample_every_s * by
    return StartUp(
        end_s=end_s,
        flow_ml_h=flow,
        settled_s=None if never else elapsed_s,
        deficit_ml=rate_ml_h * elapsed_s / S_PER_H - float(volume_ml[by] - volume_ml[0]),
    )
