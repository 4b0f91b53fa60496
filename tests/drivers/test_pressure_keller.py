"""Keller bus: vectors, echo or not, F48 first, exceptions, status bits, damage at each byte, several on a line."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.drivers.pressure_keller import KellerPressure, crc16, format_request, parse_reply, parse_value
from rig.errors import DefinitionError, DeviceError, LinkTimeout, ProtocolError
from rig.readings import Identity

ASK = bytes.fromhex("01 49 01 50 D6")
VECTOR = bytes.fromhex("01 49 3F 81 B2 2D 00 D7 84")  # 1.01325 bar


def frame(address, function, data=b""):
    """A frame with its checksum, by a way of the test's own (table of bits, high byte first)."""
    content = bytes((address, function)) + data
    crc = 0xFFFF
    for byte in content:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0xA001 * (crc & 1))
    return content + bytes((crc >> 8, crc & 0xFF))


INIT = (frame(1, 48), frame(1, 48, bytes((5, 20, 10, 40, 10, 0))))
SERIAL = (frame(1, 69), frame(1, 69, struct.pack(">I", 123456)))
PRESSURE = (ASK, VECTOR)
TEMPERATURE = (frame(1, 73, b"\x04"), frame(1, 73, struct.pack(">fB", 22.5, 0)))


def echoed(*exchanges):
    return tuple((sent, sent + reply) for sent, reply in exchanges)


@pytest.fixture(params=["echo", "no echo"])
def through(request):
    """The exchanges as a converter passes them that gives back what is sent, or one that does not."""
    return echoed if request.param == "echo" else lambda *exchanges: exchanges


def test_vectors():
    assert crc16(b"123456789") == 0x4B37
    assert format_request(1, 73, b"\x01") == ASK
    assert format_request(250, 73, b"\x01") == bytes((250, 73, 1, 161, 167))
    assert format_request(250, 48) == bytes((250, 48, 4, 67))
    assert parse_value(parse_reply(VECTOR, 1, 73), 1) == pytest.approx(1.01325, abs=1e-7)


def test_initialised_first_and_read(scripted, through):
    link = scripted(*through(INIT, PRESSURE, TEMPERATURE, PRESSURE, TEMPERATURE))
    transmitter = KellerPressure(link)
    reading = transmitter.read()
    assert reading.values == {
        "line_pressure_kpa": pytest.approx(101.325, abs=1e-4),
        "line_temperature_c": 22.5,
    }
    assert reading.raw == PRESSURE[1] + TEMPERATURE[1]
    assert transmitter.read().values == reading.values


def test_identify(scripted, through):
    link = scripted(*through(INIT, SERIAL))
    assert KellerPressure(link).identify() == Identity("", "5.20", "123456", "10.40")


def test_a_serial_number_that_looks_like_the_echo_of_its_question(scripted):
    """That is why the converter is asked with F48, and not with each question."""
    ask = frame(1, 69)
    number = struct.unpack(">I", ask[2:] + b"\x00\x01")[0]
    link = scripted(INIT, (ask, frame(1, 69, struct.pack(">I", number))))
    assert KellerPressure(link).identify().serial == str(number)


def test_interrupted_power_is_told_once(scripted, through):
    exception = (ASK, frame(1, 73 | 0x80, b"\x20"))
    link = scripted(*through(INIT, exception, INIT, PRESSURE, TEMPERATURE))
    transmitter = KellerPressure(link)
    with pytest.raises(DeviceError, match="its power was interrupted") as caught:
        transmitter.read()
    assert (caught.value.code, caught.value.sent, caught.value.received) == ("32", ASK, exception[1])
    assert transmitter.read().values["line_temperature_c"] == 22.5


@pytest.mark.parametrize(
    ("code", "says"),
    [(1, "not implemented"), (2, "a parameter is wrong"), (3, "data are wrong"), (9, "unknown")],
)
def test_exceptions(scripted, code, says):
    link = scripted(INIT, (ASK, frame(1, 73 | 0x80, bytes((code,)))))
    with pytest.raises(DeviceError, match=says) as caught:
        KellerPressure(link).read()
    assert caught.value.code == str(code)


@pytest.mark.parametrize(
    ("channel", "status", "says"),
    [(1, 0x02, "no valid value of channel 1"), (4, 0x10, "channel 4"), (1, 0x80, "still starting")],
)
def test_status_bits_that_spoil_the_value(channel, status, says):
    with pytest.raises(DeviceError, match=says) as caught:
        parse_value(struct.pack(">fB", 1.0, status), channel)
    assert caught.value.code == f"status {status:02X}"


