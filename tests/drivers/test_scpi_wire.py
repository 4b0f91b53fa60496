"""SCPI: forms of replies, every kind of damage, the error queue, getting back in step, the lines it is spoken on."""

from __future__ import annotations

import os
import socket
import threading
import tty

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.clock import NS_PER_S
from rig.clock.virtual import VirtualClock
from rig.clock.wall import WallClock
from rig.drivers.scpi_wire import (
    ScpiLine,
    format_value,
    parse_error,
    parse_flag,
    parse_identity,
    parse_number,
    parse_numbers,
    parse_word,
)
from rig.errors import DeviceError, LinkTimeout, ProtocolError
from rig.readings import Identity
from rig.transport.open import open_link

IDN = b"Keysight Technologies,34465A,MY54500123,A.02.14-02.40-02.14-00.49-02-01\n"
BEGIN = ((b"*CLS\n", b""), (b"*IDN?\n", IDN))
NO_ERROR = (b"SYST:ERR?\n", b'+0,"No error"\n')
PARSERS = (parse_number, parse_flag, parse_word, parse_error, parse_identity)

# --- parsing --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "number"),
    [
        (b"+1.23450000E-05\n", 1.2345e-5),
        (b"-4.27150000E-01\r\n", -0.42715),
        (b"1.2345E-05\n", 1.2345e-5),
        (b"1e-05\n", 1e-5),
        (b"3\n", 3.0),
        (b"+1\n", 1.0),
        (b".5\n", 0.5),
    ],
)
def test_numbers_in_all_forms(line, number):
    assert parse_number(line) == number


@pytest.mark.parametrize("line", [b"+9.90000000E+37\n", b"9.9E37\n", b"-9.9E+37\n", b"9.9e+37\r\n"])
def test_overload_is_no_number(line):
    with pytest.raises(DeviceError, match="overload") as caught:
        parse_number(line)
    assert (caught.value.code, caught.value.received) == ("overload", line)


def test_not_a_number_is_no_number():
    with pytest.raises(DeviceError, match="no reading"):
        parse_number(b"+9.91000000E+37\n")


@pytest.mark.parametrize(
    "line",
    [b"nan\n", b"inf\n", b"1.2.3\n", b"1,2\n", b" 1\n", b"1 \n", b"1e\n", b"+\n", b"1", b"", b"\n", b"1_0\n",
     b"1E99\n", b"\xb2\n"],
)  # fmt: skip
def test_what_is_no_number(line):
    with pytest.raises(ProtocolError) as caught:
        parse_number(line)
    assert caught.value.received == line


def test_several_numbers_and_not_more_or_fewer():
    assert parse_numbers(b"2.99998E+00,1.2345E-05\n", 2) == (2.99998, 1.2345e-5)
    for line in (b"2.9\n", b"2.9,1,1\n", b"2.9,\n"):
        with pytest.raises(ProtocolError, match="not 2 numbers"):
            parse_numbers(line, 2)


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (b'+0,"No error"\n', (0, "No error")),
        (b'0,"No error;0;0 0"\n', (0, "No error;0;0 0")),
        (b'-113,"Undefined header"\n', (-113, "Undefined header")),
        (
            b'-109,"Missing parameter;1;2015/05/06 12:55:33.648"\n',
            (-109, "Missing parameter;1;2015/05/06 12:55:33.648"),
        ),
    ],
)
def test_errors_in_both_dialects(line, error):
    assert parse_error(line) == error


def test_words_and_flags():
    assert [parse_word(line) for line in (b'"CURR:DC"\n', b"VOLT\r\n", b"SCPI\n")] == [
        "CURR:DC",
        "VOLT",
        "SCPI",
    ]
    assert [parse_flag(line) for line in (b"1\n", b"+0\n")] == [True, False]
    for parse, line in (
        (parse_flag, b"2\n"),
        (parse_flag, b"10\n"),
        (parse_word, b'"CURR\n'),
        (parse_word, b"1\n"),
    ):
        with pytest.raises(ProtocolError):
            parse(line)


def test_identity():
    assert parse_identity(IDN) == Identity(
        "Keysight Technologies", "34465A", "MY54500123", "A.02.14-02.40-02.14-00.49-02-01"
    )
    for line in (b"1.0,2.0,3.0,4.0\n", b"a,b,c\n", b"a,b,c,d,e\n"):
        with pytest.raises(ProtocolError, match="not an identity"):
            parse_identity(line)


