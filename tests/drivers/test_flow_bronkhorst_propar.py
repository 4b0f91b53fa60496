"""propar: messages of the manual, the maker's own builder as the other end, units, times, damage in either frame."""

from __future__ import annotations

import fcntl
import os
import struct
import termios
import threading
import time
import tty

import propar
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.clock import NS_PER_S
from rig.clock.wall import WallClock
from rig.drivers.flow_bronkhorst_propar import BronkhorstPropar, flow_nl_min
from rig.drivers.propar_wire import (
    FLOAT,
    STRING,
    U8,
    U16,
    Parameter,
    format_ascii,
    format_binary,
    format_read,
    is_ended,
    parse_ascii,
    parse_binary,
    parse_values,
)
from rig.errors import DefinitionError, DeviceError, LimitRefused, LinkTimeout, ProtocolError
from rig.readings import Identity
from rig.transport.open import open_link

SETPOINT = (Parameter(1, 1, U16),)
CHAIN = (
    Parameter(113, 3, STRING),
    Parameter(113, 6, STRING),
    Parameter(1, 0, U16),
    Parameter(1, 13, FLOAT),
    Parameter(1, 31, STRING, 7),
    Parameter(1, 17, STRING, 10),
)
CHAIN_ANSWER = (
    b":370302F1EC004D3632313233343541006D00555345525441470001AE1CD8CF3F800000F0076D6C6E2F6D696E"
    b"710A4E322020202020202020\r\n"
)

# --- messages -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "first_index", "question"),
    [
        (SETPOINT, 1, b":06030401210121\r\n"),
        ((Parameter(1, 0, U16),), 1, b":06030401210120\r\n"),
        (CHAIN, 12, b":1A0304F1EC7163006D71660001AE0120CF014DF0017F077101710A\r\n"),
    ],
)
def test_questions_of_the_manual(parameters, first_index, question):
    assert format_ascii(3, format_read(parameters, first_index)) == question


def test_answers_of_the_manual():
    node, data = parse_ascii(b":06030201213E80\r\n")
    assert (node, parse_values(data, SETPOINT, 1)) == (3, [16000])
    node, data = parse_ascii(CHAIN_ANSWER)
    assert node == 3
    assert parse_values(data, CHAIN, 12) == ["M6212345A", "USERTAG", 7384, 1.0, "mln/min", "N2"]


def test_binary_frames_of_the_manual():
    question = bytes.fromhex("10 02 01 80 05 04 01 20 01 20 10 03")
    assert format_binary(1, 0x80, format_read((Parameter(1, 0, U16),))) == question
    assert parse_binary(question) == (1, 0x80, bytes.fromhex("04 01 20 01 20"))
    answer = bytes.fromhex("10 02 01 80 05 02 01 20 3E 80 10 03")
    assert parse_values(parse_binary(answer)[2], (Parameter(1, 0, U16),)) == [16000]


def test_acknowledgement_of_the_manual_is_no_answer():
    with pytest.raises(ProtocolError, match="not an answer to a question"):
        parse_values(parse_ascii(b":040300001C\r\n")[1], SETPOINT)


@pytest.mark.parametrize(
    ("data", "code", "says"),
    [
        ("00 04 03", "04", "unknown parameter"),
        ("00 0B 00", "0B", "unknown node"),
        ("00 77 00", "77", "refused"),
        ("04", "04", "damaged"),
        ("05", "05", "rejected"),
        ("09", "09", "not answer in time"),
        ("7F", "7F", "unknown error"),
    ],
)
def test_refusals_carry_the_devices_own_code(data, code, says):
    with pytest.raises(DeviceError, match=says) as caught:
        parse_values(bytes.fromhex(data), SETPOINT)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "data",
    [
        "04 01 20 01 20",  # our own question, echoed
        "01 01 20 3E 80",
        "",
        "02 01",
        "02 01 20",
        "02 01 20 3E",
        "02 01 20 3E 80 00",
        "02 02 20 3E 80",  # another process
        "02 01 21 3E 80",  # another parameter
        "02 01 00 3E",  # another type
        "02 81 20 3E 80",
        "02 01 A0 3E 80",
        "00 04",
        "00 04 03 00",
    ],
)
def test_what_is_no_answer(data):
    with pytest.raises(ProtocolError, match="not an answer"):
        parse_values(bytes.fromhex(data), SETPOINT)


