"""The plans for boluses that come by themselves or at the patient's request: healthy pumps pass, faults are caught."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from rig.definitions.bench_file import load_bench
from rig.definitions.plan_file import load_plan
from rig.procedures.patient_bolus import earlier_boluses_count_for_s
from rig.prove.trying import Trial
from rig.readings import PumpEvent

ROOT = Path(__file__).parents[2]
PERIODIC, PATIENT = ("periodic_bolus", "every-2-hours"), ("patient_bolus", "impatient-patient")


@pytest.mark.parametrize("plan", [PERIODIC, PATIENT])
def test_a_healthy_pump_passes(judged, plan):
    result = judged(*plan)
    assert set(result.verdicts.values()) == {"PASS"}, result.case["criteria"]
    for portion in result.case["portions"]:
        assert portion["error_pct"] == pytest.approx(0, abs=2 * portion["expanded_uncertainty_pct"]), portion


def test_boluses_of_a_case_before_it_are_waited_out_and_not_counted_in_its_log():
    """The same case again: of its requests those would be refused that the first one's four grants forbid."""
    plan = load_plan(ROOT / "test_plans/patient_bolus.plan.toml")
    (case,) = plan.cases
    twice = replace(plan, cases=(case, case.model_copy(update={"id": "again"})))
    tried = Trial(twice, load_bench(ROOT / "fixtures/simulated.bench.toml")).healthy().tried
    assert (tried.outcome, tried.missed) == ("PASS", ())


H = 3600


@pytest.mark.parametrize(
    ("log", "wait_h"),
    [
        ([], None),
        ([(90 * H, "BOLUS_GRANT", {"SRC": "SB"})], None),  # no patient's
        ([(90 * H, "BOLUS_GRANT", {"SRC": "PTM"})], 14 - 5),  # 10 h ago; the first request comes in 5 h
        ([(70 * H, "BOLUS_GRANT", {"SRC": "PTM"})], -6 - 5),
        # The clock was put forward by 50 h, back by 7 h: it was 10 h ago all the same.
        (
            [
                (47 * H, "BOLUS_GRANT", {"SRC": "PTM"}),
                (98 * H, "CLOCK", {"OLD": str(48 * H), "NEW": str(98 * H)}),
                (92 * H, "CLOCK", {"OLD": str(99 * H), "NEW": str(92 * H)}),
            ],
            14 - 5,
        ),
        ([(900 * H, "BOLUS_GRANT", {"SRC": "PTM"})], 24),  # a log that makes no sense: never more than a day
    ],
)
def test_how_long_earlier_boluses_count(log, wait_h):
    entries = [PumpEvent(number, *entry) for number, entry in enumerate(log)]
    case = SimpleNamespace(relax_s=0.5 * H, blank_s=4.0 * H, requests_s=(0.5 * H, 9.0 * H))
    waited_s = earlier_boluses_count_for_s(SimpleNamespace(clock_s=100 * H), entries, case)
    assert waited_s == (0 if wait_h is None else pytest.approx(wait_h * H, abs=2))
    assert earlier_boluses_count_for_s(SimpleNamespace(clock_s=None), entries, case) == 0


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
