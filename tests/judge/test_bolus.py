from collections.abc import Callable

import pytest

Judged = Callable[..., dict]


def criterion(result: dict, name: str) -> dict:
    return next(entry for entry in result["criteria"] if entry["name"] == name)


def test_doses_with_a_common_error(judged: Judged) -> None:
    result = judged("doses", error_pct=2.0)
    mean, single = criterion(result, "mean_error"), criterion(result, "single_dose")

    assert result["outcome"] == "PASS"
    assert abs(mean["value"] - 2.0) <= mean["expanded_uncertainty"] < single["expanded_uncertainty"] < 0.3
    assert abs(single["value"] - 2.0) < 2 * single["expanded_uncertainty"]
    assert (criterion(result, "share_inside")["value"], criterion(result, "alarms")["value"]) == (100, 0)
    assert [dose["index"] for dose in result["doses"]] == list(range(25))
    assert result["measurements"]["mean_dose"]["value"] == pytest.approx(0.051, rel=1e-3)
    for dose in result["doses"]:
        assert abs(dose["deviation_pct"] - 2.0) < 2 * dose["expanded_uncertainty_pct"]
        assert dose["volume_ml"] == pytest.approx(0.05 * (1 + dose["deviation_pct"] / 100))


def test_a_good_mean_hides_bad_doses(judged: Judged) -> None:
    result = judged("doses", dose_error_pct=tuple([12.0, -12.0] * 12 + [0.0]))

    assert criterion(result, "mean_error")["verdict"] == "PASS"
    assert criterion(result, "single_dose")["verdict"] == "FAIL"
    assert abs(criterion(result, "single_dose")["value"]) == pytest.approx(12.0, abs=0.3)
    share = criterion(result, "share_inside")
    assert (share["value"], share["verdict"]) == (4.0, "FAIL")
    assert share["expanded_uncertainty"] is None
    assert result["outcome"] == "FAIL"


def test_doses_so_near_the_limit_that_the_share_is_not_sure(judged: Judged) -> None:
    result = judged("doses", dose_error_pct=tuple([0.0] * 23 + [7.98, -7.98]), noise_g=0.0, drift_24h_g=0.0)
    share = criterion(result, "share_inside")

    assert (share["value"], share["verdict"]) == (100, "CONDITIONAL_PASS")
    assert "between 92 % and 100 %" in share["reason"]


def test_evaporation_is_added_back_for_the_time_between_the_weighings(judged: Judged) -> None:
    dry, wet = judged("doses", evaporation_g_h=0.0), judged("doses", evaporation_g_h=5e-3)  # 1.7 % of a dose

    assert criterion(wet, "mean_error")["value"] == pytest.approx(
        criterion(dry, "mean_error")["value"], abs=0.05
    )


def test_a_dose_that_was_not_weighed_leaves_the_case_undecided(judged: Judged, made) -> None:
    doses = made.doses(made.World()).doses[:24]
    result = judged("doses", changes={"doses": doses})

    assert criterion(result, "mean_error")["verdict"] == "INCONCLUSIVE"
    assert "24 of 25 boluses were weighed" in criterion(result, "single_dose")["reason"]
    assert criterion(result, "alarms")["verdict"] == "PASS"


def test_an_alarm_that_only_the_pump_logged_fails_the_case(judged: Judged, made) -> None:
    logged = {"t_ns": 40_000 * 10**9, "number": 4, "clock_s": 820_007_200 + 20_000, "code": "ALARM_ON",
              "arguments": {"ID": "LOW_RESERVOIR"}}  # fmt: skip
    alarms = criterion(judged("doses", changes={"pump_events": (logged,)}), "alarms")

    assert alarms["verdict"] == "FAIL"
    assert alarms["reason"].startswith("low reservoir at 5 h 33 min 20 s into the case by the pump's own log")


def test_an_expired_balance_decides_nothing_about_doses(judged: Judged) -> None:
    result = judged("doses", calibrated_until="2025-12-31")

    verdicts = {entry["name"]: entry["verdict"] for entry in result["criteria"]}
    assert verdicts == {
        "mean_error": "INCONCLUSIVE",
        "single_dose": "INCONCLUSIVE",
        "share_inside": "INCONCLUSIVE",
        "alarms": "PASS",
    }
