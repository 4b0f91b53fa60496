import math

import pytest

from rig.analysis.trumpet import Window
from rig.definitions.limits import Criterion, Limit, parse_limit
from rig.judge.findings import Value
from rig.judge.verdicts import capability_flags, verdict_on
from rig.judge.windows import deciding_extreme


def criterion(text: str) -> Criterion:
    return Criterion("mean_error", "mean_error", None, parse_limit(text))


@pytest.mark.parametrize(
    ("value", "without", "verdict"),
    [
        (1.0, 2.0, "PASS"),
        (1.0, 4.8, "CONDITIONAL_PASS"),  # both accept: the worse of them stands
        (1.0, 9.0, "INCONCLUSIVE"),
        (9.0, 1.0, "INCONCLUSIVE"),
        (9.0, 5.2, "FAIL"),
        (9.0, math.nan, "INCONCLUSIVE"),
    ],
)
def test_a_verdict_that_would_flip_without_flagged_data_is_none(
    value: float, without: float, verdict: str
) -> None:
    judged = verdict_on(
        criterion("within 5 %"), Value(value, "%", 0.5, 2.0, without=Value(without, "%", 0.5, 2.0))
    )

    assert judged["verdict"] == verdict
    assert (judged["probability_of_wrong_decision"] is None) == (verdict == "INCONCLUSIVE")
    assert ("flagged" in judged["reason"]) == (verdict == "INCONCLUSIVE")


def test_a_share_is_decided_by_what_is_possible() -> None:
    def judged(value: float, least: float, most: float) -> str:
        share = Value(value, "%", possible=(least, most))
        return str(verdict_on(criterion("at least 95 %"), share)["verdict"])

    assert judged(100, 96, 100) == "PASS"
    assert judged(96, 92, 100) == "CONDITIONAL_PASS"
    assert judged(92, 92, 96) == "CONDITIONAL_FAIL"
    assert judged(92, 88, 92) == "FAIL"


def test_weak_measurements_are_flagged_and_incapable_ones_decide_nothing() -> None:
    limit = criterion("within 5 %")
    good, weak, incapable = (verdict_on(limit, Value(0.0, "%", u, 2.0)) for u in (1.25, 1.3, 5.0))

    assert [flag.name for flag in capability_flags([good, weak, incapable], 0, 1)] == [
        "measurement_weak",
        "measurement_not_capable",
    ]
    assert (good["verdict"], weak["verdict"], incapable["verdict"]) == ("PASS", "PASS", "INCONCLUSIVE")


def test_the_extreme_that_decides_is_the_one_nearer_to_or_further_beyond_its_limit() -> None:
    window = Window(60.0, 10, 12.0, -11.0, 1, 2)

    assert deciding_extreme(window, parse_limit("within 14.5 %")) == 12.0
    assert deciding_extreme(window, parse_limit("between -10 % and 15 %")) == -11.0
    assert deciding_extreme(window, Limit(None, 20.0, "%", "at most 20 %")) == 12.0
    assert deciding_extreme(window, Limit(-20.0, None, "%", "at least -20 %")) == -11.0
