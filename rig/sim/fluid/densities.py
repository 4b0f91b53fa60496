"""Densities of the water that flows and of the air around a balance."""

from __future__ import annotations

import math
from typing import TypeVar

from rig.sim.fluid.segment import Floats

T = TypeVar("T", float, Floats)


def water_density_g_ml(temperature_c: T) -> T:
    """Density of air-free water, 0 to 40 °C (Tanaka et al., Metrologia 38 (2001) 301, eq. 1)."""
    t = temperature_c
    return 0.999974950 * (1 - (t - 3.983035) ** 2 * (t + 301.797) / (522528.9 * (t + 69.34881)))


def air_density_g_ml(temperature_c: float, pressure_hpa: float, humidity_pct: float) -> float:
    """Density of air (simplified CIPM formula, OIML R 111-1 eq. E.3-1)."""
    t = temperature_c
    kg_m3 = (0.34848 * pressure_hpa - 0.009 * humidity_pct * math.exp(0.061 * t)) / (273.15 + t)
    return kg_m3 / 1000
