"""The pump's state machine against rules that hold in every order of events.

They are those of RPU/1 (sections 5, 6, 8, 9), and in its words what the public requirements of generic pumps ask of
any: "Generic Infusion Pump: Hazard Analysis and Safety Requirements" (University of Pennsylvania and FDA, MS-CIS-08-31,
2009) and the requirements of the open PCA pump (Larson, Hatcliff, Chalin, 2013): no bolus while an alarm forbids it,
too soon after another or too often; stopping always possible; no flow once stopped or empty; every request and its
answer on record; alarms on as long as their reason lasts.
"""

from __future__ import annotations

from fractions import Fraction

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from rig.clock.virtual import VirtualClock
from rig.sim.fluid.mechanisms import Peristaltic
from rig.sim.fluid.path import FluidPath
from rig.sim.implantable.patient import PatientBolus
from rig.sim.implantable.program import Program
from rig.sim.implantable.pump import ImplantablePump
from rig.sim.implantable.words import BLOCKING, RECORD_ORDER, STOPPING, RequestDenied

S = 10**9


class AnyOrderOfEvents(RuleBasedStateMachine):
    """Programs, boluses, the patient, stops, magnets, refills, resets, clocks and time, in any order."""

    def __init__(self):
        super().__init__()
        self.clock = VirtualClock()
        self.fluid = FluidPath(self.clock, Peristaltic(0.3, 250.0), rate_error=0.1, reservoir_nl=20_000_000.0)
        self.pump = ImplantablePump(self.clock, self.fluid, reservoir_nl=20_000_000, low_nl=50_000)
        self.notices = []
        self.pump.on_alarm = lambda alarm, on, record: self.notices.append((alarm, on, record))
        self.delivered_before = 0
        self.filled_nl = 20_000_000.0  # what was ever put into the reservoir
        self.grants_s = []
        self.highest_nl_h = 0  # of the basal program
        self.clock_was_set = False

    @initialize(rate=st.sampled_from([0, 2_000, 5_000]))
    def begin(self, rate):
        if rate:
            self.continuous(rate)

    def now_s(self):
        return self.clock.now_ns() / S

    def may_begin(self):
        return not self.pump.bolus and not self.pump.alarms.on & set(BLOCKING)

    def state(self):
        pump = self.pump
        return pump.basal, pump.bolus, pump.source, self.fluid.rate_nl_h, set(pump.alarms.on)

    def ask(self, request, *arguments):
        """The record's number, or None if it was refused; a refusal changes nothing but the log."""
        before = self.state()
        try:
            return request(*arguments)
        except RequestDenied as denied:
            code = denied.code
        assert code in ("03", "04", "06", "07", "08", "0A", "0B")
        assert self.state() == before
        return None

    def basal(self, program, highest_nl_h):
        allowed = self.may_begin()
        done = self.ask(self.pump.commit, program)
        assert (done is not None) == allowed
        if done:
            assert self.pump.basal == program
            self.highest_nl_h = highest_nl_h

    def continuous(self, rate):
        self.basal(Program("SC", rate=rate), rate)

    @rule(rate=st.one_of(st.integers(2_000, 20_000), st.integers(2_000, 1_000_000)))
    def any_continuous(self, rate):
        self.continuous(rate)

    @rule()
    def minimum(self):
        self.basal(Program("MIN", rate=250), 250)

    @rule(low=st.integers(2_000, 20_000), more=st.integers(1, 50_000))
    def flex(self, low, more):
        groups = {1: ((0, low), (400, low + more), (900, low)), 2: ((0, low + more), (700, low))}
        self.basal(Program("FLEX", week="1212121", groups=groups), low + more)

    @rule(vol=st.integers(1, 50_000), dur=st.integers(1, 5_000), pause=st.integers(0, 5_000))
    def periodic(self, vol, dur, pause):
        program = Program("PB", vol=vol, dur=dur, interval=max(600, dur + pause))
        self.basal(program, Fraction(vol * 3600, dur))

    @rule(vol=st.integers(1, 50_000), dur=st.integers(1, 5000))
    def bolus(self, vol, dur):
        self.check_bolus("SB", self.ask(self.pump.commit, Program("SB", vol=vol, dur=dur)), vol * 3600, dur)

    @rule(vol=st.integers(1, 50_000), rate=st.integers(2_000, 1_000_000))
    def prime(self, vol, rate):
        self.check_bolus("PRIME", self.ask(self.pump.prime, vol, rate), rate, 1)

    @rule(vol=st.integers(1, 50_000), dur=st.integers(60, 100_000))
    def bridge(self, vol, dur):
        was_stopped = self.pump.basal.mode == "STOP"
        done = self.ask(self.pump.bridge, 1, 2, vol, dur)
        assert not (done and was_stopped)
        self.check_bolus("BRIDGE", done, 10**12, 1)

    @rule(vol=st.integers(1, 20_000), dur=st.integers(1, 600), lock=st.sampled_from([600, 7_000, 86_400]))
    def allow_patient(self, vol, dur, lock):
        self.pump.set_patient_bolus(PatientBolus(1, vol, dur, lock, 3))

    @rule(gaps=st.lists(st.sampled_from([0, 1, 60, 599, 600, 6_400, 40_000]), min_size=1, max_size=6))
    def press(self, gaps):
        for gap in gaps:
            self.clock.sleep_s(gap)
            self.press_once()

    def press_once(self):
        button = self.pump.patient.settings
        done = self.ask(self.pump.press_button)
        self.check_bolus("PTM", done, button.vol * 3600, button.dur)
        if done:
            recent = [grant_s for grant_s in self.grants_s if grant_s > self.now_s() - 86_400]
            assert len(recent) < button.maximum
            assert not recent or self.now_s() >= recent[-1] + button.lock
            self.grants_s.append(self.now_s())

    def check_bolus(self, source, done, nl_h_dur, dur):
        if done:
            assert not self.pump.alarms.on & set(BLOCKING)
            assert self.pump.source == source
            assert self.pump.basal.mode == "STOP" or nl_h_dur >= self.highest_nl_h * dur

    @rule(by_program=st.booleans())
    def stop(self, by_program):
        if by_program:
            assert self.ask(self.pump.commit, Program("STOP")) is not None
        else:
            self.pump.stop()
        self.check_stopped()

    def check_stopped(self):
        assert (self.pump.mode, self.pump.source, self.fluid.rate_nl_h) == ("STOP", "NONE", 0.0)
        assert self.pump.bolus is None
        assert self.pump.period is None

    @rule(held=st.booleans())
    def magnet(self, held):
        self.pump.rotor_held = held

    @rule(volume=st.sampled_from([0, 1_000, 60_000, 2_000_000, 20_000_000, 40_000_000]))
    def refill(self, volume):
        self.filled_nl += volume - self.fluid.reservoir_nl
        self.pump.refill(volume)
        assert self.pump.reservoir_nl == volume

    @precondition(lambda self: not self.pump.resetting)
    @rule(cause=st.sampled_from(["POWER", "WATCHDOG", "CMD"]), keep=st.booleans())
    def reset(self, cause, keep):
        self.pump.reset(cause, keep_program=keep)
        self.clock.sleep_s(1.0)
        assert self.pump.bolus is None
        assert self.pump.up_s == 0
        assert not self.pump.patient.settings.enabled
        if cause == "CMD" or not keep:
            self.check_stopped()
        self.grants_s.clear()

    @rule(to=st.integers(0, 2**32 - 10**8), drift_ppm=st.sampled_from([0.0, 0.0, 300.0, -300.0]))
    def set_clock(self, to, drift_ppm):
        self.pump.set_clock(to)
        self.pump.own_clock.drift_ppm = drift_ppm
        self.clock_was_set = True
        assert self.pump.clock_s == to

    @rule(seconds=st.sampled_from([0.5, 7.0, 61.0, 1800.0, 7_000.0, 20_000.0, 180_000.0]))
    def wait(self, seconds):
        stopped = self.pump.source == "NONE"
        before = self.fluid.displaced_nl([self.clock.now_ns()])[0]
        self.clock.sleep_s(seconds)
        if stopped:  # nothing moves by itself
            assert self.pump.source == "NONE"
            assert self.fluid.displaced_nl([self.clock.now_ns()])[0] == before

    @rule(alarm=st.sampled_from(["LOW_RESERVOIR", "MOTOR_STALL", "EMPTY_RESERVOIR", "STOPPED_48H"]))
    def acknowledge(self, alarm):
        if alarm in self.pump.alarms.on:
            self.pump.acknowledge(alarm)
            assert alarm in self.pump.alarms.acknowledged
        else:
            with pytest.raises(RequestDenied) as denied:
                self.pump.acknowledge(alarm)
            assert denied.value.code == "04"

    @invariant()
    def the_counter_never_falls_and_the_fluid_follows_the_rotor(self):
        assert self.pump.delivered_nl >= self.delivered_before
        self.delivered_before = self.pump.delivered_nl
        rotor_turns = self.fluid.rate_nl_h > 0
        assert not (rotor_turns and self.pump.rotor_held)
        assert not (rotor_turns and self.pump.source == "NONE")
        if not self.pump.resetting and self.pump.running and not self.pump.rotor_held:
            assert int(self.fluid.rate_nl_h + 1e-6) == self.pump.rate_nl_h

    @invariant()
    def no_more_comes_out_than_was_filled_in(self):
        assert self.fluid.displaced_nl([self.clock.now_ns()])[0] <= self.filled_nl + 1e-3

    @invariant()
    def what_is_told_fits_together(self):
        pump = self.pump
        assert (pump.source == "NONE") == (pump.basal.mode == "STOP" and pump.bolus is None)
        assert (pump.mode == "SB") == (pump.source == "SB")
        assert (pump.bolus is not None) == (pump.source in ("SB", "PTM", "PRIME", "BRIDGE"))
        assert (pump.bolus_left_s > 0) == (pump.bolus is not None)
        assert pump.period is None or pump.basal.mode == "PB"
        assert 0 <= pump.reservoir_nl <= 40_000_000
        assert pump.alarms.acknowledged <= pump.alarms.on
        assert pump.rate_nl_h <= 50_000 * 3600
        if pump.alarms.on & set(STOPPING):
            assert pump.mode == "STOP"
        if "MOTOR_STALL" in pump.alarms.on:
            assert not pump.running
            assert pump.source != "NONE"
        if not pump.resetting:
            assert ("EMPTY_RESERVOIR" in pump.alarms.on) == (pump.reservoir_nl == 0)
            assert ("LOW_RESERVOIR" in pump.alarms.on) == (pump.reservoir_nl <= pump.low_nl)
            assert ("STOPPED_48H" in pump.alarms.on) == (pump.stopped_s >= 172_800)

    @invariant()
    def the_log_is_without_gap_and_every_alarm_was_told_with_its_record(self):
        numbers = [record.number for record in self.pump.log]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        assert numbers[-1] == self.pump.log_last
        times = [record.clock_s for record in self.pump.log]
        assert times == sorted(times) or self.clock_was_set
        told = [(on, alarm, record.number) for alarm, on, record in self.notices]
        logged = [
            (record.code == "ALARM_ON", record.arguments["ID"], record.number)
            for record in self.pump.log
            if record.code in ("ALARM_ON", "ALARM_OFF")
        ]
        assert sorted(told, key=lambda each: each[2])[-len(logged) :] == logged if logged else True
        on = set()
        for alarm, is_on, _ in self.notices:
            assert (alarm in on) != is_on
            on = on | {alarm} if is_on else on - {alarm}
        assert on == self.pump.alarms.on

    @invariant()
    def every_request_was_granted_or_refused_and_each_bolus_granted_ends_once(self):
        if self.pump.log[0].number > 1:  # the ring went round: some begins are gone
            return
        running, asked = dict.fromkeys(("PTM", "SB", "PRIME", "BRIDGE", "PB"), False), 0
        for record in self.pump.log:
            source = record.arguments.get("SRC")
            if record.code == "BOLUS_REQ":
                asked += 1
            elif record.code == "BOLUS_DENY":
                asked -= 1
            elif record.code == "BOLUS_GRANT":
                asked -= source != "PB"
                assert not running[source]
                running[source] = True
            elif record.code == "BOLUS_END":
                assert running[source]
                assert 0 <= record.arguments["GOT"] <= record.arguments["VOL"]
                running[source] = False
        assert asked == 0
        bolus = self.pump.bolus.order.source if self.pump.bolus else None
        on_record = {source for source, runs in running.items() if runs}
        assert on_record == {bolus} - {None} | ({"PB"} if self.pump.period else set())


AnyOrderOfEvents.TestCase.settings = settings(max_examples=50, stateful_step_count=40)
test_any_order_of_events = AnyOrderOfEvents.TestCase


def test_volumes_are_exact_after_a_year(clock):
    fluid = FluidPath(clock, Peristaltic(0.2, 250.0))
    pump = ImplantablePump(clock, fluid)
    pump.commit(Program("SC", rate=2_083))
    clock.sleep_until_ns(365 * 86_400 * S)
    assert pump.delivered_nl == 2_083 * 24 * 365
    assert fluid.displaced_nl([clock.now_ns()])[0] == pytest.approx(2_083 * 24 * 365, abs=50)


def test_every_record_code_has_its_place():
    assert len(set(RECORD_ORDER)) == len(RECORD_ORDER) == 17


class ForLong(AnyOrderOfEvents):
    """The same rules, in longer stories and many more of them."""


ForLong.TestCase.settings = settings(max_examples=3000, stateful_step_count=100)
test_any_order_of_events_for_long = pytest.mark.campaign(ForLong.TestCase)
