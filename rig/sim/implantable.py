"""A simulated programmable implantable pump: programs, boluses, counters, alarms, event log, battery, resets.

What it does is that of docs/reference/rpu-1.md, level 1 (sections 5, 6, 8, 9); it knows nothing of bytes.
It believes what it was programmed to: its counter and reservoir come from rotor steps at nominal volume,
while the fluid path delivers what it really delivers. All amounts are integers in nl and s, and exact.

NOT modelled: level 2 (flex, periodic, patient, priming and bridge boluses), tones as sounds, the user's
magnet other than holding the rotor, telemetry range, drug chemistry, ageing of the battery by use (it
droops with time alone).
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction

from rig.sim.fluid import FluidPath
from rig.sim.line import NS_PER_S, WorldClock
from rig.sim.pump_battery import Battery
from rig.sim.pump_words import (
    ALARM_BITS,
    BLOCKING,
    HOUR_NS,
    RECORD_ORDER,
    STOPPING,
    Bolus,
    Limits,
    LogRecord,
    Program,
    RequestDenied,
)

STOPPED_TOO_LONG_S = 172_800


class ImplantablePump:
    """The pump. Faults are plain attributes, effective at once: ``rotor_held`` (a magnet; or
    :meth:`hold_rotor`), ``stall_notice_s``, ``counter_stuck``, ``write_check_fails``, ``clock_drift_ppm``,
    those of ``battery``; and the methods :meth:`damage_memory`,
    :meth:`reset`.
    """

    def __init__(
        self,
        clock: WorldClock,
        fluid: FluidPath,
        limits: Limits | None = None,
        *,
        reservoir_nl: int | None = None,
        low_nl: int = 2_000_000,
    ) -> None:
        self.clock, self.fluid = clock, fluid
        self.limits = limits or Limits()
        self.basal = Program()
        self.bolus: Bolus | None = None
        self.staged: Program | None = None
        self.stall_notice_s = 60.0
        self.write_check_fails = False
        self.clock_drift_ppm = 0.0
        self.battery = Battery(clock, self._battery_changed)
        self.log: deque[LogRecord] = deque(maxlen=self.limits.log_capacity)
        self.log_last = 0
        self.on: set[str] = set()
        self.acknowledged: set[str] = set()
        self.on_alarm: Callable[[str, bool, LogRecord], None] = lambda _alarm, _on, _record: None
        self.on_reset: Callable[[], None] = lambda: None
        self.reset_until_ns = -1
        now_ns = clock.now_ns()
        self._rotor_held = self._counter_stuck = self._stalled = False
        self._memory_warning = self._memory_lost = self._stopped_too_long = False
        self._up_since_ns = self._clock_set_ns = now_ns
        self._clock_s = 0
        self._stopped_since_ns: int | None = now_ns
        self._stall_since_ns: int | None = None
        self._believed, self._believed_at_ns, self._turning = Fraction(0), now_ns, Fraction(0)
        self.fill_nl = self.limits.reservoir_max if reservoir_nl is None else reservoir_nl
        self.fill_clock_s, self._delivered_at_fill = 0, 0
        self.low_nl = low_nl
        self._records: list[tuple[str, dict[str, object]]] | None = None
        self._alarm_changes: list[tuple[str, bool]] = []
        self._wake_ns: int | None = None
        with self._moment():
            self._note("RESET", CAUSE="POWER", KEEP=1)

    # What it says of itself

    @property
    def resetting(self) -> bool:
        return self.clock.now_ns() < self.reset_until_ns

    @property
    def delivered_nl(self) -> int:
        return math.floor(self._believed_now())

    def _believed_now(self) -> Fraction:
        return self._believed + self._turning * (self.clock.now_ns() - self._believed_at_ns)

    @property
    def reservoir_nl(self) -> int:
        return max(0, self.fill_nl - (self.delivered_nl - self._delivered_at_fill))

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

    # What can be asked of it; each either happens as a whole or raises RequestDenied

    def commit(self, program: Program) -> int:
        """Make ``program`` active; the number of its PROG record."""
        if program.mode == "SB":
            return self._begin_bolus(program)
        if program.mode != "STOP":
            self._refuse_if_busy_or_blocked()
        if self.write_check_fails:
            raise RequestDenied("0B", AREA="PROG")
        with self._moment():
            self._note("PROG", **program.pairs())
            self._memory_lost = False
            if program.mode == "STOP":
                self._become_stopped("PROG", "STOP")
            else:
                self.basal = program
                self._note("START", RATE=program.rate)
        return self._newest_number("PROG")

    def _begin_bolus(self, program: Program) -> int:
        try:
            self._refuse_if_busy_or_blocked()
            if self._memory_lost or self.write_check_fails:
                raise RequestDenied("0B", AREA="PROG")
            if program.vol * 3600 < self.basal.rate * program.dur:  # it replaces the basal rate: never slower
                raise RequestDenied("03", KEY="VOL")
        except RequestDenied as denied:
            names = {"06": "BUSY", "0A": "ALARM", "0B": "MEMORY", "03": "RANGE"}
            with self._moment():
                self._note("BOLUS_REQ", SRC="SB", VOL=program.vol, DUR=program.dur)
                self._note("BOLUS_DENY", SRC="SB", CAUSE=names[denied.code])
            raise
        with self._moment():
            self._note("BOLUS_REQ", SRC="SB", VOL=program.vol, DUR=program.dur)
            self._note("PROG", **program.pairs())
            self._note("BOLUS_GRANT", SRC="SB")
            self.bolus = Bolus(program, self.clock.now_ns() + program.dur * NS_PER_S, self._believed_now())
        return self._newest_number("PROG")

    def _refuse_if_busy_or_blocked(self) -> None:
        if self.bolus:
            raise RequestDenied("06", LEFT=self.bolus_left_s)
        for alarm in self.alarms_in_order():
            if alarm in BLOCKING:
                raise RequestDenied("0A", ID=alarm)

    def stop(self) -> None:
        """A confirmed STOP."""
        with self._moment():
            self.staged = None
            self._become_stopped("CMD", "STOP")

    def refill(self, volume_nl: int, low_nl: int | None = None) -> int:
        """A refill: of the belief, and of the fluid too; what it believed before."""
        before_nl = self.reservoir_nl
        with self._moment():
            self.low_nl = self.low_nl if low_nl is None else low_nl
            self.fill_nl, self._delivered_at_fill = volume_nl, self.delivered_nl
            self.fill_clock_s = self.clock_s
            self.fluid.reservoir_nl = volume_nl
            self._note("REFILL", VOL=volume_nl, LOW=self.low_nl, OLD=before_nl)
        return before_nl

    def set_clock(self, clock_s: int) -> int:
        before_s = self.clock_s
        with self._moment():
            self._clock_s, self._clock_set_ns = clock_s, self.clock.now_ns()
            self._note("CLOCK", OLD=before_s, NEW=clock_s)
        return before_s

    def acknowledge(self, alarm: str) -> None:
        if alarm not in self.on:
            raise RequestDenied("04")
        if alarm in self.acknowledged:
            return
        with self._moment():
            self.acknowledged.add(alarm)
            self._note("ALARM_ACK", ID=alarm)
            if alarm == "MEMORY_WARNING":
                self._memory_warning = False

    # Faults

    @property
    def rotor_held(self) -> bool:
        return self._rotor_held

    @rotor_held.setter
    def rotor_held(self, held: bool) -> None:
        with self._moment():
            self._rotor_held = held

    def hold_rotor(self, at_ns: int, for_ns: int | None) -> None:
        """Hold the rotor from ``at_ns`` on, for good or for a while."""
        self.clock.call_at(at_ns, lambda: setattr(self, "rotor_held", True))
        if for_ns is not None:
            self.clock.call_at(at_ns + for_ns, lambda: setattr(self, "rotor_held", False))

    @property
    def counter_stuck(self) -> bool:
        return self._counter_stuck

    @counter_stuck.setter
    def counter_stuck(self, stuck: bool) -> None:
        with self._moment():
            self._counter_stuck = stuck

    def _battery_changed(self) -> None:
        with self._moment():
            pass

    def damage_memory(self, area: str) -> None:
        """PROG is lost for good; LOG and COUNTER are repaired."""
        with self._moment():
            self._note("MEMERR", AREA=area, FATAL=int(area == "PROG"))
            if area == "PROG":
                self._memory_lost = True
            else:
                self._memory_warning = True

    def reset(self, cause: str = "POWER", *, keep_program: bool = True) -> None:
        """Power or watchdog reset: a second of silence with the rotor at rest, then the basal program goes
        on."""
        now_ns = self.clock.now_ns()
        self.reset_until_ns = now_ns + NS_PER_S
        self._drive()
        self.clock.call_at(self.reset_until_ns, lambda: self._restart(cause, keep_program))

    def _restart(self, cause: str, keep_program: bool) -> None:
        self.on_reset()
        with self._moment():
            self._note("RESET", CAUSE=cause, KEEP=int(keep_program))
            was_stopped = self.basal.mode == "STOP" and not self.bolus
            self.staged = None
            self._up_since_ns = self.clock.now_ns()
            self._stall_since_ns, self._stalled, self._stopped_too_long = None, False, False
            self.acknowledged.clear()
            if not keep_program:
                self._note("MEMERR", AREA="PROG", FATAL=1)
                self._memory_lost = True
            if self.basal.mode == "STOP" or not keep_program:
                self._become_stopped("RESET" if keep_program else "MEM", "RESET")
            else:
                self._end_bolus("RESET")
                self._note("START", RATE=self.basal.rate)
            if was_stopped:
                self._stopped_since_ns = self.clock.now_ns()

    # The moments in which something changes

    @contextmanager
    def _moment(self) -> Iterator[None]:
        """One moment: what changes, the alarms that follow, its records in the order of section 9."""
        if self._records is not None:  # within another
            yield
            return
        self._records = []
        self._alarm_changes = []
        try:
            yield
        except BaseException:
            self._records = None
            raise
        if self.battery.judge():
            self._note("BATT", STATE=self.battery.state, MV=self.battery.mv)
        self._drive()
        self._judge_alarms()
        self._drive()
        records, self._records = self._records, None
        numbered: dict[tuple[str, object], LogRecord] = {}
        for code, arguments in sorted(records, key=lambda record: RECORD_ORDER.index(record[0])):
            self.log_last += 1
            record = LogRecord(self.log_last, self.clock_s, code, arguments)
            self.log.append(record)
            numbered[code, arguments.get("ID")] = record
        for alarm, is_on in self._alarm_changes:
            self.on_alarm(alarm, is_on, numbered["ALARM_ON" if is_on else "ALARM_OFF", alarm])
        self._wait_for_next()

    def _note(self, code: str, **arguments: object) -> None:
        assert self._records is not None
        self._records.append((code, arguments))

    def _newest_number(self, code: str) -> int:
        return next(record.number for record in reversed(self.log) if record.code == code)

    def _become_stopped(self, stop_cause: str, bolus_cause: str) -> None:
        was_stopped = self.basal.mode == "STOP" and not self.bolus
        self._end_bolus(bolus_cause)
        self.basal = Program()
        if not was_stopped:
            self._note("STOP", CAUSE=stop_cause)

    def _end_bolus(self, cause: str) -> None:
        if self.bolus is None:
            return
        got_nl = math.floor(self._believed_now() - self.bolus.believed_before)
        self._note("BOLUS_END", SRC="SB", VOL=self.bolus.program.vol, GOT=got_nl, CAUSE=cause)
        self.bolus = None

    def _due(self) -> Fraction:
        return (self.bolus.program if self.bolus else self.basal).nl_per_ns()

    def _drive(self) -> None:
        """Turn the rotor at the rate that is due, if it can; keep the count."""
        now_ns = self.clock.now_ns()
        self._believed, self._believed_at_ns = self._believed_now(), now_ns
        driven = bool(self._due()) and not self.resetting
        turning = self._due() if driven and not self._rotor_held else Fraction(0)
        self.fluid.drive(float(turning * NS_PER_S))
        self._turning = Fraction(0) if self._counter_stuck else turning
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
        if self.resetting or self._records is not None or not self._next_own_ns() <= now_ns:
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
        if self._turning:
            for left_nl, alarm in ((self.low_nl, "LOW_RESERVOIR"), (0, "EMPTY_RESERVOIR")):
                if alarm not in self.on and (left_nl or alarm == "EMPTY_RESERVOIR"):
                    reached = self._delivered_at_fill + self.fill_nl - left_nl
                    wait_ns = math.ceil((reached - self._believed) / self._turning)
                    times.append(self._believed_at_ns + max(0, wait_ns))
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
