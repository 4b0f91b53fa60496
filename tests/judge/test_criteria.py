"""The verdict on one criterion: how a case ended, what was counted, what rests on the correction for evaporation."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from rig.analysis.uncertainty import Budget, Component
from rig.definitions.limits import Criterion, Limit, parse_limit
from rig.judge.criteria import ENDED, judge_criterion
from rig.judge.findings import Findings, Flag, Kind, Value

WITHIN_5 = Criterion("mean_error", "mean_error", None, parse_limit("within 5 %"))
LOG = Criterion("log", "log", None, Limit(None, 0.0, "", "complete"))
SHARE = Criterion("share_inside", "share_inside", None, parse_limit("at least 95 %"))


def case(ended="completed", message=""):
    return SimpleNamespace(ended=ended, message=message)


def weighed(value, correction, sensitivity=2.0, name="evaporation rate"):
    """A mean error in %, of which ``correction`` comes from evaporation."""
    parts = (
        Component(name, "blanks", correction / sensitivity, "mg/h", 0.01, sensitivity),
        Component("mass difference", "balance", 0.0, "%", 0.1),
    )
    return Budget(value, "%", parts)


def found(budget=None, flags=(), compared=(), **values):
    findings = Findings({}, values=dict(values), flags=list(flags))
    findings.put("mean_error", budget)
    if compared:
        findings.compared["mean_error"] = compared
    return findings


def flag(name, message):
    return Flag(name, message, 0, 1, kind=Kind.PUMP)


@pytest.mark.parametrize(
    ("ended", "verdict"),
    [
        ("refused", "INCONCLUSIVE"),
        ("error", "ERROR"),
        ("unfinished", "ERROR"),
        ("aborted", "ABORTED"),
        ("skipped", "SKIPPED"),
        ("eaten by a dog", "ERROR"),
    ],
)
def test_a_case_that_did_not_complete(ended, verdict):
    entry = judge_criterion(WITHIN_5, case(ended, "why"), found(weighed(0.0, 0.0)), False)
    assert (entry["verdict"], entry["reason"], entry["value"]) == (verdict, "why", None)
    assert ended in judge_criterion(WITHIN_5, case(ended), found(), False)["reason"]
    assert set(ENDED) == {"refused", "error", "unfinished", "aborted", "skipped"}


@pytest.mark.parametrize(
    ("breaches", "verdict"), [([], "PASS"), (["BOLUS_DENY is missing", "so is START"], "FAIL")]
)
def test_what_must_never_be_is_counted(breaches, verdict):
    findings = found()
    findings.count("log", breaches)
    entry = judge_criterion(LOG, case(), findings, False)
    assert (entry["verdict"], entry["value"], entry["margin"]) == (verdict, len(breaches), -len(breaches))
    assert entry["reason"] == "; ".join(breaches)


def test_what_was_not_measured_decides_nothing_and_says_why():
    entry = judge_criterion(WITHIN_5, case(), found(), False)
    assert (entry["verdict"], entry["reason"]) == ("INCONCLUSIVE", "it was not measured")
    findings = found()
    findings.unmeasured = "no second blank"
    assert judge_criterion(WITHIN_5, case(), findings, False)["reason"] == "no second blank"


@pytest.mark.parametrize(
    ("correction", "closed", "verdict"),
    [
        (3.0, False, "PASS"),  # 1 % without it
        (12.0, False, "INCONCLUSIVE"),  # -8 %: with the line open it may have been flow back
        (12.0, True, "PASS"),  # the line was closed, nothing could flow back
    ],
)
def test_what_only_the_correction_makes_good_is_not_good(correction, closed, verdict):
    entry = judge_criterion(WITHIN_5, case(), found(weighed(4.0, correction)), closed)
    assert (entry["verdict"], entry["value"]) == (verdict, 4.0)
    if verdict == "INCONCLUSIVE":
        assert "without the correction for evaporation it is -8 %, FAIL" in entry["reason"]
    else:
        assert entry["reason"] == ""


def test_a_failure_stays_one_whatever_was_corrected():
    entry = judge_criterion(WITHIN_5, case(), found(weighed(9.0, 8.0)), False)
    assert (entry["verdict"], entry["reason"]) == ("FAIL", "")


def test_every_step_is_asked_not_only_the_one_furthest_off():
    steps = (weighed(4.0, 0.0), weighed(-1.0, 9.0))
    entry = judge_criterion(WITHIN_5, case(), found(weighed(4.0, 0.0), compared=steps), False)
    assert entry["verdict"] == "INCONCLUSIVE"
    assert "it is -10 %, FAIL" in entry["reason"]


def test_a_value_that_is_not_weighed_has_nothing_to_do_with_blanks():
    expired = flag("calibration_expired", "the balance is out of calibration")
    other = found(weighed(4.0, 12.0, name="flow sensor"), flags=[expired])
    assert judge_criterion(WITHIN_5, case(), other, False)["verdict"] == "PASS"
    share = found(flags=[expired], share_inside=Value(99.0, "%", possible=(98.0, 100.0)))
    entry = judge_criterion(SHARE, case(), share, True)  # of doses, all weighed
    assert (entry["verdict"], entry["reason"]) == ("INCONCLUSIVE", expired.message)


def test_by_a_balance_out_of_calibration_nothing_is_decided():
    expired = flag("calibration_expired", "the balance is out of calibration")
    entry = judge_criterion(WITHIN_5, case(), found(weighed(1.0, 0.0), flags=[expired]), True)
    assert (entry["verdict"], entry["reason"]) == ("INCONCLUSIVE", expired.message)


def test_a_flow_while_the_pump_stood_fails_and_says_so():
    flowing = flag("flow_while_stopped", "in a blank the weight rose")
    entry = judge_criterion(WITHIN_5, case(), found(weighed(1.0, 0.0), flags=[flowing]), True)
    assert (entry["verdict"], entry["reason"], entry["value"]) == ("FAIL", flowing.message, 1.0)
    expired = flag("calibration_expired", "out of calibration")
    both = judge_criterion(WITHIN_5, case(), found(weighed(1.0, 0.0), flags=[expired, flowing]), True)
    assert (both["verdict"], both["reason"]) == ("FAIL", f"{flowing.message}; {expired.message}")
