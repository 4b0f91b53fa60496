"""From balance readings to delivered volume: buoyancy, immersed outlet, evaporation, zero drift.

Sources: ISO 4787 and EURAMET cg-19 for mass to volume; the gravimetric micro-flow practice of the European
metrology institutes (EMPIR 18HLT08 MeDD II) for evaporation blanks and the immersed outlet. The drift of a
balance's zero point is taken as a random walk whose standard deviation over 24 h the bench file states.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rig.analysis.density import DensityTable, air_density_kg_m3, water_density_kg_m3
from rig.analysis.uncertainty import distribution_function
from rig.errors import DefinitionError

WEIGHTS_KG_M3 = 8000.0  # conventional density of the weights a balance is adjusted with (OIML D 28)
KG_M3_PER_G_ML = 1000.0
S_PER_H = 3600.0
DAY_S = 86400.0
DOUBT = 0.001  # a scatter this unlikely under the stated figures is believed instead of them

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Conditions:
    """Where it was weighed, and what the volume refers to. The ``_u_`` fields are standard uncertainties.

    ``reference_temperature_c`` is the temperature of the fluid in the pump: volume is what was displaced
    there. ``fluid`` is the density table of a fluid that is not water.
    """

    reference_temperature_c: float
    reference_temperature_u_k: float
    air_temperature_c: float
    air_temperature_u_k: float
    air_pressure_hpa: float
    air_pressure_u_hpa: float
    air_humidity_pct: float
    air_humidity_u_pct: float
    fluid: DensityTable | None = None

    @property
    def fluid_kg_m3(self) -> float:
        """Density at the reference temperature, of the fluid's table or of water."""
        if self.fluid is not None:
            return self.fluid.density_kg_m3(self.reference_temperature_c)
        return water_density_kg_m3(self.reference_temperature_c)

    @property
    def fluid_u_kg_m3(self) -> float:
        """Its standard uncertainty, from that of the temperature (water: central difference, at least 1 mK wide)
        and what the fluid's table declares.
        """
        if self.fluid is not None:
            return self.fluid.standard_uncertainty_at_kg_m3(
                self.reference_temperature_c, self.reference_temperature_u_k
            )
        step_k = max(self.reference_temperature_u_k, 1e-3)
        above = water_density_kg_m3(min(self.reference_temperature_c + step_k, 40.0))
        below = water_density_kg_m3(max(self.reference_temperature_c - step_k, 0.0))
        return abs(above - below) / (2 * step_k) * self.reference_temperature_u_k

    @property
    def air_kg_m3(self) -> float:
        """Density of the air around the balance."""
        return air_density_kg_m3(self.air_pressure_hpa, self.air_humidity_pct, self.air_temperature_c)

    @property
    def air_u_kg_m3(self) -> float:
        """Its standard uncertainty, from pressure, humidity and temperature (partial derivatives of the
        formula).
        """
        t, h = self.air_temperature_c, self.air_humidity_pct
        kelvin = 273.15 + t
        vapour = 0.009 * math.exp(0.061 * t)
        by_pressure = 0.34848 / kelvin
        by_humidity = -vapour / kelvin
        by_temperature = -(self.air_kg_m3 + 0.061 * vapour * h) / kelvin
        return math.hypot(
            by_pressure * self.air_pressure_u_hpa,
            by_humidity * self.air_humidity_u_pct,
            by_temperature * self.air_temperature_u_k,
        )


def volume_per_reading_ml_g(
    fluid_kg_m3: float, air_kg_m3: float, weights_kg_m3: float = WEIGHTS_KG_M3
) -> float:
    """Z in mL/g: volume of fluid for one gram on the display, (1 - air/weights) / (fluid - air).

    EURAMET cg-19, equation for V20. Raises DefinitionError if the fluid is not denser than the air.
    """
    if not fluid_kg_m3 > air_kg_m3:
        raise DefinitionError(f"fluid of {fluid_kg_m3:g} kg/m³ is not denser than air of {air_kg_m3:g} kg/m³")
    return KG_M3_PER_G_ML * (1 - air_kg_m3 / weights_kg_m3) / (fluid_kg_m3 - air_kg_m3)


def immersion_factor(tube_mm: float | None, vessel_mm: float | None) -> float:
    """1 - (D_tube / D_vessel)²: an immersed outlet displaces more water as the level rises and reads that
    much more.

    Outer diameter of the tube and inner of the vessel, in mm; 1 if either is None (outlet not immersed).
    Raises DefinitionError unless 0 < tube < vessel.
    """
    if tube_mm is None or vessel_mm is None:
        return 1.0
    if not 0.0 < tube_mm < vessel_mm:
        raise DefinitionError(f"an outlet of {tube_mm:g} mm does not fit into a vessel of {vessel_mm:g} mm")
    return 1.0 - (tube_mm / vessel_mm) ** 2


@dataclass(frozen=True)
class BalanceFigures:
    """What is stated of a balance. Standard deviations but for the half width ``linearity_g``.

    ``drift_24h_g`` is the standard deviation of the zero point's random walk after 24 h;
    ``sensitivity_ppm`` the half width of the relative error of its adjustment.
    """

    resolution_g: float
    repeatability_g: float
    linearity_g: float
    drift_24h_g: float
    sensitivity_ppm: float = 0.0

    @property
    def rounding_g(self) -> float:
        """Standard uncertainty of rounding one reading (GUM F.2.2.1)."""
        return self.resolution_g / math.sqrt(12)

    @property
    def reading_g(self) -> float:
        """Standard deviation of one reading: repeatability and rounding."""
        return math.hypot(self.repeatability_g, self.rounding_g)

    def drift_g(self, duration_s: float) -> float:
        """Standard deviation of the zero point's walk over a time: it grows with the square root."""
        return self.drift_24h_g * math.sqrt(duration_s / DAY_S)


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


def lag_one_autocorrelation(residuals: Floats) -> float:
    """Autocorrelation of residuals at lag 1, shape (n,) in any unit; 0 for fewer than three or all equal.

    White ones stay within 2/sqrt(n) (M. S. Bartlett, 1946).
    """
    centred = residuals - residuals.mean()
    power = float(np.sum(centred**2))
    if len(residuals) < 3 or power == 0.0:
        return 0.0
    return float(np.sum(centred[1:] * centred[:-1])) / power


def improbable(value: float, standard_uncertainty: float, doubt: float = DOUBT) -> bool:
    """Whether a value differs from zero by more than chance allows (two-sided, normal).

    Value and standard uncertainty in one unit; ``doubt`` is the probability below which chance is not believed.
    """
    if standard_uncertainty == 0.0:
        return value != 0.0
    return 2 * distribution_function(-abs(value) / standard_uncertainty) < doubt
