"""Hazards of a weighing in judged cases: flagged with time and size, and judged with and without."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from rig.judge.findings import Kind
from rig.judge.hazards import clock_flags
from rig.record.case_data import CaseData, FlowSeries

Judged = Callable[..., dict]
H = 3600.0
NS = 1_000_000_000
STARTED_S = 7200.0
SAMPLE_AT_S = STARTED_S + 0.5 * H + 4 * H + 1 * H + 2  # into the run
RATE_G_S = 0.5 / 24 * 0.99333 / H


def criterion(result: dict, name: str) -> dict:
    return next(entry for entry in result["criteria"] if entry["name"] == name)


def flags(result: dict) -> dict[str, dict]:
    return {flag["name"]: flag for flag in result["flags"]}


def weighed(data: CaseData, extra_g: Callable[[np.ndarray], np.ndarray]) -> CaseData:
    """The same with something added to what the balance showed: a function of s since the run began."""
    mass = data.mass
    shown = np.round(mass.mass_g + extra_g(mass.t_ns / NS), 5)
    return replace(data, mass=replace(mass, mass_g=shown))


def sensed(data: CaseData, factor: Callable[[np.ndarray], np.ndarray]) -> CaseData:
    flow = data.flow
    return replace(data, flow=replace(flow, flow_ml_h=flow.flow_ml_h * factor(flow.t_ns / NS)))


def blind(data: CaseData) -> CaseData:
    """Without a flow sensor's samples."""
    none = np.zeros(0)
    no = none.astype(bool)
    return replace(data, flow=FlowSeries(none.astype(np.int64), none, none, no, no))


