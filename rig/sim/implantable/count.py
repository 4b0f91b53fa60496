"""What the simulated pump believes to have delivered: rotor steps at nominal volume, in nl, exact."""

from __future__ import annotations

import math
from fractions import Fraction

from rig.sim.wire.line import WorldClock


class VolumeCount:
    """The counter, and what by it is left of the last fill. While ``stuck`` it counts no further; ``gain`` is what it
    takes for a rotor step of 1: that of a pump that knows what it really delivers, or of one that counts wrongly.
    Both are to be set while the rotor stands.
    """

    def __init__(self, clock: WorldClock, fill_nl: int) -> None:
        self.clock = clock
        self.stuck = False
        self.gain = Fraction(1)
        self.fill_nl, self.fill_clock_s = fill_nl, 0
        self._delivered_at_fill = 0
        self._counted, self._counted_at_ns, self._turning = Fraction(0), clock.now_ns(), Fraction(0)

    def now(self) -> Fraction:
        return self._counted + self._turning * (self.clock.now_ns() - self._counted_at_ns)

    @property
    def delivered_nl(self) -> int:
        return math.floor(self.now())

    @property
    def reservoir_nl(self) -> int:
        return max(0, self.fill_nl - (self.delivered_nl - self._delivered_at_fill))

    def turn(self, nl_per_ns: Fraction) -> None:
        """The rotor turns at this rate from now on."""
        self._counted, self._counted_at_ns = self.now(), self.clock.now_ns()
        self._turning = Fraction(0) if self.stuck else nl_per_ns * self.gain

    def fill(self, volume_nl: int, clock_s: int) -> None:
        """A refill, at this time of the pump's own clock."""
        self.fill_nl, self.fill_clock_s, self._delivered_at_fill = volume_nl, clock_s, self.delivered_nl

    def reaches_ns(self, left_nl: int) -> float:
        """When so much will be left; never, while nothing is counted."""
        if not self._turning:
            return math.inf
        reached = self._delivered_at_fill + self.fill_nl - left_nl
        return self._counted_at_ns + max(0, math.ceil((reached - self._counted) / self._turning))
