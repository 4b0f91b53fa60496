"""Decisions on their very bounds: what belongs to which side."""

from __future__ import annotations

import pytest

from rig.analysis.decision import (
    Decision,
    Outcome,
    Rule,
    decide,
    probability_of_nonconformity,
    uncertainty_ratio,
)


@pytest.mark.parametrize(
    ("value", "verdict"),
    [
        (4.0, "PASS"),
        (4.5, "CONDITIONAL_PASS"),
        (5.0, "CONDITIONAL_PASS"),
        (6.0, "CONDITIONAL_FAIL"),
        (6.5, "FAIL"),
    ],
)
def test_a_bound_belongs_to_the_better_side(value: float, verdict: str) -> None:
    assert decide(value, 1.0, None, 5.0).verdict == verdict
    assert decide(-value, 1.0, -5.0, None).verdict == verdict


def test_so_do_the_bounds_of_the_rules_with_two_outcomes() -> None:
    assert decide(4.0, 1.0, None, 5.0, rule=Rule.GUARDED).verdict is Outcome.PASS
    assert decide(5.0, 1.0, None, 5.0, rule=Rule.SIMPLE).verdict is Outcome.PASS


def test_as_wide_as_the_limit_and_outside_by_just_that_is_not_proven() -> None:
    assert decide(11.0, 6.0, -5.0, 5.0).verdict is Outcome.INCONCLUSIVE
    assert decide(10.0, 5.0, -5.0, 5.0).verdict is Outcome.INCONCLUSIVE  # U as large as the limit


def test_half_as_good_again_as_the_limit_can_pass() -> None:
    assert decide(0.0, 4.0, -6.0, 6.0).verdict is Outcome.PASS


def test_the_ratio_of_an_uncertainty_of_one() -> None:
    assert uncertainty_ratio(1.0, -5.0, 5.0) == 5.0
    assert uncertainty_ratio(0.0, -5.0, 5.0) is None


def test_a_probability_adds_up_over_both_limits_and_is_one_at_most() -> None:
    assert probability_of_nonconformity(0.0, 1.0, 0.0, 0.0) == 1.0
    assert probability_of_nonconformity(3.0, 0.0, 0.0, 1.0) == 1.0
    assert probability_of_nonconformity(1.0, 0.0, 0.0, 1.0) == 0.0
    assert probability_of_nonconformity(-1.0, 0.0, 0.0, 1.0) == 1.0


def test_a_decision_has_no_reason_unless_one_is_given() -> None:
    assert Decision(Outcome.PASS, 1.0, 0.0, 0.0, None).reason == ""
