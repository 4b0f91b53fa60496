"""Julabo: pauses after commands, status after each setting, remote control, refused values, damage at each byte."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.clock.virtual import VirtualClock
from rig.drivers.bath_julabo import (
    JulaboBath,
    format_temperature,
    parse_status,
    parse_temperature,
    parse_version,
)
from rig.errors import DeviceError, LimitRefused, LinkTimeout, ProtocolError
from rig.readings import Identity
from rig.transport.open import open_link

RUNNING = (b"status\r", b"03 REMOTE START\r\n")
STANDING = (b"status\r", b"02 REMOTE STOP\n")
SETPOINT = (b"in_sp_00\r", b"37.00\r\n")
BATH = (b"in_pv_00\r", b"36.98\n")


class Stopwatch:
    """Notes when each command is sent on a scripted link."""

    def __init__(self, link):
        self.link, self.sent = link, []
        write = link.write

        def write_and_note(data):
            self.sent.append((link.t_ns, data))
            write(data)

        link.write = write_and_note

    def pauses_ms(self):
        return [
            (later[0] - earlier[0]) / 1e6 for earlier, later in zip(self.sent, self.sent[1:], strict=False)
        ]


@pytest.mark.parametrize(
    ("line", "value"),
    [
        (b"37.02\n", 37.02),
        (b"55.5\r\n", 55.5),
        (b"  -5.00 \r\n", -5.0),
        (b"+20.00\n", 20.0),
        (b"120.00\n", 120.0),
    ],
)
def test_temperatures(line, value):
    assert parse_temperature(line) == value


@pytest.mark.parametrize(
    "line",
    [
        b"37\n",
        b"3702\n",
        b"37,02\n",
        b"---.--\n",
        b"nan\n",
        b"37.02",
        b"\n",
        b"",
        b"1.2.3\n",
        b"37.02 C\n",
        b"\xb37.02\n",
    ],
)
def test_what_is_no_temperature(line):
    with pytest.raises(ProtocolError) as caught:
        parse_temperature(line)
    assert caught.value.received == line


def test_states():
    lines = (b"00 MANUAL STOP\n", b"01 MANUAL START\r\n", b"02 REMOTE STOP\n", b"03 REMOTE START\r\n")
    assert [parse_status(line) for line in lines] == [0, 1, 2, 3]
    for line in (
        b"04 REMOTE START\n",
        b"03 REMOTE STOP\n",
        b"03\n",
        b"REMOTE START\n",
        b"37.02\n",
        b"03 REMOTE START",
    ):
        with pytest.raises(ProtocolError):
            parse_status(line)


@pytest.mark.parametrize(
    "text",
    [
        "-01 LOW LEVEL ALARM",
        "-03 EXCESS TEMPERATURE WARNING",
        "-05 WORKING SENSOR ALARM",
        "-08 INVALID COMMAND",
        "-09 COMMAND NOT ALLOWED IN CURRENT OPERATING MODE",
        "-10 VALUE TOO SMALL",
        "-11 VALUE TOO LARGE",
        "-13 VALUE EXCEEDS TEMPERATURE LIMITS",
    ],
)
def test_errors_and_alarms_carry_the_baths_own_words(text):
    with pytest.raises(DeviceError, match=text) as caught:
        parse_status(f"{text}\r\n".encode())
    assert caught.value.code == text[:3]


@given(st.integers(-9999, 29999))
def test_any_temperature_is_read_and_written_exactly(hundredths):
    text = format_temperature(hundredths / 100, -100, 300)
    assert parse_temperature(f"{text}\n".encode()) == hundredths / 100


@given(st.binary(max_size=40))
def test_arbitrary_bytes_are_read_or_give_a_typed_error(data):
    for parse in (parse_temperature, parse_status, parse_version):
        try:
            parse(data)
        except (ProtocolError, DeviceError):
            continue
        assert data.endswith(b"\n")


# --- the class, on scripted exchanges -------------------------------------------------------------------------------


def test_identify(scripted):
    link = scripted((b"version\r", b"JULABO CORIO CD VERSION 2.3\r\n"))
    assert JulaboBath(link).identify() == Identity(firmware="JULABO CORIO CD VERSION 2.3")


def test_read(scripted):
    link = scripted(RUNNING, SETPOINT, BATH)
    reading = JulaboBath(link).read()
    assert reading.values == {"bath_temperature_c": 36.98, "bath_setpoint_c": 37.0}
    assert (reading.raw, reading.t_ns) == (BATH[1], link.t_ns)


def test_read_of_a_bath_that_is_run_by_hand(scripted):
    link = scripted((b"status\r", b"01 MANUAL START\n"), SETPOINT, BATH)
    assert JulaboBath(link).read().values["bath_temperature_c"] == 36.98


def test_an_alarm_is_told_instead_of_a_reading(scripted):
    line = b"-01 LOW LEVEL ALARM\r\n"
    with pytest.raises(DeviceError, match="LOW LEVEL ALARM") as caught:
        JulaboBath(scripted((b"status\r", line))).read()
    assert (caught.value.sent, caught.value.received) == (b"status\r", line)


def test_set_and_started_with_a_pause_after_each_out_command(scripted):
    link = scripted(
        (b"out_sp_00 37.00\r", b""), STANDING, SETPOINT, (b"out_mode_05 1\r", b""), RUNNING,
        (b"out_mode_05 0\r", b""), STANDING,
    )  # fmt: skip
    watch = Stopwatch(link)
    bath = JulaboBath(link)
    bath.set_temperature(37.0)
    bath.switch(True)
    bath.switch(False)
    after_out = [
        pause for pause, (_, sent) in zip(watch.pauses_ms(), watch.sent, strict=False) if sent[:3] == b"out"
    ]
    others = [
        pause for pause, (_, sent) in zip(watch.pauses_ms(), watch.sent, strict=False) if sent[:3] != b"out"
    ]
    assert all(250 <= pause < 400 for pause in after_out)
    assert all(10 <= pause < 100 for pause in others)


class ImpatientBath:
    """An in-process bath in virtual time that is deaf for 250 ms after an ``out`` command."""

    def __init__(self, clock):
        self.clock, self.deaf_until_ns, self.running = clock, 0, False

    def attach(self, send):
        self.send = send

    def receive(self, data):
        now_ns = self.clock.now_ns()
        if now_ns < self.deaf_until_ns:
            return
        if data.startswith(b"out_"):
            self.running, self.deaf_until_ns = data == b"out_mode_05 1\r", now_ns + 250_000_000
        elif data == b"status\r":
            self.send(now_ns + 20_000_000, b"03 REMOTE START\r\n" if self.running else b"02 REMOTE STOP\r\n")


def test_the_pause_is_kept_in_virtual_time():
    clock = VirtualClock()
    link = open_link("sim://shared/bath", clock, lambda t_ns, direction, data: None, ImpatientBath(clock))
    bath = JulaboBath(link)
    bath.switch(True)
    bath.switch(False)
    assert 0.5e9 < clock.now_ns() < 0.8e9


def test_a_line_that_comes_late_during_the_pause_is_no_reply(scripted):
    link = scripted((b"out_mode_05 1\r", b"-08 INVALID COMMAND\r\n"), RUNNING)
    JulaboBath(link).switch(True)


def test_echoes_are_passed_over(scripted):
    link = scripted(
        (b"status\r", b"status\r\n03 REMOTE START\r\n"), (b"in_sp_00\r", b"in_sp_00\r\n37.00\r\n"), BATH
    )
    assert JulaboBath(link).read().values["bath_setpoint_c"] == 37.0


def test_a_bath_not_under_remote_control_is_told(scripted):
    link = scripted((b"out_sp_00 37.00\r", b""), (b"status\r", b"00 MANUAL STOP\n"))
    with pytest.raises(DeviceError, match="MANUAL STOP: set it to remote control") as caught:
        JulaboBath(link).set_temperature(37.0)
    assert caught.value.code == "00"


def test_a_setting_that_the_bath_refuses_is_told_in_its_words(scripted):
    link = scripted((b"out_sp_00 37.00\r", b""), (b"status\r", b"-13 VALUE EXCEEDS TEMPERATURE LIMITS\n"))
    with pytest.raises(DeviceError, match="-13 VALUE EXCEEDS"):
        JulaboBath(link).set_temperature(37.0)


def test_a_set_point_that_reads_back_as_another_is_an_error(scripted):
    link = scripted((b"out_sp_00 37.01\r", b""), STANDING, SETPOINT)
    with pytest.raises(DeviceError, match=r"was set to 37\.01 °C and tells 37\.0 °C"):
        JulaboBath(link).set_temperature(37.01)


@pytest.mark.parametrize(
    ("on", "state", "says"), [(True, STANDING, "did not start"), (False, RUNNING, "did not stop")]
)
def test_a_bath_that_does_not_switch_is_told(scripted, on, state, says):
    link = scripted((f"out_mode_05 {on:d}\r".encode(), b""), state)
    with pytest.raises(DeviceError, match=says):
        JulaboBath(link).switch(on)


@pytest.mark.parametrize(
    ("temperature_c", "says"),
    [
        (60.01, "not within 5.0 and 60.0"),
        (4.99, "not within"),
        (37.005, "the nearest is 3"),
        (float("nan"), "not within"),
    ],
)
def test_a_refused_value_sends_nothing(scripted, temperature_c, says):
    with pytest.raises(LimitRefused, match=f"{says}.*nothing was sent"):
        JulaboBath(scripted()).set_temperature(temperature_c)


def test_limits_are_the_benchs_own(scripted):
    link = scripted((b"out_sp_00 -5.00\r", b""), STANDING, (b"in_sp_00\r", b"-5.00\n"))
    JulaboBath(link, temperature_min_c=-10.0).set_temperature(-5.0)


def test_reply_cut_at_each_byte_is_no_reading(scripted):
    for count in range(len(SETPOINT[1])):
        link = scripted(RUNNING, (SETPOINT[0], SETPOINT[1][:count]))
        with pytest.raises(LinkTimeout) as caught:
            JulaboBath(link).read()
        assert caught.value.received == SETPOINT[1][:count]
