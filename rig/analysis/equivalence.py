"""Equivalence of two groups of units by two one-sided tests (TOST).

Source: D. J. Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 15 (1987) 657. Variances are not
assumed equal (B. L. Welch, Biometrika 34 (1947) 28): a difference of means is judged, and the groups may well
differ in spread.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rig.analysis.tolerance import check_shares

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Equivalence:
    """Difference of two means (first less second) against margins, in the unit of the values.

    ``p_below`` and ``p_above`` test that the difference is not above ``low``, not below ``high``; ``p`` is the
    larger. ``interval`` is the 1 - 2 ``risk`` confidence interval: inside the margins just when ``equivalent``.
    """

    difference: float
    standard_error: float
    degrees_of_freedom: float
    low: float
    high: float
    risk: float
    p_below: float
    p_above: float
    interval: tuple[float, float]

    @property
    def p(self) -> float:
        """The larger of the two, a probability without unit (Schuirmann 1987)."""
        return max(self.p_below, self.p_above)

    @property
    def equivalent(self) -> bool:
        """Both one-sided hypotheses of a difference outside the margins are rejected at ``risk`` (Schuirmann 1987)."""
        return self.p < self.risk


def equivalence(first: Floats, second: Floats, low: float, high: float, risk: float = 0.05) -> Equivalence:
    """Two one-sided tests on mean(first) - mean(second), shapes (n,) and (m,) in one unit, margins in that unit.

    t_below = (d - low) / u and t_above = (high - d) / u with u² = s1²/n + s2²/m and Welch's degrees of freedom
    (Schuirmann 1987, Welch 1947). Not being found different is no equivalence: few or scattered units show nothing.

    Raises ValueError for fewer than 2 values in a group, one that is not finite, no spread at all, margins not low <
    high or a risk not between 0 and 0.5.
    """
    check_shares(risk=2.0 * risk)
    if not low < high:
        raise ValueError(f"the margins {low:g} and {high:g} hold nothing between them")
    for values in (first, second):
        if len(values) < 2 or not np.isfinite(values).all():
            raise ValueError("each group needs at least 2 values, all finite")
    parts = [float(np.var(values, ddof=1)) / len(values) for values in (first, second)]
    error = math.sqrt(math.fsum(parts))
    if error == 0.0:
        raise ValueError("neither group has a spread: there is nothing to test against")
    groups = zip(parts, (first, second), strict=True)
    degrees = error**4 / math.fsum(part**2 / (len(values) - 1) for part, values in groups)
    difference = float(np.mean(first)) - float(np.mean(second))
    from scipy.special import stdtr, stdtrit

    reach = float(stdtrit(degrees, 1.0 - risk)) * error
    return Equivalence(
        difference=difference,
        standard_error=error,
        degrees_of_freedom=degrees,
        low=low,
        high=high,
        risk=risk,
        p_below=float(stdtr(degrees, -(difference - low) / error)),
        p_above=float(stdtr(degrees, -(high - difference) / error)),
        interval=(difference - reach, difference + reach),
    )
