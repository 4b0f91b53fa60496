"""The flex plan on simulated pumps: healthy ones pass, each fault that a requirement is about is caught."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import rig.sim.build
from rig.bench.open import open_bench
from rig.clock.virtual import VirtualClock
from rig.definitions.bench_file import load_bench
from rig.definitions.plan_file import plan_from_text
from rig.run.run import Run
from rig.sim.build import simulate

ROOT = Path(__file__).resolve().parents[2]
PLAN = (ROOT / "test_plans/flex_schedule.plan.toml").read_text("utf-8")


@pytest.fixture
def judged(tmp_path, monkeypatch):
    """Carry out one case of the plan on the first shipped simulated unit, injured by ``fault``; the case's results."""

    def carry_out(case_id: str, fault=lambda channel: None) -> dict:
        worlds = []

        def simulate_and_injure(*arguments):
            worlds.append(simulate(*arguments))
            fault(worlds[-1].units["SIM-0001"])
            return worlds[-1]

        monkeypatch.setattr(rig.sim.build, "simulate", simulate_and_injure)
        text = re.sub(r"flow_every = .*", 'flow_every = "60 s"', PLAN)  # cheaper; the sensor gives no verdict
        plan = plan_from_text(text, "flex.plan.toml")
        with open_bench(
            load_bench(ROOT / "fixtures/simulated.bench.toml"), VirtualClock(), ["SIM-0001"]
        ) as bench:
            run = Run(plan, bench, tmp_path / "runs", "somebody")
            result = run.carry_out(plan.case(case_id), ["SIM-0001"])["SIM-0001"]
            run.folder.journal.close()
        return json.loads(json.dumps(result))

    return carry_out


def verdicts(result: dict) -> dict[str, str]:
    return {criterion["name"]: criterion["verdict"] for criterion in result["criteria"]}


@pytest.mark.parametrize("case_id", ["friday-to-sunday", "clock-forward", "clock-back"])
def test_a_healthy_pump_passes_step_by_step(judged, case_id):
    result = judged(case_id)
    assert set(verdicts(result).values()) == {"PASS"}, result["criteria"]
    for portion in result["portions"]:
        assert portion["error_pct"] == pytest.approx(0, abs=1.5 * portion["expanded_uncertainty_pct"]), (
            portion
        )
    whole = result["portions"][-1]
    steps = [portion for portion in result["portions"] if portion["name"].startswith("step")]
    assert sum(step["expected_ml"] for step in steps) == pytest.approx(whole["expected_ml"], rel=1e-9)


def test_a_pump_whose_clock_runs_fast_is_caught_by_the_step_it_shifts(judged):
    def run_fast(channel):
        channel.pump.unit.own_clock.drift_ppm = 150_000  # over three hours a day

    result = judged("friday-to-sunday", run_fast)
    assert verdicts(result)["step_volume"] == "FAIL"
    assert "Sun" in next(c["reason"] for c in result["criteria"] if c["name"] == "step_volume")


def test_a_pump_that_delivers_too_much_is_caught(judged):
    result = judged("friday-to-sunday", lambda channel: setattr(channel.fluid, "rate_error", 0.16))
    assert [verdicts(result)[name] for name in ("mean_error", "step_volume", "day_volume")] == ["FAIL"] * 3


def test_a_pump_that_loses_its_program_is_caught(judged):
    def injure(channel):
        at_ns = round(30 * 3600e9)
        channel.fluid.clock.call_at(at_ns, lambda: channel.pump.unit.reset("POWER", keep_program=False))

    result = judged("friday-to-sunday", injure)
    assert result["outcome"] == "FAIL", result["criteria"]
