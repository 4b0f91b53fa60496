"""A run that is killed anywhere, taken up again, and killed again meanwhile: nothing lost, nothing dosed twice.

In virtual time, where the simulated pump and balance live on while "the process" is dead: from the moment of its death
no record is written and no byte is sent, whatever handlers still run. The long version (marker ``campaign``) has 200
trials.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from rig.record.load_run import load_run
from rig.record.verify import verify_run
from rig.run.resume import close
from rig.run.resumed_run import may_be_delivering

FEW, MANY = 3, 200
PLAN = """
[plan]
id = "test"
revision = "A"
title = "Test"
reference_temperature = "37 degC"

[[case]]
id = "flow"
procedure = "flow_accuracy"
title = "Flow"
verifies = ["SRS-000"]
rate = "12 mL/day"
relax = "1 min"
blank = "16 min"
settle = "4 min"
sample = { every = "2 min", for = "30 min" }
flow_every = "10 s"
windows = ["2 min", "30 min"]
accept = { mean_error = "within 50 %", alarms = "none" }

[[case]]
id = "doses"
procedure = "bolus"
title = "Doses"
verifies = ["SRS-000"]
bolus = "50 uL"
bolus_duration = "5 min"
count = 3
interval = "15 min"
settle = "5 min"
relax = "1 min"
blank = "16 min"
flow_every = "10 s"
accept = { mean_error = "within 50 %", alarms = "none" }
"""


def case_of(results: dict[str, Any], case_id: str) -> dict[str, Any]:
    return next(case for case in results["cases"] if case["id"] == case_id)


def minutes(start: float) -> Callable[[Any], bool]:
    return lambda scene: scene.clock.now_ns() > start * 60e9


def test_sampling_goes_on_if_the_pump_never_stopped(mortal):
    mortal = mortal(PLAN)
    mortal.killed_at(minutes(32))
    assert may_be_delivering(load_run(mortal.path)) == ["SIM-0001"]
    mortal.scene.clock.sleep_s(300)
    results = mortal.take_up()
    case = case_of(results, "flow")
    assert (case["ended"], case["outcome"], results["outcome"]) == ("completed", "PASS", "PASS")
    mean = next(criterion for criterion in case["criteria"] if criterion["name"] == "mean_error")
    assert abs(mean["value"]) <= mean["expanded_uncertainty"]
    flags = {flag["name"]: flag for flag in case["flags"]}
    assert flags["interrupted"]["kind"] == "measurement"
    assert flags["interrupted"]["end_s"] - flags["interrupted"]["start_s"] >= 300
    assert "balance readings are missing" in flags["balance_gap"]["message"]
    assert len([program for program in mortal.codes("PROG") if program["MODE"] == "SC"]) == 1
    assert "interrupted" not in {flag["name"] for flag in case_of(results, "doses")["flags"]}
    assert verify_run(mortal.path) == []


@pytest.mark.parametrize("word", [False, True])
def test_sampling_begins_again_only_on_the_operators_word_if_the_guard_stopped_the_pump(mortal, word):
    mortal = mortal(PLAN)
    mortal.word = word
    mortal.killed_at(minutes(32), guarded=True)
    results = mortal.take_up()
    case = case_of(results, "flow")
    assert len(mortal.asked) == 1
    assert "the pump was stopped meanwhile" in mortal.asked[0]
    assert case["outcome"] == ("PASS" if word else "ERROR")
    assert len([program for program in mortal.codes("PROG") if program["MODE"] == "SC"]) == 1 + word
    assert case_of(results, "doses")["outcome"] == "PASS"  # the others are carried out all the same
    if not word:
        assert "it cannot go on: the pump was stopped meanwhile" in case["message"]
        assert "not begun again" in (mortal.path / "exports" / "junit.xml").read_text("utf-8")


def test_a_pump_that_stood_for_a_while_and_runs_again_is_found_out(mortal):
    mortal = mortal(PLAN)
    mortal.killed_at(minutes(32))
    mortal.scene.channel.pump.unit.rotor_held = True
    mortal.scene.clock.sleep_s(400)
    mortal.scene.channel.pump.unit.rotor_held = False
    mortal.scene.clock.sleep_s(100)
    case = case_of(mortal.take_up(), "flow")
    assert case["outcome"] == "ERROR"
    assert "it cannot go on: the pump's log tells of STALL_ON" in case["message"]


def test_before_anything_was_delivered_it_begins_again_by_itself(mortal):
    mortal = mortal(PLAN)
    mortal.killed_at(minutes(8))
    results = mortal.take_up()
    assert (results["outcome"], mortal.asked) == ("PASS", [])
    assert len([record for record in load_run(mortal.path).cases if record.case == "flow"]) == 2


@pytest.mark.parametrize("step", ["relax_after", "blank_after"])
def test_the_blank_afterwards_goes_on(mortal, step):
    mortal = mortal(PLAN)
    mortal.killed_at(minutes(51.5 if step == "relax_after" else 60), guarded=True)
    assert load_run(mortal.path).cases[-1].steps[-1].name == step
    mortal.scene.clock.sleep_s(120)
    results = mortal.take_up()
    assert (results["outcome"], mortal.asked) == ("PASS", [])


def in_bolus(number: int) -> Callable[[Any], bool]:
    """While it is given."""

    def seen(scene: Any) -> bool:
        unit = scene.channel.pump.unit
        return (
            unit.source == "SB" and sum(record.code == "BOLUS_GRANT" for record in unit.events.kept) == number
        )

    return seen


def test_a_bolus_that_was_given_whole_is_weighed_late_and_not_given_again(mortal):
    mortal = mortal(PLAN)
    mortal.killed_at(in_bolus(2))
    mortal.scene.clock.sleep_s(600)
    results = mortal.take_up()
    case = case_of(results, "doses")
    assert (case["ended"], case["outcome"]) == ("completed", "PASS")
    assert len(case["doses"]) == len(mortal.codes("BOLUS_GRANT")) == 3
    assert all(abs(dose["deviation_pct"]) <= dose["expanded_uncertainty_pct"] for dose in case["doses"])
    assert "dose_disturbed" not in {
        flag["name"] for flag in case["flags"]
    }  # the sensor did not see all of it


def test_a_bolus_that_was_cut_short_is_neither_weighed_nor_given_again(mortal):
    mortal = mortal(PLAN)
    mortal.killed_at(in_bolus(2), guarded=True)
    case = case_of(mortal.take_up(), "doses")
    assert len(mortal.codes("BOLUS_GRANT")) == 3
    assert (case["ended"], case["outcome"]) == ("completed", "INCONCLUSIVE")
    assert "2 of 3 boluses were weighed" in case["criteria"][0]["reason"]


def test_a_run_that_is_sealed_is_left_alone(mortal):
    mortal = mortal(PLAN)
    mortal.begin()
    before = mortal.hashes()
    assert mortal.take_up()["outcome"] == "PASS"
    assert mortal.hashes() == before


def test_closing_as_it_lies_asks_no_instrument(mortal):
    mortal = mortal(PLAN)
    mortal.killed_at(minutes(32))
    sent = {path: path.read_bytes() for path in (mortal.path / "wire").iterdir()}
    assert sent
    mortal.death.revive()
    results = close(mortal.path, "somebody")
    assert results["outcome"] == "ABORTED"
    case = case_of(results, "flow")
    assert case["outcome"] == "ERROR"
    assert "closed without going on; no instrument was asked" in case["message"]
    assert verify_run(mortal.path) == []
    assert (mortal.path / "exports" / "junit.xml").exists()
    assert {path: path.read_bytes() for path in (mortal.path / "wire").iterdir()} == sent


@pytest.mark.parametrize("count", [FEW, pytest.param(MANY, marks=pytest.mark.campaign)])
def test_killed_anywhere_and_again_while_it_is_taken_up(mortal, count):
    told: Counter[str] = Counter()
    for trial in range(count):
        subject = mortal(PLAN)
        rng = Random(f"crash {trial}")
        results, attempts = subject.killed_anywhere(rng, acts=1400, gap_s=900, guarded=0.4, again=0.8)
        where = f"trial {trial}, {attempts} attempts"
        assert len(subject.codes("BOLUS_GRANT")) <= 3, where
        assert len([program for program in subject.codes("PROG") if program["MODE"] == "SC"]) <= 1, where
        assert [case["id"] for case in results["cases"]] == ["flow", "doses"], where
        for case in results["cases"]:
            check(case, where)
            told[f"{case['id']} {case['outcome']}"] += 1
        subject.check_end(results, where)
    print(dict(told))


def check(case: dict[str, Any], where: str) -> None:
    """PASS as undisturbed, with the true error inside; or no verdict, and why."""
    assert case["outcome"] in ("PASS", "INCONCLUSIVE", "ERROR"), where
    if case["outcome"] == "PASS":
        mean = next(criterion for criterion in case["criteria"] if criterion["name"] == "mean_error")
        assert abs(mean["value"]) <= 1.5 * mean["expanded_uncertainty"], where
    elif case["outcome"] == "ERROR":
        assert "interrupted, and it cannot go on" in case["message"], where
    else:
        assert any(criterion["reason"] for criterion in case["criteria"]), where
