"""Process capability: how many spreads fit between the mean and the nearer limit, and how sure that is.

Sources: ISO 22514-2 (definition of Cpk); A. F. Bissell, How reliable is your capability index?, Applied Statistics 39
(1990) 331 (its lower confidence bound).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from rig.analysis.tolerance import check_shares

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Capability:
    """Cpk of ``count`` values and the bound above which it lies with ``confidence``.

    ``mean`` and ``standard_deviation`` in the unit of the values; the indices have none.
    """

    cpk: float
    lower_bound: float
    confidence: float
    count: int
    mean: float
    standard_deviation: float


def capability(values: Floats, low: float | None, high: float | None, confidence: float = 0.95) -> Capability:
    """Cpk = min(high - mean, mean - low) / (3 s) of ``values``, shape (n,), limits in their unit (None: no limit).

    One-sided lower bound (Bissell 1990): Cpk - z sqrt(1 / (9 n) + Cpk² / (2 (n - 1))), z the normal quantile of
    ``confidence``; an approximation, for normal values. Cpk is negative with the mean outside.

    Raises ValueError without a limit, for fewer than 2 values, a value not finite, or values without spread.
    """
    check_shares(confidence=confidence)
    if low is None and high is None:
        raise ValueError("no limit to be capable of")
    count = len(values)
    if count < 2 or not np.isfinite(values).all():
        raise ValueError("a capability needs at least 2 values, all finite")
    mean, spread = float(np.mean(values)), float(np.std(values, ddof=1))
    if spread == 0.0:
        raise ValueError("the values are all the same: they have no capability index")
    margin = min(math.inf if high is None else high - mean, math.inf if low is None else mean - low)
    cpk = margin / (3.0 * spread)
    doubt = math.sqrt(1.0 / (9.0 * count) + cpk**2 / (2.0 * (count - 1)))
    bound = cpk - NormalDist().inv_cdf(confidence) * doubt
    return Capability(cpk, bound, confidence, count, mean, spread)
