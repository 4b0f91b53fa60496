"""The steps of a flow accuracy case as the record and the wire show them, on simulated instruments."""

from __future__ import annotations

from itertools import pairwise

import pytest

STEPS_S = {
    "identify": 0,
    "relax_before": 600,
    "blank_before": 1920,
    "program": 0,
    "settle": 1200,
    "sample": 3600,
    "relax_after": 600,
    "blank_after": 1920,
    "safe_state": 0,
}
READINGS = {"blank_before": (16, 120), "settle": (10, 120), "sample": (30, 120), "blank_after": (16, 120)}


@pytest.fixture
def done(scene):
    """The case carried out."""
    assert scene.carry_out("flow") is None
    assert scene.ended() == ("completed", "")
    return scene


def starts_s(scene):
    return {step["name"]: step["t_ns"] / 1e9 for step in scene.journal("step")}


def test_the_steps_come_in_order_and_take_as_long_as_planned(done):
    steps = done.journal("step")
    assert {step["name"]: step["planned_s"] for step in steps} == STEPS_S
    assert [step["name"] for step in steps] == list(STEPS_S)
    times_s = list(starts_s(done).values())
    lasted_s = [after_s - before_s for before_s, after_s in pairwise(times_s)]
    assert lasted_s == pytest.approx(list(STEPS_S.values())[:-1], abs=0.5)


@pytest.mark.parametrize("step", READINGS)
def test_it_is_weighed_at_the_planned_instants_the_end_included(done, step):
    intervals, every_s = READINGS[step]
    begins = starts_s(done)
    names = list(STEPS_S)
    end_s = begins[names[names.index(step) + 1]]
    weighed_s = [record["received_ns"] / 1e9 for record in done.journal("mass")]
    inside = [t_s - begins[step] for t_s in weighed_s if begins[step] <= t_s <= end_s]
    assert inside == pytest.approx([index * every_s for index in range(intervals + 1)], abs=0.2)


def test_nothing_is_weighed_elsewhere(done):
    assert len(done.journal("mass")) == sum(intervals + 1 for intervals, _ in READINGS.values())


def test_the_balance_is_only_read_during_the_case(done):
    started_ns = done.journal("case_started")[0]["t_ns"]
    assert {text for t_ns, text in done.sent("balance") if t_ns > started_ns} == {"SI\r\n"}


def test_the_pump_is_programmed_once_and_says_back_what_it_was_told(done):
    (read_back,) = done.journal("read_back")
    assert read_back["commanded"] == read_back["read"]
    assert (read_back["commanded"]["mode"], read_back["commanded"]["rate_nl_h"]) == ("continuous", 500_000)
    commits = [t_ns for t_ns, text in done.sent("pump") if "COMMIT" in text]
    assert len(commits) == 1
    begins = starts_s(done)
    assert begins["program"] <= commits[0] / 1e9 <= read_back["t_ns"] / 1e9 <= begins["settle"]


def test_the_pump_delivers_while_settling_and_sampling_only(done):
    begins = starts_s(done)
    for state in done.journal("pump_state"):
        assert state["running"] == (begins["settle"] <= state["t_ns"] / 1e9 < begins["relax_after"])
    delivered_nl = done.journal("pump_state")[-1]["delivered_nl"]
    assert delivered_nl == pytest.approx(500_000 * 4800 / 3600, rel=1e-3)


def test_the_pump_is_asked_every_five_minutes(done):
    asked_s = [state["t_ns"] / 1e9 for state in done.journal("pump_state")]
    assert max(after - before for before, after in pairwise(asked_s)) < 400


def test_no_sample_of_the_flow_sensor_is_lost(done):
    blocks = done.journal("flow")
    assert sum(block["lost"] for block in blocks) == 0
    samples = sum(len(block["flow"]) for block in blocks)
    assert samples == pytest.approx(sum(STEPS_S.values()) / 2, abs=3)
    for before, after in pairwise(blocks):
        assert after["first_t_ns"] == before["first_t_ns"] + len(before["flow"]) * before["interval_ns"]
