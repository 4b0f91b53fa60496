"""The RPU/1 driver and the simulated pump, written apart from one text, through all of level 2 in virtual time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import rig.sim.build
from rig.bench.open import open_bench
from rig.clock.virtual import VirtualClock
from rig.definitions.bench_file import load_bench
from rig.errors import DeviceError, ProtocolError
from rig.readings import Bridge, FlexStep, PatientBolus, Prescription
from rig.sim.build import simulate

PROFILE = Path(__file__).resolve().parents[2] / "fixtures" / "pumps" / "reference-40ml.toml"
BENCH = """
[bench]
id = "conformance"
fluid_temperature = "37 degC"

[[unit]]
serial = "SIM-0001"
profile = "{profile}"
pump = {{ driver = "pump_rpu1", address = "sim://SIM-0001/pump" }}

[unit.simulated]
"""
PULSE_NL = 10  # by which the pump's count may lag (section 6)
HOUR, DAY = 3600, 86_400
MONDAY_0755 = 820_915_200 - 300  # 2026-01-05
BASAL = Prescription("continuous", rate_nl_h=20_833, concentration_ng_ml=500_000)
PATIENT = PatientBolus(True, 10_000, 60, lockout_s=600, max_per_day=3)
STOP = Prescription("stop")


class Room:
    """A pump on the rig's side (``pump``) and inside (``device``), and their time."""

    def __init__(self, pump, device, clock):
        self.pump, self.device, self.clock = pump, device, clock

    def wait(self, seconds):
        self.clock.sleep_until_ns(self.clock.now_ns() + round(seconds * 1e9))

    def delivered_by(self, seconds):
        before = self.pump.interrogate().delivered_nl
        self.wait(seconds)
        return self.pump.interrogate().delivered_nl - before

    def codes_since(self, number):
        return [(event.code, *event.arguments.values()) for event in self.pump.events_since(number)]

    @property
    def last(self):
        return self.pump.events_since(-1)[-1].number

    @property
    def alarms(self):
        return [alarm.name for alarm in self.pump.interrogate().alarms]


@pytest.fixture
def room(tmp_path, monkeypatch):
    worlds = []

    def simulate_and_show(*arguments):
        worlds.append(simulate(*arguments))
        return worlds[-1]

    monkeypatch.setattr(rig.sim.build, "simulate", simulate_and_show)
    file = tmp_path / "some.bench.toml"
    file.write_text(BENCH.format(profile=PROFILE.as_posix()), encoding="utf-8")
    clock = VirtualClock()
    bench = open_bench(load_bench(file), clock)
    pump, device = bench.units[0].pump, worlds[0].units["SIM-0001"].pump
    pump.identify()
    yield Room(pump, device, clock)
    bench.close()


# --- programs ---------------------------------------------------------------------------------------------------------

FLEX = Prescription(
    "flex",
    days=(1, 1, 1, 1, 1, 7, 7),
    groups=((FlexStep(0, 20_833), FlexStep(480, 41_667)), (), (), (), (), (), (FlexStep(0, 2000),)),
    concentration_ng_ml=2**32 - 1,
)


@pytest.mark.parametrize(
    "prescription",
    [
        STOP,
        BASAL,
        Prescription("minimum", concentration_ng_ml=1),
        Prescription("bolus", bolus_nl=50_000, bolus_duration_s=300, concentration_ng_ml=2),
        Prescription("periodic", bolus_nl=10_000, bolus_duration_s=600, interval_s=600),
        FLEX,
        replace(
            FLEX, days=(1,) * 7, groups=(tuple(FlexStep(n, 1_000_000) for n in (0, *range(1428, 1440))),)
        ),
        replace(FLEX, days=(7, 6, 5, 4, 3, 2, 1), groups=tuple((FlexStep(0, 2000 + n),) for n in range(7))),
    ],
)
def test_every_program_is_read_back_as_it_was_meant(room, prescription):
    room.pump.program(prescription)
    assert room.pump.read_back() == prescription
    assert room.pump.interrogate().mode == prescription.mode


def test_flex_schedule_goes_by_the_pumps_clock(room):
    room.pump.set_clock(MONDAY_0755)
    room.pump.program(FLEX)
    assert room.pump.interrogate().rate_nl_h == 20_833
    room.wait(301)
    assert room.pump.interrogate().rate_nl_h == 41_667
    room.pump.set_clock(MONDAY_0755 + 5 * DAY)
    state = room.pump.interrogate()
    assert (state.mode, state.source, state.rate_nl_h) == ("flex", "program", 2000)
    assert abs(room.delivered_by(HOUR) - 2000) <= PULSE_NL


