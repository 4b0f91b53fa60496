"""The in-process line in virtual time."""

from __future__ import annotations

import pytest

from rig.clock import NS_PER_S
from rig.clock.virtual import VirtualClock
from rig.errors import Aborted, LinkLost, LinkTimeout
from rig.transport.open import open_link

NS_PER_MS = NS_PER_S // 1000


class Device:
    """Answers each write with what ``answer`` says: pairs of delay in ns and bytes."""

    def __init__(self, clock, answer):
        self.clock, self.answer, self.heard = clock, answer, []

    def attach(self, send):
        self.send = send

    def receive(self, data):
        self.heard.append((self.clock.now_ns(), data))
        for delay_ns, reply in self.answer(data):
            self.send(self.clock.now_ns() + delay_ns, reply)


@pytest.fixture
def virtual():
    return VirtualClock()


@pytest.fixture
def connect(virtual, wire):
    def one(answer):
        device = Device(virtual, answer)
        return open_link("sim://SN1/device", virtual, wire, device), device

    return one


def test_reply_arrives_at_its_time_to_the_nanosecond(virtual, wire, connect):
    link, device = connect(lambda data: [(5_000_001, b"pong\n")])
    virtual.sleep_s(10)
    link.write(b"ping\n")
    assert link.read_until(b"\n", virtual.now_ns() + NS_PER_S) == b"pong\n"
    assert link.now_ns() == 10 * NS_PER_S + 5_000_001
    assert device.heard == [(10 * NS_PER_S, b"ping\n")]
    assert wire.records == [(10 * NS_PER_S, ">", b"ping\n"), (10 * NS_PER_S + 5_000_001, "<", b"pong\n")]


def test_silence_costs_virtual_time_up_to_the_deadline_exactly(virtual, connect):
    link, _ = connect(lambda data: [(NS_PER_S, b"late\n")])
    link.write(b"x")
    with pytest.raises(LinkTimeout):
        link.read_until(b"\n", 500 * NS_PER_MS)
    assert virtual.now_ns() == 500 * NS_PER_MS
    assert link.read_until(b"\n", NS_PER_S) == b"late\n"  # at the deadline is in time


def test_trickling_bytes_do_not_move_the_deadline(virtual, connect):
    link, _ = connect(lambda data: [(index * 100 * NS_PER_MS, b"x") for index in range(1, 100)])
    link.write(b"go")
    with pytest.raises(LinkTimeout) as caught:
        link.read_until(b"\n", NS_PER_S)
    assert caught.value.received == b"x" * 10
    assert virtual.now_ns() == NS_PER_S


def test_bytes_come_in_the_order_of_their_times_then_of_sending(virtual, connect):
    link, _ = connect(lambda data: [(30, b"c"), (10, b"a"), (30, b"d"), (20, b"b"), (40, b"")])
    link.write(b"go")
    assert link.read_exactly(4, NS_PER_S) == b"abcd"
    assert virtual.now_ns() == 30


def test_device_that_speaks_by_itself_later_is_heard_in_time(virtual, connect):
    link, device = connect(lambda data: [])
    virtual.call_at(7 * NS_PER_MS, lambda: device.send(virtual.now_ns() + 1, b"alarm\n"))
    assert link.read_until(b"\n", NS_PER_S) == b"alarm\n"
    assert virtual.now_ns() == 7 * NS_PER_MS + 1


def test_discard_takes_what_has_arrived_and_no_more(virtual, connect):
    link, _ = connect(lambda data: [(10, b"old"), (20, b"older"), (1000, b"new")])
    link.write(b"go")
    virtual.sleep_until_ns(20)
    assert link.discard_input() == b"oldolder"
    assert virtual.now_ns() == 20
    assert link.read_exactly(3, NS_PER_S) == b"new"


def test_units_side_by_side_do_not_disturb_each_other(virtual, wire):
    def talk(name, delay_ns):
        def task():
            link = open_link(f"sim://{name}", virtual, wire, Device(virtual, lambda data: [(delay_ns, data)]))
            times = []
            for _ in range(100):
                link.write(name.encode())
                assert link.read_exactly(len(name), virtual.now_ns() + NS_PER_S) == name.encode()
                times.append(virtual.now_ns())
            return times

        return task

    results = virtual.run_all([talk("fast", 3 * NS_PER_MS), talk("slow", 7 * NS_PER_MS)])
    assert results[0] == [3 * NS_PER_MS * n for n in range(1, 101)]
    assert results[1] == [7 * NS_PER_MS * n for n in range(1, 101)]


def test_abort_in_a_wait_leaves_the_line_quiet_for_the_tear_down(virtual, connect):
    link, _ = connect(lambda data: [(10, b"reply to " + data)])

    def task():
        link.write(b"first\n")
        virtual.abort("operator")
        with pytest.raises(Aborted):
            link.read_until(b"\n", NS_PER_S)
        link.write(b"stop\n")
        return link.read_until(b"\n", NS_PER_S)

    assert virtual.run_all([task]) == [b"reply to stop\n"]


def test_unplugged_and_closed(virtual, connect):
    def unplugged(data):
        raise OSError("cable pulled")

    link, _ = connect(unplugged)
    with pytest.raises(LinkLost, match="cable pulled"):
        link.write(b"x")
    link.close()
    with pytest.raises(LinkLost, match="closed"):
        link.write(b"x")
