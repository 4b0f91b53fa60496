"""What the units of one run say of all others, with numbers from tables."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from rig.judge.population import population

Results = dict[str, Any]


def plan(reliability_pct: float | None = None) -> Any:
    return SimpleNamespace(sample_size="as agreed", reliability_pct=reliability_pct, confidence_pct=95.0)


def measured(unit: str, value: float, low: float | None = -5.0) -> Results:
    criterion = {
        "name": "mean_error",
        "value": value,
        "unit": "%",
        "expanded_uncertainty": 0.1,
        "limit": "",
        "limit_low": low,
        "limit_high": 5.0,
    }
    return {"id": "only", "unit": unit, "criteria": [criterion]}


def test_success_run_and_two_sided_interval() -> None:
    units = [{"outcome": "PASS"}] * 59
    found = population(
        plan(95.0), units, [measured(str(n), value) for n, value in enumerate((0.9, 1.0, 1.1))]
    )
    assert found["units_needed"] == 59  # the well-known 95/95
    assert found["reliability_shown"] == pytest.approx(0.05 ** (1 / 59))
    (interval,) = found["intervals"]
    assert interval["factor"] == pytest.approx(9.916, rel=0.02)  # n = 3, 95/95, ISO 16269-6 (Howe's: 9.916)
    assert interval["low"] == pytest.approx(1.0 - interval["factor"] * 0.1)
    assert interval["fits"]


def test_units_without_a_decision_count_in_neither() -> None:
    outcomes = ["PASS", "FAIL", "INCONCLUSIVE", "ERROR", "CONDITIONAL_PASS"]
    found = population(plan(), [{"outcome": outcome} for outcome in outcomes], [])
    assert (found["units"], found["units_decided"], found["units_failed"]) == (5, 3, 2)
    assert found["units_needed"] is None
    assert found["intervals"] == []


def test_one_sided_where_there_is_one_limit() -> None:
    cases = [measured(str(n), value, low=None) for n, value in enumerate((1.0, 2.0, 3.0))]
    (interval,) = population(plan(), [], cases)["intervals"]
    assert interval["low"] is None
    assert interval["factor"] == pytest.approx(7.656, rel=1e-3)  # one-sided 95/95, n = 3
    assert not interval["fits"]


def test_two_measured_units_have_no_interval() -> None:
    assert population(plan(), [], [measured("A", 1.0), measured("B", 2.0)])["intervals"] == []