@pytest.mark.parametrize("bits", ["7F800000", "FF800000", "7FC00000"])
def test_float_that_is_no_number(bits):
    with pytest.raises(ProtocolError, match="not a number"):
        parse_values(bytes.fromhex(f"02 21 40 {bits}"), (Parameter(33, 0, FLOAT),))


@pytest.mark.parametrize("text", ["07 6D 6C", "00 6D 6C", "02 6D 07", "00", ""])
def test_text_that_is_cut_or_not_printable(text):
    with pytest.raises(ProtocolError, match="not an answer"):
        parse_values(bytes.fromhex(f"02 01 60 {text}"), (Parameter(1, 31, STRING, 7),))


@pytest.mark.parametrize(
    "frame",
    [b":06030201213E80\n", b"06030201213E80\r\n", b":05030201213E80\r\n", b":07030201213E80\r\n", b":06030201213E8\r\n",
     b":0603020121 3E80\r\n", b":0103\r\n", b":\r\n", b"", b"::06030201213E80\r\n"],
)  # fmt: skip
def test_what_is_no_ascii_frame(frame):
    with pytest.raises(ProtocolError) as caught:
        parse_ascii(frame)
    assert caught.value.received == frame


@pytest.mark.parametrize(
    "frame",
    ["10 02 01 80 05 02 01 20 3E 80 03", "10 02 01 80 04 02 01 20 3E 80 10 03", "10 02 01 80 06 02 01 20 3E 80 10 03",
     "10 02 01 80 05 02 01 10 3E 80 10 03", "10 02 01 80 00 10 03", "02 01 80 05 02 01 20 3E 80 10 03", "10 03", ""],
)  # fmt: skip
def test_what_is_no_binary_frame(frame):
    with pytest.raises(ProtocolError):
        parse_binary(bytes.fromhex(frame))


bytes_1_to_255 = st.binary(min_size=1, max_size=254)


@given(sequence=st.integers(0, 255), node=st.integers(0, 255), data=bytes_1_to_255)
def test_frames_come_back_as_they_went(sequence, node, data):
    assert parse_ascii(format_ascii(node, data)) == (node, data)
    frame = format_binary(sequence, node, data)
    assert parse_binary(frame) == (sequence, node, data)
    ends = [end for end in range(1, len(frame) + 1) if is_ended(frame[:end])]
    assert ends == [len(frame)], "a frame is over at its end and nowhere before"


@given(st.binary(max_size=64))
def test_arbitrary_bytes_give_a_typed_error_or_a_frame_that_says_the_same(data):
    for frame, parse in (
        (b":" + data + b"\r\n", parse_ascii),
        (b"\x10\x02" + data + b"\x10\x03", parse_binary),
    ):
        try:
            parsed = parse(frame)
        except ProtocolError:
            continue
        again = format_ascii(*parsed) if parse is parse_ascii else format_binary(*parsed)
        assert again.lower() == frame.lower()
    with pytest.raises((ProtocolError, DeviceError)):
        parse_values(b"\x03" + data, CHAIN)


parameters = st.lists(
    st.builds(Parameter, st.integers(0, 127), st.integers(0, 31), st.sampled_from((U8, U16, FLOAT, STRING))),
    min_size=1,
    max_size=8,
)
THEIR_TYPE = {
    U8: propar.PP_TYPE_INT8,
    U16: propar.PP_TYPE_INT16,
    FLOAT: propar.PP_TYPE_FLOAT,
    STRING: propar.PP_TYPE_STRING,
}
SAMPLE = {U8: 200, U16: 41942, FLOAT: -0.15625, STRING: "µ-FLOW 10"}
THEIR_SAMPLE = {STRING: "µ-FLOW 10".encode("latin-1")}