@pytest.mark.parametrize("line", [b"+1.2345E-05\n", b'-113,"Undefined header"\n', b"1\n", b'"CURR"\n', IDN])
def test_a_line_cut_at_each_byte_is_never_taken(line):
    for count in range(len(line)):
        for parse in PARSERS:
            with pytest.raises(ProtocolError):
                parse(line[:count])


def test_a_number_damaged_at_each_byte_is_a_number_of_the_same_form_or_refused():
    """What slips through is another digit, sign, point or exponent: nothing in SCPI can tell."""
    line = b"+1.2345E-05\n"
    for index in range(len(line)):
        for wrong in set(range(256)) - {line[index]}:
            damaged = line[:index] + bytes((wrong,)) + line[index + 1 :]
            try:
                parse_number(damaged)
            except (ProtocolError, DeviceError):
                continue
            assert wrong in b"0123456789+-.Ee\r"


@given(st.floats(-1e9, 1e9))
def test_any_value_is_written_so_that_it_reads_the_same(value):
    told = parse_number(f"{format_value(value)}\n".encode())
    assert told == pytest.approx(value, rel=1e-8)


@given(st.binary(max_size=60))
def test_arbitrary_bytes_are_read_or_give_a_typed_error(data):
    for parse in PARSERS:
        try:
            parse(data)
        except (ProtocolError, DeviceError):
            continue
        assert data.endswith(b"\n")
        assert data.isascii()


# --- exchanges ------------------------------------------------------------------------------------------------------


def test_a_setting_reads_the_error_queue(scripted):
    link = scripted(*BEGIN, (b"SENS:CURR:DC:NPLC 10\n", b""), NO_ERROR)
    ScpiLine(link).tell("SENS:CURR:DC:NPLC 10")


def test_a_refused_setting_empties_the_queue_and_tells_all_of_it(scripted):
    link = scripted(
        *BEGIN, (b"SENS:CURR:DC:NPLC 11\n", b""),
        (b"SYST:ERR?\n", b'-222,"Data out of range"\n'), (b"SYST:ERR?\n", b'-221,"Settings conflict"\n'), NO_ERROR,
    )  # fmt: skip
    with pytest.raises(DeviceError, match="-222 Data out of range, -221 Settings conflict") as caught:
        ScpiLine(link).tell("SENS:CURR:DC:NPLC 11")
    assert (caught.value.code, caught.value.sent) == ("-222", b"SENS:CURR:DC:NPLC 11\n")


def test_an_error_queue_that_never_ends_is_given_up(scripted):
    link = scripted(*BEGIN, (b"X\n", b""), *[(b"SYST:ERR?\n", b'-350,"Queue overflow"\n')] * 32)
    with pytest.raises(DeviceError, match="-350"):
        ScpiLine(link).tell("X")


@pytest.mark.parametrize(
    ("header", "value", "sent", "told", "same"),
    [
        ("A", 1e-3, b"A 0.001\n", b"+1.00000000E-03\n", True),
        ("A", 10, b"A 10\n", b"1E1\n", True),
        ("A", 10, b"A 10\n", b"11\n", False),
        ("A", True, b"A ON\n", b"1\n", True),
        ("A", False, b"A OFF\n", b"1\n", False),
        ("A", '"CURR:DC"', b'A "CURR:DC"\n', b'"CURR:DC"\n', True),
        ("A", "VOLT", b"A VOLT\n", b"CURR\n", False),
    ],
)
def test_what_is_set_is_read_back(scripted, header, value, sent, told, same):
    line = ScpiLine(scripted(*BEGIN, (sent, b""), NO_ERROR, (b"A?\n", told)))
    if same:
        line.establish(header, value)
    else:
        with pytest.raises(DeviceError, match="reads back as something else"):
            line.establish(header, value)


def test_a_reply_that_comes_late_is_never_that_of_the_next_question(scripted):
    link = scripted(
        *BEGIN, (b"READ?\n", b""),
        (b"*CLS\n", b""), (b"*IDN?\n", b"+1.00000000E-05\n" + IDN), (b"READ?\n", b"+2.00000000E-05\n"),
    )  # fmt: skip
    line = ScpiLine(link)
    with pytest.raises(LinkTimeout):
        line.ask("READ?", parse_number)
    assert line.ask("READ?", parse_number) == 2e-5


def test_after_a_damaged_reply_the_line_is_brought_in_step_again(scripted):
    link = scripted(*BEGIN, (b"READ?\n", b"+1.2x\n"), *BEGIN, (b"READ?\n", b"1E-5\n"))
    line = ScpiLine(link)
    with pytest.raises(ProtocolError) as caught:
        line.ask("READ?", parse_number)
    assert (caught.value.sent, caught.value.received) == (b"READ?\n", b"+1.2x\n")
    assert line.ask("READ?", parse_number) == 1e-5