def test_periodic_boluses(room):
    begun = room.last
    room.pump.program(Prescription("periodic", bolus_nl=10_000, bolus_duration_s=60, interval_s=600))
    room.wait(30)
    assert room.pump.interrogate().rate_nl_h == 600_000
    room.wait(60)
    between = room.pump.interrogate()
    assert (between.running, between.source, between.rate_nl_h) == (True, "program", 0)
    room.wait(1200)
    assert 30_000 - PULSE_NL < room.pump.interrogate().delivered_nl <= 30_000
    codes = room.codes_since(begun)
    assert codes.count(("BOLUS_GRANT", "PB")) == 3
    assert not [code for code in codes if code[0] == "BOLUS_REQ"]


def test_minimum_rate(room):
    room.pump.program(Prescription("minimum"))
    assert abs(room.delivered_by(10 * HOUR) - 2500) <= PULSE_NL


def test_what_is_not_committed_is_not_delivered(room, monkeypatch):
    sound = Prescription("minimum")
    room.pump.program(sound)
    monkeypatch.setattr("rig.drivers.pump_rpu1.format_program", lambda prescription: ["MODE=SC RATE=20834"])
    with pytest.raises(DeviceError, match="nothing was committed"):
        room.pump.program(BASAL)
    assert room.pump.read_back() == sound


# --- boluses ----------------------------------------------------------------------------------------------------------


def test_patient_bolus_lockout_and_daily_maximum(room):
    pump = room.pump
    assert not pump.patient_bolus().enabled
    pump.program(BASAL)
    assert pump.request_patient_bolus().refused == "off"
    pump.set_patient_bolus(PATIENT)
    assert pump.patient_bolus() == PATIENT

    begun_nl, number = pump.interrogate().delivered_nl, room.last
    granted = pump.request_patient_bolus()
    assert (granted.refused, granted.left_s) == ("", 60)
    state = pump.interrogate()
    assert (state.mode, state.source, state.rate_nl_h, state.bolus_left_s) == (
        "continuous",
        "patient_bolus",
        600_000,
        60,
    )
    assert pump.request_patient_bolus().refused == "busy"
    room.wait(60)
    assert 10_000 - PULSE_NL <= pump.interrogate().delivered_nl - begun_nl <= 10_000 + PULSE_NL
    locked = pump.request_patient_bolus()
    assert locked.refused == "locked_out"
    assert 535 <= locked.left_s <= 540
    assert [code for code in room.codes_since(number) if code[0].startswith("BOLUS")] == [
        ("BOLUS_REQ", "PTM", "10000", "60"),
        ("BOLUS_GRANT", "PTM"),
        ("BOLUS_REQ", "PTM", "10000", "60"),
        ("BOLUS_DENY", "PTM", "BUSY"),
        ("BOLUS_END", "PTM", "10000", "10000", "DONE"),
        ("BOLUS_REQ", "PTM", "10000", "60"),
        ("BOLUS_DENY", "PTM", "LOCKOUT"),
    ]

    for _ in range(2):
        room.wait(600)
        assert pump.request_patient_bolus().refused == ""
    room.wait(600)
    most = pump.request_patient_bolus()
    assert most.refused == "daily_maximum"
    room.wait(most.left_s)
    assert pump.request_patient_bolus().refused == ""
    room.wait(60)
    pump.set_patient_bolus(PatientBolus(enabled=False))
    assert pump.patient_bolus() == replace(PATIENT, enabled=False)
    assert pump.request_patient_bolus().refused == "off"


def test_patient_bolus_that_cannot_be_given(room):
    pump = room.pump
    pump.set_patient_bolus(PATIENT)
    assert pump.request_patient_bolus().refused == "other"  # stopped
    pump.program(Prescription("continuous", rate_nl_h=700_000))
    assert pump.request_patient_bolus().refused == "other"  # slower than the program
    room.device.unit.hold_rotor(room.clock.now_ns(), HOUR * 10**9)
    room.wait(120)
    assert pump.request_patient_bolus().refused == "alarm"


@pytest.mark.parametrize("fault", ["drop", "corrupt", "truncate", "duplicate"])
def test_a_lost_reply_gives_the_patient_one_bolus(room, fault):
    room.pump.program(BASAL)
    room.pump.set_patient_bolus(PATIENT)
    number = room.last
    setattr(room.device.line, fault, 1)
    assert room.pump.request_patient_bolus().refused == ""
    assert room.codes_since(number) == [("BOLUS_REQ", "PTM", "10000", "60"), ("BOLUS_GRANT", "PTM")]


def test_prime_ends_where_it_began(room):
    room.pump.prime(100_000, 1_000_000)
    state = room.pump.interrogate()
    assert (state.mode, state.source, state.running, state.rate_nl_h) == ("stop", "prime", True, 1_000_000)
    with pytest.raises(DeviceError) as caught:
        room.pump.prime(100_000, 1_000_000)
    assert caught.value.code == "06"
    with pytest.raises(DeviceError) as caught:
        room.pump.program(FLEX)
    assert caught.value.code == "06"
    room.wait(360)
    state = room.pump.interrogate()
    assert (state.mode, state.source, state.delivered_nl) == ("stop", "none", 100_000)
    with pytest.raises(DeviceError) as caught:
        room.pump.bridge(Bridge(1, 2, 1000, 60))
    assert caught.value.code == "04"


