"""Density of water and of air.

Sources: M. Tanaka et al., Metrologia 38 (2001) 301, the CIPM's recommended table for water; A. Picard et al.,
Metrologia 45 (2008) 149 for air, in the simplified form of OIML R 111-1:2004, E.3-1. Other fluids: a table of the
user's, with its own source.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from rig.errors import DefinitionError

WATER_FROM_C, WATER_TO_C = 0.0, 40.0
AIR_FROM_HPA, AIR_TO_HPA = 500.0, 1100.0
FLUID_FROM_KG_M3, FLUID_TO_KG_M3 = 500.0, 3000.0

# Tanaka 2001, table 1: °C, °C, °C², °C, kg/m³
_A1, _A2, _A3, _A4, _A5 = -3.983035, 301.797, 522528.9, 69.34881, 999.974950


def water_density_kg_m3(temperature_c: float) -> float:
    """Density of air-free water at 101.325 kPa, in kg/m³.

    Tanaka 2001, equation 1; valid from 0 to 40 °C. The formula's own uncertainty is below 0.001 kg/m³;
    dissolved air lowers the density by at most 0.004 kg/m³ (4e-6), which is left out.

    Raises DefinitionError for a temperature outside 0 to 40 °C.
    """
    if not WATER_FROM_C <= temperature_c <= WATER_TO_C:
        raise DefinitionError(
            f"no water density at {temperature_c:g} °C: "
            f"the formula holds from {WATER_FROM_C:g} to {WATER_TO_C:g} °C"
        )
    t = temperature_c
    return _A5 * (1 - (t + _A1) ** 2 * (t + _A2) / (_A3 * (t + _A4)))


def air_density_kg_m3(pressure_hpa: float, humidity_pct: float, temperature_c: float) -> float:
    """Density of moist air, in kg/m³.

    (0.34848 p - 0.009 h exp(0.061 t)) / (273.15 + t), OIML R 111-1:2004, E.3-1; relative uncertainty 2e-4 for
    900 to 1100 hPa, 10 to 30 °C, below 80 %RH (the weight in a result for water is a thousandth of it).

    Raises DefinitionError for a pressure outside 500 to 1100 hPa or a humidity outside 0 to 100 %.
    """
    if not AIR_FROM_HPA <= pressure_hpa <= AIR_TO_HPA:
        raise DefinitionError(
            f"air pressure {pressure_hpa:g} hPa is outside {AIR_FROM_HPA:g} to {AIR_TO_HPA:g} hPa"
        )
    if not 0.0 <= humidity_pct <= 100.0:
        raise DefinitionError(f"relative humidity {humidity_pct:g} % is outside 0 to 100 %")
    water_vapour = 0.009 * humidity_pct * math.exp(0.061 * temperature_c)
    return (0.34848 * pressure_hpa - water_vapour) / (273.15 + temperature_c)


@dataclass(frozen=True)
class DensityTable:
    """Density of a fluid at rising temperatures: ``points`` of (°C, kg/m³), ``source`` says where they are from.

    ``standard_uncertainty_kg_m3`` is declared with the table and holds for any temperature in it: it must
    contain what a straight line between two points leaves out (an eighth of the second difference, at most).

    Raises DefinitionError for fewer than two points, temperatures that do not rise, a density outside 500 to
    3000 kg/m³ (a table in g/mL, say), or a negative uncertainty.
    """

    fluid: str
    points: tuple[tuple[float, float], ...]
    standard_uncertainty_kg_m3: float
    source: str

    def __post_init__(self) -> None:
        if len(self.points) < 2:
            raise DefinitionError(f"a density table of '{self.fluid}' needs at least two temperatures")
        for (before_c, _), (after_c, _) in pairwise(self.points):
            if not before_c < after_c:
                raise DefinitionError(
                    f"temperatures in the density table of '{self.fluid}' do not rise: {before_c:g}, {after_c:g} °C"
                )
        for temperature_c, density in self.points:
            if not FLUID_FROM_KG_M3 <= density <= FLUID_TO_KG_M3:
                raise DefinitionError(
                    f"{density:g} kg/m³ at {temperature_c:g} °C is no density of a fluid for infusion",
                    hint="water has 998 kg/m³ at 20 °C; 1 g/mL is 1000 kg/m³",
                )
        if not self.standard_uncertainty_kg_m3 >= 0:
            raise DefinitionError(f"the density of '{self.fluid}' needs an uncertainty of zero or more")

    @classmethod
    def of(
        cls,
        fluid: str,
        temperatures_c: Sequence[float],
        densities_kg_m3: Sequence[float],
        standard_uncertainty_kg_m3: float,
        source: str,
    ) -> DensityTable:
        """A table from two columns of one length. Raises ValueError if the lengths differ, else as the class."""
        points = tuple(zip(map(float, temperatures_c), map(float, densities_kg_m3), strict=True))
        return cls(fluid, points, standard_uncertainty_kg_m3, source)

    def density_kg_m3(self, temperature_c: float) -> float:
        """Density in kg/m³, by a straight line between the two nearest points.

        Raises DefinitionError for a temperature outside the table: nothing is extrapolated.
        """
        (below_c, below), (above_c, above) = self._around(temperature_c)
        return below + (above - below) * (temperature_c - below_c) / (above_c - below_c)

    def standard_uncertainty_at_kg_m3(self, temperature_c: float, temperature_u_k: float) -> float:
        """Declared uncertainty and that of the temperature times the slope there, in kg/m³ (GUM, equation 10).

        Raises DefinitionError for a temperature outside the table.
        """
        (below_c, below), (above_c, above) = self._around(temperature_c)
        slope = (above - below) / (above_c - below_c)
        return math.hypot(self.standard_uncertainty_kg_m3, slope * temperature_u_k)

    def _around(self, temperature_c: float) -> tuple[tuple[float, float], tuple[float, float]]:
        for below, above in pairwise(self.points):
            if below[0] <= temperature_c <= above[0]:
                return below, above
        raise DefinitionError(
            f"no density of '{self.fluid}' at {temperature_c:g} °C: "
            f"the table has {self.points[0][0]:g} to {self.points[-1][0]:g} °C"
        )
