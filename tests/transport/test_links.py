"""What every real line must do: the same tests over pseudo-terminals and TCP, with and without pyvisa."""

from __future__ import annotations

import threading
import time

import pytest

from rig.clock import NS_PER_S
from rig.errors import Aborted, LinkLost, LinkTimeout, ProtocolError

REQUEST, REPLY = b"SI\r\n", b"S S    12.3456 g\r\n"


def test_reply_is_read_to_its_terminator_and_the_rest_stays(line):
    line.far.send(b"first\r\nsecond\r\nthi")
    assert line.link.read_until(b"\r\n", line.deadline(1000)) == b"first\r\n"
    assert line.link.read_until(b"\r\n", line.deadline(1000)) == b"second\r\n"
    assert line.link.read_exactly(2, line.deadline(1000)) == b"th"
    line.far.send(b"rd\r\n")
    assert line.link.read_until(b"\r\n", line.deadline(1000)) == b"ird\r\n"


def test_every_byte_value_passes_both_ways(line):
    everything = bytes(range(256))
    line.link.write(everything)
    assert line.far.receive_exactly(256) == everything
    line.far.send(everything)
    assert line.link.read_exactly(256, line.deadline(2000)) == everything
    assert line.wire.bytes(">") == everything
    assert line.wire.bytes("<") == everything
    times = [t_ns for t_ns, _, _ in line.wire.records]
    assert times == sorted(times)
    assert 0 < times[0] <= times[-1] <= line.clock.now_ns()


def test_silence_ends_at_the_deadline(line):
    line.link.write(REQUEST)
    before_ns = line.clock.now_ns()
    with pytest.raises(LinkTimeout) as caught:
        line.link.read_until(b"\r\n", line.deadline(150))
    assert 0.15 <= (line.clock.now_ns() - before_ns) / NS_PER_S < 0.6
    assert (caught.value.sent, caught.value.received) == (REQUEST, b"")
    assert caught.value.address == line.address


def test_partial_reply_is_an_error_that_holds_the_bytes_and_consumes_them(line):
    line.far.send(REPLY[:-1])
    with pytest.raises(LinkTimeout) as caught:
        line.link.read_until(b"\r\n", line.deadline(150))
    assert caught.value.received == REPLY[:-1]
    line.far.send(REPLY)
    assert line.link.read_until(b"\r\n", line.deadline(1000)) == REPLY


def test_trickling_bytes_do_not_move_the_deadline(line):
    stop = threading.Event()

    def trickle() -> None:
        while not stop.wait(0.02):
            line.far.send(b"x")

    thread = line.far.in_background(trickle)
    before_ns = line.clock.now_ns()
    with pytest.raises(LinkTimeout) as caught:
        line.link.read_until(b"\n", line.deadline(200))
    passed_s = (line.clock.now_ns() - before_ns) / NS_PER_S
    stop.set()
    thread.join()
    assert 0.2 <= passed_s < 0.6
    assert set(caught.value.received) == {ord("x")}


def test_endless_line_ends_at_the_limit(line):
    line.far.send(b"x" * 300)
    with pytest.raises(ProtocolError, match="256 bytes without") as caught:
        line.link.read_until(b"\n", line.deadline(1000), limit=256)
    assert caught.value.received == b"x" * 256
    assert line.link.read_exactly(44, line.deadline(1000)) == b"x" * 44


def test_terminator_just_inside_and_just_outside_the_limit(line):
    line.far.send(b"123\r\n1234\r\n")
    assert line.link.read_until(b"\r\n", line.deadline(1000), limit=5) == b"123\r\n"
    with pytest.raises(ProtocolError):
        line.link.read_until(b"\r\n", line.deadline(1000), limit=5)


def test_unasked_bytes_are_thrown_away_and_logged(line):
    line.far.send(b"old")
    time.sleep(0.05)
    assert line.link.discard_input() == b"old"
    assert line.link.discard_input() == b""
    assert line.wire.bytes("<") == b"old"
    line.far.send(b"new\n")
    assert line.link.read_until(b"\n", line.deadline(1000)) == b"new\n"


@pytest.mark.parametrize("kind", ["serial", "serial-portable", "socket", "visa-serial", "visa-socket"])
@pytest.mark.parametrize("count", range(len(REPLY)))
def test_unplugged_after_each_byte_of_a_reply(open_line, kind, count):
    line = open_line(kind)

    def answer_and_unplug() -> None:
        line.far.receive_exactly(len(REQUEST))
        if count:
            line.far.send(REPLY[:count])
        line.far.unplug()

    thread = line.far.in_background(answer_and_unplug)
    line.link.write(REQUEST)
    with pytest.raises(LinkLost) as caught:
        line.link.read_until(b"\r\n", line.deadline(5000))
    thread.join()
    assert caught.value.sent == REQUEST
    assert REPLY.startswith(
        caught.value.received
    )  # a pseudo-terminal may swallow its last bytes when it closes


def test_writing_to_a_line_that_went_away(line):
    line.far.unplug()

    def write_often() -> None:
        for _ in range(20):  # TCP learns of it with the first answer to a write
            line.link.write(REQUEST)
            time.sleep(0.01)

    with pytest.raises(LinkLost, match="the line was lost"):
        write_often()


def test_closed_link_says_so_and_closes_twice(line):
    line.link.close()
    line.link.close()
    for action in (
        lambda: line.link.write(b"x"),
        lambda: line.link.read_exactly(1, 0),
        lambda: line.link.read_until(b"\n", 0),
        line.link.discard_input,
    ):
        with pytest.raises(LinkLost, match="closed"):
            action()


def test_abort_ends_a_wait_at_once_and_only_once(line):
    threading.Timer(0.1, line.clock.abort, ["operator pressed Ctrl-C"]).start()
    before_ns = line.clock.now_ns()
    with pytest.raises(Aborted, match="Ctrl-C"):
        line.link.read_until(b"\n", line.deadline(20_000))
    assert (line.clock.now_ns() - before_ns) / NS_PER_S < 1
    line.far.send(REPLY)  # the tear-down still speaks with the instrument
    assert line.link.read_until(b"\r\n", line.deadline(1000)) == REPLY


def test_a_reply_under_way_is_taken_in_before_an_abort(line):
    line.far.send(REPLY)
    time.sleep(0.05)
    line.clock.abort("now")
    assert line.link.read_until(b"\r\n", line.deadline(1000)) == REPLY
