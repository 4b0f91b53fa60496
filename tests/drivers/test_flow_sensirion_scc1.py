"""SHDLC and SCC1: worked frames, Sensirion's own framing as the oracle, the buffer, sample times, damage."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sensirion_shdlc_driver.serial_frame_builder import (
    ShdlcSerialMisoFrameBuilder,
    ShdlcSerialMosiFrameBuilder,
)

from rig.drivers.flow_sensirion_scc1 import SensirionScc1, parse_page, parse_scale
from rig.drivers.shdlc_wire import format_frame, parse_frame, unstuff
from rig.errors import DefinitionError, DeviceError, LimitRefused, LinkTimeout, ProtocolError
from rig.readings import Identity

LAST = bytes.fromhex("7E 00 35 00 06 FF 06 12 5C 00 01 50 7E")
SCALE = bytes.fromhex("7E 00 53 00 06 00 0A 08 44 00 00 50 7E")

# --- frames ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "data", "frame"),
    [
        (0xD1, "", "7E 00 D1 00 2E 7E"),
        (0x21, "00 7E 7D 11 13", "7E 00 21 05 00 7D 5E 7D 5D 7D 31 7D 33 BA 7E"),
        (0x33, "00 14 36 08", "7E 00 33 04 00 14 36 08 76 7E"),
        (0x35, "03", "7E 00 35 01 03 C6 7E"),
        (0x53, "36 08", "7E 00 53 02 36 08 6C 7E"),
    ],
)
def test_worked_requests(command, data, frame):
    assert format_frame(0, command, bytes.fromhex(data)) == bytes.fromhex(frame)


def test_worked_replies():
    version = bytes.fromhex("7E 00 D1 00 07 01 09 00 01 00 01 00 1B 7E")
    assert parse_frame(version, 0, 0xD1) == bytes((1, 9, 0, 1, 0, 1, 0))
    assert parse_frame(bytes.fromhex("7E 00 33 00 00 CC 7E"), 0, 0x33) == b""
    assert struct.unpack(">hhH", parse_frame(LAST, 0, 0x35)) == (-250, 4700, 1)
    assert parse_scale(parse_frame(SCALE, 0, 0x53)) == (10, "ul/min")
    with pytest.raises(DeviceError, match="no measurement was started") as caught:
        parse_frame(bytes.fromhex("7E 00 35 24 00 A6 7E"), 0, 0x35)
    assert caught.value.code == "24"


@given(address=st.integers(0, 254), command=st.integers(0, 255), data=st.binary(max_size=255))
def test_requests_are_framed_as_sensirions_own_driver_does(address, command, data):
    theirs = bytes(ShdlcSerialMosiFrameBuilder(address, command, data).to_bytes())
    assert format_frame(address, command, data) == theirs


def reply(command, data=b"", state=0, address=0):
    """A reply frame, stuffed by the frame builder of the tests' own (an independent few lines)."""
    content = bytes((address, command, state, len(data))) + data
    content += bytes((255 - sum(content) % 256,))
    for byte in (0x7D, 0x7E, 0x11, 0x13):
        content = content.replace(bytes((byte,)), bytes((0x7D, byte ^ 0x20)))
    return b"\x7e" + content + b"\x7e"


@given(address=st.integers(0, 254), command=st.integers(0, 255), data=st.binary(max_size=255))
def test_replies_are_read_as_sensirions_own_driver_does(address, command, data):
    frame = reply(command, data, address=address)
    assert parse_frame(frame, address, command) == data
    builder = ShdlcSerialMisoFrameBuilder()
    assert builder.add_data(frame)
    assert builder.interpret_data() == (address, command, 0, data)


def test_error_flag_of_the_device_is_no_error_of_this_command():
    assert parse_frame(reply(0x35, b"\0\1", state=0x80), 0, 0x35) == b"\0\1"


@pytest.mark.parametrize("code", [1, 2, 3, 4, 5, 6, 0x20, 0x21, 0x22, 0x23, 0x24, 0x7F])
def test_errors_carry_the_devices_own_code(code):
    with pytest.raises(DeviceError) as caught:
        parse_frame(reply(0x35, state=code | 0x80), 0, 0x35)
    assert caught.value.code == f"{code:02X}"


