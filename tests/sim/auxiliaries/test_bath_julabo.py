"""The bath: its commands, its pauses, what status tells, and how warm it gets."""

from __future__ import annotations

import math

import pytest

from rig.sim.auxiliaries.bath_julabo import SimulatedJulabo


@pytest.fixture
def bath(clock):
    return SimulatedJulabo(clock, lambda: 22.0, setpoint_c=37.0)


@pytest.fixture
def ask(clock, talk_to, bath):
    talk = talk_to(bath)

    def asked(command):
        clock.sleep_s(0.3)
        return talk.ask(f"{command}\r".encode()).decode()

    return asked


def test_questions(ask, bath):
    assert ask("in_pv_00") == "37.00\r\n"
    assert ask("IN_SP_00") == "37.00\r\n"
    assert ask("in_mode_05") == "1\r\n"
    assert ask("status") == "03 REMOTE START\r\n"
    assert "SIMULATED" in ask("version")


@pytest.mark.parametrize(("remote", "running", "text"), [
    (False, False, "00 MANUAL STOP"), (False, True, "01 MANUAL START"), (True, False, "02 REMOTE STOP"),
])  # fmt: skip
def test_states(ask, bath, remote, running, text):
    bath.remote, bath.running = remote, running
    assert ask("status") == f"{text}\r\n"


@pytest.mark.parametrize(("command", "text"), [
    ("out_sp_00 -21", "-10 VALUE TOO SMALL"), ("out_sp_00 151", "-11 VALUE TOO LARGE"),
    ("out_sp_00 80", "-13 VALUE EXCEEDS TEMPERATURE LIMITS"), ("out_sp_00", "-08 INVALID COMMAND"),
    ("out_mode_05 2", "-11 VALUE TOO LARGE"), ("in_xx_00", "-08 INVALID COMMAND"), ("hello", "-08 INVALID COMMAND"),
])  # fmt: skip
def test_a_refusal_is_told_by_status_once(ask, bath, command, text):
    bath.high_limit_c = 60.0
    assert ask(command) == ""
    assert ask("status") == f"{text}\r\n"
    assert ask("status") == "03 REMOTE START\r\n"
    assert bath.setpoint_c == 37


def test_at_its_keys_it_takes_no_settings(ask, bath):
    bath.remote = False
    ask("out_sp_00 30")
    assert ask("status").startswith("-09 ")
    assert bath.setpoint_c == 37


def test_what_comes_too_soon_after_an_out_command_is_lost(talk_to, clock, bath):
    talk = talk_to(bath)
    talk.send(b"out_sp_00 30.5\r")
    clock.sleep_s(0.24)
    assert talk.ask(b"in_sp_00\r") == b""
    clock.sleep_s(0.02)
    assert talk.ask(b"in_sp_00\r") == b"30.50\r\n"


def test_it_gets_warm_as_a_lag_of_the_first_order(clock, ask, bath):
    clock.sleep_until_ns(0)
    bath.setpoint_c = 47.0
    clock.sleep_s(600)
    assert bath.temperature_c == pytest.approx(47 - 10 / math.e)
    clock.sleep_s(600)
    bath.running = False
    assert bath.temperature_c == pytest.approx(47 - 10 / math.e**2)
    clock.sleep_s(7200)
    assert bath.temperature_c == pytest.approx(22 + (25 - 10 / math.e**2) / math.e)


def test_an_alarm_stops_it_and_is_told_while_it_lasts(clock, ask, bath):
    bath.alarm = "-01 LOW LEVEL ALARM"
    clock.sleep_s(100_000)
    assert [ask("status") for _ in range(2)] == ["-01 LOW LEVEL ALARM\r\n"] * 2
    assert bath.temperature_c == pytest.approx(22, abs=0.001)
    bath.alarm = ""
    assert ask("status") == "03 REMOTE START\r\n"
