"""Two pumps on one RS-485 line, each asked by a thread of its own: no reply goes to the wrong one."""

from __future__ import annotations

import threading
import time

import pytest

from rig.clock.wall import WallClock
from rig.drivers.pump_rpu1 import Rpu1Pump
from rig.transport.address import Framing
from rig.transport.buffered_link import BufferedLink
from rig.transport.shared_link import share

IDENTITY = "OK MAKER=A MODEL=B SERIAL=C-{address} FW=1 PROTO=1 LEVEL=2"
STATUS = "OK MODE=SC RUN=1 SRC=BASAL RATE={n} LEFT=0 DELIV={n} RES=0 BATT=0 ERI=0 ALARMS=0000 STOPT=0 UP=1 CLK=1 LOG=1"
DELIVERED_NL = {"01": 100_000, "02": 200_000}  # plus one with each status asked for


class Bus(BufferedLink):
    """A line with a pump 01 and a pump 02. Before the reply of the one that is asked, the other is heard too late."""

    def __init__(self, clock, sink, rpu1_line):
        super().__init__("bus://line", clock, sink)
        self.line, self.asked, self.last = rpu1_line, dict.fromkeys(DELIVERED_NL, 0), b""
        self.open_requests, self.overlapped, self.heard = 0, False, []

    def _send(self, data):
        self.overlapped |= self.open_requests > 0
        self.open_requests += 1
        address, sequence, request = data[2:-7].decode().split(" ", 2)
        self.asked[address] += request == "GET STATUS"
        number = DELIVERED_NL[address] + self.asked[address]
        text = (IDENTITY if request == "ID" else STATUS).format(address=address, n=number)
        other = {"01": "02", "02": "01"}[address]
        wrong = self.line(f"< {other} {sequence} {STATUS.format(n=77)}")
        alarm = self.line(f"! {other} 00 ALARM ID=ERI CLASS=NONCRIT STATE=ON T=1 LOG={number}")
        reply = self.line(f"< {address} {sequence} {text}")
        self.heard += [self.last, wrong, alarm, reply[:9], reply[9:]]
        self.last = reply

    def _receive(self, deadline_ns):
        while self.heard:
            time.sleep(1e-5)  # here the other pump's thread runs
            heard = self.heard.pop(0)
            if not self.heard:
                self.open_requests -= 1
            if heard:
                return self._logged(heard)
        return b""

    def _release(self):
        self.heard.clear()


@pytest.fixture
def two_pumps(rpu1_line):
    """Both pumps, the bus, and what each one's own wire record holds."""
    clock, records = WallClock(), {"01": [], "02": []}
    bus = Bus(clock, lambda *_: None, rpu1_line)
    shares = [
        share(
            "bus:two pumps",
            Framing(115200, 8, "N", 1),
            "bus://line",
            lambda *entry, into=into: into.append(entry),
            lambda: bus,
        )
        for into in records.values()
    ]
    pumps = [Rpu1Pump(link, address) for address, link in enumerate(shares, 1)]
    yield pumps, bus, records
    for pump in pumps:
        pump.close()


def test_two_pumps_polled_together_do_not_mix_replies(two_pumps):
    pumps, bus, records = two_pumps
    seen = {pump: [] for pump in pumps}
    together = threading.Barrier(2)

    def poll(pump):
        together.wait(10)
        seen[pump] += [pump.interrogate().delivered_nl for _ in range(150)]

    threads = [threading.Thread(target=poll, args=(pump,)) for pump in pumps]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    for pump, first in zip(pumps, DELIVERED_NL.values(), strict=True):
        assert seen[pump] == [first + n for n in range(1, 151)]
        assert pump.notices == ()
    assert not bus.overlapped
    for address, entries in records.items():
        sent = [data for _, direction, data in entries if direction == ">"]
        assert len(sent) == 151
        assert all(data.startswith(f"> {address} ".encode()) for data in sent)


def test_each_pump_of_the_line_says_who_it_is(two_pumps):
    pumps, _, _ = two_pumps
    assert [pump.identify().serial for pump in pumps] == ["C-01", "C-02"]
    pumps[0].close()
    assert pumps[1].interrogate().delivered_nl == 200_001  # the other's end does not close the line
