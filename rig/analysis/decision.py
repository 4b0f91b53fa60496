"""Verdicts: guard-banded decisions with the probability that they are wrong.

Sources: ILAC-G8:09/2019, 4.2.1 (simple acceptance), 4.2.2 (binary with guard band), 4.2.3 (non-binary, w = U);
JCGM 106:2012, 7 and 8 (conformance probability, guard bands) and 9 (risk of a wrong decision).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from rig.analysis.uncertainty import distribution_function

GOOD_TEST_UNCERTAINTY_RATIO = 4.0  # ANSI/NCSL Z540.3: 4:1
DECIDABLE_TEST_UNCERTAINTY_RATIO = 1.0  # at or below it the guard bands meet: no value at all could PASS


class Outcome(StrEnum):
    """What becomes of a criterion, a case or a run, from best to worst.

    SKIPPED stands first because nothing was judged: beside any other outcome it changes nothing.
    """

    SKIPPED = "SKIPPED"
    PASS = "PASS"
    CONDITIONAL_PASS = "CONDITIONAL_PASS"
    INCONCLUSIVE = "INCONCLUSIVE"
    CONDITIONAL_FAIL = "CONDITIONAL_FAIL"
    FAIL = "FAIL"
    ERROR = "ERROR"
    ABORTED = "ABORTED"

    @property
    def severity(self) -> int:
        """Position from best (0) to worst."""
        return list(Outcome).index(self)


class Rule(StrEnum):
    """Decision rule (ILAC-G8:09/2019, 4.2.1 to 4.2.3): the limit alone, PASS only inside by U, or four outcomes."""

    SIMPLE = "simple"
    GUARDED = "guarded"
    FOUR_OUTCOMES = "four outcomes"


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """The worst of several; SKIPPED when there is none."""
    return max(outcomes, key=lambda outcome: outcome.severity, default=Outcome.SKIPPED)


@dataclass(frozen=True)
class Decision:
    """A verdict on one value.

    ``margin`` is the distance to the nearest limit in the value's unit, negative outside.
    ``test_uncertainty_ratio`` is None for a one-sided limit or an uncertainty of zero.
    ``probability_of_wrong_decision`` is the probability of nonconformity for PASS and CONDITIONAL_PASS, of
    conformity for FAIL and CONDITIONAL_FAIL, None if undecided.
    """

    verdict: Outcome
    margin: float
    probability_of_nonconformity: float
    probability_of_wrong_decision: float | None
    test_uncertainty_ratio: float | None
    reason: str = ""


def probability_of_nonconformity(
    value: float,
    standard_uncertainty: float,
    low: float | None,
    high: float | None,
    degrees_of_freedom: float = math.inf,
) -> float:
    """Probability that the true value lies outside the limits, given a measured one (JCGM 106:2012, 7.2).

    Normal about the measured value, or t scaled by the standard uncertainty if its degrees of freedom are
    finite. All in one unit; a missing limit is None. With an uncertainty of zero it is 0 or 1.
    """
    outside = 0.0
    for limit, sign in ((low, -1.0), (high, 1.0)):
        if limit is None:
            continue
        excess = sign * (value - limit)
        if standard_uncertainty > 0:
            outside += distribution_function(excess / standard_uncertainty, degrees_of_freedom)
        elif excess > 0:
            outside = 1.0
    return min(outside, 1.0)


def decide(
    value: float,
    expanded_uncertainty: float,
    low: float | None,
    high: float | None,
    *,
    coverage_factor: float = 2.0,
    degrees_of_freedom: float = math.inf,
    flagged: str = "",
    rule: Rule = Rule.FOUR_OUTCOMES,
) -> Decision:
    """Verdict on ``value`` against tolerance limits, with a guard band as wide as the expanded uncertainty U.

    PASS: inside by at least U. CONDITIONAL_PASS: inside, but by less. CONDITIONAL_FAIL: outside, by at most U.
    FAIL: outside by more than U (ILAC-G8:09/2019, 4.2.3). With the guarded ``rule`` all but the first are FAIL
    (4.2.2), with the simple one the first two are PASS, the others FAIL (4.2.1). A ``flagged`` measurement (the
    reason in words) is INCONCLUSIVE. So is one that is not capable, U being no smaller than half the tolerance,
    unless the value is outside by more than U: that much is proven even so.

    All in one unit. Raises ValueError without any limit, for a value that is not finite or a negative
    uncertainty.
    """
    if low is None and high is None:
        raise ValueError("no limit to decide against")
    if not math.isfinite(value) or not expanded_uncertainty >= 0:
        raise ValueError(f"cannot decide on {value} with uncertainty {expanded_uncertainty}")
    margin = min(
        math.inf if high is None else high - value,
        math.inf if low is None else value - low,
    )
    outside = probability_of_nonconformity(
        value, expanded_uncertainty / coverage_factor, low, high, degrees_of_freedom
    )
    ratio = uncertainty_ratio(expanded_uncertainty, low, high)
    verdict, reason = _by_rule(rule, margin, expanded_uncertainty), ""
    if flagged:
        verdict, reason = Outcome.INCONCLUSIVE, flagged
    elif (
        ratio is not None and ratio <= DECIDABLE_TEST_UNCERTAINTY_RATIO and not -margin > expanded_uncertainty
    ):
        verdict = Outcome.INCONCLUSIVE
        reason = "the measurement is not capable: its expanded uncertainty is no smaller than the limit"
    wrong: float | None = None
    if verdict in (Outcome.PASS, Outcome.CONDITIONAL_PASS):
        wrong = outside
    elif verdict in (Outcome.FAIL, Outcome.CONDITIONAL_FAIL):
        wrong = 1.0 - outside
    return Decision(verdict, margin, outside, wrong, ratio, reason)


def _by_rule(rule: Rule, margin: float, guard_band: float) -> Outcome:
    if rule is not Rule.FOUR_OUTCOMES:
        needed = guard_band if rule is Rule.GUARDED else 0.0
        return Outcome.PASS if margin >= needed else Outcome.FAIL
    if margin >= 0:
        return Outcome.PASS if margin >= guard_band else Outcome.CONDITIONAL_PASS
    return Outcome.FAIL if -margin > guard_band else Outcome.CONDITIONAL_FAIL


def uncertainty_ratio(expanded_uncertainty: float, low: float | None, high: float | None) -> float | None:
    """Half the tolerance over the expanded uncertainty, all in one unit (ANSI/NCSL Z540.3:2006); None for a one-sided
    limit or no uncertainty.
    """
    if low is None or high is None or expanded_uncertainty == 0:
        return None
    return (high - low) / 2 / expanded_uncertainty
