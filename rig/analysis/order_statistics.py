"""Limits without a distribution: between two of the ordered values lies a share of all units.

Sources: S. S. Wilks, Annals of Mathematical Statistics 12 (1941) 91; ISO 16269-6:2014, distribution-free
intervals. The share of a continuous population between the r-th and the s-th of n ordered values has the beta
distribution B(s - r, n - s + r + 1); on an open side r = 0 or s = n + 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rig.analysis.tolerance import check_shares

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class OrderedLimits:
    """The tightest pair of ordered values that shows the coverage; if none does, the extremes.

    ``low`` and ``high`` in the unit of the values, infinite on an open side; ``low_rank`` and ``high_rank``
    count from 1, None on an open side. ``confidence`` is that with which ``coverage`` (shares of 1) lies
    between them; ``shown`` says whether it is at least what was asked for.
    """

    low: float
    high: float
    low_rank: int | None
    high_rank: int | None
    coverage: float
    confidence: float
    shown: bool
    count: int


def confidence_between(count: int, left_out: int, coverage: float) -> float:
    """Confidence that ``coverage`` lies between ordered values with ``left_out`` of the n + 1 spacings outside.

    P(share ≥ p) = P(at most n - m values inside p) = 1 - I_p(n + 1 - m, m) for m spacings left out (Wilks
    1941): 1 for a one-sided limit at the extreme, 2 from the smallest to the largest.

    Raises ValueError unless 1 ≤ ``left_out`` ≤ ``count``, or for a share that is not between 0 and 1.
    """
    check_shares(coverage=coverage)
    if not 1 <= left_out <= count:
        raise ValueError(f"{left_out} of {count + 1} spacings cannot be left out")
    from scipy.special import betainc

    return 1.0 - float(betainc(count + 1 - left_out, left_out, coverage))


def ordered_limits(
    values: Floats, coverage: float, confidence: float, *, low: bool = True, high: bool = True
) -> OrderedLimits:
    """Distribution-free limits of ``values``, shape (n,): the r-th from below and the r-th from above.

    r is the largest that still has the confidence (Wilks 1941; ISO 16269-6:2014). Few units show little: 93 are
    needed for 95 % coverage with 95 % confidence on both sides, 59 on one.

    Raises ValueError without values, for one that is not finite, a share not between 0 and 1, or no side.
    """
    check_shares(coverage=coverage, confidence=confidence)
    if not (low or high):
        raise ValueError("limits need a side")
    sides, count = low + high, len(values)
    if count < sides or not np.isfinite(values).all():
        raise ValueError(f"limits need at least {sides} value(s), all finite")
    rank = 1
    while (rank + 1) * sides <= count and (
        confidence_between(count, (rank + 1) * sides, coverage) >= confidence
    ):
        rank += 1
    ordered = np.sort(values)
    reached = confidence_between(count, rank * sides, coverage)
    return OrderedLimits(
        low=float(ordered[rank - 1]) if low else -math.inf,
        high=float(ordered[count - rank]) if high else math.inf,
        low_rank=rank if low else None,
        high_rank=count + 1 - rank if high else None,
        coverage=coverage,
        confidence=reached,
        shown=reached >= confidence,
        count=count,
    )
