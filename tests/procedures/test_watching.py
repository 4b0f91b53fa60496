"""What a procedure refuses: a pump that does not say back what it was told, a reservoir that holds too little."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rig.sim.implantable.program import Program


def commits_of(scene):
    return [text for _, text in scene.sent("pump") if "COMMIT" in text]


@pytest.mark.parametrize("case", ["flow", "doses"])
def test_a_pump_that_does_something_else_than_it_was_told_is_stopped(scene, case):
    """Its program memory adds a little to what is committed."""
    inside = scene.channel.pump.unit
    sound_commit = inside.commit

    def more(program: Program) -> int:
        return sound_commit(replace(program, rate=program.rate + 1, vol=program.vol + 1))

    inside.commit = more
    scene.carry_out(case)
    ended, message = scene.ended()
    assert ended == "error"
    assert "active prescription" in message
    assert "commanded" in message
    assert len(commits_of(scene)) == 1
    assert [step["name"] for step in scene.journal("step")][-1] == "safe_state"
    assert not {"settle"} & {step["name"] for step in scene.journal("step")}
    (read_back,) = scene.journal("read_back")
    assert read_back["commanded"] != read_back["read"]
    assert inside.mode == "STOP"


@pytest.mark.parametrize(("case", "granted"), [("flow", "START"), ("doses", "BOLUS_GRANT")])
def test_a_command_that_doses_is_not_given_again_when_its_reply_is_lost(scene, case, granted):
    """The driver repeats the identical line once, which the pump carries out once; nothing else is tried."""
    inside = scene.channel.pump.unit
    sound_commit = inside.commit

    def without_replies(program: Program) -> int:
        scene.channel.pump.line.drop = 2
        return sound_commit(program)

    inside.commit = without_replies
    scene.carry_out(case)
    assert scene.ended()[0] == "error"
    assert len(commits_of(scene)) == 2
    assert len(set(commits_of(scene))) == 1
    assert scene.pump_log().count(granted) == 1
    assert inside.mode == "STOP"


def test_a_case_that_failed_is_not_carried_out_again(scene):
    scene.at(1000, lambda: setattr(scene.channel.balance.line, "unplugged", True))
    assert scene.carry_out("flow") is None
    sent = len(scene.sent("pump"))
    assert "it is not repeated" in str(scene.carry_out("flow"))
    assert len(scene.sent("pump")) == sent


@pytest.mark.parametrize(
    ("case", "volume", "too_little_nl"), [("flow", "0.6667", 2_666_666), ("doses", "0.2", 2_200_000)]
)
def test_a_reservoir_that_holds_too_little_is_refused_before_anything_flows(
    scene, case, volume, too_little_nl
):
    scene.channel.pump.unit.refill(too_little_nl)
    scene.carry_out(case)
    ended, message = scene.ended()
    assert ended == "error"
    assert message.startswith("refused, nothing was delivered")
    assert f"this case delivers {volume} mL" in message
    assert "refill" in message
    assert commits_of(scene) == []
    assert scene.journal("pump_state")[-1]["delivered_nl"] == 0


@pytest.mark.parametrize(("case", "enough_nl"), [("flow", 2_668_000), ("doses", 2_201_000)])
def test_a_reservoir_that_holds_just_enough_will_do(scene, case, enough_nl):
    scene.channel.pump.unit.refill(enough_nl)
    scene.carry_out(case)
    assert scene.ended() == ("completed", "")
    assert not scene.journal("alarm")
