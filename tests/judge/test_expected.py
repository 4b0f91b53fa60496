"""What `rig check` says beforehand is what the run will state afterwards."""

from pathlib import Path

import pytest

from rig.definitions.bench_file import load_bench
from rig.definitions.plan_file import load_plan, plan_from_text
from rig.judge.expected import expected, warnings_of
from rig.run.session import Session

ROOT = Path(__file__).parents[2]
BENCH = load_bench(ROOT / "fixtures/simulated.bench.toml")


@pytest.mark.parametrize("plan_file", ["tests/data/short.plan.toml", "test_plans/bolus.plan.toml"])
def test_the_uncertainty_expected_is_the_one_the_run_states(plan_file, tmp_path):
    plan = load_plan(ROOT / plan_file)
    session = Session(BENCH, tmp_path, "tester", ["SIM-0001"], planned=None)
    result = session.result(plan, plan.cases[0], "SIM-0001", ["SIM-0001"])
    session.finish()
    stated = {entry["name"]: entry["expanded_uncertainty"] for entry in result["criteria"]}
    told = {item.criterion.name: item.expanded_uncertainty_pct for item in expected(plan, BENCH)}
    assert told
    for name, uncertainty_pct in told.items():
        assert stated[name] == pytest.approx(uncertainty_pct, rel=0.2), name


def test_the_shipped_plans_can_be_decided_on_the_simulated_bench():
    for file in (ROOT / "test_plans").glob("*.plan.toml"):
        assert warnings_of(load_plan(file), BENCH) == []


def test_a_window_too_short_for_the_balance_is_told_with_its_place():
    text = (ROOT / "test_plans/flow_accuracy.plan.toml").read_text("utf-8")
    plan = plan_from_text(
        text.replace('"330 min" = "within 20 %"', '"15 min" = "within 16 %"', 1), "p.plan.toml"
    )
    (warning,) = warnings_of(plan, BENCH)
    assert "case 'lowest-rate'" in warning
    assert "trumpet_15_min cannot be decided" in warning
    assert "SIM-0001, SIM-0002, SIM-0003" in warning


def test_a_limit_four_times_the_uncertainty_at_least_is_no_reason_to_warn_and_less_is():
    text = (ROOT / "test_plans/flow_accuracy.plan.toml").read_text("utf-8")
    for limit, told in (("within 3.7 %", 0), ("within 3.5 %", 1)):
        changed = text.replace('mean_error = "within 14.5 %"', f'mean_error = "{limit}"', 1)
        warnings = warnings_of(plan_from_text(changed, "p.plan.toml"), BENCH)
        assert len(warnings) == told
        assert all("decided weakly" in warning for warning in warnings)
