"""The sensor cable on its line: worked frames, buffer, flags, states."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from rig.sim.flow_meters.sensirion_scc1 import SimulatedFlowSensor
from rig.sim.fluid.mechanisms import Peristaltic
from rig.sim.fluid.path import FluidPath


@pytest.fixture
def fluid(clock):
    return FluidPath(clock, Peristaltic(), temperature_c=23.5)


@pytest.fixture
def sensor(clock, fluid):
    return SimulatedFlowSensor(clock, fluid, np.random.default_rng(1), serial="SIM-F1")


@pytest.fixture
def talk(talk_to, sensor):
    return talk_to(sensor)


def wire(content):
    """A frame by this test's own reading of the protocol."""
    content = bytes(content) + bytes([0xFF - sum(content) % 256])
    stuffed = b"".join(
        bytes([0x7D, byte ^ 0x20]) if byte in b"\x7e\x7d\x11\x13" else bytes([byte]) for byte in content
    )
    return b"\x7e" + stuffed + b"\x7e"


def parsed(raw):
    """(address, command, state, data) of a reply frame."""
    assert raw[0] == raw[-1] == 0x7E
    assert raw.count(0x7E) == 2
    content, escaped = bytearray(), False
    for byte in raw[1:-1]:
        if byte == 0x7D:
            escaped = True
        else:
            content.append(byte ^ 0x20 if escaped else byte)
            escaped = False
    assert sum(content) % 256 == 0xFF
    assert content[3] == len(content) - 5
    return content[0], content[1], content[2], bytes(content[4:-1])


def command(talk, number, *data, address=0):
    """State and data of the answer to a command."""
    who, what, state, answer = parsed(talk.ask(wire([address, number, len(data), *data])))
    assert (who, what) == (address, number)
    return state, answer


def start(talk, interval_ms):
    assert command(talk, 0x33, *struct.pack(">HH", interval_ms, 0x3608)) == (0, b"")


def read_all(talk):
    """(lost bytes, rows) of everything in the buffer."""
    lost, rows = 0, []
    while True:
        state, answer = command(talk, 0x36, 3)
        assert state == 0
        gone, remaining, signals = struct.unpack(">IHH", answer[:8])
        assert signals == 3
        lost += gone
        rows += list(struct.iter_unpack(">hhH", answer[8:]))
        if not remaining:
            return lost, rows


@pytest.mark.parametrize(
    ("sent", "answered"),
    [
        ("7E 00 D1 00 2E 7E", "7E 00 D1 00 07 01 09 00 01 00 01 00 1B 7E"),
        ("7E 00 33 04 00 14 36 08 76 7E", "7E 00 33 00 00 CC 7E"),
        ("7E 00 35 01 03 C6 7E", "7E 00 35 24 00 A6 7E"),
    ],
)
def test_worked_frames(talk, sent, answered):
    assert talk.ask(bytes.fromhex(sent)) == bytes.fromhex(answered)


def test_worked_frame_of_a_measurement(talk, sensor, fluid, clock):
    sensor.scale, sensor.unit, sensor.nl_min_per_unit = 10, 0x0844, 1000.0  # as a 600 ul/min sensor: ul/min
    sensor.limit_nl_min = 600_000
    assert talk.ask(bytes.fromhex("7E 00 53 02 36 08 6C 7E")) == bytes.fromhex(
        "7E 00 53 00 06 00 0A 08 44 00 00 50 7E"
    )
    fluid.free_flow_nl_h = -25_000 * 60  # -25.0 ul/min
    sensor.air, sensor.air_blinds = True, False
    start(talk, 20)
    clock.sleep_s(0.016)
    assert talk.ask(bytes.fromhex("7E 00 35 01 03 C6 7E")) == bytes.fromhex(
        "7E 00 35 00 06 FF 06 12 5C 00 01 50 7E"
    )


def test_air_is_flagged_from_when_it_comes(talk, sensor, fluid, clock):
    fluid.drive(100.0)
    start(talk, 100)
    clock.sleep_s(1)
    sensor.air = True
    clock.sleep_s(1)
    sensor.air = False
    clock.sleep_s(1)
    _, rows = read_all(talk)
    assert [flags for _, _, flags in rows] == [0] * 10 + [1] * 10 + [0] * 10
    assert [flow for flow, _, _ in rows] == [6000] * 10 + [0] * 10 + [6000] * 10


def test_stuffing_both_ways(talk, sensor):
    sensor.serial = "~}\x11\x13"
    reply = talk.ask(wire([0, 0xD0, 1, 3]))
    assert b"\x7d\x5e\x7d\x5d\x7d\x31\x7d\x33\x00" in reply
    assert parsed(reply)[3] == b"~}\x11\x13\x00"
    assert command(talk, 0x95, 0x7E, 0x11) == (0, b"")
    assert command(talk, 0x95) == (0, b"\x7e\x11")
    # a checksum that needs stuffing: 0x11 = ~(0xEE)
    assert command(talk, 0x90, 0xEE - 0x91 & 0xFF)[0] == 0


