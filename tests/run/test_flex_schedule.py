"""The flex plan on simulated pumps: healthy ones pass, each fault that a requirement is about is caught."""

from __future__ import annotations

import pytest

PLAN = "flex_schedule"


@pytest.mark.parametrize("case_id", ["friday-to-sunday", "clock-forward", "clock-back"])
def test_a_healthy_pump_passes_step_by_step(judged, case_id):
    result = judged(PLAN, case_id)
    assert set(result.verdicts.values()) == {"PASS"}, result.case["criteria"]
    for portion in result.case["portions"]:
        assert portion["error_pct"] == pytest.approx(0, abs=portion["expanded_uncertainty_pct"]), portion
    whole = result.case["portions"][-1]
    steps = [portion for portion in result.case["portions"] if portion["name"].startswith("step")]
    assert sum(step["expected_ml"] for step in steps) == pytest.approx(whole["expected_ml"], rel=1e-9)


def test_a_pump_whose_clock_runs_fast_is_caught_by_the_step_it_shifts(judged):
    def run_fast(channel):
        channel.pump.unit.own_clock.drift_ppm = 150_000  # over three hours a day

    result = judged(PLAN, "friday-to-sunday", run_fast)
    assert result.verdicts["step_volume"] == "FAIL"
    assert "Sun" in next(c["reason"] for c in result.case["criteria"] if c["name"] == "step_volume")


def test_a_pump_that_delivers_too_much_is_caught(judged):
    result = judged(PLAN, "friday-to-sunday", lambda channel: setattr(channel.fluid, "rate_error", 0.16))
    assert [result.verdicts[name] for name in ("mean_error", "step_volume", "day_volume")] == ["FAIL"] * 3


def test_a_pump_that_loses_its_program_is_caught(judged):
    def injure(channel):
        at_ns = round(30 * 3600e9)
        channel.fluid.clock.call_at(at_ns, lambda: channel.pump.unit.reset("POWER", keep_program=False))

    result = judged(PLAN, "friday-to-sunday", injure)
    assert result.case["outcome"] == "FAIL", result.case["criteria"]


def test_what_flows_back_in_the_blanks_too_is_not_corrected_away_in_any_step(judged):
    """Of the step that is furthest off after the correction the uncorrected error is a good one, of others not."""
    result = judged(
        PLAN, "friday-to-sunday", lambda channel: setattr(channel.fluid, "free_flow_nl_h", -3000.0)
    )
    step = next(criterion for criterion in result.case["criteria"] if criterion["name"] == "step_volume")
    assert step["verdict"] == "INCONCLUSIVE"
    assert "without the correction for evaporation" in step["reason"]
