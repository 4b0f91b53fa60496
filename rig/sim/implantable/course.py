"""What goes on in the simulated pump: the rotor turns, alarms come and go, all of it is put on record."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction

from rig.sim.fluid.path import FluidPath
from rig.sim.implantable.program import HOUR_NS, Bolus, BolusOrder, Program
from rig.sim.implantable.state import PumpState
from rig.sim.implantable.words import STOPPING, Limits, LogRecord
from rig.sim.wire.line import NS_PER_S, WorldClock

STOPPED_TOO_LONG_S = 172_800


class PumpCourse(PumpState):
    """The pump as time goes on. All changes are made inside a moment; what follows of them is done at its end."""

    def __init__(
        self, clock: WorldClock, fluid: FluidPath, limits: Limits, *, reservoir_nl: int, low_nl: int
    ) -> None:
        super().__init__(clock, fluid, limits, reservoir_nl=reservoir_nl, low_nl=low_nl)
        self._alarm_changes: list[tuple[str, bool]] = []
        self._wake_ns: int | None = None
        with self._moment():
            self._note("RESET", CAUSE="POWER", KEEP=1)

    @contextmanager
    def _moment(self) -> Iterator[None]:
        """One moment: what changes, the alarms that follow, its records in the order of section 9."""
        if self.events.in_a_moment:  # within another
            yield
            return
        self.events.begin()
        self._alarm_changes = []
        try:
            yield
        except BaseException:
            self.events.abandon()
            raise
        if self.battery.judge():
            self._note("BATT", STATE=self.battery.state, MV=self.battery.mv)
        self._drive()
        self._judge_alarms()
        numbered: dict[tuple[str, object], LogRecord] = {}
        for record in self.events.write(self.clock_s):
            numbered[record.code, record.arguments.get("ID")] = record
        for alarm, is_on in self._alarm_changes:
            if alarm not in self.alarms.silent:
                self.on_alarm(alarm, is_on, numbered["ALARM_ON" if is_on else "ALARM_OFF", alarm])
        self._wait_for_next()

    def _set_anew(self) -> None:
        with self._moment():
            pass

    def _note(self, code: str, **arguments: object) -> None:
        self.events.note(code, **arguments)

    # Programs and boluses begin and end

    def _begin_basal(self, program: Program) -> None:
        self._end_period("STOP")
        self.basal, self._next_period_ns = program, None
        if program.mode == "PB":
            self._begin_period()
        self._note("START", RATE=math.floor(self._due() * HOUR_NS))

    def _become_stopped(self, stop_cause: str, bolus_cause: str) -> None:
        was_stopped = self.source == "NONE"
        self._end_bolus(bolus_cause)
        self._end_period(bolus_cause)
        self.basal, self._next_period_ns = Program(), None
        if not was_stopped:
            self._note("STOP", CAUSE=stop_cause)

    def _end_bolus(self, cause: str) -> None:
        if self.bolus is None:
            return
        got = self.count.now() - self.bolus.believed_before
        self._by_boluses += got
        self._note_end(self.bolus.order, got, cause)
        if self.forgets_program and self.bolus.order.source in ("PRIME", "BRIDGE"):
            self.basal = Program()
        self.bolus = None

    def _begin_period(self) -> None:
        """The next bolus of the PB program, by its own period, even while another bolus runs instead of it."""
        now_ns, basal = self.clock.now_ns(), self.basal
        order = BolusOrder("PB", basal.vol, Fraction(basal.dur))
        self.period = Bolus(order, now_ns, self._by_basal())
        self._next_period_ns = now_ns + basal.interval * NS_PER_S
        self._note("BOLUS_GRANT", SRC="PB")

    def _end_period(self, cause: str) -> None:
        if self.period:
            self._note_end(self.period.order, self._by_basal() - self.period.believed_before, cause)
            self.period = None

    def _note_end(self, order: BolusOrder, got: Fraction, cause: str) -> None:
        self._note("BOLUS_END", SRC=order.source, VOL=order.vol, GOT=math.floor(got), CAUSE=cause)

    # What follows of it

    def _drive(self) -> None:
        """Turn the rotor at the rate that is due, if it can; keep the count."""
        now_ns = self.clock.now_ns()
        due = Fraction(0) if self.resetting else self._due()
        turning = Fraction(0) if self._rotor_held else due
        self.fluid.drive(float(turning * NS_PER_S))
        self.count.turn(turning)
        self._next_step_ns = math.inf
        if self.basal.mode == "FLEX":
            next_s = self.basal.next_step_s(self.schedule_s) - self.schedule_off_s
            self._next_step_ns = self.own_clock.reaches_ns(next_s)
        if self.source != "NONE":
            self._stopped_since_ns = None
            self._stopped_too_long = False
        elif self._stopped_since_ns is None:
            self._stopped_since_ns = now_ns
        if turning or self.resetting or self.source == "NONE":
            self._stall_since_ns = None
        elif due and self._stall_since_ns is None:
            self._stall_since_ns = now_ns

    def _judge_alarms(self) -> None:
        if self._stalled and self._stall_since_ns is None:
            if self.source != "NONE" and not self.resetting:
                self._note("STALL_RECOVER", DELIV=self.delivered_nl)
            self._stalled = False
        conditions = {
            "LOW_RESERVOIR": self.low_nl > 0 and self.reservoir_nl <= self.low_nl,
            "ERI": self.battery.state != "OK",
            "MEMORY_WARNING": self._memory_warning,
            "EMPTY_RESERVOIR": self.reservoir_nl == 0,
            "END_OF_SERVICE": self.battery.state == "EOS",
            "MOTOR_STALL": self._stalled,
            "STOPPED_48H": self._stopped_too_long,
            "MEMORY_FAILURE": self._memory_lost,
        }
        stopping = None
        for alarm, is_on in self.alarms.judge(conditions, self.clock.now_ns()):
            self._alarm_changes.append((alarm, is_on))
            self._note("ALARM_ON" if is_on else "ALARM_OFF", ID=alarm)
            if is_on and alarm in STOPPING:
                stopping = stopping or STOPPING[alarm]
        if stopping:
            self._become_stopped(stopping, "ALARM")
            self._drive()
            self._judge_alarms()

    # What happens by itself

    def settle(self) -> None:
        """Let happen what is due by now. Called by the clock when something is, and before each request."""
        now_ns = self.clock.now_ns()
        if self.resetting or self.events.in_a_moment or not self._next_own_ns() <= now_ns:
            return
        with self._moment():
            if self.bolus and self.bolus.end_ns <= now_ns:
                self._end_bolus("DONE")
            if self.period and self.period.end_ns <= now_ns:
                self._end_period("DONE")
            if self._next_period_ns is not None and self._next_period_ns <= now_ns:
                self._begin_period()
            if self._notice_ns() <= now_ns and not self._stalled:
                self._stalled = True
                self._note("STALL_ON", DELIV=self.delivered_nl)
            if self.source == "NONE" and self.stopped_s >= STOPPED_TOO_LONG_S:
                self._stopped_too_long = True

    def _notice_ns(self) -> float:
        if self._stall_since_ns is None or math.isinf(self.stall_notice_s):
            return math.inf
        return self._stall_since_ns + round(self.stall_notice_s * NS_PER_S)

    def _next_own_ns(self) -> float:
        """When something happens next without being asked."""
        times = [self.battery.next_change_ns(), self.alarms.next_ns(), self._next_step_ns]
        times += [bolus.end_ns for bolus in (self.bolus, self.period) if bolus]
        if self._next_period_ns is not None:
            times.append(self._next_period_ns)
        if not self._stalled:
            times.append(self._notice_ns())
        if self._stopped_since_ns is not None and not self._stopped_too_long:
            times.append(self._stopped_since_ns + STOPPED_TOO_LONG_S * NS_PER_S)
        for alarm, left_nl in (("LOW_RESERVOIR", self.low_nl), ("EMPTY_RESERVOIR", 0)):
            if self.alarms.may_come(alarm) and (left_nl or alarm == "EMPTY_RESERVOIR"):
                times.append(self.count.reaches_ns(left_nl))
        return min(times)

    def _wait_for_next(self) -> None:
        """Have the clock wake the pump; a wake that is pending and early enough serves too."""
        due = self._next_own_ns()
        if math.isinf(due) or (self._wake_ns is not None and self._wake_ns <= due):
            return
        self._wake_ns = wake_ns = math.ceil(due)

        def wake() -> None:
            if self._wake_ns == wake_ns:
                self._wake_ns = None
                if not self.resetting:  # the restart looks again
                    self.settle()
                    self._wait_for_next()

        self.clock.call_at(wake_ns, wake)