def test_identity(talk):
    assert command(talk, 0xD0, 1) == (0, b"infusion-rig simulated SCC1\0")
    assert command(talk, 0xD0, 3) == (0, b"SIM-F1\0")
    assert command(talk, 0xD0, 9)[0] == 4
    state, product = command(talk, 0x50)
    text = product.rstrip(b"\0").decode()
    assert state == 0
    assert int(text[:8], 16) >> 8 == 0x070205
    assert int(text[8:], 16) > 0
    assert command(talk, 0x24) == (0, b"\x03")
    assert command(talk, 0x53, 0x36, 0x08) == (0, bytes.fromhex("0001 0843 0000"))  # 1 count = 1 nl/min


@pytest.mark.parametrize(
    ("data", "state"),
    [
        ([0x35], 1), ([0x35, 2], 4), ([0x36, 3], 0x24), ([0x99], 2), ([0x33, 0, 20], 1), ([0x33, 0, 20, 0x36, 9], 4),
        ([0xD1, 0], 1), ([0x53, 0x36, 0x09], 4), ([0x91, 0, 0, 0, 1], 3), ([0x37, 2], 4), ([0xD2], 1),
    ],
)  # fmt: skip
def test_wrong_commands_have_their_states_and_are_remembered(talk, data, state):
    assert command(talk, data[0], *data[1:]) == (state, b"")
    assert command(talk, 0xD2, 1) == (0, struct.pack(">IB", 0, state))
    assert command(talk, 0xD2, 1) == (0, bytes(5))


def test_a_device_error_is_told_with_each_answer_until_it_is_cleared(talk, sensor):
    sensor.device_state = 0x10
    assert command(talk, 0x24) == (0x80, b"\x03")
    assert command(talk, 0xD2, 1) == (0x80, bytes.fromhex("00000010 00"))
    assert command(talk, 0x24) == (0, b"\x03")


def test_wrong_checksum_wrong_length_foreign_address_noise(talk):
    good = wire([0, 0xD1, 0])
    assert parsed(talk.ask(good[:-2] + bytes([good[-2] ^ 1]) + b"\x7e"))[2] == 5
    assert parsed(talk.ask(wire([0, 0xD1, 3])))[2] == 1
    assert talk.ask(wire([7, 0xD1, 0])) == b""
    assert talk.ask(wire([0xFF, 0xD1, 0])) == b""  # all carry out a broadcast, nobody answers
    assert parsed(talk.ask(b"\x00noise" + b"\x7e" + good))[2] == 0
    assert talk.ask(good[:3]) == b""
    assert parsed(talk.ask(good[3:]))[2] == 0


def test_its_address_can_be_changed(talk):
    assert command(talk, 0x90) == (0, b"\x00")
    assert parsed(talk.ask(wire([0, 0x90, 1, 5])))[2] == 0
    assert talk.ask(wire([0, 0x90, 0])) == b""
    assert command(talk, 0x90, address=5) == (0, b"\x05")


def test_35_gives_each_value_once(talk, fluid, clock):
    fluid.drive(0.5)  # 30 nl/min: about the lowest rate
    start(talk, 1000)
    assert command(talk, 0x33) == (0, b"\x03\xe8")
    assert command(talk, 0x35, 3) == (0, b"")
    clock.sleep_s(0.02)
    assert command(talk, 0x35, 3) == (0, struct.pack(">hhH", 30, 4700, 0))
    assert command(talk, 0x35, 3) == (0, b"")
    clock.sleep_s(1)
    assert command(talk, 0x35, 3)[1] != b""
    assert command(talk, 0x34) == (0, b"")
    assert command(talk, 0x33) == (0, b"")


