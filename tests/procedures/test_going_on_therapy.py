"""Therapies of weeks and months that were interrupted: what goes on, what it is worth then, and what cannot.

In virtual time, as tests/procedures/test_going_on.py; days are shortened to hours.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from rig.record.load_run import load_run
from rig.record.verify import verify_run
from rig.run.resumed_run import may_be_delivering

FEW, MANY = 1, 20
HEAD = """
[plan]
id = "test"
revision = "A"
title = "Test"
reference_temperature = "37 degC"
"""
SCHEDULE = """
[[case.groups]]
days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
steps = { "00:00" = "12 mL/day", "10:00" = "20 mL/day", "12:00" = "16 mL/day" }
"""
# Sampling from 0:18 to 4:18 and, after rest, blank and refill, from 5:06 to 9:06, blanks around them.
ENDURANCE = (
    HEAD
    + """
[[case]]
id = "fillings"
procedure = "endurance"
verifies = ["SRS-000"]
begin = 2026-01-05T08:00:00
fill = "40 mL"
refill_every = "4 h"
refill_takes = "30 min"
for = "8 h"
every = "5 min"
portion = "2 h"
relax = "2 min"
blank = "16 min"
[case.accept]
mean_error = "within 10 %"
portion_volume = "within 10 %"
drift = "within 10 %"
claimed_delivery = "within 1 %"
rates = "as scheduled"
log = "as commanded"
alarms = "none"
"""
    + SCHEDULE
)
FLEX = (
    HEAD
    + """
[[case]]
id = "day"
procedure = "flex_schedule"
verifies = ["SRS-000"]
begin = 2026-01-05T08:00:00
for = "6 h"
every = "5 min"
relax = "2 min"
blank = "16 min"
flow_every = "60 s"
clock_change = { after = "5 h", by = "1 h" }
[case.accept]
mean_error = "within 10 %"
step_volume = "within 10 %"
claimed_delivery = "within 1 %"
alarms = "none"
"""
    + SCHEDULE
)
# Sampling from 0:18 on; the low alarm comes at 1 h 30 of it, the reservoir is empty after 3 h 30.
REFILL = (
    HEAD
    + """
