from collections.abc import Callable

import pytest

Judged = Callable[..., dict]
H = 3600.0
SAMPLE_AT_S = 0.5 * H + 4 * H + 1 * H + 2  # into the case


def criterion(result: dict, name: str) -> dict:
    return next(entry for entry in result["criteria"] if entry["name"] == name)


def flags(result: dict) -> dict[str, dict]:
    return {flag["name"]: flag for flag in result["flags"]}


@pytest.mark.parametrize("error_pct", [0.0, 3.0, -1.0])
def test_an_injected_error_comes_out_inside_its_uncertainty(judged: Judged, error_pct: float) -> None:
    result = judged("steady", error_pct=error_pct)
    mean = criterion(result, "mean_error")

    assert mean["verdict"] == result["outcome"] == "PASS"
    assert abs(mean["value"] - error_pct) <= mean["expanded_uncertainty"] < 0.2
    assert mean["margin"] == pytest.approx(5 - abs(mean["value"]))
    assert mean["probability_of_wrong_decision"] == pytest.approx(0.0, abs=1e-6)
    assert (mean["limit"], mean["limit_low"], mean["limit_high"]) == ("within 5 %", -5, 5)
    assert result["flags"] == []
    assert [window["count"] for window in result["trumpet"]] == [104, 101, 95, 83, 67, 43]
    assert [entry["name"] for entry in result["criteria"]] == [
        "mean_error",
        "trumpet_60_min",
        "trumpet_930_min",
        "claimed_delivery",
        "alarms",
    ]


def test_the_mean_lies_between_the_extremes_and_long_windows_are_narrower(judged: Judged) -> None:
    result = judged("steady", error_pct=3.0)
    windows = result["trumpet"]

    for window in windows:
        assert window["error_min_pct"] <= window["error_max_pct"]
    widths = [window["error_max_pct"] - window["error_min_pct"] for window in windows]
    assert widths[0] > widths[-1]
    uncertainties = [window["expanded_uncertainty_pct"] for window in windows]
    assert uncertainties == sorted(uncertainties, reverse=True)
    trumpet = criterion(result, "trumpet_930_min")
    assert trumpet["value"] == windows[-1]["error_max_pct"]  # further from zero than the smallest
    assert trumpet["expanded_uncertainty"] == windows[-1]["expanded_uncertainty_pct"]


def test_measurements_say_flow_volume_evaporation_and_what_the_sensor_saw(judged: Judged) -> None:
    measured = judged("steady", error_pct=3.0, sensor_error_pct=2.0)["measurements"]

    assert measured["mean_flow"]["value"] == pytest.approx(20833e-6 * 1.03, rel=2e-3)
    assert measured["delivered_volume"]["value"] == pytest.approx(20833e-6 * 1.03 * 26, rel=2e-3)
    for when in ("before", "after"):
        evaporation = measured[f"evaporation_{when}"]
        assert abs(evaporation["value"] - 20) < 2 * evaporation["expanded_uncertainty"]
        assert evaporation["unit"] == "ug/h"
    assert measured["mean_flow_by_sensor"]["value"] == pytest.approx(20833e-6 * 1.03 * 1.02, rel=1e-3)
    assert measured["temperature_at_sensor"]["value"] == pytest.approx(36.5)
    assert abs(measured["claimed_delivery"]["value"]) < 0.1


def test_the_budget_adds_up_to_the_uncertainty_of_the_criterion(judged: Judged) -> None:
    result = judged("steady")
    budget, mean = result["budgets"]["mean_error"], criterion(result, "mean_error")
    squares = sum(part["contribution"] ** 2 for part in budget["components"])

    assert budget["combined_standard_uncertainty"] == pytest.approx(squares**0.5)
    assert budget["expanded_uncertainty"] == mean["expanded_uncertainty"]
    assert budget["coverage_factor"] == mean["coverage_factor"] == pytest.approx(1.96, abs=0.01)
    for part in budget["components"]:
        assert part["contribution"] == pytest.approx(abs(part["sensitivity"] * part["standard_uncertainty"]))
    names = [part["name"] for part in budget["components"]]
    assert len(names) == len(set(names))
    assert {"balance zero drift", "evaporation rate", "fluid density", "immersed outlet"} <= set(names)


@pytest.mark.parametrize(
    ("error_pct", "verdict"),
    [(16.0, "FAIL"), (4.97, "CONDITIONAL_PASS"), (5.03, "CONDITIONAL_FAIL"), (-5.5, "FAIL")],
)
def test_an_error_at_or_beyond_the_limit(judged: Judged, error_pct: float, verdict: str) -> None:
    result = judged("steady", error_pct=error_pct, noise_g=1e-6, drift_24h_g=0.0)

    assert criterion(result, "mean_error")["verdict"] == verdict
    if verdict == "FAIL":
        assert result["outcome"] == "FAIL"


