"""From values and limits to verdicts."""

from __future__ import annotations

import math

from rig.analysis.decision import GOOD_TEST_UNCERTAINTY_RATIO, Decision, Outcome, decide, worst
from rig.definitions.limits import Criterion
from rig.judge.findings import Flag, Result, Value

ACCEPTED = (Outcome.PASS, Outcome.CONDITIONAL_PASS)


def verdict_on(criterion: Criterion, value: Value) -> Result:
    """An entry of ``criteria``: the guard-banded decision, with and without flagged data where there are
    any.
    """
    low, high = criterion.limit.low, criterion.limit.high
    decision = _decide(value, low, high)
    verdict, reason = decision.verdict, "; ".join(part for part in (decision.reason, value.reason) if part)
    if value.without is not None and verdict is not Outcome.INCONCLUSIVE:
        verdict, reason = _with_and_without(value, decision, low, high, reason)
    undecided = verdict is Outcome.INCONCLUSIVE
    return entry(
        criterion,
        verdict,
        reason,
        value,
        margin=decision.margin,
        probability_of_wrong_decision=None if undecided else decision.probability_of_wrong_decision,
        test_uncertainty_ratio=decision.test_uncertainty_ratio,
    )


def _decide(value: Value, low: float | None, high: float | None) -> Decision:
    if value.possible is not None:
        return _decide_between(value, low, high)
    return decide(
        value.value,
        value.expanded_uncertainty or 0.0,
        low,
        high,
        coverage_factor=value.coverage_factor or 2.0,
        degrees_of_freedom=value.degrees_of_freedom,
        flagged=value.undecided,
    )


def _decide_between(value: Value, low: float | None, high: float | None) -> Decision:
    """The four outcomes when the uncertainty is a range of possible values (a share of doses)."""
    assert value.possible is not None
    ends = [decide(end, 0.0, low, high).verdict is Outcome.PASS for end in value.possible]
    at_best_guess = decide(value.value, 0.0, low, high, flagged=value.undecided)
    if at_best_guess.verdict is Outcome.INCONCLUSIVE:
        return at_best_guess
    if at_best_guess.verdict is Outcome.PASS:
        verdict = Outcome.PASS if all(ends) else Outcome.CONDITIONAL_PASS
    else:
        verdict = Outcome.CONDITIONAL_FAIL if any(ends) else Outcome.FAIL
    return Decision(verdict, at_best_guess.margin, math.nan, None, None)


def _with_and_without(
    value: Value, decision: Decision, low: float | None, high: float | None, reason: str
) -> tuple[Outcome, str]:
    assert value.without is not None
    if not math.isfinite(value.without.value):
        return Outcome.INCONCLUSIVE, "without the flagged data nothing is left to judge by"
    other = _decide(value.without, low, high)
    if (other.verdict in ACCEPTED) != (decision.verdict in ACCEPTED):
        return Outcome.INCONCLUSIVE, (
            f"the verdict depends on flagged data: {decision.verdict} with them, {other.verdict} without "
            f"({value.without.value:.4g} {value.without.unit})"
        )
    return worst([decision.verdict, other.verdict]), reason


def without_value(criterion: Criterion, verdict: Outcome, reason: str) -> Result:
    """An entry of ``criteria`` for what could not be measured."""
    return entry(criterion, verdict, reason, None)


def entry(
    criterion: Criterion,
    verdict: Outcome,
    reason: str,
    value: Value | None,
    margin: float | None = None,
    probability_of_wrong_decision: float | None = None,
    test_uncertainty_ratio: float | None = None,
) -> Result:
    """An entry of ``criteria`` as results.json has it."""
    return {
        "name": criterion.name,
        "value": None if value is None else value.value,
        "unit": criterion.limit.unit,
        "expanded_uncertainty": None if value is None else value.expanded_uncertainty,
        "coverage_factor": None if value is None else value.coverage_factor,
        "limit": criterion.limit.text,
        "limit_low": criterion.limit.low,
        "limit_high": criterion.limit.high,
        "verdict": verdict,
        "margin": margin,
        "probability_of_wrong_decision": probability_of_wrong_decision,
        "test_uncertainty_ratio": test_uncertainty_ratio,
        "reason": reason,
    }


def capability_flags(criteria: list[Result], start_ns: int, end_ns: int) -> list[Flag]:
    """Criteria whose limit is too tight for the measurement."""
    flags = []
    for criterion in criteria:
        ratio = criterion["test_uncertainty_ratio"]
        if ratio is None or ratio >= GOOD_TEST_UNCERTAINTY_RATIO:
            continue
        undecided = criterion["verdict"] is Outcome.INCONCLUSIVE
        flags.append(
            Flag(
                "measurement_not_capable" if ratio <= 1 else "measurement_weak",
                f"{criterion['name']}: the limit is {ratio:.2g} times the expanded uncertainty, "
                f"{GOOD_TEST_UNCERTAINTY_RATIO:g} is asked for",
                start_ns,
                end_ns,
                "the criterion is INCONCLUSIVE"
                if undecided and ratio <= 1
                else "none: the guard band covers it",
            )
        )
    return flags