@given(parameters)
def test_questions_and_answers_are_those_of_the_makers_own_builder(parameters):
    head, builder = {"seq": 0, "node": 3}, propar._propar_builder()
    theirs = [
        {"proc_nr": p.process, "parm_nr": p.number, "proc_index": p.process, "parm_index": index, "parm_size": 0,
         "parm_type": THEIR_TYPE[p.kind], "data": THEIR_SAMPLE.get(p.kind, SAMPLE[p.kind])}
        for index, p in enumerate(parameters)
    ]  # fmt: skip
    question = builder.build_pp_request_parameter_message(head, theirs)
    assert format_read(parameters) == bytes(question["data"])
    answer = bytes(builder.build_pp_send_parameter_message(head, theirs)["data"])
    assert parse_values(answer, parameters) == [SAMPLE[p.kind] for p in parameters]
    for count in range(len(answer)):
        with pytest.raises((ProtocolError, DeviceError)):
            parse_values(answer[:count], parameters)


# --- damage ---------------------------------------------------------------------------------------------------------

ASKED = (Parameter(33, 0, FLOAT), Parameter(1, 0, U16))
ANSWER = bytes.fromhex("02 A1 40 42 C8 10 03 01 21 3E 80")  # 100.03..., 16000: with 10 03 inside a value


def read_ascii(frame):
    node, data = parse_ascii(frame)
    return node, parse_values(data, ASKED)


def read_binary(frame):
    sequence, node, data = parse_binary(frame)
    return sequence, node, parse_values(data, ASKED)


@pytest.mark.parametrize(
    ("frame", "read", "free"),
    [
        (format_ascii(3, ANSWER), read_ascii, {*range(3, 5), *range(11, 19), *range(23, 27)}),
        (format_binary(7, 3, ANSWER), read_binary, {2, 3, *range(8, 13), 15, 16}),
    ],
)
def test_damage_is_noticed_where_a_protocol_without_checksum_can_tell(frame, read, free):
    """What slips through is another value, node or sequence number; the driver checks the latter two."""
    told = read(frame)
    slipped = set()
    for index in range(len(frame)):
        for damaged in (frame[:index], frame[:index] + frame[index + 1 :], frame[index + 1 :]):
            with pytest.raises((ProtocolError, DeviceError)):
                read(damaged)
        for wrong in set(range(256)) - {frame[index]}:
            try:
                if read(frame[:index] + bytes((wrong,)) + frame[index + 1 :]) != told:
                    slipped.add(index)
            except (ProtocolError, DeviceError):
                continue
    assert slipped <= free
    assert slipped


# --- units ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flow", "unit", "density", "nl_min"),
    [
        (0.6, "ml/h", 1000, 10_000),
        (10, "ul/min", 1000, 10_000),
        (1, "mm3/s", 1000, 60_000),
        (2, "l/min", 1000, 2e9),
        (1, "g/h", 1000, 1e6 / 60),
        (1, "g/h", 500, 2e6 / 60),
        (10, "mg/min", 998.2, 10_000 / 0.9982),
        (-1, "kg/h", 1000, -1e9 / 60),
        (1, "mg/s", 1000, 60_000),
    ],
)
def test_units(flow, unit, density, nl_min):
    assert flow_nl_min(flow, unit, density) == pytest.approx(nl_min, rel=1e-12)


@pytest.mark.parametrize("unit", ["ln/min", "mln/min", "mls/min", "bar", "%", "", "usrtype", "ML/H"])
def test_unit_of_a_gas_or_a_pressure_is_refused(unit):
    with pytest.raises(ProtocolError, match=f"flow in '{unit}': set the capacity unit"):
        flow_nl_min(1.0, unit)


