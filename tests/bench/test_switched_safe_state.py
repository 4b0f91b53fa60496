"""Pumps that are made safe by a valve, a relay or their supply."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from rig.capabilities import UnitUnderTest
from rig.clock.wall import WallClock
from rig.errors import LinkLost, LinkTimeout
from rig.readings import Identity, PumpState
from rig.safe_state import out_of_safe_state, safety_switch, to_safe_state


@dataclass
class Board:
    """Valves that remember, and may fail."""

    on: dict[int, bool] = field(default_factory=dict)
    failures: list[Exception] = field(default_factory=list)

    def switch(self, channel: int, on: bool) -> None:
        if self.failures:
            raise self.failures.pop()
        self.on[channel] = on


@dataclass
class Supply:
    """An output that is on or off."""

    on: bool = True

    def switch(self, on: bool) -> None:
        self.on = on


@dataclass
class UnstoppablePump:
    """A pump that knows no stop; it answers when its power was on for a while."""

    silent_times: int = 0
    asked: int = 0

    def interrogate(self) -> PumpState:
        raise LinkTimeout("it says nothing")

    def identify(self) -> Identity:
        self.asked += 1
        if self.asked <= self.silent_times:
            raise LinkTimeout("it says nothing yet")
        return Identity(serial="SN1")


def unit(state, drivers, channel=None, safe_on=True, pump=None):
    switched = safety_switch(state, drivers, channel, safe_on)
    return UnitUnderTest("SN1", pump or UnstoppablePump(), None, None, state, switched=switched)


@pytest.mark.parametrize("safe_on", [True, False])
@pytest.mark.parametrize("state", ["divert", "power off"])
def test_a_channel_is_switched_and_switched_back(state, safe_on):
    board = Board()
    pump = unit(state, {"valves": board}, 3, safe_on)
    to_safe_state(pump, "end")
    assert board.on == {3: safe_on}
    out_of_safe_state(pump, WallClock())
    assert board.on == {3: not safe_on}


def test_without_a_channel_the_supply_is_switched():
    supply = Supply()
    pump = unit("power off", {"supply": supply})
    to_safe_state(pump, "end")
    assert not supply.on
    out_of_safe_state(pump, WallClock())
    assert supply.on


def test_a_disturbed_board_gets_a_second_chance_and_a_dead_one_is_told():
    board = Board(failures=[LinkTimeout("disturbed")])
    to_safe_state(unit("divert", {"valves": board}, 1), "end")
    assert board.on == {1: True}
    board.failures = [LinkLost("gone")]
    with pytest.raises(LinkLost):
        to_safe_state(unit("divert", {"valves": board}, 1), "end")


def test_a_pump_whose_power_is_back_is_waited_for():
    pump = UnstoppablePump(silent_times=3)
    out_of_safe_state(unit("power off", {"supply": Supply()}, pump=pump), WallClock())
    assert pump.asked == 4


@pytest.mark.parametrize("state", ["stop", "minimum"])
def test_what_is_commanded_is_not_switched(state):
    assert safety_switch(state, {}, 3, True) is None
