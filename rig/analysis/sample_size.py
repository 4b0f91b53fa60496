"""How many units and how long a sample, to show what is wanted; and what given numbers have shown.

Sources: C. J. Clopper and E. S. Pearson, Biometrika 26 (1934) 404 (exact binomial bounds; without failures the
success run, n = ln(1 - C) / ln R); ISO 16269-6:2014 (tolerance factors); JCGM 100:2008 (GUM), equation 10.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from rig.analysis.gravimetry import DAY_S, S_PER_H, BalanceFigures
from rig.analysis.order_statistics import confidence_between
from rig.analysis.tolerance import check_shares, one_sided_factor, two_sided_factor

MOST_UNITS = 1_000_000


def units_for_reliability(reliability: float, confidence: float, failures_allowed: int = 0) -> int:
    """Smallest number of units that shows ``reliability`` with ``confidence`` if at most so many of them fail.

    The smallest n with sum_{i ≤ f} C(n, i) (1-R)^i R^(n-i) ≤ 1 - C (Clopper and Pearson 1934); for f = 0 that is
    n = ln(1 - C) / ln R rounded up (success run). Shares of 1.

    Raises ValueError for a share not between 0 and 1, a negative number of failures, or above a million units.
    """
    check_shares(reliability=reliability, confidence=confidence)
    _check_failures(failures_allowed)
    from scipy.special import bdtr

    def shown(units: int) -> bool:
        return bool(bdtr(failures_allowed, units, 1.0 - reliability) <= (1.0 - confidence) * (1.0 + 1e-12))

    return _smallest(failures_allowed + 1, shown)


def reliability_shown(units: int, failures: int, confidence: float) -> float:
    """Reliability (share of 1) that is shown with ``confidence`` when ``failures`` of ``units`` failed.

    Lower one-sided bound of Clopper and Pearson (1934): the 1 - C quantile of beta(n - f, f + 1); (1 - C)^(1/n)
    without a failure, 0 if all failed.

    Raises ValueError for no units, more failures than units, or a confidence not between 0 and 1.
    """
    check_shares(confidence=confidence)
    _check_failures(failures)
    if not 0 < units >= failures:
        raise ValueError(f"{failures} of {units} units cannot have failed")
    if failures == units:
        return 0.0
    from scipy.special import betaincinv

    return float(betaincinv(units - failures, failures + 1, 1.0 - confidence))


def units_for_tolerance(
    expected_mean: float,
    expected_standard_deviation: float,
    low: float | None,
    high: float | None,
    coverage: float,
    confidence: float,
) -> int | None:
    """Smallest number of units whose tolerance interval fits the limits, if mean and spread are as expected.

    The smallest n with k(n) s ≤ min(high - mean, mean - low), k exact, two-sided with two limits (ISO 16269-6:2014).
    All in one unit; a missing limit is None. None if not even a million fit: the spread is too large. The plan
    says nothing of chance: with exactly this many units the interval fits in about half of the cases.

    Raises ValueError without a limit, for a spread that is not positive or a share not between 0 and 1.
    """
    check_shares(coverage=coverage, confidence=confidence)
    if low is None and high is None:
        raise ValueError("no limit to fit")
    if not expected_standard_deviation > 0.0:
        raise ValueError(f"a spread of {expected_standard_deviation:g} is not positive")
    room = min(
        math.inf if high is None else high - expected_mean, math.inf if low is None else expected_mean - low
    )
    factor = one_sided_factor if low is None or high is None else two_sided_factor

    def fits(units: int) -> bool:
        return factor(units, coverage, confidence) * expected_standard_deviation <= room

    return _smallest(2, fits) if fits(MOST_UNITS) else None


def units_for_ordered_limits(coverage: float, confidence: float, sides: int = 2) -> int:
    """Smallest number of units whose extremes are distribution-free limits (S. S. Wilks 1941).

    ``sides`` 2: from the smallest to the largest, n p^(n-1) - (n-1) p^n ≤ 1 - C; 1: up to the largest, p^n ≤ 1
    - C. Shares of 1. Raises ValueError for a share not between 0 and 1, sides other than 1 and 2, or above a
    million units.
    """
    check_shares(coverage=coverage, confidence=confidence)
    if sides not in (1, 2):
        raise ValueError(f"limits have 1 or 2 sides, not {sides}")
    return _smallest(sides, lambda units: confidence_between(units, sides, coverage) >= confidence - 1e-12)


def measuring_time_s(
    wanted_pct: float,
    rate_ml_h: float,
    density_g_ml: float,
    balance: BalanceFigures,
    *,
    evaporation_u_g_h: float = 0.0,
    relative_u_pct: float = 0.0,
    coverage_factor: float = 2.0,
) -> float | None:
    """Shortest time in s over which the mean flow has an expanded uncertainty of ``wanted_pct`` of the set rate.

    Solves (r ρ T w / k)² = 2 σ² + D² T / 24 h + (u_e T)² + (r ρ T u_r)² for T (GUM, equation 10): two readings
    with σ of the balance's repeatability and rounding, linearity at both (rectangular), the walk D of its zero
    point, and what grows with the time: ``evaporation_u_g_h`` u_e of the evaporation rate and
    ``relative_u_pct`` u_r of density, buoyancy and clock (standard uncertainties). None if these alone exceed
    what is wanted: no time is long enough.

    Raises ValueError for a wanted uncertainty, rate, density or coverage factor that is not positive.
    """
    if not (wanted_pct > 0 and rate_ml_h > 0 and density_g_ml > 0 and coverage_factor > 0):
        raise ValueError("wanted uncertainty, rate, density and coverage factor must be positive")
    flow_g_s = rate_ml_h * density_g_ml / S_PER_H
    allowed_g_s = flow_g_s * wanted_pct / 100.0 / coverage_factor
    growing_g_s = math.hypot(evaporation_u_g_h / S_PER_H, flow_g_s * relative_u_pct / 100.0)
    square = allowed_g_s**2 - growing_g_s**2
    if square <= 0.0:
        return None
    walk = balance.drift_24h_g**2 / DAY_S
    readings = 2.0 * (balance.reading_g**2 + balance.linearity_g**2 / 3.0)
    return (walk + math.sqrt(walk**2 + 4.0 * square * readings)) / (2.0 * square)


def _check_failures(failures: int) -> None:
    if failures < 0:
        raise ValueError(f"{failures} failures are none")


def _smallest(first: int, enough: Callable[[int], bool]) -> int:
    """The smallest number from ``first`` that is enough, when all larger ones are."""
    if enough(first):
        return first
    too_few, many = first, 2 * first
    while not enough(many):
        if many > MOST_UNITS:
            raise ValueError(f"more than {MOST_UNITS} units would be needed")
        too_few, many = many, 2 * many
    while many - too_few > 1:
        middle = (too_few + many) // 2
        too_few, many = (too_few, middle) if enough(middle) else (middle, many)
    return many