def test_a_stall_fails_the_case_and_is_named_with_its_times(judged: Judged) -> None:
    stalled = (SAMPLE_AT_S + 6 * H, SAMPLE_AT_S + 11 * H)
    result = judged("steady", stall_s=stalled)
    alarms = criterion(result, "alarms")

    assert result["outcome"] == alarms["verdict"] == "FAIL"
    assert (alarms["value"], alarms["margin"]) == (1, -1)
    assert "motor stall at 11 h 31 min 02 s into the case by the pump's own log" in alarms["reason"]
    assert "seen by the rig at 11 h 31 min 30 s" in alarms["reason"]
    assert "low reservoir" not in alarms["reason"]  # that was logged before this case
    assert criterion(result, "mean_error")["verdict"] == "FAIL"
    assert criterion(result, "mean_error")["value"] == pytest.approx(-100 * 5 / 26, abs=0.3)
    flag = flags(result)["motor_stall"]
    assert flag["start_s"] == pytest.approx(7200 + stalled[0] + 60, abs=1)
    assert flag["end_s"] == pytest.approx(7200 + stalled[1], abs=61)
    assert set(flags(result)) == {"motor_stall"}  # both witnesses saw it: the balance is not doubted
    codes = [event["code"] for event in result["events"]]
    assert codes == ["STALL_ON", "ALARM_ON", "alarm_on", "STALL_RECOVER", "ALARM_OFF", "alarm_off"]


def test_a_bump_of_the_balance_is_seen_because_the_flow_sensor_did_not_see_it(judged: Judged) -> None:
    at = SAMPLE_AT_S + 10 * H + 100
    result = judged("steady", bump=(at, 0.040))  # 40 mg of 541 mg: +7 %
    mean = criterion(result, "mean_error")

    assert mean["value"] == pytest.approx(7.4, abs=0.3)
    assert mean["verdict"] == "INCONCLUSIVE"
    assert "depends on flagged data: FAIL with them, PASS without" in mean["reason"]
    assert result["outcome"] == "INCONCLUSIVE"
    flag = flags(result)["balance_disturbed"]
    assert flag["start_s"] <= 7200 + at <= flag["end_s"]
    assert "mean_error" in flag["effect"]


def test_a_bump_that_changes_no_verdict_is_flagged_and_the_verdict_stands(judged: Judged) -> None:
    result = judged("steady", bump=(SAMPLE_AT_S + 10 * H + 100, 0.0055))

    assert criterion(result, "mean_error")["verdict"] == "PASS"
    assert "balance_disturbed" in flags(result)


def test_a_balance_that_stands_still_is_doubted(judged: Judged) -> None:
    stuck = (SAMPLE_AT_S + 20 * H, SAMPLE_AT_S + 26.2 * H)
    result = judged("steady", stuck_s=stuck)
    mean = criterion(result, "mean_error")

    assert mean["value"] == pytest.approx(-23, abs=2)
    assert mean["verdict"] == "INCONCLUSIVE"
    assert flags(result)["balance_flat"]["start_s"] == pytest.approx(7200 + stuck[0], abs=901)


def test_missing_readings_leave_windows_out_and_are_told(judged: Judged) -> None:
    result = judged("steady", missing=(40, 41))

    assert result["outcome"] == "PASS"
    assert "2 of 105 balance readings are missing" in flags(result)["balance_gap"]["message"]
    assert [window["left_out"] for window in result["trumpet"]] == [3, 4, 4, 4, 4, 2]


def test_too_many_missing_readings_decide_nothing_about_windows(judged: Judged) -> None:
    result = judged("steady", missing=tuple(range(20, 60, 2)))

    assert criterion(result, "mean_error")["verdict"] == "PASS"
    assert criterion(result, "trumpet_60_min")["verdict"] == "INCONCLUSIVE"
    assert "lack a reading" in criterion(result, "trumpet_60_min")["reason"]


def test_a_missing_last_reading_shortens_the_period(judged: Judged) -> None:
    result = judged("steady", error_pct=3.0, missing=(104,))

    assert abs(criterion(result, "mean_error")["value"] - 3.0) < 0.2
    assert "first and the last reading" in flags(result)["balance_gap"]["effect"]


def test_a_flow_that_drifts_is_flagged(judged: Judged) -> None:
    result = judged("steady", trend_pct=6.0)
    flag = flags(result)["not_stationary"]

    assert "+2.9" in flag["message"]  # half the change over 26 of 27 h
    assert criterion(result, "mean_error")["verdict"] == "PASS"


def test_a_sensor_that_contradicts_the_balance_leaves_no_verdict_on_the_pump(judged: Judged) -> None:
    result = judged("steady", sensor_error_pct=60.0)

    flag = flags(result)["sensor_disagrees"]
    assert (flag["kind"], result["outcome"]) == ("measurement", "INCONCLUSIVE")
    assert "one of the two measures wrongly; the pump counted 0.020833 mL/h" in flag["message"]
    assert criterion(result, "mean_error")["verdict"] == "INCONCLUSIVE"
    assert criterion(result, "alarms")["verdict"] == "PASS"
    assert result["witnesses"][0]["en"] == pytest.approx(-0.6 * 20.833 / 9, rel=1e-2)  # 0.5 % of full scale


