"""Faults of simulated instruments and of their fluid in a whole case: flagged in the results, judged without too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from rig.judge.finders import FINDERS
from rig.judge.findings import Flag, Kind
from rig.judge.results import judge
from rig.record.load_run import load_run

SAMPLE_AT_S = 600 + 1920 + 1200  # of an hour
FROM_S, FOR_S = SAMPLE_AT_S + 1500, 900.0
RATE_NL_H = 500_000

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
relax = "10 min"
blank = "32 min"
settle = "20 min"
sample = { every = "2 min", for = "1 h" }
flow_every = "2 s"
windows = ["2 min", "30 min"]
accept = { mean_error = "within 3 %" }
"""


def for_a_while(scene: Any, begin: Callable[[], object], end: Callable[[], object]) -> None:
    scene.at(FROM_S, begin)
    scene.at(FROM_S + FOR_S, end)


def bump(scene: Any) -> None:
    scene.at(FROM_S, lambda: scene.channel.balance.disturb(0.05))


def stuck(scene: Any) -> None:
    balance = scene.channel.balance
    for_a_while(scene, lambda: setattr(balance, "stuck", True), lambda: setattr(balance, "stuck", False))


def siphon(scene: Any) -> None:
    fluid = scene.channel.fluid
    for_a_while(
        scene,
        lambda: setattr(fluid, "free_flow_nl_h", RATE_NL_H),
        lambda: setattr(fluid, "free_flow_nl_h", 0.0),
    )


def weak(scene: Any) -> None:
    fluid = scene.channel.fluid
    for_a_while(scene, lambda: setattr(fluid, "rate_error", -0.3), lambda: setattr(fluid, "rate_error", 0.0))


def leak(scene: Any) -> None:
    scene.at(0.1, lambda: setattr(scene.channel.fluid, "free_flow_nl_h", 0.1 * RATE_NL_H))


# fault: what may be flagged, the verdict. What both witnesses saw was delivered, and decides.
FAULTS = {
    "bump": (bump, {"balance_disturbed"}, "INCONCLUSIVE"),
    "stuck": (stuck, {"balance_flat"}, "PASS"),
    "siphon": (siphon, {"surge"}, "FAIL"),
    "weak": (weak, {"low_flow"}, "FAIL"),
    "leak": (leak, {"flow_while_stopped"}, "FAIL"),
}


def judged(scene: Any) -> dict[str, Any]:
    assert scene.carry_out("flow") is None
    scene.run.folder.journal.sync()
    (case,) = judge(load_run(scene.run.path), scene.run.plan, scene.bench.file)["cases"]
    return case


def mean_error(case: dict[str, Any]) -> dict[str, Any]:
    return next(entry for entry in case["criteria"] if entry["name"] == "mean_error")


def test_a_run_without_fault_has_no_flag(open_scene: Callable[..., Any]) -> None:
    case = judged(open_scene(plan=PLAN))
    assert case["flags"] == []
    assert mean_error(case)["verdict"] == "PASS"


@pytest.mark.parametrize("what", FAULTS)
def test_a_fault_is_flagged_in_the_results(open_scene: Callable[..., Any], what: str) -> None:
    fault, names, verdict = FAULTS[what]
    scene = open_scene(plan=PLAN)
    fault(scene)
    case = judged(scene)
    found = [flag for flag in case["flags"] if flag["name"] in names]

    assert found, case["flags"]
    assert found[0]["effect"]
    if what != "leak":
        assert found[0]["start_s"] - 300 <= FROM_S + 1 <= found[0]["end_s"] + 300
    assert mean_error(case)["verdict"] == verdict


def test_any_fault_of_the_pump_fails_the_case_though_its_criteria_pass(
    open_scene: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    find = FINDERS["flow_accuracy"]

    def find_a_fault(*of_the_case: Any) -> Any:
        found = find(*of_the_case)
        found.flags.append(Flag("no_alarm", "it said nothing", 1, 2, kind=Kind.PUMP))
        return found

    monkeypatch.setitem(FINDERS, "flow_accuracy", find_a_fault)
    case = judged(open_scene(plan=PLAN))

    assert mean_error(case)["verdict"] == "PASS"
    assert case["outcome"] == "FAIL"
