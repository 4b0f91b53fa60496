"""What the simulated pump knows, and what it says of itself when it is asked. Nothing happens here."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

from rig.sim.fluid import FluidPath
from rig.sim.line import NS_PER_S, WorldClock
from rig.sim.pump_battery import Battery
from rig.sim.pump_count import VolumeCount
from rig.sim.pump_log import EventLog
from rig.sim.pump_words import ALARM_BITS, HOUR_NS, Bolus, Limits, LogRecord, Program


class PumpState:
    """The state; amounts are integers in nl, nl/h and s."""

    def __init__(
        self, clock: WorldClock, fluid: FluidPath, limits: Limits, *, reservoir_nl: int, low_nl: int
    ) -> None:
        self.clock, self.fluid, self.limits = clock, fluid, limits
        self.basal = Program()
        self.bolus: Bolus | None = None
        self.staged: Program | None = None
        self.stall_notice_s = 60.0
        self.write_check_fails = False
        self.clock_drift_ppm = 0.0
        self.battery = Battery(clock, self._battery_changed)
        self.events = EventLog(limits.log_capacity)
        self.log = self.events.kept
        self.count = VolumeCount(clock, reservoir_nl)
        self.low_nl = low_nl
        self.on: set[str] = set()
        self.acknowledged: set[str] = set()
        self.on_alarm: Callable[[str, bool, LogRecord], None] = lambda _alarm, _on, _record: None
        self.on_reset: Callable[[], None] = lambda: None
        self.reset_until_ns = -1
        self._rotor_held = self._stalled = False
        self._memory_warning = self._memory_lost = self._stopped_too_long = False
        self._up_since_ns = self._clock_set_ns = clock.now_ns()
        self._clock_s = 0
        self._stopped_since_ns: int | None = clock.now_ns()
        self._stall_since_ns: int | None = None

    def _battery_changed(self) -> None:
        """The battery was set anew from outside."""

    @property
    def log_last(self) -> int:
        return self.events.last

    @property
    def resetting(self) -> bool:
        return self.clock.now_ns() < self.reset_until_ns

    @property
    def delivered_nl(self) -> int:
        return self.count.delivered_nl

    @property
    def reservoir_nl(self) -> int:
        return self.count.reservoir_nl

    @property
    def clock_s(self) -> int:
        passed_ns = self.clock.now_ns() - self._clock_set_ns
        passed_ns += round(passed_ns * self.clock_drift_ppm * 1e-6)
        return (self._clock_s + passed_ns // NS_PER_S) % 2**32

    @property
    def up_s(self) -> int:
        return (self.clock.now_ns() - self._up_since_ns) // NS_PER_S

    @property
    def stopped_s(self) -> int:
        if self._stopped_since_ns is None:
            return 0
        return (self.clock.now_ns() - self._stopped_since_ns) // NS_PER_S

    @property
    def mode(self) -> str:
        return self.bolus.program.mode if self.bolus else self.basal.mode

    @property
    def source(self) -> str:
        if self.bolus:
            return "SB"
        return "NONE" if self.basal.mode == "STOP" else "BASAL"

    @property
    def running(self) -> bool:
        return self.source != "NONE" and not self._stalled

    @property
    def rate_nl_h(self) -> int:
        return math.floor(self._due() * HOUR_NS) if self.running else 0

    def _due(self) -> Fraction:
        """The rate that is to be delivered now, in nl/ns."""
        return (self.bolus.program if self.bolus else self.basal).nl_per_ns()

    @property
    def bolus_left_s(self) -> int:
        return -(-(self.bolus.end_ns - self.clock.now_ns()) // NS_PER_S) if self.bolus else 0

    @property
    def memory_lost(self) -> bool:
        return self._memory_lost

    @staticmethod
    def mask(alarms: set[str]) -> int:
        return sum(1 << ALARM_BITS[alarm] for alarm in alarms)

    def alarms_in_order(self) -> list[str]:
        return sorted(self.on, key=ALARM_BITS.__getitem__)
