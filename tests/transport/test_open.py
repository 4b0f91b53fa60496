"""Opening: ports that are not there, framing, sharing one line, real lines and virtual time."""

from __future__ import annotations

import errno
import os
import select
import socket
import termios
import threading
from pathlib import Path

import pytest
import serial

from rig.clock import NS_PER_S
from rig.clock.virtual import VirtualClock
from rig.errors import DefinitionError, LinkLost
from rig.transport.address import Framing
from rig.transport.open import open_link
from rig.transport.serial_link import _advice


@pytest.mark.parametrize(
    "address", ["serial:///dev/ttyUSB987", "visa://ASRL/dev/ttyUSB987::INSTR", "visa://ASRL987::INSTR"]
)
def test_missing_port_is_lost_and_says_what_to_do(address, clock, wire):
    with pytest.raises(LinkLost, match=r"plug.* in") as caught:
        open_link(address, clock, wire)
    assert caught.value.address == address
    assert wire.records == []


@pytest.mark.parametrize("form", ["socket://127.0.0.1:{}", "visa://TCPIP::127.0.0.1::{}::SOCKET"])
def test_nobody_listening(form, clock, wire):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(LinkLost, match="check that the instrument is"):
        open_link(form.format(port), clock, wire)


def test_unknown_host(clock, wire):
    with pytest.raises(LinkLost, match="host and port are right"):
        open_link("socket://no-such-host.invalid:8001", clock, wire)


def test_port_held_by_another_program(pty, clock, wire):
    with serial.Serial(pty.name, exclusive=True), pytest.raises(LinkLost, match="held by another program"):
        open_link(f"serial://{pty.name}", clock, wire)
    open_link(f"serial://{pty.name}", clock, wire).close()


def test_our_port_is_held_against_others(pty, clock, wire):
    link = open_link(f"serial://{pty.name}", clock, wire)
    with pytest.raises(serial.SerialException, match="lock"):
        serial.Serial(pty.name, exclusive=True)
    link.close()


def test_something_that_is_no_port(tmp_path, clock, wire):
    file = tmp_path / "notes.txt"
    file.write_text("not a port")
    with pytest.raises(LinkLost, match="cannot be opened"):
        open_link(f"serial://{file}", clock, wire)


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (serial.SerialException(errno.EACCES, "could not open port"), "dialout"),
        (serial.SerialException(errno.ENOENT, "could not open port"), "is not there"),
        (serial.SerialException(errno.EAGAIN, "Could not exclusively lock port"), "another program"),
        (serial.SerialException("could not open port 'COM3': PermissionError(13, ...)"), "another program"),
        (serial.SerialException("could not open port 'COM3': FileNotFoundError(2, ...)"), "is not there"),
        (ValueError("Invalid baud rate"), "cannot be opened with 9600 baud 8N1: Invalid baud rate"),
    ],
)
def test_advice(error, says):
    assert says in _advice("/dev/ttyUSB0", Framing(), error)


@pytest.mark.parametrize("form", ["serial://{}?bits=7&parity=E", "visa://ASRL{}::INSTR?bits=7&parity=E"])
def test_framing_that_a_pseudo_terminal_does_not_know(form, pty, clock, wire):
    for _ in range(2):  # Linux accepts it once and refuses it ever after
        link = open_link(form.format(pty.name), clock, wire)
        assert "9600 baud 7E1 is not emulated" in link.note
        os.write(pty.master, b"\xff\n")
        assert link.read_until(b"\n", clock.now_ns() + NS_PER_S) == b"\xff\n"
        link.close()


def test_no_note_where_nothing_is_to_be_said(pty, clock, wire):
    link = open_link(f"serial://{pty.name}?stop=2", clock, wire)
    assert link.note == ""
    link.close()


@pytest.mark.parametrize(
    ("option", "xonxoff", "rtscts"),
    [("", False, False), ("?handshake=none", False, False), ("?handshake=xonxoff", True, False),
     ("?handshake=rtscts", False, True)],
)  # fmt: skip
def test_handshake_is_set_on_the_port(pty, clock, wire, option, xonxoff, rtscts):
    link = open_link(f"serial://{pty.name}{option}", clock, wire)
    input_flags, _, control_flags, *_ = termios.tcgetattr(pty.slave)
    assert bool(input_flags & termios.IXON) == bool(input_flags & termios.IXOFF) == xonxoff
    assert bool(control_flags & termios.CRTSCTS) == rtscts
    link.close()


