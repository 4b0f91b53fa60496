"""Differences of balance readings, and the volume that one of them is, evaporation added back once.

Between end points, as IEC 60601-2-24 has it; why, and the error with its budget: :mod:`rig.analysis.delivery`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rig.analysis.evaporation import Evaporation
from rig.analysis.gravimetry import (
    S_PER_H,
    BalanceFigures,
    Conditions,
    immersion_factor,
    volume_per_reading_ml_g,
)


@dataclass(frozen=True)
class Weighing:
    """How volume comes of display on this bench. Diameters are None when the outlet is not immersed.

    ``time_u_s`` is the standard uncertainty of the moment of one reading, ``clock_ppm`` the half width of the
    relative error of the clock that times them. ``dead_volume_ml`` is the fluid in pump and tube whose
    temperature cycles by ``dead_volume_swing_k`` (amplitude); ``evaporation_variation`` the amplitude of
    the cycles of evaporation, as a share of it.
    """

    conditions: Conditions
    balance: BalanceFigures
    tube_mm: float | None = None
    vessel_mm: float | None = None
    time_u_s: float = 0.05
    clock_ppm: float = 50.0
    dead_volume_ml: float = 0.0
    dead_volume_swing_k: float = 0.0
    evaporation_variation: float = 0.0

    @property
    def volume_per_display_ml_g(self) -> float:
        """F in mL/g."""
        z = volume_per_reading_ml_g(self.conditions.fluid_kg_m3, self.conditions.air_kg_m3)
        return z * immersion_factor(self.tube_mm, self.vessel_mm)


@dataclass(frozen=True)
class Difference:
    """What was weighed: one difference of readings, or the mean of several.

    ``display_g`` the (mean) difference of display, not corrected for evaporation; ``noise_weight`` the root
    of the sum of the squared weights that readings have in it (sqrt 2 for one difference); ``drift_s`` the
    sum of squared weights times durations, over which the walk of the zero point acts (the duration for one
    difference); ``evaporating_s`` the (mean) time between the readings; ``middle_s`` when that was.
    """

    display_g: float
    noise_weight: float
    drift_s: float
    evaporating_s: float
    middle_s: float

    @classmethod
    def between(cls, first_g: float, last_g: float, first_s: float, last_s: float) -> Difference:
        """One difference of two readings."""
        duration_s = last_s - first_s
        return cls(last_g - first_g, math.sqrt(2), duration_s, duration_s, (first_s + last_s) / 2)

    @classmethod
    def together(cls, differences: Sequence[Difference]) -> Difference:
        """The sum of differences that share no reading; ``middle_s`` weighted by how long each is."""
        seconds = [difference.evaporating_s for difference in differences]
        middles = [difference.middle_s * span for difference, span in zip(differences, seconds, strict=True)]
        return cls(
            display_g=math.fsum(difference.display_g for difference in differences),
            noise_weight=math.hypot(*(difference.noise_weight for difference in differences)),
            drift_s=math.fsum(difference.drift_s for difference in differences),
            evaporating_s=math.fsum(seconds),
            middle_s=math.fsum(middles) / math.fsum(seconds),
        )


def delivered_ml(difference: Difference, evaporation: Evaporation, weighing: Weighing) -> float:
    """Volume delivered at the reference temperature, in mL, evaporation added back once."""
    lost_g = float(evaporation.rate_g_h(difference.middle_s)) * difference.evaporating_s / S_PER_H
    return (difference.display_g + lost_g) * weighing.volume_per_display_ml_g
