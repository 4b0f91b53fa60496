"""Several runs together: what counts, what makes what good, and what is said of other units."""

from __future__ import annotations

from typing import Any

import pytest

from rig.judge.several_runs import together

Results = dict[str, Any]


def case(
    unit: str, outcome: str, value: float = 1.0, name: str = "only", ended: str = "completed"
) -> Results:
    criterion = {
        "name": "mean_error",
        "value": value,
        "unit": "%",
        "expanded_uncertainty": 0.1,
        "limit": "within 5 %",
        "limit_low": -5.0,
        "limit_high": 5.0,
        "verdict": outcome,
    }
    return {
        "id": name,
        "unit": unit,
        "outcome": outcome,
        "requirements": ["SRS-1"],
        "ended": ended,
        "message": "",
        "criteria": [criterion],
    }


def run(place: int, *cases: Results, plan: str = "p", revision: str = "A", firmware: str = "1.0") -> Results:
    return {
        "run_id": f"run-{place}",
        "started_utc": f"2026-11-{place:02}T00:00:00+00:00",
        "plan": {"id": plan, "revision": revision, "title": plan},
        "units": [{"serial": each["unit"], "firmware": firmware} for each in cases],
        "cases": list(cases),
        "population": {"coverage": 0.9, "confidence": 0.95},
        "requirements": [{"id": "SRS-1", "title": "Accuracy"}, {"id": "SRS-2", "title": "Never tested"}],
    }


@pytest.mark.parametrize(
    ("outcomes", "verdict"),
    [
        (["PASS", "FAIL"], "FAIL"),
        (["FAIL", "PASS"], "FAIL"),  # a later PASS makes good nothing
        (["ABORTED", "PASS"], "PASS"),
        (["PASS", "ERROR"], "PASS"),
        (["INCONCLUSIVE", "CONDITIONAL_PASS", "PASS"], "CONDITIONAL_PASS"),
        (["ERROR", "INCONCLUSIVE"], "ERROR"),
        (["INCONCLUSIVE"], "INCONCLUSIVE"),
    ],
)
def test_the_worst_of_what_was_decided_counts(outcomes: list[str], verdict: str) -> None:
    runs = [run(place, case("A", outcome)) for place, outcome in enumerate(outcomes, 1)]
    found = together(reversed(runs))
    (requirement,) = found["requirements"]
    assert (requirement["id"], requirement["title"], requirement["verdict"]) == ("SRS-1", "Accuracy", verdict)
    assert found["outcome"] == verdict
    assert found["untested"] == ["SRS-2"]
    if len(outcomes) > 1:
        (repeated,) = found["repeated"]
        assert [once["outcome"] for once in repeated["times"]] == outcomes


def test_a_fail_with_old_firmware_is_told_apart_but_not_forgotten() -> None:
    found = together([run(1, case("A", "FAIL")), run(2, case("A", "PASS"), firmware="1.1")])
    (requirement,) = found["requirements"]
    assert requirement["by_firmware"] == {"1.0": "FAIL", "1.1": "PASS"}
    assert requirement["verdict"] == "FAIL"
    assert found["repeated"] == []
    assert [each["firmware"] for each in found["populations"]] == ["1.0", "1.1"]


def test_tolerance_intervals_take_the_first_completed_run_of_each_unit_and_one_revision() -> None:
    first = run(1, case("A", "PASS", 1.0), case("B", "PASS", 2.0), case("C", "ERROR", 9.0, ended="error"))
    again = run(2, case("A", "PASS", 50.0), case("C", "PASS", 3.0))
    other = run(3, case("D", "PASS", 70.0), revision="B")
    (population,) = together([first, again, other])["populations"]
    (interval,) = population["intervals"]
    assert (interval["plan"], interval["revision"], interval["count"]) == ("p", "A", 3)
    assert interval["mean"] == pytest.approx(2.0)
    assert interval["standard_deviation"] == pytest.approx(1.0)
    assert (population["units_decided"], population["units_failed"]) == (4, 0)
    # (1 - C)^(1/n), Clopper and Pearson without a failure
    assert population["reliability_shown"] == pytest.approx(0.05 ** (1 / 4))


def test_no_runs_have_no_verdict() -> None:
    assert together([])["outcome"] == "SKIPPED"
