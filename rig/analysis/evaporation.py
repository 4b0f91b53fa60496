"""What evaporates from the vessel: the slope of a blank by least squares that know how a balance errs, and two blanks.

Sources: the gravimetric micro-flow practice of the European metrology institutes (EMPIR 18HLT08 MeDD II), in which it
is weighed with the pump stopped, before and after; JCGM 100:2008, 4.2 for what the scatter of readings says.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rig.analysis.gravimetry import DAY_S, DOUBT, S_PER_H, BalanceFigures
from rig.errors import DefinitionError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Slope:
    """A rate of change of the reading with its standard uncertainty, at ``t_s`` (the middle of its
    readings).

    ``excess`` is the factor by which the scatter of the residuals exceeds what the stated figures explain,
    1 if they explain it; the standard uncertainty already contains it.
    """

    t_s: float
    rate_g_h: float
    standard_uncertainty_g_h: float
    degrees_of_freedom: float
    excess: float = 1.0


def slope(t_s: Floats, mass_g: Floats, balance: BalanceFigures) -> Slope:
    """Rate of change of n readings, shapes (n,) in s and g, by least squares that know how the balance
    errs.

    Readings of a balance whose zero point walks are not independent: ordinary least squares would give a
    slope whose residuals look three times better than it is, because the walk hides in the slope. So the
    readings are weighted with the inverse of their covariance, C_ij = reading² [i = j] + drift² min(t_i,
    t_j) / 24 h (Aitken's generalised least squares; C.R. Rao, Linear Statistical Inference, 4a). With no
    drift it is the ordinary straight line; with nothing but drift it is end point minus end point, u =
    drift / sqrt(T · 24 h). (An ordinary line through a pure walk would have u = sqrt(6/5) of that.)

    The residuals are the type A evidence: if their weighted sum of squares is improbably large (below 0.1 %
    by chi-square), u is enlarged by the root of their mean square with n - 2 degrees of freedom; so it is,
    whatever they are, when no figure of noise is stated.

    Raises DefinitionError for fewer than three readings or if all are of one moment.
    """
    count = len(t_s)
    if count < 3 or float(np.ptp(t_s)) <= 0.0:
        raise DefinitionError(f"a rate cannot be had from {count} reading(s): at least three, apart in time")
    middle_s = float(t_s[0] + t_s[-1]) / 2
    hours = (t_s - middle_s) / S_PER_H
    since_first_s = t_s - t_s[0]
    stated = balance.reading_g > 0
    noise_g = balance.reading_g if stated else 1.0
    drift_g2_s = balance.drift_24h_g**2 / DAY_S if stated else 0.0
    covariance = noise_g**2 * np.eye(count) + drift_g2_s * np.minimum.outer(since_first_s, since_first_s)
    whitening = np.linalg.inv(np.linalg.cholesky(covariance))
    design = whitening @ np.column_stack([np.ones(count), hours])
    # The first reading is subtracted: on a loaded balance the offset is large, the changes are small.
    observed = whitening @ (mass_g - mass_g[0])
    normal_inverse = np.linalg.inv(design.T @ design)
    estimate = normal_inverse @ (design.T @ observed)
    squares = float(np.sum((observed - design @ estimate) ** 2))
    rate_u = math.sqrt(float(normal_inverse[1, 1]))
    excess, degrees = 1.0, math.inf
    is_scattered = (
        squares > count - 2 and _chi_square_above(squares, count - 2) < DOUBT
    )  # below its mean never
    if not stated or is_scattered:
        scatter = math.sqrt(squares / (count - 2))
        rate_u, degrees = rate_u * scatter, float(count - 2)
        excess = scatter if stated else 1.0
    return Slope(middle_s, float(estimate[1]), rate_u, degrees, excess)


def _chi_square_above(value: float, degrees: int) -> float:
    from scipy.special import chdtrc

    return float(chdtrc(degrees, value))


@dataclass(frozen=True)
class Evaporation:
    """Loss from the vessel between two blanks, as display of the balance. Rates are positive for a loss.

    :meth:`changed_g_h` is the part of the difference between the blanks that neither their own uncertainty
    nor known cycles explain, sqrt(max(0, difference² - u²)).
    """

    before: Slope
    after: Slope

    def changed_g_h(self, variation: float = 0.0) -> float:
        """What changed between the blanks; ``variation`` is the amplitude of known cycles, a share of the rate.

        The difference of two moments of a cycle has the variance of its amplitude squared.
        """
        difference = self.after.rate_g_h - self.before.rate_g_h
        explained = (
            self.before.standard_uncertainty_g_h**2
            + self.after.standard_uncertainty_g_h**2
            + (variation * self.mean_g_h) ** 2
        )
        return math.sqrt(max(0.0, difference**2 - explained))

    @property
    def mean_g_h(self) -> float:
        """Mean of the two blanks, as an amount."""
        return abs(self.before.rate_g_h + self.after.rate_g_h) / 2

    def _weight_after(self, t_s: float | Floats) -> Floats:
        """0 at the first blank, 1 at the second, linear between, constant outside."""
        span_s = self.after.t_s - self.before.t_s
        return np.asarray(np.clip((np.asarray(t_s) - self.before.t_s) / span_s, 0.0, 1.0), dtype=np.float64)

    def rate_g_h(self, t_s: float | Floats) -> Floats:
        """Rate in g/h at a time, or at each of several, shape (n,), interpolated between the blanks."""
        weight = self._weight_after(t_s)
        return -((1 - weight) * self.before.rate_g_h + weight * self.after.rate_g_h)

    def lost_g(self, t_s: Floats) -> Floats:
        """What evaporated since the first of the times, shape (n,); the rate is linear, so trapezia are
        exact.
        """
        rate = self.rate_g_h(t_s)
        lost = np.zeros(len(t_s))
        lost[1:] = np.cumsum((rate[1:] + rate[:-1]) / 2 * np.diff(t_s)) / S_PER_H
        return lost

    def interpolated_u_g_h(self, t_s: float) -> float:
        """Standard uncertainty of the interpolated rate, from the two slopes."""
        weight = float(self._weight_after(t_s))
        return math.hypot(
            (1 - weight) * self.before.standard_uncertainty_g_h, weight * self.after.standard_uncertainty_g_h
        )

    def interpolated_degrees_of_freedom(self, t_s: float) -> float:
        """Its degrees of freedom (Welch-Satterthwaite over the two slopes)."""
        weight = float(self._weight_after(t_s))
        parts = (
            ((1 - weight) * self.before.standard_uncertainty_g_h, self.before.degrees_of_freedom),
            (weight * self.after.standard_uncertainty_g_h, self.after.degrees_of_freedom),
        )
        denominator = math.fsum(u**4 / degrees for u, degrees in parts)
        return self.interpolated_u_g_h(t_s) ** 4 / denominator if denominator else math.inf

    def change_u_g_h(self, variation: float = 0.0) -> float:
        """Standard uncertainty because the rate need not have changed evenly: rectangular, between the two
        blanks. ``variation`` is a share of the rate.
        """
        return self.changed_g_h(variation) / 2 / math.sqrt(3)

    def cycle_u_g_h(self, variation: float) -> float:
        """Standard uncertainty because evaporation cycles, in phases unknown at both blanks and between them.

        ``variation`` is their amplitude as a share of it. Arc sine (JCGM 101:2008, 6.4.6), amplitude / sqrt 2
        at each of two blanks, whose mean is used, and as much in the time between; a time of many cycles
        averages them out, which is not counted upon.
        """
        return variation * self.mean_g_h * math.sqrt(1 / 4 + 1 / 2)

    @property
    def excess(self) -> float:
        """The larger excess of scatter of the two blanks."""
        return max(self.before.excess, self.after.excess)


def corrected_reading_g(t_s: Floats, mass_g: Floats, evaporation: Evaporation) -> Floats:
    """Readings relative to the first, with what evaporated since then added back once. Shapes (n,), s and
    g.
    """
    since_first: Floats = mass_g - mass_g[0]
    return since_first + evaporation.lost_g(t_s)