@pytest.mark.parametrize("frame", [LAST, SCALE, reply(0x36, bytes((0x7E, 0x7D, 0x11, 0x13, 0x5E, 0x5D)))])
def test_every_damaged_byte_and_every_truncation_is_noticed(frame):
    command = frame[2]
    for index in range(len(frame)):
        for wrong in set(range(256)) - {frame[index]}:
            with pytest.raises((ProtocolError, DeviceError)) as caught:
                parse_frame(frame[:index] + bytes((wrong,)) + frame[index + 1 :], 0, command)
            assert isinstance(caught.value, ProtocolError)
        for damaged in (frame[:index], frame[:index] + frame[index + 1 :], frame[index + 1 :]):
            with pytest.raises(ProtocolError):
                parse_frame(damaged, 0, command)


@pytest.mark.parametrize(("address", "command"), [(1, 0x35), (0, 0x36)])
def test_reply_to_something_else_is_foreign(address, command):
    with pytest.raises(ProtocolError, match="a reply to command 35 of device 0"):
        parse_frame(LAST, address, command)


@given(st.binary(max_size=64))
def test_arbitrary_bytes_are_no_frame(data):
    with pytest.raises(ProtocolError):
        parse_frame(b"\x7e" + data + b"\x7e", 0, 0x35)


@given(st.binary(max_size=64))
def test_unstuffing_gives_back_what_was_stuffed_or_refuses(data):
    try:
        content = unstuff(data)
    except ValueError:
        return
    stuffed = b"".join(
        bytes((0x7D, b ^ 0x20)) if b in (0x7E, 0x7D, 0x11, 0x13) else bytes((b,)) for b in content
    )
    assert stuffed == data


# --- pages of the buffer --------------------------------------------------------------------------------------------


def page(samples, lost=0, remaining=0, signals=3):
    words = [word & 0xFFFF for sample in samples for word in sample]
    return struct.pack(f">IHH{len(words)}H", lost, remaining, signals, *words)


def test_page_becomes_arrays():
    parsed = parse_page(page([(-250, 4700, 1), (32767, -32768, 0x22)], lost=12, remaining=6))
    assert parsed.samples.tolist() == [[-250, 4700, 1], [32767, -32768, 0x22]]
    assert parsed.samples.dtype == np.int16
    assert (parsed.lost, parsed.remaining) == (2, 6)


@pytest.mark.parametrize("data", [b"", page([])])
def test_empty_page(data):
    parsed = parse_page(data)
    assert (parsed.lost, parsed.remaining, parsed.samples.shape) == (0, 0, (0, 3))


@pytest.mark.parametrize(
    "data",
    [
        page([(1, 2, 3)])[:-1],
        page([(1, 2, 3)])[:-2],
        page([(1, 2, 3)])[:7],
        page([(1, 2, 3)], signals=2),
        page([(1, 2, 3)], signals=0),
        page([], remaining=6),
    ],
)
def test_page_that_cannot_be(data):
    with pytest.raises(ProtocolError):
        parse_page(data)


@pytest.mark.parametrize("data", ["000A 0844", "0000 0844 0000", "000A 0944 0000", "000A 0844 0000 00"])
def test_scale_that_cannot_be(data):
    with pytest.raises(ProtocolError):
        parse_scale(bytes.fromhex(data))


@pytest.mark.parametrize(
    ("word", "unit"), [("0843", "nl/min"), ("0844", "ul/min"), ("0845", "ml/min"), ("0854", "ul/h")]
)
def test_units(word, unit):
    assert parse_scale(bytes.fromhex(f"01F4 {word} 0000")) == (500, unit)


# --- the class, on scripted exchanges -------------------------------------------------------------------------------

ASK_BUFFER = format_frame(0, 0x36, b"\x03")
OK_STOP = (format_frame(0, 0x34), reply(0x34))
INTERVAL_NS = 20_000_000


NOTHING = page([])


def starting(actual_ms=20, stopped=OK_STOP, leftover=NOTHING):
    return [
        (format_frame(0, 0x24), reply(0x24, b"\x03")),
        (bytes.fromhex("7E 00 53 02 36 08 6C 7E"), SCALE),
        stopped,
        (ASK_BUFFER, leftover if leftover[:1] == b"\x7e" else reply(0x36, leftover)),
        (bytes.fromhex("7E 00 33 04 00 14 36 08 76 7E"), bytes.fromhex("7E 00 33 00 00 CC 7E")),
        (format_frame(0, 0x33), reply(0x33, struct.pack(">H", actual_ms))),
    ]


@pytest.fixture
def started(scripted):
    """A sensor that was started at 20 ms, its link, and when; then the buffer's replies that must follow."""

    def make(*frames):
        link = scripted(*starting(), *((ASK_BUFFER, frame) for frame in frames))
        sensor = SensirionScc1(link)
        sensor.start(0.02)
        return sensor, link, link.t_ns - 5_000_000  # the time of the reply to "start"

    return make


