"""The infupy-compatible subset of Alaris: frames, remote control, starting and stopping, damage."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.drivers.pump_alaris import RATES, AlarisPump, crc, format_frame, parse_frame, parse_value
from rig.errors import DeviceError, LimitRefused, LinkTimeout, ProtocolError
from rig.readings import Identity, Prescription

CONTINUOUS = Prescription("continuous", rate_nl_h=12_500_000)


def frame(text):
    """CRC-16/CCITT-FALSE bit by bit: not the driver's way to it."""
    register = 0xFFFF
    for byte in text.encode():
        register ^= byte << 8
        for _ in range(8):
            register = ((register << 1) ^ 0x1021 if register & 0x8000 else register << 1) & 0xFFFF
    return f"!{text}|{register:04X}\r".encode()


@pytest.fixture
def talk(scripted):
    """A pump, and the exchanges that must follow, as (text, text) or (text, bytes)."""

    def make(*exchanges):
        link = scripted(*[
            (frame(sent), reply if isinstance(reply, bytes) else frame(reply)) for sent, reply in exchanges
        ])  # fmt: skip
        return AlarisPump(link), link

    return make


SERIAL = ("INST_SERIALNO", "INST_SERIALNO^8002-51740")
ENABLED = (
    ("REMOTE_CTRL^ENABLED^3CC1", "REMOTE_CTRL^ENABLED^****^PERMIT^0^ms"),
    ("REMOTE_CFG^ENABLED^3CC1", "REMOTE_CFG^ENABLED^****^PERMIT^0^ms"),
)
STOP = (*ENABLED, ("INF_STOP", "INF_STOP"), ("INF_VI", "INF_VI^1.234^ml"))


def state(rate, volume):
    return (("INF_RATE", f"INF_RATE^{rate}^ml/h"), ("INF_VI", f"INF_VI^{volume}^ml"))


# --- frames ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sent", [
    b"!INF_RATE|8E6D\r", b"!INST_SERIALNO|457D\r", b"!INF_START|38F3\r", b"!INF_STOP|CD57\r",
    b"!INF_RATE^3.50^ml/h|3885\r", b"!REMOTE_CTRL^ENABLED^3CC1|B1F1\r",
])  # fmt: skip
def test_frames_that_stand_in_public_programs(sent):
    assert format_frame(*sent[1:-6].decode().split("^")) == sent


def test_replies_that_stand_in_public_programs():
    assert parse_frame(b"!INST_SERIALNO^8002-51740|050B\r", "INST_SERIALNO") == ["8002-51740"]
    assert parse_frame(b"!REMOTE_CTRL^ENABLED^****^PERMIT^0^ms|7BB0\r", "REMOTE_CTRL")[0] == "ENABLED"
    assert crc("8002-51740") == "3CC1"
    assert parse_value(b"!INF_RATE^3.50^ml/h|3885\r", "INF_RATE", RATES) == 3_500_000


def test_esc_takes_back_what_was_sent_before_it():
    assert parse_frame(b"!INF_RA\x1b" + frame("INF_RATE^1^ml/h"), "INF_RATE") == ["1", "ml/h"]


@pytest.mark.parametrize("text", ["INF_RATE^3.50^ml/min", "INF_RATE^3.50", "INF_RATE^-1^ml/h", "INF_RATE^x^ml/h",
                                  "INF_RATE", "INF_VI^3.50^ml", "INF_RATE^3.50^ml/h^1"])  # fmt: skip
def test_what_is_no_rate(text):
    with pytest.raises(ProtocolError):
        parse_value(frame(text), "INF_RATE", RATES)


# --- remote control -------------------------------------------------------------------------------------------------


def test_identify(talk):
    pump, _ = talk(SERIAL)
    assert pump.identify() == Identity(serial="8002-51740")


def test_remote_control_is_asked_for_with_the_crc_of_the_serial_number_and_refreshed(talk):
    pump, _ = talk(SERIAL, *ENABLED, *ENABLED)
    assert pump.refresh_every_s == 1.0
    pump.refresh()
    pump.refresh()


def test_remote_control_that_is_not_given(talk):
    pump, _ = talk(SERIAL, (ENABLED[0][0], "REMOTE_CTRL^DISABLED^****^PERMIT^0^ms"))
    with pytest.raises(DeviceError, match="does not enable REMOTE_CTRL"):
        pump.refresh()


# --- programs, stopping, states -------------------------------------------------------------------------------------


def test_continuous_program(talk):
    pump, link = talk(
        SERIAL, *STOP, ("INF_RATE^12.5^ml/h", "INF_RATE^12.50^ml/h"), ("INF_RATE", "INF_RATE^12.50^ml/h"),
        ("INF_START", "INF_START"), *state("12.50", "1.234"), *state("12.50", "1.300"),
    )  # fmt: skip
    pump.program(CONTINUOUS)
    assert pump.read_back() == CONTINUOUS
    seen = pump.interrogate()
    assert (seen.mode, seen.running, seen.rate_nl_h, seen.delivered_nl) == (
        "continuous",
        True,
        12_500_000,
        1_300_000,
    )
    assert (seen.reservoir_nl, seen.battery_mv, seen.alarms, seen.t_ns) == (None, None, (), link.t_ns)


