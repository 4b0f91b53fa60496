"""The physical balance under any protocol: pan, load cell, zero point, display.

What it shows: air buoyancy and immersed outlet (see :class:`Pan`), zero drift (random walk), repeatability,
settling after a disturbance, resolution; if set, an error of sensitivity and one of linearity (see
:class:`Linearity`). A disturbance, or a load that changes by more than ``stable_digits`` in a second, makes
the reading unstable.

NOT modelled: temperature drift, the filter's delay, tilt.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rig.sim.fluid.path import DAY_S, FluidPath
from rig.sim.wire.line import NS_PER_S, WorldClock

DRIFT_STEP_S = 60


@dataclass
class Pan:
    """What the load cell feels of the vessel.

    apparent mass = m (1 - air/water) / (1 - air/8.0) / (1 - (outlet/vessel)^2): weighed in air against
    steel weights (OIML R 111-1, 8 g/mL); a tube that dips into the vessel displaces the more water the
    higher it stands.
    """

    fluid: FluidPath
    air_density_g_ml: float = 0.0012
    outlet_to_vessel: float = 0.0  # ratio of diameters; 0 = not immersed

    def apparent_g(self, t_ns: int) -> float:
        air, water = self.air_density_g_ml, self.fluid.density_g_ml
        buoyancy = (1 - air / water) / (1 - air / 8.0)
        return float(self.fluid.vessel_g(t_ns)[0]) * buoyancy / (1 - self.outlet_to_vessel**2)

    def rate_g_s(self, t_ns: int) -> float:
        """About how fast the load changes."""
        return float(self.fluid.flow_nl_s(t_ns)[0]) * 1e-6


class ZeroDrift:
    """A random walk with standard deviation ``sd_24h_g`` after 24 h, whoever looks at it how often; time goes on."""

    def __init__(self, sd_24h_g: float, random: np.random.Generator) -> None:
        self.sd_24h_g, self._random = sd_24h_g, random
        self._walk = np.zeros(1)  # in steps of sd 1, each DRIFT_STEP_S
        self._first = 0  # number of its first step; those before are past

    def at_g(self, t_ns: int) -> float:
        position = t_ns / (DRIFT_STEP_S * NS_PER_S)
        step = int(position)
        while step + 1 >= self._first + len(self._walk):
            walk = self._walk[-1] + np.cumsum(self._random.standard_normal(1440))
            self._first, self._walk = (
                self._first + len(self._walk) - 1,
                np.concatenate((self._walk[-1:], walk)),
            )
        here, there = self._walk[step - self._first], self._walk[step + 1 - self._first]
        size = self.sd_24h_g * math.sqrt(DRIFT_STEP_S / DAY_S)
        return float(size * (here + (there - here) * (position - step)))


@dataclass
class Linearity:
    """Deviation from the straight line: a triangular wave of the load, between minus and plus ``half_width_g``.

    At a load that nobody chose it is anything between with equal probability; at loads much further apart
    than ``period_g`` it is independent. ``phase`` in periods.
    """

    half_width_g: float = 0.0
    period_g: float = 1.0
    phase: float = 0.0

    def at_g(self, load_g: float) -> float:
        place = (load_g / self.period_g + self.phase) % 1.0
        return self.half_width_g * (4 * abs(place - 0.5) - 1)


class PhysicalBalance:
    """A balance without its protocol. Plain attributes: all without underscore; ``stuck`` freezes the display."""

    def __init__(
        self,
        clock: WorldClock,
        pan: Pan,
        random: np.random.Generator,
        drift: ZeroDrift,
        *,
        resolution_g: float,
        noise_g: float,
        capacity_g: float,
    ) -> None:
        self.clock, self.pan, self.drift = clock, pan, drift
        self.resolution_g, self.noise_g, self.capacity_g = resolution_g, noise_g, capacity_g
        self.zero_range_g = 0.02 * capacity_g  # beyond it no zero is set (the usual 2 % of the capacity)
        self.sensitivity_error = 0.0
        self.linearity = Linearity()
        self.update_s = 0.1
        self.settling_s = 0.8  # time constant after a disturbance
        self.stable_digits = 5.0
        self.stability_timeout_s = 40.0
        self.adjustment_s = 120.0
        self.temperature_c = 20.0  # inside, for protocols that tell it
        self.stuck = False
        self.offset_g = 0.0
        self.tare_g = 0.0
        self._zero_g = 0.0
        self._random = random
        self._disturbed: tuple[int, float] | None = None  # when, by how much
        self._tick, self._displayed_g = -1, 0.0

    # The load cell

    def disturb(self, step_g: float) -> None:
        """A bump: the zero shifts by ``step_g`` for good, and the reading takes a while to show it."""
        self._disturbed = (self.clock.now_ns(), step_g)
        self.offset_g += step_g

    def gross_g(self) -> float:
        """What the load cell shows now, noise included; one value for each update."""
        tick = self.clock.now_ns() // round(self.update_s * NS_PER_S)
        if self.stuck or tick == self._tick:
            return self._displayed_g
        self._tick = tick
        t_ns = tick * round(self.update_s * NS_PER_S)
        true_g = self.pan.apparent_g(t_ns)
        load = true_g * (1 + self.sensitivity_error) + self.linearity.at_g(true_g) + self.offset_g
        if self._disturbed is not None:
            since_s = max(0.0, (t_ns - self._disturbed[0]) / NS_PER_S)
            load -= self._disturbed[1] * math.exp(-since_s / self.settling_s)
        noise = self.noise_g * float(self._random.standard_normal())
        self._displayed_g = load + self.drift.at_g(t_ns) + noise
        return self._displayed_g

    def is_stable(self) -> bool:
        now_ns = self.clock.now_ns()
        if self._disturbed is not None and now_ns - self._disturbed[0] < 5 * self.settling_s * NS_PER_S:
            return False
        return abs(self.pan.rate_g_s(now_ns)) <= self.stable_digits * self.resolution_g or self.stuck

    # The display

    def net_g(self) -> float:
        return round((self.gross_g() - self._zero_g - self.tare_g) / self.resolution_g) * self.resolution_g

    @property
    def decimals(self) -> int:
        """Digits after the point."""
        return max(0, -math.floor(math.log10(self.resolution_g) + 1e-9))

    def out_of_range(self) -> str:
        """``+`` when overloaded, ``-`` when underloaded, else empty."""
        load_g = self.gross_g() - self._zero_g
        if load_g > self.capacity_g:
            return "+"
        return "-" if load_g < -self.capacity_g / 2 else ""

    def set_zero(self) -> str:
        """Zero and tare at the load now; ``+`` or ``-`` when it is beyond the range and nothing was set."""
        gross_g = self.gross_g()
        if abs(gross_g) > self.zero_range_g:
            return "+" if gross_g > 0 else "-"
        self._zero_g, self.tare_g = gross_g, 0.0
        return ""

    def set_tare(self) -> str:
        """Tare the load now; ``+`` or ``-`` when it is out of range and nothing was set."""
        load_g = self.gross_g() - self._zero_g
        if not 0 <= load_g + self.resolution_g <= self.capacity_g:
            return "+" if load_g > 0 else "-"
        self.tare_g = load_g
        return ""

    # Waiting

    def when_stable(
        self, act: Callable[[], object], give_up: Callable[[], object], is_wanted: Callable[[], bool]
    ) -> None:
        """Do ``act`` at the first stable reading, or ``give_up`` at the time-out; neither if not wanted any more."""
        limit_ns = self.clock.now_ns() + round(self.stability_timeout_s * NS_PER_S)

        def look() -> None:
            if not is_wanted():
                return
            if self.is_stable():
                act()
            elif self.clock.now_ns() >= limit_ns:
                give_up()
            else:
                self.later(self.update_s, look)

        look()

    def later(self, seconds: float, act: Callable[[], None]) -> None:
        self.clock.call_at(self.clock.now_ns() + round(seconds * NS_PER_S), act)