# --- the class, on scripted exchanges -------------------------------------------------------------------------------

ASK_UNIT = b":0780040160017F07\r\n"
ASK_VOLUME = b":118004A1C02140412147" + b"01A20120" + b"63017F07\r\n"
ASK_MASS = b":158004A1C02140412147" + b"81A20120" + b"63017F07" + b"7444744F\r\n"


def framed(node, data):
    return b":%02X%02X%s\r\n" % (len(data) + 1, node, data.hex().upper().encode())


def answer(node=128, unit=b"ml/h   ", flow=0.6, temperature=37.25, measure=16000, density=None):
    """The answer to the question for one sample, put together by hand."""
    data = b"\x02\xa1\xc0" + struct.pack(">f", flow) + b"\x41" + struct.pack(">f", temperature)
    data += (
        (b"\x81" if density is not None else b"\x01")
        + b"\xa2"
        + struct.pack(">H", measure)
        + b"\x63\x07"
        + unit
    )
    data += b"\x74\x44" + struct.pack(">f", density) if density is not None else b""
    return framed(node, data)


def unit_answer(unit=b"ml/h   ", node=128):
    return framed(node, b"\x02\x01\x60\x07" + unit)


def test_identify(scripted):
    values = b"\x02\x71" + b"\xe0\x00ML120\x00" + b"\xe1\x00M123A\x00" + b"\x62\x08V1.10   "
    link = scripted((b":0F050471E0716200E171630062716500\r\n", framed(5, values)))
    assert BronkhorstPropar(link, 5).identify() == Identity("", "ML120", "M123A", "V1.10")


def test_samples_are_stamped_when_received_with_the_time_since_the_last(scripted):
    link = scripted(
        (ASK_UNIT, unit_answer()), (ASK_VOLUME, answer()), (ASK_VOLUME, answer(flow=-0.0012, measure=65471))
    )
    sensor = BronkhorstPropar(link)
    sensor.start(1.0)
    (first,) = sensor.read_buffer()
    assert (first.first_t_ns, first.interval_ns, first.lost) == (link.t_ns, NS_PER_S, 0)
    assert first.flow_counts / first.flow_scale == pytest.approx([10_000], rel=1e-6)  # 0.6 mL/h, in nL/min
    assert first.temperature_counts / first.temperature_scale == pytest.approx([37.25])
    assert (first.flow_unit, first.flags.tolist()) == ("nl/min", [0])
    link.t_ns += 40 * NS_PER_S
    (second,) = sensor.read_buffer()
    assert second.interval_ns == second.first_t_ns - first.first_t_ns == 40 * NS_PER_S + 5_000_000
    assert second.flow_counts.tolist() == [-20_000]


def test_flow_beyond_what_the_meter_can_show_is_flagged(scripted):
    link = scripted(
        (ASK_UNIT, unit_answer()), (ASK_VOLUME, answer(measure=41942)), (ASK_VOLUME, answer(measure=41941))
    )
    sensor = BronkhorstPropar(link)
    sensor.start(1.0)
    assert [sensor.read_buffer()[0].flags.tolist() for _ in range(2)] == [[2], [0]]


def test_meter_of_mass_tells_volume_by_the_density_it_measures(scripted):
    mass = b"g/h    "
    link = scripted(
        (ASK_UNIT, unit_answer(mass)),
        (ASK_MASS, answer(unit=mass, flow=0.6, density=750.0)),
        (ASK_MASS, answer(unit=mass, flow=0.6, density=1.2)),
        (ASK_MASS, answer(unit=mass, flow=0.6, density=-3.0)),
    )
    sensor = BronkhorstPropar(link)
    sensor.start(1.0)
    blocks = [sensor.read_buffer()[0] for _ in range(3)]
    assert [block.flags.tolist() for block in blocks] == [[0], [1], [1]]
    assert [block.flow_counts[0] / block.flow_scale for block in blocks] == pytest.approx(
        [10_000 / 0.75, 10_000, 10_000], rel=1e-6
    )