def test_identify(scripted):
    link = scripted(
        (format_frame(0, 0xD0, b"\x01"), reply(0xD0, b"SCC1-USB\0")),
        (format_frame(0, 0xD0, b"\x03"), reply(0xD0, b"2130-00042\0")),
        (format_frame(0, 0xD1), reply(0xD1, bytes((1, 9, 0, 1, 0, 1, 0)))),
        (format_frame(0, 0x50), reply(0x50, b"070303020123456789\0")),
    )
    assert SensirionScc1(link).identify() == Identity(
        "", "SCC1-USB with SLF3S-0600F 0123456789", "2130-00042", "1.9"
    )


def test_sensor_not_plugged_in(scripted):
    link = scripted((format_frame(0, 0x24), reply(0x24, state=0x21)))
    with pytest.raises(DeviceError, match="is it plugged in") as caught:
        SensirionScc1(link).start(1)
    assert caught.value.address == "script://device"
    assert caught.value.sent == format_frame(0, 0x24)
    assert caught.value.received == reply(0x24, state=0x21)


def test_sensor_of_another_family_is_refused(scripted):
    link = scripted((format_frame(0, 0x24), reply(0x24, b"\0")))
    with pytest.raises(ProtocolError, match="sensor type 0 is not of the SF06 family"):
        SensirionScc1(link).start(1)


@pytest.mark.parametrize("interval_s", [0, -1, 0.0004, 0.0205001, 65.536, 1e9])
def test_interval_that_cannot_be_set_is_refused_before_a_byte_is_sent(scripted, interval_s):
    with pytest.raises(LimitRefused, match="nothing was sent"):
        SensirionScc1(scripted()).start(interval_s)


def test_samples_are_stamped_by_counting_the_interval_that_the_device_tells(scripted):
    link = scripted(
        *starting(actual_ms=21),
        (ASK_BUFFER, reply(0x36, page([(-250, 4700, 1), (-249, 4701, 0)], remaining=6))),
        (ASK_BUFFER, reply(0x36, page([(-248, 4702, 0x22)]))),
        (ASK_BUFFER, reply(0x36, page([]))),
        (ASK_BUFFER, reply(0x36)),
        (ASK_BUFFER, reply(0x36, page([(7, 8, 0)]))),
    )
    sensor = SensirionScc1(link)
    sensor.start(0.02)
    start_ns = link.t_ns - 5_000_000
    first, second = sensor.read_buffer()
    assert first.flow_counts.tolist() == [-250, -249]
    assert first.temperature_counts.tolist() == [4700, 4701]
    assert first.flags.tolist() == [1, 0]
    assert (first.flow_scale, first.flow_unit, first.temperature_scale) == (10.0, "ul/min", 200.0)
    assert (first.first_t_ns, first.interval_ns) == (start_ns, 21_000_000)
    assert second.first_t_ns == start_ns + 2 * 21_000_000
    assert second.flags.tolist() == [0x22]
    assert second.flags.dtype == np.uint16
    assert sensor.read_buffer() == []
    assert sensor.read_buffer() == []
    (third,) = sensor.read_buffer()
    assert third.first_t_ns == start_ns + 3 * 21_000_000


def test_lost_samples_are_counted_and_move_the_times(started):
    sensor, _, start_ns = started(
        reply(0x36, page([(1, 0, 0)])),
        reply(0x36, page([(2, 0, 0)], lost=18)),
        reply(0x36, page([], lost=6)),
        reply(0x36, page([(3, 0, 0)])),
    )
    (first,), (second,) = sensor.read_buffer(), sensor.read_buffer()
    assert (first.lost, second.lost) == (0, 3)
    assert second.first_t_ns == start_ns + 4 * INTERVAL_NS
    assert sensor.read_buffer() == []
    (third,) = sensor.read_buffer()
    assert (third.lost, third.first_t_ns) == (1, start_ns + 6 * INTERVAL_NS)


