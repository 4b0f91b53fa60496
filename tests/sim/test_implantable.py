"""The pump's state machine against rules that hold in every order of events (those of RPU/1, sections 5, 6, 8, 9)."""

from __future__ import annotations

from fractions import Fraction

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from rig.clock.virtual import VirtualClock
from rig.sim.fluid import FluidPath, Peristaltic
from rig.sim.implantable import ImplantablePump
from rig.sim.pump_program import Program
from rig.sim.pump_words import BLOCKING, RECORD_ORDER, STOPPING, RequestDenied

S = 10**9


class AnyOrderOfEvents(RuleBasedStateMachine):
    """Programs, boluses, stops, magnets, refills, resets and time, in any order."""

    def __init__(self):
        super().__init__()
        self.clock = VirtualClock()
        self.fluid = FluidPath(self.clock, Peristaltic(0.3, 250.0), rate_error=0.1, reservoir_nl=300_000.0)
        self.pump = ImplantablePump(self.clock, self.fluid, reservoir_nl=300_000, low_nl=50_000)
        self.notices = []
        self.pump.on_alarm = lambda alarm, on, record: self.notices.append((alarm, on, record))
        self.delivered_before = 0
        self.nominal = Fraction(0)  # what a pump that always obeys would have delivered at most

    def commit(self, program):
        try:
            return self.pump.commit(program)
        except RequestDenied as denied:
            code = denied.code
        assert code in ("06", "0A", "0B", "03")
        return None

    @rule(rate=st.integers(2_000, 1_000_000))
    def basal(self, rate):
        allowed = not self.pump.bolus and not self.pump.alarms.on & set(BLOCKING)
        done = self.commit(Program("SC", rate=rate))
        assert (done is not None) == allowed
        if done:
            assert self.pump.basal.rate == rate

    @rule(vol=st.integers(1, 50_000), dur=st.integers(1, 5000))
    def bolus(self, vol, dur):
        busy = self.pump.bolus is not None
        before = self.pump.delivered_nl
        done = self.commit(Program("SB", vol=vol, dur=dur))
        assert not (done and busy)
        if done:
            assert self.pump.mode == "SB" or self.pump.resetting
            assert vol * 3600 >= self.pump.basal.rate * dur
        assert self.pump.delivered_nl == before

    @rule()
    def minimum(self):
        self.commit(Program("MIN", rate=250))

    @rule()
    def stop_program(self):
        assert self.commit(Program("STOP")) is not None
        assert (self.pump.mode, self.pump.source, self.fluid.rate_nl_h) == ("STOP", "NONE", 0.0)

    @rule()
    def stop(self):
        self.pump.stop()
        assert (self.pump.mode, self.pump.source, self.fluid.rate_nl_h) == ("STOP", "NONE", 0.0)

    @rule(held=st.booleans())
    def magnet(self, held):
        self.pump.rotor_held = held

    @rule(volume=st.sampled_from([0, 1_000, 60_000, 300_000]))
    def refill(self, volume):
        self.pump.refill(volume)
        assert self.pump.reservoir_nl == volume

    @precondition(lambda self: not self.pump.resetting)
    @rule(keep=st.booleans())
    def reset(self, keep):
        self.pump.reset(keep_program=keep)
        self.clock.sleep_s(1.5)
        assert self.pump.bolus is None
        assert self.pump.up_s == 0

    @rule(seconds=st.sampled_from([0.5, 7.0, 61.0, 1800.0, 20_000.0, 180_000.0]))
    def wait(self, seconds):
        self.clock.sleep_s(seconds)

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
    def what_is_told_fits_together(self):
        pump = self.pump
        assert (pump.source == "NONE") == (pump.mode == "STOP")
        assert (pump.bolus is not None) == (pump.source == "SB")
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
        assert times == sorted(times)
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
    def each_bolus_granted_ends_once(self):
        codes = [record.code for record in self.pump.log if record.code in ("BOLUS_GRANT", "BOLUS_END")]
        expected = ["BOLUS_GRANT", "BOLUS_END"] * (len(codes) // 2 + 1)
        assert codes == expected[: len(codes)]
        assert (len(codes) % 2 == 1) == (self.pump.bolus is not None)


AnyOrderOfEvents.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
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
