"""Priming, refill cycle, endurance, microdose: healthy pumps pass, faults are caught; the long plans in short here."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from fractions import Fraction

import pytest

NS_PER_H = 3600 * 10**9


def shortened(**values):
    """Other values for keys of a plan; a key that is not there is a mistake."""

    def change(text):
        for key, value in values.items():
            text, count = re.subn(rf"^{key} = \S.*$", f"{key} = {value}", text, flags=re.MULTILINE)
            assert count == 1, key
        return text

    return change


def carry_out(judged, plan, fault=lambda channel: None):
    return judged(*PLANS[plan][:2], fault, *PLANS[plan][2:])


PLANS = {
    # 40 mL in two days instead of 90: as much of everything, but in hours.
    "refill": ("refill_cycle", "ninety-days", "long",
               shortened(rate='"20 mL/day"', **{"for": '"56 h"'}, empty_alarm_delay='"at most 3 h"')),
    "endurance": ("endurance", "half-a-year", "long",
                  shortened(refill_every='"2 day"', **{"for": '"4 day"'}, portion='"1 day"')),
    "priming": ("priming", "to-double-concentration", "long"),
    "ziconotide": ("microdose", "ziconotide-1.2-ug", "long"),
    "baclofen": ("microdose", "baclofen-96.1-ug", "long"),
}  # fmt: skip


TITRATION = ["start-1-mg", "step-up", "single-bolus", "bolus-over-2-mg", "programmed-ahead", "residual"]


@pytest.mark.parametrize("case", TITRATION)
def test_each_case_of_a_titration_finds_an_overdose_and_no_other_fault(judged, case):
    verdicts = judged("titration", case, over(0.18)).verdicts
    failed = {name for name, verdict in verdicts.items() if verdict == "FAIL"}
    assert "mean_error" in failed
    assert not failed & {"log", "rates", "claimed_delivery", "alarms"}, verdicts
    assert set(judged("titration", case).verdicts.values()) == {"PASS"}


@pytest.mark.parametrize("plan", PLANS)
def test_a_healthy_pump_passes(judged, plan):
    result = carry_out(judged, plan)
    assert set(result.verdicts.values()) == {"PASS"}, result.case["criteria"]
    for portion in result.case.get("portions", []):
        slack_pct = 0.05 + portion["expanded_uncertainty_pct"]  # a roller's ripple at the ends
        assert abs(portion["error_pct"]) <= slack_pct, portion


def over(error):
    return lambda channel: setattr(channel.fluid, "rate_error", error)


def counts(gain):
    return lambda channel: setattr(channel.pump.unit.count, "gain", gain)


def both(*faults):
    return lambda channel: [fault(channel) for fault in faults]


def without_alarm(name):
    return lambda channel: channel.pump.unit.alarms.missing.add(name)


def late_alarm(name, hours):
    return lambda channel: channel.pump.unit.alarms.late_s.update({name: 3600.0 * hours})


def log_omits(code):
    return lambda channel: channel.pump.unit.events.omits.add(code)


def reset_after(hours):
    return lambda channel: channel.pump.unit.clock.call_at(
        round(hours * NS_PER_H), lambda: channel.pump.unit.reset("WATCHDOG")
    )


def stall_after(hours, for_hours):
    return lambda channel: channel.pump.unit.hold_rotor(round(hours * NS_PER_H), round(for_hours * NS_PER_H))


def levelled_after(hours):
    """Its memory is damaged: the same volume in a day, but all day long."""

    def injure(channel):
        pump = channel.pump.unit

        def level():
            days = {group: ((0, 20052 if group == 1 else 16667),) for group in pump.basal.groups}
            with pump._moment():
                pump.basal = replace(pump.basal, groups=days)

        pump.clock.call_at(round(hours * NS_PER_H), level)

    return injure


def worn(per_ml):
    return lambda channel: setattr(channel.fluid, "wear_per_ml", per_ml)


def fast_clock(channel):
    channel.pump.unit.own_clock.drift_ppm = 200.0


def forgetful(channel):
    channel.pump.unit.forgets_program = True


@pytest.mark.parametrize(
    ("plan", "fault", "criteria", "words"),
    [
        # It computes its alarm from the programmed rate: within its labelled accuracy, and yet too late, or too early.
        ("refill", over(0.05), ["low_alarm_volume", "refill_discrepancy"], ""),
        ("refill", over(-0.05), ["low_alarm_volume", "residual_volume"], ""),
        ("refill", late_alarm("LOW_RESERVOIR", 2), ["low_alarm_volume"], ""),
        ("refill", without_alarm("LOW_RESERVOIR"), ["low_alarm_volume"], "did not come"),
        ("refill", over(0.16), ["mean_error", "empty_alarm_delay"], ""),
        ("refill", without_alarm("EMPTY_RESERVOIR"), ["empty_alarm_delay"], "did not come"),
        ("refill", counts(Fraction(9, 10)), ["claimed_delivery", "refill_discrepancy"], ""),
        ("refill", log_omits("REFILL"), ["log"], "REFILL VOL/40000000 is missing"),
        ("refill", reset_after(30), ["log"], "RESET CAUSE/WATCHDOG KEEP/1: nothing led to it"),
        ("endurance", over(0.2), ["mean_error", "portion_volume"], ""),
        ("endurance", worn(0.05), ["drift"], ""),
        ("endurance", reset_after(30), ["log"], "RESET CAUSE/WATCHDOG KEEP/1: nothing led to it"),
        ("endurance", log_omits("START"), ["log"], "START is missing"),
        ("endurance", levelled_after(30), ["rates"], "20052 nL/h instead of"),
        ("endurance", fast_clock, ["clock_drift"], ""),
        ("endurance", stall_after(50, 2), ["log", "alarms"], "stall"),
        ("priming", over(0.12), ["prime_volume", "bridge_volume", "bridge_drug"], ""),
        ("priming", forgetful, ["resumed"], "stop at 0 nL/h, programmed are 20833 nL/h"),
        ("priming", log_omits("BOLUS_END"), ["log"], "BOLUS_END SRC/BRIDGE CAUSE/DONE is missing"),
        ("ziconotide", over(0.2), ["delivered_drug"], ""),
        ("baclofen", over(-0.2), ["delivered_drug"], ""),
    ],
)  # fmt: skip
def test_a_fault_is_caught(judged, plan, fault, criteria, words):
    result = carry_out(judged, plan, fault)
    for criterion in criteria:
        assert result.verdicts[criterion] == "FAIL", result.case["criteria"]
        assert words.lower() in result.reason(criterion).lower()
    assert result.case["outcome"] == "FAIL"


def test_a_pump_that_knows_what_it_delivers_warns_in_time(judged):
    result = carry_out(judged, "refill", both(over(0.05), counts(Fraction(21, 20))))
    assert result.verdicts["low_alarm_volume"] == result.verdicts["refill_discrepancy"] == "PASS"
    assert result.verdicts["claimed_delivery"] == "FAIL"  # it says itself that it is not what was programmed


def test_drug_is_volume_times_concentration_with_the_uncertainty_of_both(judged):
    result = carry_out(judged, "ziconotide", over(0.04))
    drug = next(entry for entry in result.case["criteria"] if entry["name"] == "delivered_drug")
    assert (drug["unit"], drug["limit_low"]) == ("ug/day", pytest.approx(1.02))
    assert drug["value"] == pytest.approx(1.04 * 1.2, abs=drug["expanded_uncertainty"])
    error = result.case["measurements"]["mean_error"]["expanded_uncertainty"] / 100
    assert drug["expanded_uncertainty"] == pytest.approx(
        1.2 * ((1.02 * error) ** 2 + 0.02**2) ** 0.5, rel=0.06
    )


@pytest.mark.campaign
@pytest.mark.parametrize(("plan", "samples"), [("refill_cycle", 94 * 96), ("endurance", 180 * 96)])
def test_months_rehearse_in_a_minute(new_rig, shipped, plan, samples):
    before_s = os.times()
    ended = new_rig(plan).run(shipped(f"test_plans/{plan}.plan.toml"), shipped("fixtures/long.bench.toml"))
    after_s = os.times()
    took_s = sum(after_s[2:4]) - sum(before_s[2:4])  # of the child, whatever else goes on here
    assert (ended.status, ended.results["outcome"]) == (0, "PASS"), ended.told
    assert sum(record["kind"] == "mass" for record in ended.journal) > samples
    assert took_s < 60