def test_after_an_overload_the_line_is_still_in_step(scripted):
    line = ScpiLine(scripted(*BEGIN, (b"READ?\n", b"9.9E37\n"), (b"READ?\n", b"1E-5\n")))
    with pytest.raises(DeviceError) as caught:
        line.ask("READ?", parse_number)
    assert caught.value.address == "script://device"
    assert line.ask("READ?", parse_number) == 1e-5


def test_a_reply_of_earlier_that_was_doubled_is_thrown_away(scripted):
    link = scripted(*BEGIN, (b"READ?\n", b"1E-5\n"))
    link.unasked = b"9E-5\n"
    assert ScpiLine(link).ask("READ?", parse_number) == 1e-5


def test_only_foreign_lines_end_at_the_deadline(scripted):
    link = scripted((b"*CLS\n", b""), (b"*IDN?\n", b"1\n" * 5))
    with pytest.raises(LinkTimeout):
        ScpiLine(link).identify()


def test_another_model_and_another_language_are_refused(scripted):
    with pytest.raises(DeviceError, match="this is a '34465A', and the driver is for DMM6500") as caught:
        ScpiLine(scripted(*BEGIN)).check_model("DMM6500")
    assert caught.value.code == "model"
    with pytest.raises(DeviceError, match="the command set is TSP: set it to SCPI"):
        ScpiLine(scripted(*BEGIN, (b"*LANG?\n", b"TSP\n"))).check_language()


# --- on real lines --------------------------------------------------------------------------------------------------

REPLIES = {
    b"*IDN?": IDN,
    b"SYST:ERR?": b'+0,"No error"\r\n',
    b"READ?": b"+1.23450000E-05\n",
    b"A?": b"+1.0E+01\r\n",
}


def answer(receive, send):
    """Answer line by line until nothing more comes."""
    heard = b""
    while data := receive():
        *lines, heard = (heard + data).split(b"\n")
        for line in lines:
            send(REPLIES.get(line, b""))


@pytest.fixture(params=["socket", "visa", "serial"])
def address(request):
    """Where an instrument answers that knows REPLIES only."""
    if request.param == "serial":
        master, slave = os.openpty()
        tty.setraw(slave)
        ends = (lambda: read_or_nothing(master), lambda data: os.write(master, data))
        thread = threading.Thread(target=answer, args=ends, daemon=True)
        thread.start()
        yield f"serial://{os.ttyname(slave)}"
        os.close(slave)
        thread.join(5)
        os.close(master)
        return
    server = socket.create_server(("127.0.0.1", 0))
    port = server.getsockname()[1]

    def serve():
        connection, _ = server.accept()
        with connection:
            answer(lambda: connection.recv(1000), connection.sendall)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield (
        f"socket://127.0.0.1:{port}"
        if request.param == "socket"
        else f"visa://TCPIP::127.0.0.1::{port}::SOCKET"
    )
    thread.join(5)
    server.close()


def read_or_nothing(descriptor):
    try:
        return os.read(descriptor, 1000)
    except OSError:  # the last user of the pseudo-terminal is gone
        return b""


def test_the_same_words_on_tcp_visa_and_a_serial_line(address):
    link = open_link(address, WallClock(), lambda t_ns, direction, data: None)
    line = ScpiLine(link)
    assert line.identify().model == "34465A"
    line.establish("A", 10)
    assert line.ask("READ?", parse_number) == 1.2345e-5
    link.close()


class Instrument:
    """An in-process instrument in virtual time that knows REPLIES only, and takes a second for each."""

    def __init__(self, clock):
        self.clock = clock

    def attach(self, send):
        self.send = send

    def receive(self, data):
        self.send(self.clock.now_ns() + NS_PER_S, REPLIES.get(data.rstrip(b"\n"), b""))


def test_the_same_words_in_virtual_time():
    clock = VirtualClock()
    link = open_link("sim://SN1/current", clock, lambda t_ns, direction, data: None, Instrument(clock))
    line = ScpiLine(link)
    line.establish("A", 10)
    assert line.ask("READ?", parse_number) == 1.2345e-5
    assert clock.now_ns() == 4 * NS_PER_S, "identity, error queue, setting and reading"
    with pytest.raises(LinkTimeout):
        line.ask("B?", parse_number)
    assert clock.now_ns() == 7 * NS_PER_S
