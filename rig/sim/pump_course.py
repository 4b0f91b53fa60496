"""What goes on in the simulated pump: the rotor turns, alarms come and go, all of it is put on record."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction

from rig.sim.fluid import FluidPath
from rig.sim.line import NS_PER_S, WorldClock
from rig.sim.pump_state import PumpState
from rig.sim.pump_words import STOPPING, Limits, LogRecord, Program

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
        self._drive()
        numbered: dict[tuple[str, object], LogRecord] = {}
        for record in self.events.write(self.clock_s):
            numbered[record.code, record.arguments.get("ID")] = record
        for alarm, is_on in self._alarm_changes:
            self.on_alarm(alarm, is_on, numbered["ALARM_ON" if is_on else "ALARM_OFF", alarm])
        self._wait_for_next()

    def _battery_changed(self) -> None:
        with self._moment():
            pass

    def _note(self, code: str, **arguments: object) -> None:
        self.events.note(code, **arguments)

    def _become_stopped(self, stop_cause: str, bolus_cause: str) -> None:
        was_stopped = self.basal.mode == "STOP" and not self.bolus
        self._end_bolus(bolus_cause)
        self.basal = Program()
        if not was_stopped:
            self._note("STOP", CAUSE=stop_cause)

    def _end_bolus(self, cause: str) -> None:
        if self.bolus is None:
            return
        got_nl = math.floor(self.count.now() - self.bolus.believed_before)
        self._note("BOLUS_END", SRC="SB", VOL=self.bolus.program.vol, GOT=got_nl, CAUSE=cause)
        self.bolus = None

    def _drive(self) -> None:
        """Turn the rotor at the rate that is due, if it can; keep the count."""
        now_ns = self.clock.now_ns()
        driven = bool(self._due()) and not self.resetting
        turning = self._due() if driven and not self._rotor_held else Fraction(0)
        self.fluid.drive(float(turning * NS_PER_S))
        self.count.turn(turning)
        if self.source != "NONE":
            self._stopped_since_ns = None
            self._stopped_too_long = False
        elif self._stopped_since_ns is None:
            self._stopped_since_ns = now_ns
        if not (driven and self._rotor_held):
            self._stall_since_ns = None
        elif self._stall_since_ns is None:
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
        for alarm, is_on in conditions.items():
            if is_on == (alarm in self.on):
                continue
            self._alarm_changes.append((alarm, is_on))
            self._note("ALARM_ON" if is_on else "ALARM_OFF", ID=alarm)
            if is_on:
                self.on.add(alarm)
            else:
                self.on.discard(alarm)
                self.acknowledged.discard(alarm)
            if is_on and alarm in STOPPING:
                self._become_stopped(STOPPING[alarm], "ALARM")
                self._drive()
        if self._stalled and self._stall_since_ns is None:  # stopped by an alarm of this moment
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
            if self._stall_since_ns is not None and self._notice_ns() <= now_ns and not self._stalled:
                self._stalled = bool(self._due())
                if self._stalled:
                    self._note("STALL_ON", DELIV=self.delivered_nl)
            if self.source == "NONE" and self.stopped_s >= STOPPED_TOO_LONG_S:
                self._stopped_too_long = True

    def _notice_ns(self) -> int:
        assert self._stall_since_ns is not None
        return self._stall_since_ns + round(self.stall_notice_s * NS_PER_S)

    def _next_own_ns(self) -> float:
        """When something happens next without being asked."""
        times: list[float] = [math.inf]
        if self.bolus:
            times.append(self.bolus.end_ns)
        if self._stall_since_ns is not None and not self._stalled:
            times.append(self._notice_ns())
        if self._stopped_since_ns is not None and not self._stopped_too_long:
            times.append(self._stopped_since_ns + STOPPED_TOO_LONG_S * NS_PER_S)
        for left_nl, alarm in ((self.low_nl, "LOW_RESERVOIR"), (0, "EMPTY_RESERVOIR")):
            if alarm not in self.on and (left_nl or alarm == "EMPTY_RESERVOIR"):
                times.append(self.count.reaches_ns(left_nl))
        times.append(self.battery.next_change_ns())
        return min(times)

    def _wait_for_next(self) -> None:
        """Have the clock wake the pump; a wake that is pending and early enough serves too."""
        due = self._next_own_ns()
        if math.isinf(due) or (self._wake_ns is not None and self._wake_ns <= due):
            return
        self._wake_ns = wake_ns = int(due)

        def wake() -> None:
            if self._wake_ns == wake_ns:
                self._wake_ns = None
                if not self.resetting:  # the restart looks again
                    self.settle()
                    self._wait_for_next()

        self.clock.call_at(wake_ns, wake)