def test_xoff_holds_up_what_is_sent_until_xon(pty, clock, wire):
    link = open_link(f"serial://{pty.name}?handshake=xonxoff", clock, wire)
    os.write(pty.master, b"\x13")
    writing = threading.Thread(target=link.write, args=[b"held"])
    writing.start()
    assert select.select([pty.master], [], [], 0.1)[0] == []
    os.write(pty.master, b"\x11")
    assert pty.far_end().receive_exactly(4) == b"held"
    writing.join()
    assert link.discard_input() == b"", "XON and XOFF are no data"
    link.close()


def test_link_to_a_pseudo_terminal_is_one_too(pty, clock, wire, tmp_path):
    stable_name = tmp_path / "balance"
    stable_name.symlink_to(pty.name)
    link = open_link(f"serial://{stable_name}?parity=O", clock, wire)
    assert "not emulated" in link.note
    link.close()


def test_two_instruments_on_one_line_take_turns(pty, clock, wire):
    """Each of two threads asks 50 times; an echo that waits a little would show any interleaving."""
    far = pty.far_end()
    wires = [type(wire)(), type(wire)()]
    links = [open_link(f"serial://{pty.name}", clock, sink) for sink in wires]

    def echo() -> None:
        for _ in range(100):
            far.send(far.receive_exactly(3))

    def ask(index: int) -> None:
        message = (b"a1\n", b"b2\n")[index]
        for _ in range(50):
            with links[index].alone():
                links[index].write(message)
                assert links[index].read_until(b"\n", clock.now_ns() + NS_PER_S) == message

    thread = far.in_background(echo)
    assert clock.run_all([lambda: ask(0), lambda: ask(1)]) == [None, None]
    thread.join()
    assert wires[0].bytes("<") == b"a1\n" * 50
    assert wires[1].bytes(">") == b"b2\n" * 50
    for link in links:
        link.close()


def test_line_stays_open_until_the_last_share_is_closed(pty, clock, wire):
    first, second = (open_link(f"serial://{pty.name}", clock, wire) for _ in range(2))
    first.close()
    first.close()
    with pytest.raises(LinkLost, match="closed"):
        first.write(b"x")
    second.write(b"still")
    assert pty.far_end().receive_exactly(5) == b"still"
    second.close()
    serial.Serial(pty.name, exclusive=True).close()


def test_one_port_with_two_framings_is_refused(pty, clock, wire):
    link = open_link(f"serial://{pty.name}?baud=9600", clock, wire)
    with pytest.raises(DefinitionError, match="asks for 19200 baud 8N1"):
        open_link(f"serial://{pty.name}?baud=19200", clock, wire)
    link.close()
    open_link(f"serial://{pty.name}?baud=19200", clock, wire).close()


def test_failed_opening_leaves_nothing_behind(clock, wire):
    for _ in range(2):
        with pytest.raises(LinkLost):
            open_link("serial:///dev/ttyUSB987", clock, wire)


def open_descriptors():
    return {entry.name for entry in Path("/proc/self/fd").iterdir()}


def test_many_openings_leak_nothing(pty, clock, wire):
    before, threads = open_descriptors(), threading.active_count()
    for form in ("serial://{}", "visa://ASRL{}::INSTR"):
        for _ in range(20):
            open_link(form.format(pty.name), clock, wire).close()
    assert open_descriptors() == before
    assert threading.active_count() == threads


def test_real_line_in_virtual_time_is_refused(pty, wire):
    with pytest.raises(DefinitionError, match="virtual time"):
        open_link(f"serial://{pty.name}", VirtualClock(), wire)


def test_simulated_line_needs_an_instrument_and_virtual_time(clock, wire):
    with pytest.raises(DefinitionError, match="no simulated instrument of this bench"):
        open_link("sim://SN1/pump", VirtualClock(), wire)

    class Deaf:
        def attach(self, send):
            raise AssertionError("attached in real time")

        def receive(self, data):
            raise AssertionError(data)

    with pytest.raises(DefinitionError, match="needs virtual time"):
        open_link("sim://SN1/pump", clock, wire, Deaf())
