import math

import pytest

from rig.analysis.decision import (
    Outcome,
    Rule,
    decide,
    probability_of_nonconformity,
    uncertainty_ratio,
    worst,
)

# Error and limit in %, expanded uncertainty (k = 2), verdict with four outcomes, probability that the true error is
# outside.
WORKED = [
    (-12.4, 14.5, 2.0, "PASS", 0.017864420562816563),
    (-12.6, 14.5, 2.0, "CONDITIONAL_PASS", 0.02871655981600174),
    (-14.4, 14.5, 2.0, "CONDITIONAL_PASS", 0.4601721627229711),
    (14.6, 14.5, 2.0, "CONDITIONAL_FAIL", 0.5398278372770289),
    (16.6, 14.5, 2.0, "FAIL", 0.9821355794371835),
    (4.1, 5.0, 0.8, "PASS", 0.012224472655044671),
    (4.3, 5.0, 0.8, "CONDITIONAL_PASS", 0.040059156863817),
    (-2.4, 14.5, 2.0, "PASS", 0.0),
]


@pytest.mark.parametrize(("value", "limit", "expanded", "verdict", "outside"), WORKED)
def test_worked_decisions(value: float, limit: float, expanded: float, verdict: str, outside: float) -> None:
    decision = decide(value, expanded, -limit, limit)

    assert decision.verdict == verdict
    assert decision.probability_of_nonconformity == pytest.approx(outside, abs=1e-12)
    wrong = outside if "PASS" in verdict else 1 - outside
    assert decision.probability_of_wrong_decision == pytest.approx(wrong, abs=1e-12)
    assert decision.margin == pytest.approx(limit - abs(value))
    assert decision.test_uncertainty_ratio == pytest.approx(limit / expanded)
    assert decision.reason == ""


SIMPLE = ["PASS", "PASS", "PASS", "FAIL", "FAIL", "PASS", "PASS", "PASS"]
GUARDED = ["PASS", "FAIL", "FAIL", "FAIL", "FAIL", "PASS", "FAIL", "PASS"]


@pytest.mark.parametrize(("rule", "verdicts"), [(Rule.SIMPLE, SIMPLE), (Rule.GUARDED, GUARDED)])
def test_worked_decisions_by_the_rules_with_two_outcomes(rule: Rule, verdicts: list[str]) -> None:
    for (value, limit, expanded, _, outside), verdict in zip(WORKED, verdicts, strict=True):
        decision = decide(value, expanded, -limit, limit, rule=rule)

        assert decision.verdict == verdict
        wrong = outside if verdict == "PASS" else 1 - outside
        assert decision.probability_of_wrong_decision == pytest.approx(wrong, abs=1e-12)


@pytest.mark.parametrize("rule", Rule)
def test_no_rule_decides_with_an_uncertainty_as_large_as_the_limit_but_what_is_proven(rule: Rule) -> None:
    for value in (0.0, 4.9, 5.1, 10.9):
        assert decide(value, 6.0, -5.0, 5.0, rule=rule).verdict is Outcome.INCONCLUSIVE
    assert decide(11.1, 6.0, -5.0, 5.0, rule=rule).verdict is Outcome.FAIL


@pytest.mark.parametrize(
    ("value", "verdict"),
    [(1.4, "PASS"), (1.6, "CONDITIONAL_PASS"), (2.4, "CONDITIONAL_FAIL"), (2.6, "FAIL"), (-90.0, "PASS")],
)
def test_at_most(value: float, verdict: str) -> None:
    decision = decide(value, 0.5, None, 2.0)

    assert decision.verdict == verdict
    assert decision.test_uncertainty_ratio is None


@pytest.mark.parametrize(("value", "verdict"), [(97, "PASS"), (95.5, "CONDITIONAL_PASS"), (93, "FAIL")])
def test_at_least(value: float, verdict: str) -> None:
    assert decide(value, 1.0, 95.0, None).verdict == verdict


def test_limits_need_not_be_symmetric() -> None:
    assert decide(14.0, 0.5, -10.0, 15.0).verdict is Outcome.PASS
    assert decide(-11.0, 0.5, -10.0, 15.0).verdict is Outcome.FAIL
    assert uncertainty_ratio(0.5, -10.0, 15.0) == 25.0


def test_without_uncertainty_a_value_on_the_limit_passes_for_certain() -> None:
    assert decide(2.0, 0.0, None, 2.0).verdict is Outcome.PASS
    assert decide(2.0, 0.0, None, 2.0).probability_of_wrong_decision == 0.0
    assert decide(2.1, 0.0, None, 2.0).verdict is Outcome.FAIL
    assert decide(2.1, 0.0, None, 2.0).probability_of_wrong_decision == 0.0


def t4_above(deviate: float) -> float:
    """Closed form of Student's t with four degrees of freedom."""
    ratio = deviate**2 / (1 + deviate**2 / 4)
    return 0.5 - 0.375 * math.sqrt(ratio) * (1 - ratio / 12)


def test_few_degrees_of_freedom_make_a_decision_less_sure() -> None:
    normal = probability_of_nonconformity(12.0, 1.0, -14.5, 14.5)
    few = probability_of_nonconformity(12.0, 1.0, -14.5, 14.5, degrees_of_freedom=4)

    assert normal == pytest.approx(0.006209665325776135, abs=1e-12)
    assert few == pytest.approx(t4_above(2.5) + t4_above(26.5), abs=1e-12)


def test_what_was_flagged_is_inconclusive_with_its_reason() -> None:
    decision = decide(0.0, 0.1, -5.0, 5.0, flagged="the balance stood still")

    assert decision.verdict is Outcome.INCONCLUSIVE
    assert decision.reason == "the balance stood still"
    assert decision.probability_of_wrong_decision is None


@pytest.mark.parametrize("value", [0.0, 4.9, 5.1, 10.9])
def test_an_uncertainty_as_large_as_the_limit_decides_nothing(value: float) -> None:
    decision = decide(value, 6.0, -5.0, 5.0)

    assert decision.verdict is Outcome.INCONCLUSIVE
    assert "not capable" in decision.reason


def test_but_a_value_far_outside_is_proven_to_fail() -> None:
    assert decide(11.1, 6.0, -5.0, 5.0).verdict is Outcome.FAIL


def test_refuses_to_decide_without_limit_or_value() -> None:
    with pytest.raises(ValueError, match="no limit"):
        decide(0.0, 1.0, None, None)
    with pytest.raises(ValueError, match="cannot decide"):
        decide(math.nan, 1.0, -1.0, 1.0)
    with pytest.raises(ValueError, match="cannot decide"):
        decide(0.0, math.nan, -1.0, 1.0)


def test_worst_of_several() -> None:
    order = [
        "SKIPPED",
        "PASS",
        "CONDITIONAL_PASS",
        "INCONCLUSIVE",
        "CONDITIONAL_FAIL",
        "FAIL",
        "ERROR",
        "ABORTED",
    ]

    assert [str(outcome) for outcome in sorted(Outcome, key=lambda outcome: outcome.severity)] == order
    assert worst([Outcome.PASS, Outcome.FAIL, Outcome.SKIPPED]) is Outcome.FAIL
    assert worst([]) is Outcome.SKIPPED