def test_unit_that_is_switched_during_a_measurement_is_noticed(scripted):
    link = scripted((ASK_UNIT, unit_answer()), (ASK_VOLUME, answer(unit=b"ml/min ")))
    sensor = BronkhorstPropar(link)
    sensor.start(1.0)
    with pytest.raises(DeviceError, match="was 'ml/h' at the start and is 'ml/min' now") as caught:
        sensor.read_buffer()
    assert (caught.value.sent, caught.value.received) == (ASK_VOLUME, answer(unit=b"ml/min "))


@pytest.mark.parametrize(("flow", "temperature"), [(1e30, 20.0), (1.0, 1e9), (1.0, -1e30)])
def test_sample_that_cannot_be(scripted, flow, temperature):
    link = scripted((ASK_UNIT, unit_answer()), (ASK_VOLUME, answer(flow=flow, temperature=temperature)))
    sensor = BronkhorstPropar(link)
    sensor.start(1.0)
    with pytest.raises(ProtocolError, match="cannot be"):
        sensor.read_buffer()


def test_gas_meter_is_refused_at_the_start(scripted):
    link = scripted((ASK_UNIT, unit_answer(b"mln/min")))
    with pytest.raises(ProtocolError, match="flow in 'mln/min'") as caught:
        BronkhorstPropar(link).start(1.0)
    assert (caught.value.address, caught.value.sent) == ("script://device", ASK_UNIT)


@pytest.mark.parametrize("interval_s", [0, -1, float("nan"), float("inf")])
def test_interval_that_is_none_is_refused_before_a_byte_is_sent(scripted, interval_s):
    with pytest.raises(LimitRefused, match="nothing was sent"):
        BronkhorstPropar(scripted()).start(interval_s)


@pytest.mark.parametrize("address", [0, 121, 127, 129, 255])
def test_node_that_cannot_be_is_refused(scripted, address):
    with pytest.raises(DefinitionError, match=f"device {address} is no node of propar"):
        BronkhorstPropar(scripted(), address)


def test_reading_what_was_not_started_or_was_stopped(scripted):
    sensor = BronkhorstPropar(scripted((ASK_UNIT, unit_answer())))
    with pytest.raises(DeviceError, match="no measurement was started"):
        sensor.read_buffer()
    sensor.start(1.0)
    sensor.stop()
    with pytest.raises(DeviceError, match="no measurement was started"):
        sensor.read_buffer()


def test_answer_of_another_node_is_foreign_unless_any_will_do(scripted):
    link = scripted((ASK_UNIT.replace(b"0780", b"0703"), unit_answer(node=4)))
    with pytest.raises(ProtocolError, match="an answer of node 4"):
        BronkhorstPropar(link, 3).start(1.0)
    BronkhorstPropar(scripted((ASK_UNIT, unit_answer(node=4)))).start(1.0)


BINARY_ASK = bytes.fromhex("10 02 01 80 06 04 01 60 01 7F 07 10 03")


def binary_answer(sequence=1, unit=b"ml/h   "):
    return b"\x10\x02" + bytes((sequence,)) + b"\x80\x0b\x02\x01\x60\x07" + unit + b"\x10\x03"


def test_binary_frames_with_their_sequence_numbers(scripted):
    sample = bytes.fromhex("02 A1 C0 10 03 00 00 41 42 15 00 00 01 A2 3E 80 63 07") + b"ml/h   "
    frame = b"\x10\x02\x02\x80" + bytes((len(sample),)) + sample.replace(b"\x10", b"\x10\x10") + b"\x10\x03"
    question = format_binary(2, 0x80, bytes.fromhex(ASK_VOLUME[5:-2].decode()))
    link = scripted((BINARY_ASK, binary_answer()), (question, frame))
    sensor = BronkhorstPropar(link, binary=True)
    sensor.start(1.0)
    (block,) = sensor.read_buffer()  # a flow whose bytes are 10 03 00 00: no end of the frame
    assert block.temperature_counts.tolist() == [37250]
    assert block.flow_counts.tolist() == [0]