@pytest.mark.parametrize(
    "cut", [b"", reply(0x36, page([(1, 0, 0)]))[:-3], reply(0x36, page([(1, 0, 0)]))[:-2] + b"\0\x7e"]
)
def test_lost_reply_is_an_error_and_its_samples_are_counted_by_the_clock(started, cut):
    whole = reply(0x36, page([(1, 0, 0)], remaining=6))
    sensor, link, start_ns = started(whole, cut, reply(0x36, page([(9, 0, 0)])))
    link.t_ns = start_ns + 100 * INTERVAL_NS - 15_000_000
    with pytest.raises((LinkTimeout, ProtocolError)):
        sensor.read_buffer()
    link.t_ns = start_ns + 200 * INTERVAL_NS - 5_000_000 + 1
    first, second = sensor.read_buffer()
    assert (first.flow_counts.tolist(), first.lost, first.first_t_ns) == ([1], 0, start_ns)
    assert (second.flow_counts.tolist(), second.lost) == ([9], 198)
    assert second.first_t_ns == start_ns + 199 * INTERVAL_NS


def test_request_that_never_arrived_loses_nothing(started):
    samples = [(n, 0, 0) for n in range(10)]
    sensor, link, start_ns = started(b"", reply(0x36, page(samples)))
    with pytest.raises(LinkTimeout):
        sensor.read_buffer()
    link.t_ns = start_ns + 10 * INTERVAL_NS - 5_000_000 + 1
    (block,) = sensor.read_buffer()
    assert (block.lost, block.first_t_ns, len(block.flow_counts)) == (0, start_ns, 10)


def test_starting_again_throws_away_what_was_left(scripted):
    link = scripted(
        *starting(leftover=page([(5, 5, 0)])),
        (ASK_BUFFER, reply(0x36, page([(1, 0, 0)]))),
        *starting(stopped=(format_frame(0, 0x34), reply(0x34, state=0x24)), leftover=reply(0x36, state=0x24)),
        (ASK_BUFFER, reply(0x36, page([(2, 0, 0)]))),
    )
    sensor = SensirionScc1(link)
    sensor.start(0.02)
    assert sensor.read_buffer()[0].flow_counts.tolist() == [1]
    sensor.start(0.02)
    (block,) = sensor.read_buffer()
    assert block.flow_counts.tolist() == [2]
    assert block.first_t_ns == link.t_ns - 10_000_000


def test_buffer_of_a_sensor_that_was_never_started(scripted):
    with pytest.raises(DeviceError, match="no measurement was started"):
        SensirionScc1(scripted()).read_buffer()


def test_device_that_says_its_interval_is_zero(scripted):
    link = scripted(*starting(actual_ms=0))
    with pytest.raises(ProtocolError, match="interval 0"):
        SensirionScc1(link).start(0.02)


def test_stop_of_what_does_not_run_is_fine_and_other_refusals_are_not(scripted):
    link = scripted(
        (format_frame(0, 0x34), reply(0x34, state=0x24)), (format_frame(0, 0x34), reply(0x34, state=0x20))
    )
    sensor = SensirionScc1(link)
    sensor.stop()
    with pytest.raises(DeviceError, match="busy"):
        sensor.stop()


@pytest.mark.parametrize("count", range(len(SCALE)))
def test_reply_cut_at_each_byte_is_an_error(scripted, count):
    link = scripted(
        (format_frame(0, 0x24), reply(0x24, b"\x03")), (format_frame(0, 0x53, b"\x36\x08"), SCALE[:count])
    )
    with pytest.raises(LinkTimeout):
        SensirionScc1(link).start(1)


def test_leftover_bytes_are_thrown_away_before_asking(scripted):
    link = scripted(OK_STOP)
    link.unasked = LAST[3:]
    SensirionScc1(link).stop()


def test_stray_bytes_in_front_of_a_reply_are_an_error(scripted):
    link = scripted((format_frame(0, 0x34), b"\0" + reply(0x34)))
    with pytest.raises(ProtocolError, match="not a whole and sound"):
        SensirionScc1(link).stop()
    link.arrived = b""


def test_another_liquid_has_its_own_calibration(scripted):
    sensor = SensirionScc1(
        scripted(
            (format_frame(0, 0x24), reply(0x24, b"\x03")),
            (format_frame(0, 0x53, b"\x36\x15"), reply(0x53, bytes.fromhex("000A08440000"))),
            (format_frame(0, 0x34), reply(0x34)),
            (format_frame(0, 0x36, b"\x03"), reply(0x36)),
            (format_frame(0, 0x33, b"\x00\x64\x36\x15"), reply(0x33)),
            (format_frame(0, 0x33), reply(0x33, b"\x00\x64")),
        ),
        liquid="isopropanol",
    )
    sensor.start(0.1)
    with pytest.raises(DefinitionError, match="no liquid 'beer'"):
        SensirionScc1(scripted(), liquid="beer")
