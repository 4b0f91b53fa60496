"""What the simulated pump knows, and what it says of itself when it is asked. Nothing happens here."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

from rig.sim.fluid.path import FluidPath
from rig.sim.implantable.alarms import Alarms
from rig.sim.implantable.battery import Battery
from rig.sim.implantable.clock import PumpClock
from rig.sim.implantable.count import VolumeCount
from rig.sim.implantable.log import EventLog
from rig.sim.implantable.patient import PatientButton
from rig.sim.implantable.program import HOUR_NS, Bolus, Program
from rig.sim.implantable.words import Limits, LogRecord
from rig.sim.wire.line import NS_PER_S, WorldClock

NEVER_NS = 2**63 - 1  # when power that is lost comes back


class PumpState:
    """The state; amounts are integers in nl, nl/h and s."""

    def __init__(
        self, clock: WorldClock, fluid: FluidPath, limits: Limits, *, reservoir_nl: int, low_nl: int
    ) -> None:
        self.clock, self.fluid, self.limits = clock, fluid, limits
        self.basal = Program()
        self.bolus: Bolus | None = None  # instead of the basal program
        self.period: Bolus | None = None  # the bolus of a PB program whose time it is
        self.staged: Program | None = None
        self.patient = PatientButton()
        self.stall_notice_s = 60.0
        self.write_check_fails = False
        self.denies_boluses = self.loses_program = False
        self.forgets_program = self.stays_stalled = self.keeps_after_command = False
        self.resumes_at = 1.0
        self.schedule_off_s, self.schedule_ignores_clock = 0, False
        self.battery = Battery(clock, self._set_anew)
        self.own_clock = PumpClock(clock, self._set_anew)
        self.events = EventLog(limits.log_capacity)
        self.log = self.events.kept
        self.count = VolumeCount(clock, reservoir_nl)
        self.low_nl = low_nl
        self.alarms = Alarms()
        self.on_alarm: Callable[[str, bool, LogRecord], None] = lambda _alarm, _on, _record: None
        self.on_reset: Callable[[], None] = lambda: None
        self.reset_until_ns = -1
        self._rotor_held = self._stalled = False
        self._memory_warning = self._memory_lost = self._stopped_too_long = False
        self._up_since_ns = clock.now_ns()
        self._stopped_since_ns: int | None = clock.now_ns()
        self._stall_since_ns: int | None = None
        self._next_period_ns: int | None = None
        self._next_step_ns = math.inf
        self._by_boluses = Fraction(0)  # what those that are over delivered instead of the basal program
        self._tone_test, self._tone_test_until_ns = "NONE", -1

    def _set_anew(self) -> None:
        """Battery or clock were set anew from outside."""

    @property
    def battery_current_a(self) -> float:
        """What the pump draws from its battery now."""
        if self.reset_until_ns == NEVER_NS:
            return 0.0
        return self.battery.current_a(self.fluid.rate_nl_h / 3600)

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
        return self.own_clock.now_s

    @property
    def schedule_s(self) -> int:
        """The time that its schedule goes by."""
        return self.clock_s + self.schedule_off_s

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
        return "SB" if self.source == "SB" else self.basal.mode

    @property
    def source(self) -> str:
        if self.bolus:
            return self.bolus.order.source
        return "NONE" if self.basal.mode == "STOP" else "BASAL"

    @property
    def running(self) -> bool:
        return self.source != "NONE" and not self._stalled

    @property
    def rate_nl_h(self) -> int:
        return math.floor(self._due() * HOUR_NS) if self.running else 0

    def _due(self) -> Fraction:
        """The rate that is to be delivered now, in nl/ns."""
        bolus = self.bolus or self.period
        return bolus.nl_per_ns if bolus else self.basal.nl_per_ns(self.schedule_s)

    def _by_basal(self) -> Fraction:
        """What it believes to have delivered other than by a bolus instead of the basal program."""
        running = self.count.now() - self.bolus.believed_before if self.bolus else 0
        return self.count.now() - self._by_boluses - running

    @property
    def bolus_left_s(self) -> int:
        return self.bolus.left_s(self.clock.now_ns()) if self.bolus else 0

    @property
    def memory_lost(self) -> bool:
        return self._memory_lost

    @property
    def sounds(self) -> str:
        """What is to be heard now, a test of the tone included: NONE, SINGLE or DUAL."""
        return self._tone_test if self.clock.now_ns() < self._tone_test_until_ns else self.alarms.tone
