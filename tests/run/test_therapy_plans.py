"""The plans for boluses that come by themselves or at the patient's request: healthy pumps pass, faults are caught."""

from __future__ import annotations

import pytest

PERIODIC, PATIENT = ("periodic_bolus", "every-2-hours"), ("patient_bolus", "impatient-patient")


@pytest.mark.parametrize("plan", [PERIODIC, PATIENT])
def test_a_healthy_pump_passes(judged, plan):
    result = judged(*plan)
    assert set(result.verdicts.values()) == {"PASS"}, result.case["criteria"]
    for portion in result.case["portions"]:
        assert portion["error_pct"] == pytest.approx(0, abs=2 * portion["expanded_uncertainty_pct"]), portion


def set_on(path, value):
    """A fault that sets an attribute of the simulated unit."""

    def injure(channel):
        *owners, name = path.split(".")
        target = channel
        for owner in owners:
            target = getattr(target, owner)
        setattr(target, name, value)

    return injure


def stall(channel):
    channel.pump.unit.hold_rotor(round(13.2 * 3600e9), round(1.5 * 3600e9))  # through one bolus


@pytest.mark.parametrize(
    ("plan", "fault", "criterion", "verdict", "words"),
    [
        (PERIODIC, set_on("fluid.rate_error", 0.2), "mean_error", "FAIL", ""),
        (PERIODIC, set_on("fluid.rate_error", -0.3), "single_dose", "FAIL", "bolus"),
        (PERIODIC, stall, "single_dose", "FAIL", "bolus"),
        (PATIENT, set_on("pump.unit.patient.lockout_ignored", True), "lockout", "FAIL", "after the last one"),
        (PATIENT, set_on("pump.unit.patient.maximum_ignored", True), "daily_maximum", "FAIL", "as number 5"),
        (PATIENT, set_on("pump.unit.denies_boluses", True), "requests_granted", "FAIL", "though it was allowed"),
        (PATIENT, set_on("pump.unit.events.omits", {"BOLUS_DENY"}), "log", "FAIL", "8 belong there"),
        (PATIENT, set_on("fluid.rate_error", 0.2), "mean_error", "FAIL", ""),
        (PATIENT, set_on("pump.unit.counter_stuck", True), "claimed_delivery", "FAIL", ""),
    ],
)  # fmt: skip
def test_a_fault_is_caught(judged, plan, fault, criterion, verdict, words):
    result = judged(*plan, fault)
    assert result.verdicts[criterion] == verdict, result.case["criteria"]
    assert words in result.reason(criterion)
    assert result.case["outcome"] == "FAIL"


@pytest.mark.parametrize("case_id", ["ketamine", "keep-vein-open", "boluses"])
def test_a_healthy_syringe_pump_passes_by_the_method_of_the_standard(judged, case_id):
    result = judged("infusion", case_id, bench="infusion")
    assert set(result.verdicts.values()) == {"PASS"}, result.case["criteria"]
    (mean,) = (entry for entry in result.case["criteria"] if entry["name"] == "mean_error")
    assert mean["value"] == pytest.approx(1.2, abs=1.5 * mean["expanded_uncertainty"])  # what was injected


@pytest.mark.parametrize(
    ("case_id", "fault", "criterion"),
    [
        ("ketamine", set_on("fluid.rate_error", 0.06), "mean_error"),
        ("ketamine", lambda channel: setattr(channel.pump.drive, "counter_stuck", True), "claimed_delivery"),
        ("keep-vein-open", set_on("fluid.rate_error", -0.08), "mean_error"),
        ("boluses", set_on("fluid.rate_error", 0.12), "single_dose"),
    ],
)
def test_a_faulty_syringe_pump_is_caught(judged, case_id, fault, criterion):
    result = judged("infusion", case_id, fault, bench="infusion")
    assert result.verdicts[criterion] == "FAIL", result.case["criteria"]


@pytest.mark.parametrize(
    "plan",
    [
        PERIODIC,
        PATIENT,
        ("flex_schedule", "clock-forward"),
        ("bolus", "bolus-50ul"),
        ("flow_accuracy", "highest-rate"),
    ],
)
def test_a_pump_that_flows_while_stopped_fails_whatever_is_weighed(judged, plan):
    """Its blanks take the flow for evaporation and correct it away: every weighed verdict would be good."""
    result = judged(*plan, set_on("fluid.free_flow_nl_h", 500.0))
    assert {flag["name"] for flag in result.case["flags"] if flag["kind"] == "pump"} == {"flow_while_stopped"}
    assert result.case["outcome"] == result.verdicts["mean_error"] == "FAIL"
    assert "pump stopped" in result.reason("mean_error")
