"""A stretch of the fluid path's history in which nothing is changed: volume and flow at any time in it, exact."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rig.sim.wire.line import NS_PER_S

Floats = NDArray[np.float64]


class Mechanism(Protocol):
    """How a pump displaces: periodic in the nominal volume ``v`` that its drive has passed, 1 nl per nl on
    average."""

    @property
    def ripple_nl(self) -> float:
        """Bound of the difference between displaced and nominal volume, in nl."""

    def displaced_nl(self, rate_nl_s: float, v0_nl: float, s: Floats) -> Floats:
        """Volume displaced in ``s`` seconds of constant drive that began at nominal volume ``v0_nl``."""

    def lagged_nl_s(self, rate_nl_s: float, v0_nl: float, tau_s: float, s: Floats) -> Floats:
        """Flow behind a first-order lag of ``tau_s`` (0: none) in the periodic state, no transient."""


@dataclass(frozen=True)
class Segment:
    """A stretch of time in which nothing is changed; ``*0`` are the states at its start."""

    start_ns: int
    mechanism: Mechanism
    rate_nl_s: float  # of the drive
    gain: float  # 1 + rate error, at the start; 0 when the reservoir is dry
    wear_per_nl: float  # by which the gain grows with the nominal volume; 0 when the reservoir is dry
    free_nl_s: float
    tau_s: float
    v0_nl: float  # nominal volume of the drive
    in0_nl: float
    out0_nl: float
    flow0_nl_s: float  # behind the tube
    closed: bool = False  # nothing leaves the tube

    @property
    def growth_nl_s2(self) -> float:
        """By which wear makes the flow grow; on the mean flow alone, the ripple stays as it was at the start."""
        return self.wear_per_nl * self.rate_nl_s**2

    def passed_nl(self, s: float) -> float:
        """The nominal volume that the drive has come to after ``s`` seconds."""
        return self.v0_nl + self.rate_nl_s * s

    def displaced_nl(self, s: Floats) -> Floats:
        """Into the tube since the beginning of time."""
        volume = self.in0_nl + self.free_nl_s * s
        if self.rate_nl_s and self.gain:
            volume = volume + self.gain * self.mechanism.displaced_nl(self.rate_nl_s, self.v0_nl, s)
        if self.growth_nl_s2:
            volume = volume + self.growth_nl_s2 / 2 * s**2
        return volume

    def most_displaced_nl(self, s: float) -> float:
        """A bound of what goes into the tube in the first ``s`` seconds."""
        steady = max(0.0, self.gain * self.rate_nl_s + self.free_nl_s) * s
        return steady + abs(self.gain) * self.mechanism.ripple_nl + max(0.0, self.growth_nl_s2) / 2 * s**2

    def flow_nl_s(self, s: Floats) -> Floats:
        """Behind the tube."""
        if self.closed:
            return np.zeros(len(s))
        forced = self._forced_nl_s(s)
        if not self.tau_s:
            return forced
        return np.asarray(forced + self._not_forced_at_start_nl_s * np.exp(-s / self.tau_s), dtype=np.float64)

    def _forced_nl_s(self, s: Floats) -> Floats:
        """Behind the tube when it has forgotten how it began."""
        forced: Floats = np.full(len(s), self.free_nl_s)
        if self.rate_nl_s and self.gain:
            forced += self.gain * self.mechanism.lagged_nl_s(self.rate_nl_s, self.v0_nl, self.tau_s, s)
        if self.growth_nl_s2:  # a ramp comes out tau later
            forced += self.growth_nl_s2 * (s - self.tau_s)
        return forced

    @cached_property
    def _not_forced_at_start_nl_s(self) -> float:
        return self.flow0_nl_s - float(self._forced_nl_s(np.zeros(1))[0])

    def delivered_nl(self, s: Floats) -> Floats:
        """Out of the tube since the beginning of time."""
        if self.closed:
            return np.full(len(s), self.out0_nl)
        out = self.out0_nl + (self.displaced_nl(s) - self.in0_nl)
        if self.tau_s:
            out -= self.tau_s * (self.flow_nl_s(s) - self.flow0_nl_s)
        return out

    def seconds(self, t_ns: NDArray[np.int64]) -> Floats:
        return (t_ns - self.start_ns) / NS_PER_S
