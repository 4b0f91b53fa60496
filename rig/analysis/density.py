"""Density of water and of air.

Sources: M. Tanaka et al., Metrologia 38 (2001) 301, the CIPM's recommended table for water; A. Picard et al.,
Metrologia 45 (2008) 149 for air, in the simplified form of OIML R 111-1:2004, E.3-1.
"""

from __future__ import annotations

import math

from rig.errors import DefinitionError

WATER_FROM_C, WATER_TO_C = 0.0, 40.0
AIR_FROM_HPA, AIR_TO_HPA = 500.0, 1100.0

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
