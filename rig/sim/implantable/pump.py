"""A simulated programmable implantable pump: programs, boluses, counters, alarms, event log, battery, resets.

What it does is that of docs/reference/rpu-1.md (sections 5, 6, 8, 9); it knows nothing of bytes.
It believes what it was programmed to: its counter and reservoir come from rotor steps at nominal volume,
while the fluid path delivers what it really delivers. All amounts are integers in nl and s, and exact.

Where that text leaves it open: a period of PB that falls into another bolus begins and ends on record in its
time, with what was left for it in GOT; after a reset PB begins with its first bolus; a reset by command does
not keep the program (KEEP 0); a stall once begun is noticed even if PB pauses meanwhile.

NOT modelled: tones as sounds (what sounds can be asked), the user's magnet other than holding the rotor,
telemetry range, drug chemistry, ageing of the battery by use (it droops with time alone), timers other than
the clock that drift.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from rig.sim.fluid.path import FluidPath
from rig.sim.implantable.course import PumpCourse
from rig.sim.implantable.patient import PatientBolus
from rig.sim.implantable.program import Bolus, BolusOrder, Program
from rig.sim.implantable.state import NEVER_NS
from rig.sim.implantable.words import BLOCKING, DENIAL_CAUSES, Limits, RequestDenied
from rig.sim.wire.line import NS_PER_S, WorldClock

TONE_TEST_NS = 3 * NS_PER_S


class ImplantablePump(PumpCourse):
    """The pump. Faults are plain attributes, effective at once: ``rotor_held`` (a magnet; or
    :meth:`hold_rotor`), ``stall_notice_s`` (inf: never), ``counter_stuck``, ``write_check_fails``,
    ``denies_boluses`` (though they are allowed), ``forgets_program`` (after priming or a bridge it stands),
    ``loses_program`` (at any reset), ``keeps_after_command`` (goes on after a reset by command), ``resumes_at``
    (times its rate after any other), ``stays_stalled`` (once it was held), ``schedule_off_s`` (its schedule is ahead
    of its clock), ``schedule_ignores_clock`` (when that is set);
    ``count.gain`` (a counter that is off, or right where the rotor is not);
    ``own_clock.drift_ppm``; those of ``battery``, ``alarms``
    (late, silent, missing), ``patient`` (lock-out and maximum ignored), ``events`` (a log that lies) and
    ``fluid`` (rate error, wear, free flow); and the methods :meth:`damage_memory`, :meth:`reset`, :meth:`lose_power`.
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
            order = BolusOrder("SB", program.vol, Fraction(program.dur))
            self._give(order, program.pairs(), program)
            return self.events.newest("PROG")
        if program.mode != "STOP":
            if not program.is_complete:
                raise RequestDenied("04")
            self._refuse_if_busy_or_blocked()
        if self.write_check_fails:
            raise RequestDenied("0B", AREA="PROG")
        with self._moment():
            self._note("PROG", **program.pairs())
            self._memory_lost = False
            if program.mode == "STOP":
                self._become_stopped("PROG", "STOP")
            else:
                self._begin_basal(program)
        return self.events.newest("PROG")

    def prime(self, volume_nl: int, rate_nl_h: int) -> int:
        """Give ``volume_nl`` at ``rate_nl_h``; the number of its BOLUS_GRANT record."""
        return self._give(BolusOrder("PRIME", volume_nl, Fraction(volume_nl * 3600, rate_nl_h)))

    def bridge(self, old_ng_ml: int, new_ng_ml: int, volume_nl: int, duration_s: int) -> int:
        """Give what is left of the old drug in ``duration_s``; the number of its BOLUS_GRANT record."""
        order = BolusOrder("BRIDGE", volume_nl, Fraction(duration_s))
        return self._give(order, {"MODE": "BRIDGE", "OLD": old_ng_ml, "NEW": new_ng_ml})

    def set_patient_bolus(self, settings: PatientBolus) -> None:
        with self._moment():
            self.patient.settings = settings
            self._note("PROG", MODE="PTM", **settings.pairs())

    def press_button(self) -> int:
        """The patient's request; the number of its BOLUS_GRANT record."""
        settings = self.patient.settings
        number = self._give(BolusOrder("PTM", settings.vol, Fraction(settings.dur)))
        self.patient.grant(self.clock.now_ns())
        return number

    def _give(
        self, order: BolusOrder, prog: dict[str, object] | None = None, program: Program | None = None
    ) -> int:
        """Begin a bolus, or put on record that and why it was refused; ``prog`` is its PROG record."""
        request = {"SRC": order.source, "VOL": order.vol, "DUR": order.dur}
        try:
            self._refuse_bolus(order)
        except RequestDenied as denied:
            with self._moment():
                self._note("BOLUS_REQ", **request)
                self._note("BOLUS_DENY", SRC=order.source, CAUSE=DENIAL_CAUSES[denied.code])
            raise
        with self._moment():
            self._note("BOLUS_REQ", **request)
            if prog:
                self._note("PROG", **prog)
            self._note("BOLUS_GRANT", SRC=order.source)
            self.bolus = Bolus(order, self.clock.now_ns(), self.count.now(), program)
        return self.events.newest("BOLUS_GRANT")

    def _refuse_bolus(self, order: BolusOrder) -> None:
        """The states that refuse a bolus, in the order of section 4, item 7."""
        source, stopped = order.source, self.basal.mode == "STOP"
        if source in ("PTM", "BRIDGE") and stopped:
            raise RequestDenied("04")
        if source == "PTM" and not self.patient.settings.enabled:
            raise RequestDenied("04")
        self._refuse_if_busy_or_blocked()
        if self._memory_lost or (source == "SB" and self.write_check_fails):
            raise RequestDenied("0B", AREA="PROG")
        if source == "PTM":
            self.patient.refuse_if_too_soon(self.clock.now_ns())
        if source != "BRIDGE" and order.nl_h < self.basal.highest_nl_h:  # it replaces it: never slower
            raise RequestDenied("03", KEY="RATE" if source == "PRIME" else "VOL")
        if self.denies_boluses:
            raise RequestDenied("07" if source == "PTM" else "06", LEFT=order.dur)

    def _refuse_if_busy_or_blocked(self) -> None:
        if self.bolus:
            raise RequestDenied("06", LEFT=self.bolus_left_s)
        for alarm in self.alarms.in_order():
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
        """Set the pump's own clock; what it showed before."""
        before_s = self.clock_s
        with self._moment():
            self.own_clock.set(clock_s)
            if self.schedule_ignores_clock and self.basal.mode == "FLEX":
                self.schedule_off_s += before_s - clock_s
            self._note("CLOCK", OLD=before_s, NEW=clock_s)
        return before_s

    def acknowledge(self, alarm: str) -> None:
        if alarm not in self.alarms.on:
            raise RequestDenied("04")
        if alarm in self.alarms.acknowledged:
            return
        with self._moment():
            self.alarms.acknowledged.add(alarm)
            self._note("ALARM_ACK", ID=alarm)
            if alarm == "MEMORY_WARNING":
                self._memory_warning = False

    def test_tone(self, kind: str) -> None:
        self._tone_test, self._tone_test_until_ns = kind, self.clock.now_ns() + TONE_TEST_NS

    # Faults

    @property
    def rotor_held(self) -> bool:
        return self._rotor_held

    @rotor_held.setter
    def rotor_held(self, held: bool) -> None:
        with self._moment():
            self._rotor_held = held or (self._rotor_held and self.stays_stalled)

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

    def lose_power(self) -> None:
        """Nothing turns and nothing answers, until :meth:`regain_power`."""
        self.reset_until_ns = NEVER_NS
        self._drive()

    def regain_power(self) -> None:
        """Power is back: a reset, if it was lost."""
        if self.reset_until_ns == NEVER_NS:
            self.reset("POWER")

    def reset(self, cause: str = "POWER", *, keep_program: bool = True) -> None:
        """A reset: a second of silence with the rotor at rest. After one of power or watchdog the basal program
        goes on, unless it was lost; after one by command (CMD) the program is STOP."""
        now_ns = self.clock.now_ns()
        self.reset_until_ns = now_ns + NS_PER_S
        self._drive()
        kept = cause != "CMD" or self.keeps_after_command
        keeps = keep_program and kept and not self.loses_program
        self.clock.call_at(self.reset_until_ns, lambda: self._restart(cause, keeps))

    def _restart(self, cause: str, keep_program: bool) -> None:
        self.on_reset()
        with self._moment():
            self._note("RESET", CAUSE=cause, KEEP=int(keep_program))
            was_stopped = self.source == "NONE"
            self.staged = None
            self.patient.reset()
            self._tone_test_until_ns = -1
            self._up_since_ns = self.clock.now_ns()
            self._stall_since_ns, self._stalled, self._stopped_too_long = None, False, False
            self.alarms.acknowledged.clear()
            if cause == "CMD":
                self._memory_lost = False
            elif not keep_program:
                self._note("MEMERR", AREA="PROG", FATAL=1)
                self._memory_lost = True
            if self.basal.mode == "STOP" or not keep_program:
                self._become_stopped("MEM" if self._memory_lost else "RESET", "RESET")
            else:
                self._end_bolus("RESET")
                self._end_period("RESET")
                self._begin_basal(replace(self.basal, rate=round(self.resumes_at * self.basal.rate)))
            if was_stopped:
                self._stopped_since_ns = self.clock.now_ns()