def test_the_buffer_gives_every_sample_once_in_order(talk, fluid, clock):
    start(talk, 100)
    for step in range(50):
        fluid.drive(1.0 * step)
        clock.sleep_s(1)
        if step % 7 == 3:
            lost, rows = read_all(talk)
            assert lost == 0
            assert len(rows) == (40 if step == 3 else 70)
            if step > 3:
                assert [flow for flow, _, _ in rows] == [60 * (step - 6 + i // 10) for i in range(70)]
    assert command(talk, 0x34)[0] == 0  # what was measured can still be read
    lost, rows = read_all(talk)
    assert (lost, len(rows)) == (0, 40)
    assert command(talk, 0x36, 3) == (0x24, b"")


def test_a_frame_holds_at_most_41_samples(talk, clock):
    start(talk, 10)
    clock.sleep_s(2)
    _, answer = command(talk, 0x36, 3)
    assert len(answer) == 8 + 41 * 6
    assert struct.unpack(">IHH", answer[:8]) == (0, (199 - 41) * 6, 3)


def test_a_full_buffer_loses_the_oldest_samples_and_counts_the_bytes(talk, sensor, fluid, clock):
    sensor.buffer_samples = 100
    start(talk, 100)
    for step in range(30):
        fluid.drive(1.0 * step)
        clock.sleep_s(1)
    lost, rows = read_all(talk)
    assert (lost, len(rows)) == (200 * 6, 100)
    assert [flow for flow, _, _ in rows] == [60 * (20 + i // 10) for i in range(100)]
    clock.sleep_s(1)
    assert read_all(talk)[0] == 0


def test_beyond_its_range_it_saturates_and_flags(talk, sensor, fluid, clock):
    start(talk, 100)
    for flow_nl_min in (31_000, 40_000, -40_000):
        fluid.free_flow_nl_h = 60.0 * flow_nl_min
        clock.sleep_s(0.1)
    assert [(flow, flags) for flow, _, flags in read_all(talk)[1]] == [(31_000, 0), (32_000, 2), (-32_000, 2)]


def test_noise_offset_and_temperature_swing(talk, sensor, fluid, clock):
    sensor.noise_nl_min, sensor.offset_nl_min = 20.0, 5.0
    fluid.temperature_swing_k = 0.5
    start(talk, 10_000)
    clock.sleep_s(86_400 / 2)
    rows = np.array(read_all(talk)[1])
    assert rows[:, 0].mean() == pytest.approx(5.0, abs=1.5)
    assert rows[:, 0].std() == pytest.approx(20.0, rel=0.05)
    assert rows[:, 1].max() / 200 == pytest.approx(24.0, abs=0.005)


def test_noise_does_not_depend_on_how_often_the_buffer_is_read(clock, fluid, talk_to):
    seen = []
    for parts in (1, 7):
        sensor = SimulatedFlowSensor(clock, fluid, np.random.default_rng(3), noise_nl_min=50.0)
        talk = talk_to(sensor)
        start(talk, 100)
        rows = []
        for _ in range(parts):
            clock.sleep_s(70 / parts)
            rows += read_all(talk)[1]
        seen.append([flow for flow, _, _ in rows])
    assert len(seen[0]) == 700
    assert seen[0] == seen[1]


def test_what_was_foreseen_gives_way_to_what_changes(clock, talk_to):
    """Read often, so that much is foreseen, and seldom, so that nothing is: the same samples to the bit."""
    seen = []
    for every_s in (1, 60):
        fluid = FluidPath(clock, Peristaltic(ripple=0.2), compliance_time_s=2.0)
        sensor = SimulatedFlowSensor(clock, fluid, np.random.default_rng(4), noise_nl_min=50.0)
        talk = talk_to(sensor)
        start(talk, 100)
        rows = []
        for second in range(600):
            clock.sleep_s(1)
            if second in (155, 331):
                fluid.drive(float(second))
            if second == 257:
                sensor.noise_nl_min = 100.0
            if second == 407:
                sensor.stuck = True
            if second == 471:
                sensor.stuck = False
            if (second + 1) % every_s == 0:
                rows += read_all(talk)[1]
        seen.append(rows)
    assert len(seen[0]) == 6000
    assert seen[0] == seen[1]


def test_a_stuck_sensor_repeats_itself(talk, sensor, fluid, clock):
    fluid.drive(10.0)
    start(talk, 100)
    clock.sleep_s(1)
    sensor.stuck = True
    clock.sleep_s(1)
    fluid.drive(20.0)
    clock.sleep_s(1)
    sensor.stuck = False
    clock.sleep_s(1)
    assert [flow for flow, _, _ in read_all(talk)[1]] == [600] * 30 + [1200] * 10


def test_totaliser_sums_counts_of_samples(talk, fluid, clock):
    fluid.drive(10.0)
    start(talk, 100)
    clock.sleep_s(1)
    assert command(talk, 0x37) == (0, b"\x01")
    assert struct.unpack(">q", command(talk, 0x38)[1]) == (6000,)
    assert command(talk, 0x37, 0) == (0, b"")
    clock.sleep_s(1)
    assert struct.unpack(">q", command(talk, 0x38)[1]) == (6000,)
    assert command(talk, 0x39) == (0, b"")
    assert struct.unpack(">q", command(talk, 0x38)[1]) == (0,)


def test_a_reset_is_silent_for_a_while_and_ends_the_measurement(talk, clock):
    start(talk, 100)
    clock.sleep_s(5)
    assert struct.unpack(">I", command(talk, 0x93)[1]) == (5,)
    assert command(talk, 0xD3) == (0, b"")
    assert talk.ask(wire([0, 0xD1, 0])) == b""
    clock.sleep_s(2)
    assert command(talk, 0x35, 3)[0] == 0x24
    assert struct.unpack(">I", command(talk, 0x93)[1]) == (1,)


def test_answers_take_the_time_of_115200_baud_and_the_reply_delay(talk):
    talk.send(wire([0, 0xD1, 0]))
    (first_ns, data), *_ = talk.arrived
    assert first_ns == pytest.approx(((6 + len(data)) * 10 / 115_200 + 0.001) * 1e9, rel=1e-6)
    command(talk, 0x95, 0x27, 0x10)
    before_ns = max(t_ns for t_ns, _ in talk.arrived) if talk.arrived else 0
    talk.clock.sleep_s(1)
    talk.send(wire([0, 0xD1, 0]))
    assert talk.arrived[-1][0] - max(before_ns, talk.clock.now_ns()) > 11e6
