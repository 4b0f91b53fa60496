"""A bench with everything a bench may hold: what stands beside the measurement is recorded, summed up and shown."""

from __future__ import annotations

import re

import pytest

PLAN = """
[plan]
id = "half-an-hour"
revision = "A"
title = "Half an hour at the highest rate"
reference_temperature = "37 degC"

[[case]]
id = "half-an-hour"
procedure = "flow_accuracy"
title = "24 mL/day for half an hour"
verifies = ["SRS-000"]
rate = "24 mL/day"
relax = "1 min"
blank = "2 min"
settle = "2 min"
sample = { every = "30 s", for = "30 min" }
flow_every = "1 s"
windows = ["1 min", "2 min", "5 min"]
accept = { mean_error = "within 50 %", alarms = "none" }
"""
CHANNELS = {
    "bath": {"bath_temperature_c", "bath_setpoint_c"},
    "environment": {"air_temperature_c", "air_humidity_pct", "air_pressure_hpa"},
    "pressure": {"line_pressure_kpa", "line_temperature_c"},
    "current": {"battery_current_a"},
}


@pytest.fixture(scope="module")
def ended(new_rig, shipped):
    rig = new_rig("full")
    plan = rig.home / "half.plan.toml"
    plan.write_text(PLAN, encoding="utf-8")
    return rig.run(plan, shipped("fixtures/full.bench.toml"))


def test_all_instruments_are_read_again_and_again(ended):
    assert (ended.status, ended.results["outcome"]) == (0, "PASS"), ended.told
    records = [record for record in ended.journal if record["kind"] == "channels"]
    for role, channels in CHANNELS.items():
        of_role = [record for record in records if record["role"] == role]
        assert {channel for record in of_role for channel in record["values"]} == channels
        assert len(of_role) > 20, "about once a minute"
    assert not [record for record in ended.journal if record["kind"] == "flag"]


def test_the_numbers_follow_the_pump(ended):
    shown = {entry["channel"]: entry for entry in ended.case("half-an-hour", "SIM-0001")["channels"]}
    current = shown["battery_current_a"]
    assert current["least"] == pytest.approx(15e-6, abs=5e-9), "at rest"
    assert current["greatest"] == pytest.approx(15e-6 + 0.8e-6 * 1e6 / 3600, rel=1e-3), "at 24 mL/day"
    pressure = shown["line_pressure_kpa"]
    assert pressure["greatest"] == pytest.approx(2 * 1e6 / 3600 / 1000, rel=0.05), "2 s of flow in the tube"
    assert shown["bath_temperature_c"]["mean"] == pytest.approx(37)
    assert shown["air_pressure_hpa"]["mean"] == pytest.approx(1013.25, abs=0.1)


def test_the_wire_of_each_is_kept(ended):
    names = {path.name for path in (ended.folder / "wire").iterdir()}
    for role in CHANNELS:
        assert any(role in name for name in names), names


def test_the_report_shows_them_in_handy_units(ended):
    text = re.sub(r"<[^>]+>", "\n", (ended.folder / "report.html").read_text(encoding="utf-8"))
    text = re.sub(r"\s+", " ", text.replace("\u00a0", " ").replace("&nbsp;", " "))
    assert "What the other instruments showed" in text
    assert re.search(r"battery current SIM-0001 half-an-hour 15\.0\d µA [\d.]+ µA 237\.\d\d µA", text)
    assert re.search(r"air pressure all half-an-hour 1013\.\d hPa 1013\.\d hPa", text), "shared: told once"
    assert "Bath temperature. Band: least to greatest reading; line: mean." in text
    assert "Bath set point. Band" not in text, "drawn with the temperature"
    assert "were not recorded as series" not in text
