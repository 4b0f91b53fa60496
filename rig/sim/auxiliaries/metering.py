"""What the current meters and the source-meter of a bench are connected to, and how they measure it."""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable, Sequence

import numpy as np

from rig.sim.implantable.pump import ImplantablePump
from rig.sim.implantable.rpu1 import SimulatedPump
from rig.sim.place import Place

OVERLOAD = 9.9e37
MAINS_HZ = 50.0

Load = Callable[[], float]  # the current now, in A


def pump_inside(place: Place) -> ImplantablePump | None:
    """The implantable pump of the unit; None where there is none, as for a meter that several units share."""
    device = place.world.devices.get("pump")
    return device.unit if isinstance(device, SimulatedPump) else None


def battery_load(place: Place) -> Load:
    """The current that the unit's pump draws from its battery; none without an implantable pump."""
    inside = pump_inside(place)
    return (lambda: 0.0) if inside is None else (lambda: inside.battery_current_a)


class CurrentInput:
    """One input on a fixed range, or searching for it. Plain attributes: ``load``, ``range_a``, ``auto``, ``periods``
    (of the mains), ``noise_of_range`` (standard deviation at one period, as a fraction of the range), ``overloaded``.
    """

    def __init__(self, load: Load, random: np.random.Generator, ranges_a: Sequence[float]) -> None:
        self.load, self.ranges_a = load, tuple(ranges_a)
        self.range_a, self.auto, self.periods = self.ranges_a[0], True, 10.0
        self.noise_of_range = 1e-6
        self.overloaded = False
        self._random = random

    @property
    def aperture_s(self) -> float:
        return self.periods / MAINS_HZ

    def choose(self, largest_a: float) -> None:
        """The smallest range that holds this much."""
        self.auto = False
        self.range_a = self._holding(largest_a)

    def measure_a(self) -> float:
        """One reading, or :data:`OVERLOAD` beyond 120 % of the range."""
        current_a = self.load()
        if self.auto:
            self.range_a = self._holding(abs(current_a))
        self.overloaded = abs(current_a) > 1.2 * self.range_a
        if self.overloaded:
            return math.copysign(OVERLOAD, current_a)
        deviation = self.noise_of_range * self.range_a / math.sqrt(max(self.periods, 0.001))
        return current_a + deviation * float(self._random.standard_normal())

    def _holding(self, largest_a: float) -> float:
        return self.ranges_a[min(bisect.bisect_left(self.ranges_a, largest_a), len(self.ranges_a) - 1)]
