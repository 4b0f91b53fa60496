"""A whole run on a bench without one interface: everything is read off and worked by a (simulated) operator."""

from __future__ import annotations

from pathlib import Path

import pytest

BENCH = """
[bench]
id = "manual"
fluid_temperature = "37 degC"

[[unit]]
serial = "SIM-0001"
profile = "{profile}"
reservoir = "40 mL"

[unit.pump]
driver = "pump_manual"
address = "sim://SIM-0001/pump"
options = {{ label = "Pump 1", rate_min = "0.002 mL/h", rate_max = "1 mL/h", bolus_max = "2 mL", reservoir = "40 mL" }}

[unit.balance]
driver = "balance_manual"
address = "sim://SIM-0001/balance"
options = {{ label = "Balance 1" }}
calibrated_until = 2099-12-31
resolution = "0.01 mg"
repeatability = "0.02 mg"
linearity = "0.05 mg"
drift_24h = "0.1 mg"

[unit.simulated]
rate_error = "2 %"

[shared.environment]
driver = "environment_manual"
address = "sim://air"
calibrated_until = 2099-12-31
"""
PLAN = """
[plan]
id = "by-hand"
revision = "A"
title = "By hand"
reference_temperature = "37 degC"

[[case]]
id = "flow"
procedure = "flow_accuracy"
verifies = ["SRS-017"]
rate = "12 mL/day"
relax = "10 min"
blank = "2 h"
settle = "1 h"
sample = { every = "15 min", for = "6 h" }
windows = ["60 min"]
accept = { mean_error = "within 5 %", claimed_delivery = "within 1 %", alarms = "none" }

[[case]]
id = "doses"
procedure = "bolus"
verifies = ["SRS-031"]
bolus = "50 uL"
bolus_duration = "5 min"
count = 4
interval = "15 min"
settle = "5 min"
relax = "10 min"
blank = "2 h"
accept = { mean_error = "within 5 %", alarms = "none" }
"""


@pytest.fixture(scope="module")
def ended(new_rig, shipped, tmp_path_factory):
    folder = tmp_path_factory.mktemp("manual")
    bench, plan = folder / "manual.bench.toml", folder / "by_hand.plan.toml"
    bench.write_text(BENCH.format(profile=shipped("fixtures/pumps/reference-40ml.toml")), encoding="utf-8")
    plan.write_text(PLAN, encoding="utf-8")
    return new_rig("manual").run(plan, bench)


def test_the_injected_error_is_found_by_what_the_operator_reads_off(ended):
    assert (ended.status, ended.results["outcome"]) == (0, "PASS"), ended.told
    for case in ended.results["cases"]:
        mean = next(entry for entry in case["criteria"] if entry["name"] == "mean_error")
        assert mean["value"] == pytest.approx(2.0, abs=mean["expanded_uncertainty"])


def test_every_answer_is_in_the_record_with_who_gave_it(ended):
    masses = [record for record in ended.journal if record["kind"] == "mass"]
    assert len(masses) > 40
    assert all(record["raw"].startswith("SIM operator\t") for record in masses)
    air = [record for record in ended.journal if record["kind"] == "channels"]
    assert [record["role"] for record in air] == ["environment"] * 4  # where each case begins and ends
    assert air[0]["values"] == {
        "air_temperature_c": 20.0,
        "air_humidity_pct": 50.0,
        "air_pressure_hpa": 1013.0,
    }
    wire = Path(ended.folder / "wire" / "SIM-0001-pump.log").read_text("utf-8")
    assert "> Pump 1: program a continuous rate of 0.5 mL/h, start it, then answer done" in wire
    assert "< SIM operator\\x09done" in wire
    asked = [record for record in ended.journal if record["kind"] == "asked"]
    answered = [record for record in ended.journal if record["kind"] == "answered"]
    assert len(asked) == len(answered) > len(masses)
    assert {record["by"] for record in answered} == {"SIM operator"}
    program = "Pump 1: program a continuous rate of 0.5 mL/h, start it, then answer done"
    index = next(index for index, record in enumerate(asked) if record["question"] == program)
    assert (asked[index]["unit"], asked[index]["role"]) == ("SIM-0001", "pump")
    assert answered[index]["answer"] == "done"


def test_what_the_monitors_showed_is_in_results_and_report(ended):
    shown = {entry["channel"]: entry for entry in ended.results["cases"][0]["channels"]}
    assert shown["air_pressure_hpa"] | {"title": ""} == {
        "role": "environment", "channel": "air_pressure_hpa", "title": "", "unit": "hPa",
        "count": 2, "least": 1013.0, "mean": 1013.0, "greatest": 1013.0,
    }  # fmt: skip
    assert [entry["role"] for entry in ended.results["shared_instruments"]] == ["environment"]
    page = (ended.folder / "report.html").read_text("utf-8")
    assert "elative humidity of the air" in page
    assert "climate logger" in page
    assert "were not recorded as series" not in page