@pytest.mark.parametrize(("channel", "status"), [(1, 0x10), (1, 0x40), (4, 0x02), (1, 0x01)])
def test_status_bits_of_others_and_of_the_analogue_output(channel, status):
    assert parse_value(struct.pack(">fB", 1.5, status), channel) == 1.5


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2001.0, -1e30])
def test_a_value_that_cannot_be(scripted, value):
    reply = frame(1, 73, struct.pack(">fB", value, 0))
    with pytest.raises(ProtocolError, match="cannot be") as caught:
        KellerPressure(scripted(INIT, (ASK, reply))).read()
    assert (caught.value.received, caught.value.address) == (reply, "script://device")


def test_damaged_at_each_byte_is_always_noticed():
    for index in range(len(VECTOR)):
        for wrong in set(range(256)) - {VECTOR[index]}:
            with pytest.raises(ProtocolError):
                parse_reply(VECTOR[:index] + bytes((wrong,)) + VECTOR[index + 1 :], 1, 73)


@given(st.integers(0, len(VECTOR) - 1), st.integers(1, 0xFFFF))
def test_damage_of_up_to_two_bytes_is_always_noticed(index, mask):
    damaged = bytearray(VECTOR + b"\x00")
    damaged[index] ^= mask >> 8
    damaged[index + 1] ^= mask & 0xFF
    if bytes(damaged[: len(VECTOR)]) != VECTOR:
        with pytest.raises(ProtocolError):
            parse_reply(bytes(damaged[: len(VECTOR)]), 1, 73)


def test_low_byte_of_the_checksum_first_is_modbus_and_not_this():
    with pytest.raises(ProtocolError, match="checksum"):
        parse_reply(VECTOR[:-2] + VECTOR[:-3:-1], 1, 73)


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (frame(2, 73, struct.pack(">fB", 1.0, 0)), "a reply of device 2"),
        (frame(1, 74, struct.pack(">fB", 1.0, 0)), "a reply to function 74"),
        (frame(1, 73, struct.pack(">f", 1.0)), "wrong length"),
        (frame(1, 74 | 0x80, b"\x20"), "a reply to function 202"),
    ],
)
def test_replies_of_others_are_refused(reply, says):
    with pytest.raises(ProtocolError, match=says):
        parse_reply(reply, 1, 73)


def test_whoever_is_alone_may_answer_with_an_address_of_its_own():
    assert parse_reply(frame(7, 69, b"\x00\x00\x00\x01"), 250, 69) == b"\x00\x00\x00\x01"


@given(st.binary(max_size=20))
def test_arbitrary_bytes_give_a_typed_error(data):
    with pytest.raises(ProtocolError):
        parse_reply(data, 1, 73)


@given(st.floats(-1, 1000, width=32), st.floats(-40, 120, width=32))
def test_any_value_is_read_exactly(pressure_bar, temperature_c):
    for channel, value in ((1, pressure_bar), (4, temperature_c)):
        data = parse_reply(frame(9, 73, struct.pack(">fB", value, 0)), 9, 73)
        assert parse_value(data, channel) == value


def test_reply_cut_at_each_byte_is_no_reading_and_carries_what_came(scripted, through):
    *_, (sent, reply) = through(INIT, PRESSURE)
    for count in range(len(reply)):
        link = scripted(*through(INIT), (sent, reply[:count]))
        with pytest.raises(LinkTimeout) as caught:
            KellerPressure(link).read()
        echo = len(reply) - len(VECTOR)
        assert caught.value.received == (reply[:count] if count < echo or not echo else reply[echo:count])


def test_an_echo_that_is_not_what_was_sent_is_noticed(scripted):
    link = scripted(*echoed(INIT), (ASK, bytes.fromhex("01 49 02 50 D6")))
    with pytest.raises(ProtocolError, match="the echo is not what was sent"):
        KellerPressure(link).read()


def test_a_converter_that_is_changed_for_another_is_noticed_after_one_error(scripted):
    link = scripted(*echoed(INIT), (ASK, VECTOR[:5]), INIT, PRESSURE, TEMPERATURE)
    transmitter = KellerPressure(link)
    with pytest.raises(ProtocolError):
        transmitter.read()
    assert transmitter.read().values["line_temperature_c"] == 22.5


def test_two_on_one_line_are_told_apart(scripted):
    def of(address, pressure_bar):
        return (
            (frame(address, 48), frame(address, 48, bytes((5, 20, 10, 40, 10, 1)))),
            (frame(address, 73, b"\x01"), frame(address, 73, struct.pack(">fB", pressure_bar, 0))),
            (frame(address, 73, b"\x03"), frame(address, 73, struct.pack(">fB", 20.0, 0))),
        )

    link = scripted(*echoed(*of(3, 0.5), *of(4, 0.25)))
    pressures = [KellerPressure(link, address, temperature_channel=3).read().values for address in (3, 4)]
    assert [values["line_pressure_kpa"] for values in pressures] == [50.0, 25.0]


@pytest.mark.parametrize("arguments", [{"address": 0}, {"address": 251}, {"temperature_channel": 2}])
def test_what_the_bus_does_not_know_is_refused(arguments):
    with pytest.raises(DefinitionError):
        KellerPressure(None, **arguments)
