import json
from types import SimpleNamespace

import pytest

from rig.judge.case_result import judge_case
from rig.judge.findings import as_json, time_text
from rig.judge.results import judge

CRITERION_KEYS = {
    "name", "value", "unit", "expanded_uncertainty", "coverage_factor", "limit", "limit_low", "limit_high", "verdict",
    "margin", "probability_of_wrong_decision", "test_uncertainty_ratio", "reason",
}  # fmt: skip
CASE_KEYS = {
    "id", "title", "procedure", "unit", "outcome", "requirements", "rationale", "started_s", "finished_s", "ended",
    "message", "set", "measurements", "budgets", "trumpet", "doses", "portions", "witnesses", "channels", "flags",
    "events", "criteria",
}  # fmt: skip
RUN_KEYS = {
    "population", "quarantine",
    "schema", "run_id", "outcome", "rehearsal", "rehearsal_because", "clock", "started_utc", "finished_s", "operator",
    "plan", "bench", "software", "units", "shared_instruments", "cases",
    "requirements", "trace", "requirement_changes",
}  # fmt: skip


def test_the_whole_record_as_results(made: SimpleNamespace, plan, bench) -> None:
    run = made.run(made.doses(made.World(error_pct=9.0)), made.steady(made.World()))
    results = judge(run, plan, bench)

    assert set(results) == RUN_KEYS
    assert (results["schema"], results["outcome"], results["finished_s"]) == (
        "infusion-rig/results/1",
        "FAIL",
        200_000,
    )
    assert [case["id"] for case in results["cases"]] == ["steady", "doses"]  # in the order of the plan
    for case in results["cases"]:
        assert set(case) == CASE_KEYS
        for criterion in case["criteria"]:
            assert set(criterion) == CRITERION_KEYS
    (unit,) = results["units"]
    assert (unit["serial"], unit["model"], unit["outcome"]) == ("SIM-1", "a pump", "FAIL")
    assert [instrument["role"] for instrument in unit["instruments"]] == ["pump", "balance", "flow"]
    assert [instrument["calibration_valid"] for instrument in unit["instruments"]] == [None, True, True]
    assert json.loads(json.dumps(results, allow_nan=False)) == results


def test_the_run_and_a_later_report_say_the_same(made: SimpleNamespace, plan, bench) -> None:
    data = made.steady(made.World(error_pct=3.0))
    run = made.run(data)

    now = judge_case(data, plan.case("steady"), bench.units[0], run, bench, plan)
    assert judge(run, plan, bench)["cases"] == [now]
    assert json.dumps(now) == json.dumps(judge(run, plan, bench)["cases"][0])


def test_a_case_that_was_not_begun_is_left_out(made: SimpleNamespace, plan, bench) -> None:
    results = judge(made.run(made.doses(made.World())), plan, bench)

    assert [case["id"] for case in results["cases"]] == ["doses"]
    assert results["outcome"] == "PASS"


@pytest.mark.parametrize(("closed", "outcome"), [("ABORTED", "ABORTED"), ("ERROR", "ERROR"), (None, "ERROR")])
def test_a_run_that_did_not_end_well_is_no_pass(made: SimpleNamespace, plan, bench, closed, outcome) -> None:
    run = made.run(made.doses(made.World()), closed=closed)

    assert judge(run, plan, bench)["outcome"] == outcome


def test_a_run_without_any_case_passed_nothing(made: SimpleNamespace, plan, bench) -> None:
    assert judge(made.run(), plan, bench)["outcome"] == "SKIPPED"


def test_plain_data() -> None:
    import numpy as np

    value = {
        "a": np.float64(1.5),
        "b": [np.int64(2), float("inf"), float("nan")],
        "c": (np.bool_(True), None),
    }
    assert as_json(value) == {"a": 1.5, "b": [2, None, None], "c": [True, None]}
    assert type(as_json(np.int64(2))) is int
    assert type(as_json(np.float64(2))) is float
    assert as_json(np.arange(2)) == [0, 1]


def test_times_in_words() -> None:
    assert time_text(25_330_000_000_000) == "7 h 02 min 10 s"
    assert time_text(-1_500_000_000) == "-0 h 00 min 02 s"