def test_nothing_starts_when_the_pump_holds_another_rate(talk):
    """Scripted without INF_START: sending it would fail the test."""
    pump, _ = talk(
        SERIAL, *STOP, ("INF_RATE^12.5^ml/h", "INF_RATE^12.50^ml/h"), ("INF_RATE", "INF_RATE^125.0^ml/h")
    )
    with pytest.raises(DeviceError, match="it was not started"):
        pump.program(CONTINUOUS)


def test_a_lost_confirmation_of_the_start_is_not_sent_again(talk):
    pump, _ = talk(
        SERIAL, *STOP, ("INF_RATE^12.5^ml/h", "INF_RATE^12.50^ml/h"), ("INF_RATE", "INF_RATE^12.5^ml/h"),
        ("INF_START", b""),
    )  # fmt: skip
    with pytest.raises(LinkTimeout):
        pump.program(CONTINUOUS)


def test_a_stopped_pump_stands_until_its_volume_grows(talk):
    pump, _ = talk(SERIAL, *STOP, *state("12.5", "1.234"), *state("12.5", "1.234"), *state("12.5", "1.235"))
    pump.program(Prescription("stop"))
    assert pump.interrogate().mode == "stop"
    assert pump.read_back() == Prescription("stop")
    assert pump.interrogate().running


def test_before_it_was_stopped_a_pump_with_a_rate_is_taken_to_run(talk):
    pump, _ = talk(*state("12.5", "1.234"), *state("0.00", "1.234"))
    assert pump.interrogate().running
    assert not pump.interrogate().running


def test_stop_without_confirmation_is_no_stop(talk):
    pump, _ = talk(SERIAL, *ENABLED, ("INF_STOP", "INF_START"))
    with pytest.raises(ProtocolError, match="a reply to INF_START, not to INF_STOP") as caught:
        pump.stop("test")
    assert (caught.value.sent, caught.value.address) == (frame("INF_STOP"), "script://device")


@pytest.mark.parametrize(
    ("prescription", "why"),
    [
        (Prescription("continuous", rate_nl_h=20_833), "nearest possible is 20000"),
        (Prescription("continuous", rate_nl_h=20_000), "0.1 to 1200 ml/h"),
        (Prescription("continuous", rate_nl_h=1_200_010_000), "0.1 to 1200 ml/h"),
        (Prescription("bolus", bolus_nl=1000, bolus_duration_s=60), "no mode 'bolus'"),
        (Prescription("minimum"), "no mode 'minimum'"),
    ],
)
def test_what_the_pump_cannot_be_told_is_refused_before_a_byte_is_sent(scripted, prescription, why):
    with pytest.raises(LimitRefused, match=f"{why}.*nothing was sent"):
        AlarisPump(scripted()).program(prescription)


def test_no_reservoir_no_log(scripted):
    pump = AlarisPump(scripted())
    assert pump.events_since(0) == []
    assert pump.limits().rate_min_nl_h == 100_000
    with pytest.raises(LimitRefused):
        pump.set_reservoir(1)


# --- damage ---------------------------------------------------------------------------------------------------------


def test_a_value_without_its_unit_shows_the_bytes(talk):
    pump, _ = talk(("INF_RATE", "INF_RATE^12.5"))
    with pytest.raises(ProtocolError, match="is no number in ml/h") as caught:
        pump.interrogate()
    assert (caught.value.sent, caught.value.received) == (frame("INF_RATE"), frame("INF_RATE^12.5"))


def test_reply_cut_at_each_byte_is_no_value(talk):
    whole = frame("INF_RATE^12.5^ml/h")
    for count in range(len(whole)):
        pump, _ = talk(("INF_RATE", whole[:count]))
        with pytest.raises(LinkTimeout) as caught:
            pump.interrogate()
        assert caught.value.received == whole[:count]


@given(st.sampled_from(["INF_RATE^12.5^ml/h", "INF_RATE^0.10^ml/h"]), st.data())
def test_a_damaged_frame_is_never_a_value(text, data):
    whole = frame(text)
    index = data.draw(st.integers(0, len(whole) - 1))
    wrong = data.draw(st.integers(1, 255))
    changed = whole[:index] + bytes([whole[index] ^ wrong]) + whole[index + 1 :]
    for damaged in (changed, whole[:index] + whole[index + 1 :], whole[:index], whole[index + 1 :]):
        with pytest.raises(ProtocolError):
            parse_value(damaged, "INF_RATE", RATES)


@given(st.binary(max_size=30) | st.from_regex(r"\AINF_RATE(\^[ -z]{0,9}){0,3}\Z").map(frame))
def test_arbitrary_bytes_are_a_typed_error_or_a_sound_frame(data):
    try:
        value = parse_value(data, "INF_RATE", RATES)
    except ProtocolError:
        return
    assert value >= 0
    assert data.rpartition(b"\x1b")[2] == frame(data.rpartition(b"\x1b")[2][1:-6].decode())
