"""From balance readings to delivered volume: buoyancy, immersed outlet, zero drift.

Sources: ISO 4787 and EURAMET cg-19 for mass to volume; the gravimetric micro-flow practice of the European
metrology institutes (EMPIR 18HLT08 MeDD II) for the immersed outlet. The drift of a balance's zero point is
taken as a random walk whose standard deviation over 24 h the bench file states. Evaporation:
:mod:`rig.analysis.evaporation`.
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