[[case]]
id = "filling"
procedure = "refill_cycle"
verifies = ["SRS-000"]
rate = "24 mL/day"
fill = "3.5 mL"
fill_u = "0.01 mL"
for = "5 h"
every = "5 min"
relax = "2 min"
blank = "16 min"
flow_every = "60 s"
[case.accept]
mean_error = "within 10 %"
low_alarm_volume = "between 1.5 mL and 2.5 mL"
residual_volume = "at most 0.5 mL"
empty_alarm_delay = "at most 1 h"
log = "as commanded"
"""
)


def hours(start: float) -> Callable[[Any], bool]:
    return lambda scene: scene.clock.now_ns() > start * 3600e9


def cut_and_taken_up(mortal: Any, at_h: float, gap_h: float, guarded: bool = False) -> dict[str, Any]:
    """The one case of a run that died at an instant, and was taken up so much later."""
    mortal.killed_at(hours(at_h), guarded)
    mortal.scene.clock.sleep_s(gap_h * 3600)
    results = mortal.take_up()
    assert verify_run(mortal.path) == []
    assert mortal.scene.channel.pump.unit.mode == "STOP"
    (case,) = results["cases"]
    return case


def check_passed(case: dict[str, Any]) -> None:
    assert (case["ended"], case["outcome"]) == ("completed", "PASS"), [case["message"], case["criteria"]]
    assert "interrupted" in {flag["name"] for flag in case["flags"]}
    for portion in case["portions"]:
        assert abs(portion["error_pct"]) <= 0.1 + portion["expanded_uncertainty_pct"], portion


@pytest.mark.parametrize(
    ("at_h", "gap_h", "portions"),
    [
        pytest.param(1.0, 0.5, 4, id="in a portion"),
        pytest.param(2.0, 0.6, 4, id="over the end of a portion"),
        pytest.param(4.0, 0.5, 4, id="over the end of a filling"),
        pytest.param(4.35, 0.2, 4, id="in the blank after the first"),
        pytest.param(4.7, 0.2, 4, id="before the second refill"),
        pytest.param(7.0, 0.5, 4, id="in the second filling"),
    ],
)
def test_endurance_goes_on(mortal, at_h, gap_h, portions):
    mortal = mortal(ENDURANCE)
    case = cut_and_taken_up(mortal, at_h, gap_h)
    check_passed(case)
    assert len([portion for portion in case["portions"] if portion["name"].startswith("portion")]) == portions
    assert len(mortal.codes("PROG")) == len(mortal.codes("REFILL")) == 2
    assert mortal.asked == []


def test_endurance_cannot_go_on_where_the_guard_stopped_the_pump(mortal):
    mortal = mortal(ENDURANCE)
    case = cut_and_taken_up(mortal, 1.0, 0.5, guarded=True)
    assert case["outcome"] == "ERROR"
    assert "it cannot go on: the pump was stopped meanwhile" in case["message"]
    assert len(mortal.codes("PROG")) == 1


def test_a_pump_that_may_deliver_its_schedule_is_left_alone_when_the_bench_is_taken(mortal):
    mortal = mortal(ENDURANCE)
    mortal.killed_at(hours(7.0))
    assert may_be_delivering(load_run(mortal.path)) == ["SIM-0001"]


def test_what_happened_to_the_balance_in_the_gap_decides_nothing(mortal):
    mortal = mortal(ENDURANCE)
    mortal.killed_at(hours(1.0))
    mortal.scene.channel.balance.offset_g += 0.5
    mortal.scene.clock.sleep_s(1800)
    (case,) = mortal.take_up()["cases"]
    verdicts = {criterion["name"]: criterion["verdict"] for criterion in case["criteria"]}
    assert verdicts["mean_error"] == verdicts["portion_volume"] == "INCONCLUSIVE"


def test_a_schedule_goes_on_over_a_change_of_its_rate(mortal):
    mortal = mortal(FLEX)
    case = cut_and_taken_up(mortal, 2.0, 0.7)
    check_passed(case)
    names = [portion["name"] for portion in case["portions"] if portion["name"].startswith("step")]
    assert len(names) == 4, names


def test_a_schedule_cannot_go_on_if_its_clock_was_to_be_set_meanwhile(mortal):
    mortal = mortal(FLEX)
    case = cut_and_taken_up(mortal, 5.0, 0.7)
    assert case["outcome"] == "ERROR"
    assert "the pump's clock was to be set while the rig was gone" in case["message"]


@pytest.mark.parametrize("at_h", [0.7, 2.2, 4.2])
def test_a_filling_that_is_run_down_goes_on_between_its_alarms(mortal, at_h):
    case = cut_and_taken_up(mortal(REFILL), at_h, 0.5)
    check_passed(case)


def test_a_filling_cannot_go_on_if_its_alarm_came_while_nobody_weighed(mortal):
    case = cut_and_taken_up(mortal(REFILL), 1.6, 0.5)
    assert case["outcome"] == "ERROR"
    assert "the pump gave an alarm while nobody weighed" in case["message"]


@pytest.mark.parametrize("count", [FEW, pytest.param(MANY, marks=pytest.mark.campaign)])
@pytest.mark.parametrize("plan", [ENDURANCE, FLEX, REFILL], ids=["endurance", "flex", "refill"])
def test_killed_anywhere_and_again_while_it_is_taken_up(mortal, plan, count):
    told: Counter[str] = Counter()
    for trial in range(count):
        subject = mortal(plan)
        rng = Random(f"therapy {trial}")
        results, attempts = subject.killed_anywhere(rng, acts=2500, gap_s=2400, guarded=0.25, again=0.7)
        where = f"trial {trial}, {attempts} attempts"
        assert len(subject.codes("PROG")) <= (2 if plan is ENDURANCE else 1), where
        (case,) = results["cases"]
        assert case["outcome"] in ("PASS", "INCONCLUSIVE", "ERROR"), (where, case["criteria"])
        if case["outcome"] == "ERROR":
            assert "interrupted, and it cannot go on" in case["message"], where
        told[case["outcome"]] += 1
        subject.check_end(results, where)
    print(dict(told))
