"""Balance and flow sensor against each other, and the pump's own clock and count beside them."""

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.judge.agreement import en_number, factor_for_all
from rig.judge.witnesses import logged_events

Judged = Callable[..., dict]
NS, H = 10**9, 3600.0


def flags(result: dict) -> dict[str, dict]:
    return {flag["name"]: flag for flag in result["flags"]}


def test_en_by_hand() -> None:
    en = en_number(
        np.array([10.5, 10.0]), np.array([10.0, 10.5]), np.array([0.3, 0.0]), np.array([0.4, 0.25])
    )
    assert en == pytest.approx([1.0, -2.0])
    assert np.isinf(en_number(np.array([1.0]), np.array([0.0]), np.zeros(1), np.zeros(1)))[0]


def test_the_factor_for_many_intervals_is_the_wider_the_more_there_are() -> None:
    assert factor_for_all(1, 0.95) == pytest.approx(1.959964, abs=1e-6)
    # of 100 standard normal numbers the largest amount is below it in 95 % of the cases
    draws = np.abs(np.random.default_rng(1).standard_normal((20_000, 100))).max(axis=1)
    assert np.mean(draws <= factor_for_all(100, 0.95)) == pytest.approx(0.95, abs=0.006)


def test_witnesses_that_agree_are_told_side_by_side(judged: Judged) -> None:
    seen = judged("steady", error_pct=3.0, sensor_error_pct=2.0)["witnesses"][0]

    assert seen["balance_ml_h"] == pytest.approx(20833e-6 * 1.03, rel=2e-3)
    assert seen["sensor_ml_h"] == pytest.approx(20833e-6 * 1.03 * 1.02, rel=1e-3)
    assert seen["sensor_tolerance_ml_h"] == pytest.approx(
        0.005 * 1.8
    )  # of full scale, more than of the value
    assert seen["pump_ml_h"] == pytest.approx(20833e-6, rel=1e-3)
    assert abs(seen["en"]) < 0.1
    assert seen["intervals"] == 104


def test_the_mean_is_compared_without_the_intervals_in_doubt(judged: Judged) -> None:
    """A bump of 200 mg is 37 % of the mean, more than the sensor may be off: it must not count twice."""
    result = judged("steady", bump=(15.5 * H, 0.200))

    assert "balance_disturbed" in flags(result)
    assert "sensor_disagrees" not in flags(result)
    assert result["witnesses"][0]["intervals"] == 103


def test_strokes_between_two_looks_of_the_sensor_are_not_the_balances_fault(
    judged: Judged, made: SimpleNamespace
) -> None:
    """A stroke of a minute every 14.3 minutes, looked at once a minute: one or two of them in a quarter of an hour."""
    flow = made.steady(made.World()).flow
    pulses = np.arange(flow.t_ns.size) * 60.0 % 858.0 < 60.0
    pulsing = replace(flow, flow_ml_h=flow.flow_ml_h * pulses * 14.3)

    assert "balance_disturbed" not in flags(judged("steady", changes={"flow": pulsing}))
    told = flags(judged("steady", bump=(15.5 * H, 0.200), changes={"flow": pulsing}))
    assert "balance_disturbed" in told  # and a touched balance is still seen


def test_a_bench_without_a_sensor_has_one_witness(judged: Judged, made: SimpleNamespace) -> None:
    flow = made.steady(made.World()).flow
    none = replace(
        flow,
        **{name: getattr(flow, name)[:0] for name in ("t_ns", "flow_ml_h", "temperature_c", "air", "high")},
    )
    result = judged("steady", changes={"flow": none})

    assert result["witnesses"] == []
    assert result["outcome"] == "PASS"


def test_clean_cases_raise_no_flag(judged: Judged) -> None:
    told = [flag["name"] for seed in range(25) for flag in judged("steady", seed=seed)["flags"]]
    assert told == []


def test_a_count_that_both_others_contradict_is_worth_nothing(judged: Judged, made: SimpleNamespace) -> None:
    data = made.steady(made.World(error_pct=0.0))
    stuck = tuple({**state, "delivered_nl": 1000} for state in data.pump_states)
    result = judged("steady", changes={"pump_states": stuck})

    flag = flags(result)["pump_counts_otherwise"]
    assert flag["kind"] == "note"
    assert "the pump counted 0 mL/h; balance and flow sensor agree on 0.0208" in flag["message"]


@given(
    clocks=st.lists(st.integers(1, 300), min_size=1, max_size=12),
    asked=st.lists(st.integers(-50, 350), min_size=1, max_size=8),
)
def test_the_pumps_log_is_placed_by_the_nearest_reading_of_its_clock(
    clocks: list[int], asked: list[int]
) -> None:
    """Against a search of every reading, for clocks that were set forward and back."""
    states = [{"t_ns": (index + 1) * 60 * NS, "clock_s": clock_s} for index, clock_s in enumerate(clocks)]
    events = [{"clock_s": clock_s, "code": "X"} for clock_s in asked]
    data = SimpleNamespace(pump_states=states, pump_events=events, started_ns=-(10**15), finished_ns=10**15)

    def by_search(clock_s: int) -> int:
        nearest = min(states, key=lambda state: abs(state["clock_s"] - clock_s))
        return nearest["t_ns"] + (clock_s - nearest["clock_s"]) * NS

    assert [event.t_ns for event in logged_events(data)] == [by_search(clock_s) for clock_s in asked]


def test_an_old_entry_with_a_time_of_this_case_is_not_of_it() -> None:
    """The clock is set back by a day after the log was first read: an entry of the day before then seems to come."""
    day_s = 86_400
    states = [
        {"t_ns": 0, "clock_s": 2 * day_s},
        {"t_ns": 60 * NS, "clock_s": day_s},
        {"t_ns": day_s * NS, "clock_s": 2 * day_s - 60},
    ]
    old = {"t_ns": 1, "clock_s": 2 * day_s - 3600, "code": "PROG"}
    new = {"t_ns": day_s * NS, "clock_s": 2 * day_s - 3600, "code": "STOP"}
    data = SimpleNamespace(
        pump_states=states, pump_events=[old, new], started_ns=-100 * NS, finished_ns=2 * day_s * NS
    )
    assert [event.code for event in logged_events(data)] == ["STOP"]
