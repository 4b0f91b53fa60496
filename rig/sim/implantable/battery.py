"""The battery of the simulated pump: a voltage that droops, the replacement indicator, the end of service, the
current.

The current is what the electronics always draw and what the motor needs for the flow, as a steady mean: a capacitor
beside the battery hides the pulses of the motor. NOT modelled: what telemetry, tones and a held rotor draw.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from rig.sim.wire.line import NS_PER_S, WorldClock

DAY_NS = 86_400 * NS_PER_S


class Battery:
    """ERI after ``eri_days`` or below ``eri_threshold_mv``; EOS ``eri_to_eos_days`` later or below
    ``eos_threshold_mv``. Below ``brown_out_mv`` of what feeds it instead, the pump has no power.

    ``start_mv``, ``droop_mv_day`` and ``eri_days`` count from when it was made, and can be set at any time, as can
    ``supplied_mv``: what something in the place of the battery gives (None: nothing is). Plain: ``idle_a``,
    ``motor_c_nl`` (charge for a nanolitre).
    """

    def __init__(self, clock: WorldClock, changed: Callable[[], None]) -> None:
        self.clock = clock
        self.eri_threshold_mv, self.eos_threshold_mv, self.brown_out_mv = 2600, 2400, 2000
        self.eri_to_eos_days = 90
        self.state = "OK"
        self._changed = changed
        self._start_mv, self._droop_mv_day, self._eri_days = 2950.5, 0.16, 2190
        self._supplied_mv: float | None = None
        self.idle_a, self.motor_c_nl = 15e-6, 0.8e-6
        self._made_ns = clock.now_ns()
        self._eri_since_ns: int | None = None

    @property
    def start_mv(self) -> float:
        return self._start_mv

    @start_mv.setter
    def start_mv(self, millivolts: float) -> None:
        self._start_mv = millivolts
        self._changed()

    @property
    def droop_mv_day(self) -> float:
        return self._droop_mv_day

    @droop_mv_day.setter
    def droop_mv_day(self, millivolts: float) -> None:
        self._droop_mv_day = millivolts
        self._changed()

    @property
    def eri_days(self) -> int:
        return self._eri_days

    @eri_days.setter
    def eri_days(self, days: int) -> None:
        self._eri_days = days
        self._changed()

    @property
    def supplied_mv(self) -> float | None:
        return self._supplied_mv

    @supplied_mv.setter
    def supplied_mv(self, millivolts: float | None) -> None:
        self._supplied_mv = millivolts
        self._changed()

    def current_a(self, rate_nl_s: float) -> float:
        """What is drawn while the drive turns at this rate."""
        return self.idle_a + self.motor_c_nl * rate_nl_s

    @property
    def mv(self) -> int:
        """Now."""
        if self._supplied_mv is not None:
            return max(0, math.floor(self._supplied_mv))
        days = (self.clock.now_ns() - self._made_ns) / DAY_NS
        return max(0, math.floor(self._start_mv - self._droop_mv_day * days))

    @property
    def eri_left_days(self) -> int:
        if self._eri_since_ns is not None:
            return 0
        return max(0, self._eri_days - (self.clock.now_ns() - self._made_ns) // DAY_NS)

    @property
    def eos_left_days(self) -> int:
        if self._eri_since_ns is None:
            return self.eri_left_days + self.eri_to_eos_days
        return max(0, self.eri_to_eos_days - (self.clock.now_ns() - self._eri_since_ns) // DAY_NS)

    def judge(self) -> bool:
        """Go on to the next state if it is time; whether the state changed."""
        before = self.state
        if self.state == "OK" and (self.eri_left_days == 0 or self.mv < self.eri_threshold_mv):
            self.state, self._eri_since_ns = "ERI", self.clock.now_ns()
        if self.state == "ERI" and (self.eos_left_days == 0 or self.mv < self.eos_threshold_mv):
            self.state = "EOS"
        return self.state != before

    def next_change_ns(self) -> float:
        """When the state changes if nothing is set anew."""
        if self.state == "OK":
            return min(self._made_ns + self._eri_days * DAY_NS, self._below_ns(self.eri_threshold_mv))
        if self.state == "ERI" and self._eri_since_ns is not None:
            end_ns = self._eri_since_ns + self.eri_to_eos_days * DAY_NS
            return min(end_ns, self._below_ns(self.eos_threshold_mv))
        return math.inf

    def _below_ns(self, threshold_mv: int) -> float:
        if self._supplied_mv is not None:
            return self._made_ns if self.mv < threshold_mv else math.inf
        if self._start_mv < threshold_mv:
            return self._made_ns
        if self._droop_mv_day <= 0:
            return math.inf
        days = (self._start_mv - threshold_mv) / self._droop_mv_day
        return self._made_ns + math.ceil(days * DAY_NS) + NS_PER_S
