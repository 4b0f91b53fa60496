"""However a case ends, its pump ends in the safe state that its profile declares, and it is said if not."""

from __future__ import annotations

import pytest

from rig.errors import Aborted
from rig.procedures import PROCEDURES

DURING_SAMPLE_S = 4500  # of the case "flow"
DURING_BOLUS_S = 2650  # of the case "doses"
MODES = {"stop": "STOP", "minimum": "MIN"}


def unplug(*instruments):
    for instrument in instruments:
        instrument.line.unplugged = True


@pytest.mark.parametrize("safe_state", MODES)
@pytest.mark.parametrize("case", ["flow", "doses"])
def test_after_a_case_that_completed(open_scene, safe_state, case):
    scene = open_scene(safe_state=safe_state)
    scene.carry_out(case)
    assert scene.ended() == ("completed", "")
    assert scene.channel.pump.unit.mode == MODES[safe_state]
    assert scene.journal("pump_state")[-1]["mode"] == safe_state


@pytest.mark.parametrize("safe_state", MODES)
@pytest.mark.parametrize(("case", "after_s"), [("flow", DURING_SAMPLE_S), ("doses", DURING_BOLUS_S)])
def test_after_an_abort_in_the_middle_of_dosing(open_scene, safe_state, case, after_s):
    scene = open_scene(safe_state=safe_state)
    seen = []
    scene.at(after_s, lambda: seen.append(scene.channel.pump.unit.source))
    scene.at(after_s, lambda: scene.clock.abort("enough"))
    assert isinstance(scene.carry_out(case), Aborted)
    assert seen == ["BASAL" if case == "flow" else "SB"]
    assert scene.ended() == ("aborted", "enough")
    assert scene.channel.pump.unit.mode == MODES[safe_state]
    assert scene.journal("pump_state")[-1]["mode"] == safe_state
    assert not scene.journal("dose")[1:]


@pytest.mark.parametrize("safe_state", MODES)
@pytest.mark.parametrize("role", ["balance", "flow"])
def test_after_the_loss_of_another_instrument(open_scene, safe_state, role):
    scene = open_scene(safe_state=safe_state)
    scene.at(DURING_SAMPLE_S, lambda: unplug(getattr(scene.channel, role)))
    scene.carry_out("flow")
    ended, message = scene.ended()
    assert ended == "error"
    assert f"sim://SIM-0001/{role}" in message
    assert "check the cable" in message
    assert "SAFE STATE" not in message
    assert scene.channel.pump.unit.mode == MODES[safe_state]


def test_after_a_mistake_of_our_own(scene, monkeypatch):
    def broken(unit, case, recorder, clock):
        PROCEDURES["bolus"](unit, scene.run.plan.cases[1], recorder, clock)
        raise ZeroDivisionError("a slip")

    monkeypatch.setitem(PROCEDURES, "flow_accuracy", broken)
    with pytest.raises(ZeroDivisionError):
        scene.carry_out("flow")
    assert scene.ended() == ("error", "ZeroDivisionError: a slip")
    assert scene.channel.pump.unit.mode == "STOP"


def test_a_disturbed_line_gets_a_second_chance(scene):
    """Both the reply to STOP and that to its repetition are lost."""
    scene.at(DURING_SAMPLE_S, lambda: unplug(scene.channel.balance))
    inside = scene.channel.pump.unit
    sound_stop = inside.stop
    stops = []

    def without_replies():
        stops.append(scene.clock.now_ns())
        if stops[1:] and not stops[2:]:  # the first one is that of the evaporation blank
            scene.channel.pump.line.drop = 2
        sound_stop()

    inside.stop = without_replies
    scene.carry_out("flow")
    assert "SAFE STATE" not in scene.ended()[1]
    assert len(stops) == 3
    assert scene.journal("pump_state")[-1]["mode"] == "stop"


def test_a_unit_that_is_unplugged_in_the_middle_does_not_disturb_the_others(open_scene):
    scene = open_scene(units=3)
    lost = scene.world.units["SIM-0002"]
    scene.at(DURING_SAMPLE_S, lambda: unplug(lost.pump, lost.balance, lost.flow))
    assert scene.carry_out("flow") is None
    ended, message = scene.ended("SIM-0002")
    assert ended == "error"
    assert "the line was lost" in message
    assert "check the cable" in message
    assert "SAFE STATE NOT CONFIRMED: sim://SIM-0002/pump" in message
    for unit in ("SIM-0001", "SIM-0003"):
        assert scene.ended(unit) == ("completed", "")
        assert scene.world.units[unit].pump.unit.mode == "STOP"
    results = {
        unit.serial: scene.run.known_result(scene.run.plan.cases[0], unit.serial)
        for unit in scene.bench.units
    }
    assert {serial: result["outcome"] for serial, result in results.items()} == {
        "SIM-0001": "PASS",
        "SIM-0002": "ERROR",
        "SIM-0003": "PASS",
    }
    assert {entry["verdict"] for entry in results["SIM-0002"]["criteria"]} == {"ERROR"}


def test_a_pump_that_stays_at_its_rate_is_told(scene):
    """It says it was stopped and goes on: only asking it shows that."""
    scene.at(DURING_SAMPLE_S, lambda: setattr(scene.channel.pump.unit, "stop", lambda: None))
    scene.carry_out("flow")
    ended, message = scene.ended()
    assert ended == "error"
    assert "SAFE STATE NOT CONFIRMED" in message
    assert "in mode 'continuous'" in message