def test_bridge_returns_to_the_program(room):
    room.pump.program(BASAL)
    number = room.last
    room.pump.bridge(Bridge(500_000, 2_000_000, 36_000, 2 * HOUR))
    assert abs(room.delivered_by(HOUR) - 18_000) <= PULSE_NL
    assert room.pump.interrogate().source == "bridge"
    assert room.pump.read_back() == BASAL
    room.wait(HOUR)
    state = room.pump.interrogate()
    assert (state.source, state.rate_nl_h) == ("program", 20_833)
    assert ("PROG", "BRIDGE", "500000", "2000000") in room.codes_since(number)


# --- upkeep, alarms, reset --------------------------------------------------------------------------------------------


def test_clock_battery_and_tones(room):
    room.pump.set_clock(MONDAY_0755)
    room.wait(100)
    assert 0 <= room.pump.clock() - MONDAY_0755 - 100 <= 1
    battery = room.pump.battery()
    assert (battery.state, battery.eos_days - battery.eri_days) == ("OK", 90)
    room.pump.sound_alarm(True)
    room.pump.sound_alarm(False)


def test_low_then_empty_reservoir(room):
    pump = room.pump
    pump.refill(50_000, 20_000)
    pump.program(Prescription("continuous", rate_nl_h=10_000))
    room.wait(2.9 * HOUR)
    assert room.alarms == []
    room.wait(0.2 * HOUR)
    assert room.alarms == ["low_reservoir"]
    room.wait(2 * HOUR)
    assert room.alarms == ["low_reservoir", "empty_reservoir"]
    assert pump.interrogate().mode == "stop"
    with pytest.raises(DeviceError) as caught:
        pump.program(BASAL)
    assert caught.value.code == "0A"
    pump.acknowledge_alarm("empty_reservoir")
    pump.refill(40_000_000, 0)
    assert room.alarms == []
    with pytest.raises(DeviceError) as caught:
        pump.acknowledge_alarm("empty_reservoir")
    assert caught.value.code == "04"
    room.wait(1)
    pump.interrogate()
    assert [(notice.keys["ID"], notice.keys["STATE"]) for notice in pump._driver.notices][-1] == (
        "EMPTY_RESERVOIR",
        "OFF",
    )


def test_a_pump_that_stands_for_48_hours_alarms(room):
    room.pump.program(BASAL)
    room.wait(60)
    room.pump.stop("test")
    room.wait(48 * HOUR - 60)
    assert room.alarms == []
    assert 48 * HOUR - 61 <= room.pump.interrogate().stopped_s <= 48 * HOUR - 59
    room.wait(61)
    assert room.alarms == ["stopped_48h"]
    room.pump.acknowledge_alarm("stopped_48h")
    assert room.alarms == ["stopped_48h"]
    room.pump.program(BASAL)
    assert room.alarms == []
    assert room.pump.interrogate().stopped_s == 0


def test_stall_and_recovery(room):
    room.pump.program(BASAL)
    room.device.unit.hold_rotor(room.clock.now_ns(), HOUR * 10**9)
    room.wait(120)
    state = room.pump.interrogate()
    assert (room.alarms, state.mode, state.running) == (["motor_stall"], "continuous", False)
    assert room.delivered_by(HOUR / 2) == 0
    room.wait(HOUR / 2)
    assert room.alarms == []
    assert room.pump.interrogate().rate_nl_h == 20_833


def test_restart_by_command(room):
    pump = room.pump
    pump.program(BASAL)
    pump.set_patient_bolus(PATIENT)
    number = room.last
    room.wait(HOUR)
    assert pump.patient_bolus() == PATIENT
    pump.restart()
    state = pump.interrogate()
    assert (state.mode, state.alarms, pump.read_back()) == ("stop", (), STOP)
    assert state.delivered_nl >= 20_833 - PULSE_NL  # kept
    assert state.up_s <= 3
    assert not pump.patient_bolus().enabled
    assert ("RESET", "CMD", "0") in room.codes_since(number) or ("RESET", "CMD", "1") in room.codes_since(
        number
    )


def test_log_is_a_ring_without_gaps(room):
    for n in range(1100):
        room.pump.refill(40_000_000 - n, 0)
    numbers = [event.number for event in room.pump.events_since(-1)]
    assert len(numbers) >= 1000
    assert numbers == list(range(numbers[0], numbers[-1] + 1))
    assert [event.number for event in room.pump.events_since(numbers[-1] - 1)] == numbers[-1:]


def test_silence_twice_is_an_error_and_the_pump_can_still_be_asked(room):
    room.pump.program(BASAL)
    room.device.line.corrupt = 2
    with pytest.raises(ProtocolError) as caught:
        room.pump.patient_bolus()
    assert caught.value.received
    assert caught.value.sent.startswith(b"> 01 ")
    assert room.pump.read_back() == BASAL