def test_late_binary_answer_to_an_earlier_question_is_foreign(scripted):
    with pytest.raises(ProtocolError, match="to question 0"):
        BronkhorstPropar(scripted((BINARY_ASK, binary_answer(sequence=0))), binary=True).start(1.0)


@pytest.mark.parametrize(
    ("binary", "ask", "whole"), [(False, ASK_UNIT, unit_answer()), (True, BINARY_ASK, binary_answer())]
)
def test_answer_cut_at_each_byte_is_an_error(scripted, binary, ask, whole):
    for count in range(len(whole)):
        with pytest.raises(LinkTimeout) as caught:
            BronkhorstPropar(scripted((ask, whole[:count])), binary=binary).start(1.0)
        assert caught.value.received == whole[:count]


def test_leftovers_are_thrown_away_before_asking(scripted):
    link = scripted((ASK_UNIT, unit_answer()))
    link.unasked = answer()
    BronkhorstPropar(link).start(1.0)


# --- the maker's own code at the other end --------------------------------------------------------------------------


class MasterEnd:
    """What propar needs of a serial port, on the master's end of a pseudo-terminal."""

    def __init__(self, descriptor, *_, **__):
        self._descriptor = descriptor

    @property
    def in_waiting(self):
        return struct.unpack("i", fcntl.ioctl(self._descriptor, termios.FIONREAD, b"\0\0\0\0"))[0]

    def read(self, count):
        return os.read(self._descriptor, count)

    def write(self, data):
        os.write(self._descriptor, data)

    def close(self):
        """The test closes it."""


METER = {(113, 2): "ML120V00", (113, 3): "M16202345A", (113, 5): "V1.20", (33, 0): 0.12, (33, 7): 21.5, (1, 0): 16400,
         (1, 31): "g/h", (116, 15): 997.0}  # fmt: skip


def serve(provider, over):
    """Answer questions with propar's parser, builder and framing."""
    builder = propar._propar_builder()
    while not over.is_set():
        message = provider.read_propar_message()
        if message is None:
            time.sleep(0.001)
            continue
        asked = list(builder.read_pp_request_parameter_message(message))
        for parameter in asked:
            parameter["data"] = METER[parameter["proc_nr"], parameter["parm_nr"]]
            if isinstance(parameter["data"], float):
                parameter["parm_type"] = propar.PP_TYPE_FLOAT
        provider.write_propar_message(builder.build_pp_send_parameter_message(message, asked))


@pytest.fixture(params=[propar.PP_MODE_ASCII, propar.PP_MODE_BINARY], ids=["ascii", "binary"])
def makers_end(request):
    """A driver whose other end is the maker's code."""
    master, slave = os.openpty()
    tty.setraw(slave)
    provider = propar._propar_provider(38400, master, mode=request.param, serial_class=MasterEnd)
    provider.last_seq = 0
    over = threading.Event()
    thread = threading.Thread(target=serve, args=(provider, over))
    thread.start()
    link = open_link(f"serial://{os.ttyname(slave)}", WallClock(), lambda t_ns, direction, data: None)
    yield BronkhorstPropar(link, 3, binary=request.param == propar.PP_MODE_BINARY)
    link.close()
    over.set()
    provider.run = False
    thread.join()
    provider.serial_read_thread.join()
    os.close(slave)
    os.close(master)


def test_meter_made_of_the_makers_own_code_is_read(makers_end):
    assert makers_end.identify() == Identity("", "ML120V00", "M16202345A", "V1.20")
    makers_end.start(1.0)
    for _ in range(20):
        (block,) = makers_end.read_buffer()
        assert block.flow_counts / block.flow_scale == pytest.approx([2000 / 0.997], rel=1e-6)
        assert block.temperature_counts.tolist() == [21500]
    makers_end.stop()