def test_a_balance_noisier_than_stated_widens_the_uncertainty(judged: Judged) -> None:
    quiet, loud = judged("steady"), judged("steady", noise_g=0.3e-3)

    assert "balance_noisier_than_stated" in flags(loud)
    wider = criterion(loud, "mean_error")["expanded_uncertainty"]
    assert wider > 4 * criterion(quiet, "mean_error")["expanded_uncertainty"]
    assert abs(criterion(loud, "mean_error")["value"]) < wider


def test_an_expired_balance_decides_nothing(judged: Judged) -> None:
    result = judged("steady", calibrated_until="2025-12-31")

    assert criterion(result, "mean_error")["verdict"] == "INCONCLUSIVE"
    assert "expired on 2025-12-31" in criterion(result, "mean_error")["reason"]
    assert criterion(result, "alarms")["verdict"] == "PASS"
    assert result["outcome"] == "INCONCLUSIVE"


def test_a_calibration_is_valid_on_its_last_day(judged: Judged) -> None:
    assert judged("steady", calibrated_until="2026-01-01")["outcome"] == "PASS"


@pytest.mark.parametrize(
    ("ended", "verdict"),
    [("refused", "INCONCLUSIVE"), ("error", "ERROR"), ("aborted", "ABORTED"), ("unfinished", "ERROR")],
)
def test_a_case_that_did_not_complete_is_never_passed(judged: Judged, ended: str, verdict: str) -> None:
    result = judged("steady", ended=ended, message="because")

    assert {entry["verdict"] for entry in result["criteria"]} == {verdict}
    assert {entry["reason"] for entry in result["criteria"]} == {"because"}
    assert (result["outcome"], result["ended"]) == (verdict, ended)


def test_a_refused_case_has_no_data_and_keeps_its_flag(judged: Judged) -> None:
    refused = {"name": "calibration_expired", "message": "refused", "start_t_ns": 5, "end_t_ns": 5}
    result = judged("steady", ended="refused", message="refused", changes={"steps": (), "flags": (refused,)})

    assert flags(result)["calibration_expired"]["effect"].startswith("nothing was delivered")
    assert (result["outcome"], result["trumpet"]) == ("INCONCLUSIVE", [])


def test_a_case_without_a_blank_is_not_measured(judged: Judged, made) -> None:
    data = made.steady(made.World())
    steps = tuple(step for step in data.steps if step.name != "blank_after")
    result = judged("steady", changes={"steps": steps})

    assert criterion(result, "mean_error")["verdict"] == "INCONCLUSIVE"
    assert "blank_after" in criterion(result, "mean_error")["reason"]
    assert criterion(result, "alarms")["verdict"] == "PASS"


def test_a_rate_that_the_pump_did_not_say_back_is_judged_by_the_plan(judged: Judged) -> None:
    wrong = {"t_ns": 5, "commanded": {"rate_nl_h": 20833}, "read": {"rate_nl_h": 500000}}
    result = judged("steady", changes={"read_back": wrong})

    assert result["set"]["programmed_rate_ml_h"] == pytest.approx(0.5 / 24)
    assert "500000 nL/h" in flags(result)["read_back_differs"]["message"]


def test_the_limit_is_too_tight_for_the_balance(made, plan, tmp_path) -> None:
    from rig.judge.case_result import judge_case

    weak = made.bench(tmp_path, made.bench_text.replace('drift_24h = "0.1 mg"', 'drift_24h = "20 mg"'))
    data = made.steady(made.World())
    result = judge_case(data, plan.case("steady"), weak.units[0], made.run(data), weak, plan)

    assert criterion(result, "mean_error")["verdict"] == "INCONCLUSIVE"
    assert "not capable" in criterion(result, "mean_error")["reason"]
    assert {"measurement_not_capable"} <= set(flags(result))
    assert criterion(result, "mean_error")["test_uncertainty_ratio"] < 1


def test_a_case_with_a_drug_tells_its_dose(made, bench) -> None:
    from rig.definitions.plan_file import plan_from_text
    from rig.judge.case_result import judge_case

    drug = 'drug = { name = "baclofen", concentration = "2000 ug/mL" }'
    text = made.plan_text.replace('rate = "0.5 mL/day"', f'dose = "1000 ug/day"\n{drug}')
    plan = plan_from_text(text, "test.plan.toml")
    data = made.steady(made.World(error_pct=3.0))
    result = judge_case(data, plan.case("steady"), bench.units[0], made.run(data), bench, plan)

    dose, error = result["measurements"]["delivered_drug"], result["measurements"]["mean_error"]
    assert dose["unit"] == "ug/day"
    assert dose["value"] == pytest.approx(1000 * (1 + error["value"] / 100), rel=1e-4)
    assert dose["expanded_uncertainty"] == pytest.approx(10 * error["expanded_uncertainty"], rel=1e-4)
    assert result["budgets"]["delivered_drug"]["components"][-1]["name"] == "drug concentration"
