"""The safe state as run and guard both make it: what is asked, recorded, told, and waited for."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from rig.capabilities import UnitUnderTest
from rig.errors import DeviceError, LinkLost, LinkTimeout, ProtocolError
from rig.readings import Identity, Prescription, PumpState
from rig.safe_state import ChannelSwitch, SupplySwitch, out_of_safe_state, safety_switch, to_safe_state

S = 1_000_000_000


@dataclass
class Pump:
    """Says how it is; may stay as it is, be disturbed some times, or be silent."""

    mode: str = "continuous"
    obeys: bool = True
    disturbed: list[Exception] = field(default_factory=list)
    told: list[object] = field(default_factory=list)

    def stop(self, reason: str) -> None:
        self.told.append(("stop", reason))
        if self.disturbed:
            raise self.disturbed.pop()
        self.mode = "stop" if self.obeys else self.mode

    def program(self, prescription: Prescription) -> None:
        self.told.append(prescription)
        self.mode = prescription.mode

    def interrogate(self) -> PumpState:
        self.told.append("?")
        if self.disturbed:
            raise self.disturbed.pop()
        return PumpState(1, self.mode, self.mode != "stop", 0, 0, None, None)

    def identify(self) -> Identity:
        self.told.append("identity")
        raise LinkTimeout("it says nothing")


@dataclass
class Recorder:
    states: list[PumpState] = field(default_factory=list)

    def pump_state(self, state: PumpState) -> None:
        self.states.append(state)


@dataclass
class Switch:
    at: list[bool] = field(default_factory=list)

    def switch(self, safe: bool) -> None:
        self.at.append(safe)


@dataclass
class Ticking:
    """A clock that goes on by a second whenever it is read."""

    at_s: int = -1

    def now_ns(self) -> int:
        self.at_s += 1
        return self.at_s * S


def unit(pump, state="stop", switched=None):
    return UnitUnderTest("SN1", pump, None, None, state, switched=switched)


def test_a_pump_is_stopped_with_the_reason_asked_and_its_answer_recorded():
    pump, recorder = Pump(), Recorder()
    state = to_safe_state(unit(pump), "a fire", recorder)
    assert pump.told == [("stop", "a fire"), "?"]
    assert state.mode == "stop"
    assert recorder.states == [state]
    assert to_safe_state(unit(Pump()), "a fire").mode == "stop"  # nobody need record it


def test_to_the_minimum_rate_a_pump_goes_by_way_of_its_stop():
    pump = Pump()
    assert to_safe_state(unit(pump, "minimum"), "end").mode == "minimum"
    assert pump.told == [("stop", "end"), Prescription("minimum"), "?"]


def test_one_that_says_it_is_elsewhere_is_an_error_after_it_was_recorded():
    recorder = Recorder()
    with pytest.raises(DeviceError, match="in mode 'continuous', its safe state is 'stop'") as told:
        to_safe_state(unit(Pump(obeys=False)), "end", recorder)
    assert told.value.code == "not-safe"
    assert [state.mode for state in recorder.states] == ["continuous"]


@pytest.mark.parametrize("disturbance", [LinkTimeout("late"), ProtocolError("torn")])
def test_a_disturbance_gets_one_more_chance_and_no_third(disturbance):
    pump = Pump(disturbed=[disturbance])
    assert to_safe_state(unit(pump), "end").mode == "stop"
    with pytest.raises(type(disturbance)):
        to_safe_state(unit(Pump(disturbed=[disturbance, disturbance])), "end")


def test_a_lost_line_gets_none():
    pump = Pump(disturbed=[LinkLost("gone")])
    with pytest.raises(LinkLost):
        to_safe_state(unit(pump), "end")
    assert pump.told == [("stop", "end")]


def test_a_diverted_pump_is_asked_kindly_and_never_told_anything():
    pump, switch, recorder = Pump(), Switch(), Recorder()
    state = to_safe_state(unit(pump, "divert", switch), "end", recorder)
    assert switch.at == [True]
    assert pump.told == ["?"]
    assert state.mode == "continuous"  # it delivers on, elsewhere: the valve is what confirms
    assert recorder.states == [state]
    silent = Pump(disturbed=[LinkTimeout("silent")])
    assert to_safe_state(unit(silent, "divert", Switch()), "end", recorder) is None
    assert recorder.states == [state]


def test_a_pump_without_power_is_not_asked_at_all():
    pump, switch, recorder = Pump(), Switch(), Recorder()
    assert to_safe_state(unit(pump, "power off", switch), "end", recorder) is None
    assert switch.at == [True]
    assert pump.told == []
    assert recorder.states == []


def test_a_pump_that_does_not_come_up_is_waited_for_ten_seconds_and_then_told():
    pump, switch = Pump(), Switch()
    with pytest.raises(LinkTimeout):
        out_of_safe_state(unit(pump, "power off", switch), Ticking())
    assert switch.at == [False]
    assert pump.told == ["identity"] * 11  # at 1, 2 … 10 s in time, at 11 s no more


def test_where_nothing_was_switched_nothing_is_done():
    pump = Pump()
    out_of_safe_state(unit(pump), Ticking())
    assert pump.told == []
    switch = Switch()
    out_of_safe_state(unit(pump, "divert", switch), Ticking())
    assert (switch.at, pump.told) == ([False], [])


def test_a_channel_before_the_supply():
    assert isinstance(safety_switch("power off", {"valves": 1, "supply": 2}, 0, True), ChannelSwitch)
    assert isinstance(safety_switch("power off", {"valves": 1, "supply": 2}, None, True), SupplySwitch)
    assert safety_switch("divert", {"valves": 1}, 4, False) == ChannelSwitch(1, 4, False)
