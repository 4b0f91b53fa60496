"""Every budget has the drawn interval beside it; a reader is warned where the two differ."""

from dataclasses import replace

import pytest

from rig.analysis.uncertainty import Budget, Component
from rig.judge.findings import budget_table, monte_carlo

NORMAL = Component("a", "", 0.0, "%", 1.0)


def test_the_drawn_interval_of_a_normal_budget_is_the_budgets() -> None:
    drawn = monte_carlo(Budget(5.0, "%", (NORMAL, NORMAL)))

    assert (drawn["low"], drawn["high"]) == pytest.approx((5 - 2.772, 5 + 2.772), abs=0.03)
    assert drawn["standard_uncertainty"] == pytest.approx(1.4142, rel=5e-3)
    assert drawn["agrees"]


def test_a_budget_of_one_rectangle_claims_too_much_and_is_told() -> None:
    one = Budget(0.0, "%", (replace(NORMAL, distribution="rectangular"),))
    drawn = budget_table(one)["monte_carlo"]

    assert drawn["high"] == pytest.approx(0.95 * 3**0.5, abs=0.01)  # U would be 1.96
    assert not drawn["agrees"]


def test_a_budget_without_uncertainty_has_nothing_to_draw() -> None:
    assert monte_carlo(Budget(0.0, "%", (replace(NORMAL, standard_uncertainty=0.0),))) is None


def test_the_results_of_a_case_have_it_and_it_is_the_same_every_time(judged) -> None:
    first, second = (judged("steady", seed=5)["budgets"] for _ in range(2))

    assert first == second
    assert all(budget["monte_carlo"]["agrees"] for budget in first.values() if budget["value"] is not None)


def test_a_case_whose_budget_is_one_rectangle_is_flagged(made, plan, tmp_path) -> None:
    from rig.judge.case_result import judge_case

    text = made.bench_text.replace('linearity = "0.02 mg"', 'linearity = "0.02 mg"\nsensitivity = "9000 ppm"')
    rough = made.bench(tmp_path, text)
    data = made.doses(made.World())
    result = judge_case(data, plan.case("doses"), rough.units[0], made.run(data), rough, plan)

    (flag,) = [flag for flag in result["flags"] if flag["name"] == "monte_carlo_differs"]
    assert "single_dose: " in flag["message"]
