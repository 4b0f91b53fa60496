"""A simulated programmable implantable pump: programs, boluses, counters, alarms, event log, battery, resets.

What it does is that of docs/reference/rpu-1.md, level 1 (sections 5, 6, 8, 9); it knows nothing of bytes.
It believes what it was programmed to: its counter and reservoir come from rotor steps at nominal volume,
while the fluid path delivers what it really delivers. All amounts are integers in nl and s, and exact.

NOT modelled: level 2 (flex, periodic, patient, priming and bridge boluses), tones as sounds, the user's
magnet other than holding the rotor, telemetry range, drug chemistry, ageing of the battery by use (it
droops with time alone).
"""

from __future__ import annotations

from rig.sim.fluid import FluidPath
from rig.sim.line import NS_PER_S, WorldClock
from rig.sim.pump_course import PumpCourse
from rig.sim.pump_words import BLOCKING, Bolus, Limits, Program, RequestDenied


class ImplantablePump(PumpCourse):
    """The pump. Faults are plain attributes, effective at once: ``rotor_held`` (a magnet; or
    :meth:`hold_rotor`), ``stall_notice_s``, ``counter_stuck``, ``write_check_fails``, ``clock_drift_ppm``,
    those of ``battery``; and the methods :meth:`damage_memory`, :meth:`reset`.
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
        limits = limits or Limits()
        filled_nl = limits.reservoir_max if reservoir_nl is None else reservoir_nl
        super().__init__(clock, fluid, limits, reservoir_nl=filled_nl, low_nl=low_nl)

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
        return self.events.newest("PROG")

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
            self.bolus = Bolus(program, self.clock.now_ns() + program.dur * NS_PER_S, self.count.now())
        return self.events.newest("PROG")

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
            self.count.fill(volume_nl, self.clock_s)
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
        return self.count.stuck

    @counter_stuck.setter
    def counter_stuck(self, stuck: bool) -> None:
        with self._moment():
            self.count.stuck = stuck

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
