"""What stands in an entry of results.json beside its verdict, and the flags of a weak measurement."""

from __future__ import annotations

import math

import pytest
from scipy.stats import norm

from rig.analysis.decision import Outcome
from rig.definitions.limits import Criterion, parse_limit
from rig.judge.findings import Value
from rig.judge.verdicts import capability_flags, verdict_on, without_value

WITHIN_5 = Criterion("mean_error", "mean_error", None, parse_limit("within 5 %"))
SHARE = Criterion("share", "share", None, parse_limit("at least 95 %"))


def test_a_value_without_an_uncertainty_is_decided_by_the_limit_alone() -> None:
    assert verdict_on(WITHIN_5, Value(5.0, "%"))["verdict"] == "PASS"
    assert verdict_on(WITHIN_5, Value(5.01, "%"))["verdict"] == "FAIL"


@pytest.mark.parametrize(("k", "expected"), [(2.0, 2.0), (3.0, 3.0), (None, 2.0)])
def test_the_coverage_factor_of_the_value_counts_and_two_where_it_tells_none(
    k: float | None, expected: float
) -> None:
    entry = verdict_on(WITHIN_5, Value(4.0, "%", 2.0, k))
    assert entry["probability_of_wrong_decision"] == pytest.approx(norm.sf(1.0 / (2.0 / expected)), rel=1e-6)
    assert entry["coverage_factor"] == k


def test_the_whole_entry() -> None:
    entry = verdict_on(WITHIN_5, Value(-4.0, "%", 0.5, 2.0, reason="one reading was lost"))
    assert entry == {
        "name": "mean_error",
        "value": -4.0,
        "unit": "%",
        "expanded_uncertainty": 0.5,
        "coverage_factor": 2.0,
        "limit": WITHIN_5.limit.text,
        "limit_low": -5.0,
        "limit_high": 5.0,
        "verdict": "PASS",
        "margin": 1.0,
        "probability_of_wrong_decision": pytest.approx(norm.sf(4.0)),
        "test_uncertainty_ratio": 10.0,
        "reason": "one reading was lost",
    }


def test_reasons_of_the_decision_and_of_the_value_are_both_told() -> None:
    entry = verdict_on(WITHIN_5, Value(0.0, "%", 6.0, 2.0, reason="few readings"))
    assert entry["verdict"] == "INCONCLUSIVE"
    assert entry["probability_of_wrong_decision"] is None
    first, second = entry["reason"].split("; ")
    assert "not capable" in first
    assert second == "few readings"


def test_what_could_not_be_measured_has_a_limit_and_no_number() -> None:
    entry = without_value(WITHIN_5, Outcome.ERROR, "the line was lost")
    assert (entry["verdict"], entry["reason"], entry["limit_high"]) == ("ERROR", "the line was lost", 5.0)
    numbers = ("value", "expanded_uncertainty", "coverage_factor", "margin", "test_uncertainty_ratio")
    assert {entry[name] for name in (*numbers, "probability_of_wrong_decision")} == {None}


def test_a_share_on_its_limit_with_nothing_in_doubt_passes() -> None:
    entry = verdict_on(SHARE, Value(95.0, "%", possible=(95.0, 95.0)))
    assert (entry["verdict"], entry["margin"], entry["reason"]) == ("PASS", 0.0, "")
    assert entry["probability_of_wrong_decision"] is None


def test_a_share_that_is_undecided_says_why() -> None:
    entry = verdict_on(SHARE, Value(100.0, "%", possible=(96.0, 100.0), undecided="no dose was seen"))
    assert (entry["verdict"], entry["reason"]) == ("INCONCLUSIVE", "no dose was seen")


def test_shares_that_flip_without_flagged_data_decide_nothing() -> None:
    without = Value(80.0, "%", possible=(80.0, 80.0))
    entry = verdict_on(SHARE, Value(100.0, "%", possible=(100.0, 100.0), without=without))
    assert entry["verdict"] == "INCONCLUSIVE"
    assert "PASS with them, FAIL without (80 %)" in entry["reason"]


def test_nothing_left_without_the_flagged_data() -> None:
    entry = verdict_on(WITHIN_5, Value(0.0, "%", 0.5, 2.0, without=Value(math.inf, "%")))
    assert (entry["verdict"], entry["reason"]) == (
        "INCONCLUSIVE",
        "without the flagged data nothing is left to judge by",
    )


def flags(*values: tuple[float, float]) -> list[tuple[str, str]]:
    entries = [verdict_on(WITHIN_5, Value(value, "%", u, 2.0)) for value, u in values]
    return [(flag.name, flag.effect) for flag in capability_flags(entries, 7, 9)]


def test_each_flag_says_what_it_did_to_the_verdict() -> None:
    covered, none_at_all = "none: the guard band covers it", "the criterion is INCONCLUSIVE"
    assert flags((0.0, 1.25)) == []
    assert flags((0.0, 4.0)) == [("measurement_weak", covered)]
    assert flags((0.0, 5.0)) == [("measurement_not_capable", none_at_all)]
    assert flags((0.0, 6.0)) == [("measurement_not_capable", none_at_all)]
    assert flags((20.0, 6.0)) == [("measurement_not_capable", covered)]  # proven to fail even so
    assert flags((0.0, 5.0), (0.0, 1.25), (0.0, 4.0)) == [
        ("measurement_not_capable", none_at_all),
        ("measurement_weak", covered),
    ]


def test_a_weak_measurement_that_is_undecided_for_another_reason_was_not_undone_by_its_weakness() -> None:
    entry = verdict_on(WITHIN_5, Value(0.0, "%", 4.0, 2.0, undecided="the balance stood still"))
    [flag] = capability_flags([entry], 7, 9)
    assert (flag.name, flag.effect) == ("measurement_weak", "none: the guard band covers it")
    assert (flag.start_ns, flag.end_ns) == (7, 9)
    assert flag.message == ("mean_error: the limit is 1.2 times the expanded uncertainty, 4 is asked for")
