"""The Keller transmitter: the manual's frames, every exception, and the maker's own client."""

from __future__ import annotations

import struct

import pytest

from rig.sim.auxiliaries.pressure_keller import SimulatedKeller, framed

CLIENT = """
import json, sys
from keller_protocol.keller_protocol import KellerProtocol
bus = KellerProtocol(port=sys.argv[1], baud_rate=9600, timeout=0.5, echo=sys.argv[2] == "echo")
said = []
try:
    bus.f73(1, 1)
except Exception as error:
    said.append(str(error))
said += [bus.f48(1), bus.f69(1), bus.f73(1, 1), bus.f73(250, 4), bus.f74(1, 1), bus.f74(1, 4)]
bus.f95(1, 0)
said.append(bus.f73(1, 1))
bus.f95(1, 1)
said += [bus.f73(1, 1), bus.f66(1, 9), bus.f66(250, 0), bus.f69(9)]
try:
    bus.f73(9, 7)
except Exception as error:
    said.append(str(error))
print(json.dumps(said))
"""


def transmitter(clock, **options):
    return SimulatedKeller(clock, lambda: 101.325, lambda: 25.5, serial=4711, **options)


@pytest.fixture
def keller(clock):
    return transmitter(clock)


@pytest.fixture
def ask(clock, talk_to, keller):
    talk = talk_to(keller)

    def asked(*numbers):
        clock.sleep_s(0.1)
        return list(talk.ask(framed(bytes(numbers)))[:-2])

    return asked


def test_frames_of_the_manual(clock, talk_to, keller):
    """Requests and responses with their CRC as the manual (section 5.1) and its worked example print them."""
    talk = talk_to(keller)
    assert talk.ask(bytes([250, 48, 4, 67]))[:2] == bytes([250, 48])
    clock.sleep_s(1)
    assert talk.ask(bytes.fromhex("01 49 01 50 D6")) == bytes.fromhex("01 49 3F 81 B2 2D 00 D7 84")
    clock.sleep_s(1)
    keller.pressure_kpa = lambda: struct.unpack(">f", bytes([63, 109, 186, 172]))[0] * 100
    assert talk.ask(bytes([250, 73, 1, 161, 167])) == bytes([250, 73, 63, 109, 186, 172, 0, 26, 27])
    clock.sleep_s(1)
    keller.temperature_c = lambda: 25.21484375
    assert talk.ask(bytes([250, 73, 4, 162, 103])) == bytes([250, 73, 65, 201, 184, 0, 0, 224, 204])


def test_nothing_before_initialisation(ask, keller):
    assert ask(1, 73, 1) == [1, 73 | 128, 32]
    assert ask(1, 48) == [1, 48, 5, 20, 12, 28, 10, 0]
    assert ask(1, 48) == [1, 48, 5, 20, 12, 28, 10, 1]
    assert ask(1, 69) == [1, 69, 0, 0, 18, 103]
    keller.interrupt_power()
    assert ask(1, 69) == [1, 69 | 128, 32]
    assert ask(1, 48)[-1] == 0


@pytest.mark.parametrize(("request_", "code"), [
    ((1, 47), 1), ((1, 48, 0), 3), ((1, 73, 6), 2), ((1, 73), 3), ((1, 74, 2), 4), ((1, 66), 3), ((1, 95, 4), 2),
    ((1, 95, 0, 1, 2), 3), ((1, 69, 1), 3),
])  # fmt: skip
def test_exceptions(ask, request_, code):
    ask(1, 48)
    assert ask(*request_) == [1, request_[1] | 128, code]


def test_integers(ask, keller):
    keller.pressure_kpa = lambda: 101.328
    ask(1, 48)
    assert ask(1, 74, 1) == [1, 74, *(101_330).to_bytes(4, "big"), 0], "in steps of 10 Pa"
    assert ask(1, 74, 4) == [1, 74, *(2550).to_bytes(4, "big"), 0]


def test_zero_points(ask, keller):
    ask(1, 48)
    assert ask(1, 95, 0) == [1, 95, 0]
    assert ask(1, 73, 1) == [1, 73, 0, 0, 0, 0, 0]
    assert ask(1, 95, 0, *struct.pack(">f", 0.5)) == [1, 95, 0]
    assert ask(1, 73, 1) == [1, 73, *struct.pack(">f", 0.5), 0]
    assert ask(1, 95, 1) == [1, 95, 0]
    assert keller.zero_kpa == 0
    keller.powering_up = True
    assert ask(1, 95, 0) == [1, 95 | 128, 1]
    assert ask(1, 73, 4)[-1] == 0x80


def test_addresses(ask, keller):
    ask(1, 48)
    assert ask(2, 48) == []
    assert ask(1, 66, 7) == [1, 66, 7]
    assert ask(1, 48) == []
    assert ask(250, 66, 0) == [250, 66, 7]
    assert ask(7, 66, 250) == [7, 66, 7]


def test_a_broken_channel_has_its_bit(ask, keller):
    ask(1, 48)
    keller.broken = {1}
    told = ask(1, 73, 1)
    assert struct.unpack(">f", bytes(told[2:6]))[0] != struct.unpack(">f", bytes(told[2:6]))[0]
    assert told[6] == 2
    assert ask(1, 74, 1) == [1, 74 | 128, 4]


def test_damaged_frames_get_no_answer_and_silence_parts_them(clock, talk_to, keller):
    talk = talk_to(keller)
    assert talk.ask(bytes([1, 48, 52, 1])) == b""
    assert talk.ask(bytes([1, 48, 52, 0])) == b"", "still part of the damaged one"
    clock.sleep_s(0.1)
    assert talk.ask(bytes([1, 48])) == b""
    assert len(talk.ask(bytes([52, 0]))) == 10


@pytest.mark.parametrize("echo", [False, True])
def test_the_makers_own_client(on_pty, run_client, echo):
    port = on_pty(lambda clock: transmitter(clock, echo=echo))
    said = run_client(CLIENT, port.path, "echo" if echo else "silent")
    assert "Device Error" in said[0]
    assert said[1:3] == ["5.20-12.28", 4711]
    assert said[3:5] == [pytest.approx(1.01325), 25.5]
    assert said[5:7] == [pytest.approx(101_325, abs=5), 2550]
    assert said[7:12] == [0.0, pytest.approx(1.01325), 9, 9, 4711]
    assert "Device Error" in said[12]