def ramp(start_s: float, end_s: float, g_s: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda t_s: g_s * (np.clip(t_s, start_s, end_s) - start_s)


@pytest.fixture
def judge_as(judged: Judged, made: SimpleNamespace) -> Callable[..., dict]:
    """Judge the steady case after changes to its record."""

    def judge(*changes: Callable[[CaseData], CaseData], **world: object) -> dict:
        data = made.steady(made.World(**world))
        for change in changes:
            data = change(data)
        return judged(
            "steady", changes={"mass": data.mass, "flow": data.flow, "pump_states": data.pump_states}, **world
        )

    return judge


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("sensor", [True, False])
def test_a_clean_case_has_no_flag(judge_as: Callable[..., dict], seed: int, sensor: bool) -> None:
    result = judge_as(*([] if sensor else [blind]), seed=seed)
    assert result["flags"] == []


EARLY, LATE = SAMPLE_AT_S + 8 * H, SAMPLE_AT_S + 16 * H
# What the balance sees and no other witness: its extra mass, and the names it may have.
UNSEEN = {
    "bump": (lambda t: np.where(t > EARLY, 0.040, 0.0), {"step", "container_change"}),
    "siphon": (ramp(EARLY, LATE, RATE_G_S), {"surge"}),
    "reverse": (ramp(EARLY, LATE, -1.5 * RATE_G_S), {"reverse_flow"}),
    "partly closed": (ramp(EARLY, LATE, -0.3 * RATE_G_S), {"low_flow"}),
    "drops fall in": (ramp(EARLY, LATE, 0.4 * RATE_G_S), {"high_flow"}),
    "tare": (lambda t: np.where(t > EARLY, -60.2, 0.0), {"tare", "container_change"}),
    "other container": (lambda t: np.where(t > EARLY, 11.7, 0.0), {"container_change"}),
    "last reading": (
        lambda t: np.where((t > SAMPLE_AT_S + 25.9 * H) & (t < SAMPLE_AT_S + 26.1 * H), 0.05, 0.0),
        {"edge_step", "container_change"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", UNSEEN)
def test_what_only_the_balance_saw_flips_no_verdict(judge_as: Callable[..., dict], what: str) -> None:
    extra_g, names = UNSEEN[what]
    result = judge_as(lambda data: weighed(blind(data), extra_g))
    found = [flag for flag in result["flags"] if flag["name"] in names]

    assert found, result["flags"]
    assert criterion(result, "mean_error")["verdict"] == "INCONCLUSIVE"
    assert "depends on flagged data" in criterion(result, "mean_error")["reason"]
    assert "mean_error" in found[0]["effect"]
    if what != "last reading":
        assert found[0]["start_s"] - 2 * H <= EARLY <= found[0]["end_s"]


def test_a_fault_that_flips_nothing_is_flagged_and_the_verdict_stands(judge_as: Callable[..., dict]) -> None:
    result = judge_as(lambda data: weighed(blind(data), lambda t: np.where(t > EARLY, 0.0005, 0.0)))

    assert "step" in flags(result)
    assert criterion(result, "mean_error")["verdict"] == "PASS"
    assert flags(result)["step"]["effect"].startswith("none")


def test_a_stop_that_the_sensor_saw_too_is_delivery(judge_as: Callable[..., dict]) -> None:
    def stop(data: CaseData) -> CaseData:
        data = weighed(data, ramp(EARLY, EARLY + 5 * H, -RATE_G_S))
        return sensed(data, lambda t: np.where((t > EARLY) & (t < EARLY + 5 * H), 0.0, 1.0))

    result = judge_as(stop)
    flag = flags(result)["stop"]

    assert criterion(result, "mean_error")["verdict"] == "FAIL"  # it did not deliver, and both saw it
    assert "both witnesses" in flag["effect"]
    assert "the pump counted 0.10" in flag["message"]  # a pump that claims to have delivered meanwhile
    assert flag["start_s"] == pytest.approx(EARLY, abs=1800)


def test_running_empty_while_the_pump_goes_on_counting(judge_as: Callable[..., dict]) -> None:
    def empty(data: CaseData) -> CaseData:
        begin, end = SAMPLE_AT_S + 18 * H, SAMPLE_AT_S + 24 * H

        def lost(t: np.ndarray) -> np.ndarray:
            x = np.clip((t - begin) / (end - begin), 0, 1)
            return -RATE_G_S * ((end - begin) * x**2 / 2 + np.clip(t, end, SAMPLE_AT_S + 26 * H) - end)

        return weighed(blind(data), lost)

    result = judge_as(empty)
    flag = flags(result)["running_empty"]
    assert "the pump counted" in flag["message"]
    assert criterion(result, "mean_error")["verdict"] == "INCONCLUSIVE"


def test_mass_that_follows_the_temperature(judge_as: Callable[..., dict]) -> None:
    def warmed(data: CaseData) -> CaseData:
        def kelvin(t: np.ndarray) -> np.ndarray:
            inside = (t > SAMPLE_AT_S) & (t < SAMPLE_AT_S + 24 * H)
            return np.where(inside, 0.3 * np.sin(2 * np.pi * (t - SAMPLE_AT_S) / (12 * H)), 0.0)

        flow = replace(data.flow, temperature_c=36.5 + kelvin(data.flow.t_ns / NS))
        return weighed(replace(data, flow=flow), lambda t: 0.03 * kelvin(t))

    result = judge_as(warmed)
    flag = flags(result)["thermal_drift"]
    assert "+0.03 g/K" in flag["message"]
    assert criterion(result, "mean_error")["verdict"] == "PASS"


def test_a_weight_that_rises_with_the_pump_stopped(judge_as: Callable[..., dict]) -> None:
    siphon = 0.2 * RATE_G_S
    result = judge_as(lambda data: weighed(data, lambda t: siphon * (t - STARTED_S)))
    flag = flags(result)["flow_while_stopped"]

    assert "with the pump stopped, the weight rises" in flag["message"]
    assert criterion(result, "mean_error")["verdict"] == result["outcome"] == "FAIL"


def test_a_clock_of_the_pump_that_was_set_or_runs_wrong(made: SimpleNamespace) -> None:
    data = made.steady(made.World())
    assert clock_flags(data) == []

    def shifted(by_s: Callable[[int], float]) -> CaseData:
        states = tuple({**s, "clock_s": round(s["clock_s"] + by_s(s["t_ns"]))} for s in data.pump_states)
        return replace(data, pump_states=states)

    (was_set,) = clock_flags(shifted(lambda t_ns: 3600 if t_ns > EARLY * NS else 0))
    assert was_set.name == "clock_skew"
    assert "it was set by +3600 s" in was_set.message
    assert was_set.kind is Kind.NOTE
    (fast,) = clock_flags(shifted(lambda t_ns: 1e-3 * t_ns / NS))
    assert "it gains +1" in fast.message
