"""Tolerance intervals of a normal population: where a share of all units lies, with a stated confidence.

Sources: ISO 16269-6:2014; K. Krishnamoorthy and T. Mathew, Statistical Tolerance Regions (2009), sections 2.2
(one-sided) and 2.3 (two-sided). Both factors are exact; Howe's closed form (1969), which is lower by some 0.3
%, is not offered.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_NODES = 96
_FURTHEST = 9.0  # standard errors of the mean: beyond them lies 2e-19 of the probability


@dataclass(frozen=True)
class ToleranceInterval:
    """``mean`` ± ``factor`` · ``standard_deviation`` of ``count`` values, in their unit.

    ``low`` or ``high`` is infinite on the open side of a one-sided interval. At least ``coverage`` of the
    population lies inside with ``confidence`` (both as shares of 1), if it is normal.
    """

    low: float
    high: float
    factor: float
    coverage: float
    confidence: float
    count: int
    mean: float
    standard_deviation: float


def check_shares(**shares: float) -> None:
    """Raises ValueError, naming it, for a share (of 1, no unit) that is not between 0 and 1."""
    for name, value in shares.items():
        if not 0.0 < value < 1.0:
            raise ValueError(f"{name} {value} is not between 0 and 1")


def two_sided_factor(count: int, coverage: float, confidence: float) -> float:
    """Exact k of mean ± k s for ``count`` values (Krishnamoorthy and Mathew 2009, equation 1.2.4; ISO 16269-6:2014,
    annex F).

    k solves 2 ∫ φ(z) P(χ²_ν ≥ ν r(z)² / k²) dz = confidence over z from 0 to infinity, ν = n - 1, where r(z) is
    the half width that holds ``coverage`` about a centre off by z/sqrt(n): r² is that quantile of the noncentral
    χ² with 1 degree of freedom and noncentrality z²/n. Gauss-Legendre quadrature; error below 1e-8.

    Raises ValueError for fewer than 2 values or a share that is not between 0 and 1.
    """
    _check(count, coverage, confidence)
    from scipy.optimize import brentq
    from scipy.special import chndtrix, gammaincc

    z, density = _quadrature()
    nu = count - 1
    needed = nu / 2.0 * chndtrix(coverage, 1.0, z**2 / count)

    def beyond(log_k: float) -> float:
        """Confidence that a factor has, less that which is asked for."""
        return float(density @ gammaincc(nu / 2.0, needed * math.exp(-2.0 * log_k))) - confidence

    low = high = math.log(NormalDist().inv_cdf((1.0 + coverage) / 2.0))
    while beyond(low) > 0.0:
        low -= 1.0
    while beyond(high) < 0.0:
        high += 1.0
    return math.exp(float(brentq(beyond, low, high, xtol=1e-13)))


@functools.cache
def _quadrature() -> tuple[Floats, Floats]:
    """Nodes z, and weights that make a sum over them the mean over |z| of a normal z."""
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    z = (nodes + 1.0) * _FURTHEST / 2.0
    return z, weights * _FURTHEST * np.exp(-(z**2) / 2.0) / math.sqrt(2.0 * math.pi)


def one_sided_factor(count: int, coverage: float, confidence: float) -> float:
    """Exact k of mean + k s (or mean - k s) for ``count`` values.

    k = t(confidence; n - 1, z_coverage sqrt(n)) / sqrt(n), a quantile of the noncentral t (Krishnamoorthy and
    Mathew 2009, section 2.2).

    Raises ValueError for fewer than 2 values or a share that is not between 0 and 1.
    """
    _check(count, coverage, confidence)
    from scipy.stats import nct

    noncentrality = NormalDist().inv_cdf(coverage) * math.sqrt(count)
    return float(nct.ppf(confidence, count - 1, noncentrality)) / math.sqrt(count)


def tolerance_interval(
    values: Floats, coverage: float, confidence: float, *, low: bool = True, high: bool = True
) -> ToleranceInterval:
    """Tolerance interval of ``values``, shape (n,) in any unit: two-sided, or only ``low`` or only ``high``.

    ISO 16269-6:2014, mean and variance unknown, with the exact factors of this module.

    Raises ValueError for fewer than 2 values, one that is not finite, a share not between 0 and 1, or no side.
    """
    if not (low or high):
        raise ValueError("a tolerance interval needs a side")
    if not np.isfinite(values).all():
        raise ValueError("a value is not finite")
    count = len(values)
    factor = (two_sided_factor if low and high else one_sided_factor)(count, coverage, confidence)
    mean, spread = float(np.mean(values)), float(np.std(values, ddof=1))
    return ToleranceInterval(
        low=mean - factor * spread if low else -math.inf,
        high=mean + factor * spread if high else math.inf,
        factor=factor,
        coverage=coverage,
        confidence=confidence,
        count=count,
        mean=mean,
        standard_deviation=spread,
    )


def _check(count: int, coverage: float, confidence: float) -> None:
    if count < 2:
        raise ValueError(f"{count} value(s) have no spread: a tolerance factor needs at least 2")
    check_shares(coverage=coverage, confidence=confidence)
