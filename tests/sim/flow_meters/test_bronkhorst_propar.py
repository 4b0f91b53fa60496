"""The flow meter that speaks propar: the manual's messages, damage, scaling, and the maker's own client."""

from __future__ import annotations

import json
import struct
import subprocess
import sys

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from rig.clock.virtual import VirtualClock
from rig.errors import DefinitionError
from rig.sim.build import simulate
from rig.sim.flow_meters.bronkhorst_propar import SimulatedPropar
from rig.sim.fluid.mechanisms import Peristaltic
from rig.sim.fluid.path import FluidPath

UL_H = 1000.0  # nl/h


@pytest.fixture
def fluid(clock):
    return FluidPath(clock, Peristaltic(), temperature_c=23.5)


@pytest.fixture
def meter(clock, fluid):
    return SimulatedPropar(clock, fluid, np.random.default_rng(1), serial="SIM-F1")


@pytest.fixture
def talk(talk_to, meter):
    return talk_to(meter)


def ascii_line(data, node=3):
    return f":{len(data) + 1:02X}{node:02X}{data.hex().upper()}\r\n".encode()


def told(talk, process, number, kind):
    """Value bytes of one parameter, read in ASCII."""
    reply = talk.ask(ascii_line(bytes([4, process, number | kind, process, number | kind])))
    content = bytes.fromhex(reply.decode().removeprefix(":"))
    assert content[0] == len(content) - 1
    assert content[1:5] == bytes([3, 2, process, number | kind])
    return content[5:]


def flow(talk):
    return struct.unpack(">f", told(talk, 33, 0, 0x40))[0]


def written(talk, *data, node=3):
    return talk.ask(ascii_line(bytes([1, *data]), node)).decode().strip()


def test_the_manuals_read_of_the_setpoint(talk):
    assert written(talk, 1, 0x21, 0x3E, 0x80) == ":0403000005"
    assert talk.ask(b":06030401210121\r\n") == b":06030201213E80\r\n"


def test_the_manuals_chained_read_echoes_the_masters_indices(talk, meter, fluid):
    meter.kept[113, 6] = "USERTAG"
    fluid.free_flow_nl_h = 500 * UL_H
    reply = talk.ask(b":1A0304F1EC7163006D71660001AE0120CF014DF0017F077101710A\r\n")
    data = (
        b"\x02\xf1\xec\x00SIM-F1\0" + b"\x6d\x00USERTAG\0"
        b"\x01\xae\x1f\x40" + b"\xcf" + struct.pack(">f", 2000) + b"\xf0\x07ul/h   " + b"\x71\x0aH2O       "
    )
    assert reply == ascii_line(data)


def test_the_manuals_chained_write(talk, meter):
    line = b":1D0301800A4081C500000000C63F800000C7000000004800000000000A52\r\n"
    assert talk.ask(line) == b":040300001C\r\n"
    assert [meter.kept[1, number] for number in (5, 6, 7, 8)] == [0.0, 1.0, 0.0, 0.0]
    assert meter.kept[0, 10] == 0x52


def test_the_binary_exchange_and_doubled_bytes(talk, meter, fluid):
    fluid.free_flow_nl_h = 1000 * UL_H
    asked = bytes.fromhex("10 02 01 80 05 04 01 20 01 20 10 03")
    assert talk.ask(asked) == bytes.fromhex("10 02 01 80 05 02 01 20 3E 80 10 03")
    meter.serial = "M1234567"
    asked = bytes.fromhex("10 02 03 80 06 04 00 60 00 60 00 10 03")
    assert talk.ask(asked) == b"\x10\x02\x03\x80\x10\x10\x02\x00\x60\x00\x1cSNM1234567\0\x10\x03"
    meter.kept[1, 1] = 0x1010  # 0x10 as sequence, too
    asked = bytes.fromhex("10 02 10 10 80 05 04 01 21 01 21 10 03")
    assert talk.ask(asked) == bytes.fromhex("10 02 10 10 80 05 02 01 21 10 10 10 10 10 03")


@pytest.mark.parametrize(
    ("percent", "counts"),
    [(0, 0), (100, 32_000), (131, 41_920), (140, 41_942), (-1, 65_535 - 320), (-200, 65_535 - 23_593)],
)
def test_measure_is_in_32000ths_with_its_own_sign(talk, fluid, percent, counts):
    fluid.free_flow_nl_h = percent * 20 * UL_H
    assert int.from_bytes(told(talk, 1, 0, 0x20), "big") == counts


@pytest.mark.parametrize(
    ("unit", "value"), [("ml/min", 0.01), ("ml/h", 0.6), ("g/h", 0.6 * 0.997415), ("mg/min", 10 * 0.997415)]
)
def test_capacity_may_be_of_volume_or_mass(talk, meter, fluid, unit, value):
    meter.set_capacity(100.0, unit)
    fluid.free_flow_nl_h = 600 * UL_H
    assert flow(talk) == pytest.approx(value, rel=1e-4)
    assert struct.unpack(">f", told(talk, 1, 13, 0x40))[0] == 100.0


def test_temperature_and_density_are_the_fluids(talk):
    assert struct.unpack(">f", told(talk, 33, 7, 0x40))[0] == pytest.approx(23.5)
    assert struct.unpack(">f", told(talk, 116, 15, 0x40))[0] == pytest.approx(997.4, abs=0.1)


def test_the_counter_counts_what_passes_and_can_be_set(talk, meter, fluid, clock):
    fluid.free_flow_nl_h = 600 * UL_H
    clock.sleep_s(60)
    meter.air = True  # and no flow is seen
    clock.sleep_s(60)
    meter.air, meter.gain_error = False, 0.1
    clock.sleep_s(60)
    assert struct.unpack(">f", told(talk, 104, 1, 0x40))[0] == pytest.approx(10 + 11)
    assert written(talk, 104, 0x41, 0, 0, 0, 0) == ":0403000007"
    clock.sleep_s(30)
    assert struct.unpack(">f", told(talk, 104, 1, 0x40))[0] == pytest.approx(5.5)


def test_one_update_has_one_value_and_noise_is_as_set(talk, meter, clock):
    meter.noise_nl_min = 100.0
    values = []
    for _ in range(2000):
        clock.sleep_s(0.02)
        values.append(flow(talk))
        assert flow(talk) == values[-1]
    assert np.std(values) == pytest.approx(100.0 * 60 / 1000, rel=0.06)


def test_a_stuck_meter_repeats_itself(talk, meter, fluid, clock):
    fluid.free_flow_nl_h = 600 * UL_H
    meter.stuck = True
    assert flow(talk) == pytest.approx(600)
    fluid.free_flow_nl_h = 900 * UL_H
    clock.sleep_s(1)
    assert flow(talk) == pytest.approx(600)
    meter.stuck = False
    clock.sleep_s(1)
    assert flow(talk) == pytest.approx(900)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        ("09", 2), ("04 02 20 02 20", 3), ("04 01 3E 01 3E", 4), ("04 01 20 01 00", 5), ("04 01 00 01 00", 5),
        ("01 01 20 00 01", 13), ("01 01 21 7D 01", 6), ("01 21 43 7F C0 00 00", 6),
        ("01 71 66 11 41 41 41 41 41 41 41 41 41 41 41 41 41 41 41 41 41", 6),
    ],
)  # fmt: skip
def test_wrong_requests_have_their_status_and_do_nothing(talk, meter, data, status):
    before = dict(meter.kept)
    reply = talk.ask(ascii_line(bytes.fromhex(data))).decode()
    assert reply[:9] == f":040300{status:02X}"
    assert meter.kept == before


def test_a_chain_with_one_wrong_item_does_nothing(talk, meter):
    assert written(talk, 0x81, 0x21, 0x10, 0x00, 33, 0x40, 0, 0, 0, 0).startswith(":0403000D")
    assert meter.kept[1, 1] == 0


def test_a_write_without_acknowledgement_is_silent(talk, meter):
    for command in (2, 3):
        assert talk.ask(ascii_line(bytes([command, 1, 0x21, 0x10, command]))) == b""
        assert meter.kept[1, 1] == 0x1000 + command
    assert talk.ask(ascii_line(bytes.fromhex("02 71 66 00 54 41 47 00"))) == b""
    assert meter.kept[113, 6] == "TAG"


@pytest.mark.parametrize(
    "line",
    [
        b":06030401210\r\n", b":07030401210121\r\n", b":0603XX01210121\r\n", b":\r\n", b":0103\r\n",
        b":050304012101\r\n", b":0703040121012100\r\n", b":06030481210121\r\n", b":0503010A40\r\n",
    ],
)  # fmt: skip
def test_damaged_lines_are_answered_with_an_error_and_the_next_one_is_heard(talk, line):
    assert talk.ask(line) == b":0104\r\n"
    assert talk.ask(b":06030401210121\r\n") == b":06030201210000\r\n"


def test_damaged_binary_frames(talk):
    good = bytes.fromhex("10 02 07 03 05 04 01 21 01 21 10 03")
    answer = bytes.fromhex("10 02 07 03 05 02 01 21 00 00 10 03")
    assert talk.ask(good.replace(b"\x03\x05", b"\x03\x06")) == bytes.fromhex("10 02 07 03 01 04 10 03")
    assert talk.ask(good[:6] + good) == answer  # a frame that breaks off
    assert talk.ask(b"\x00\x10noise\x03" + good + b"\x10") == answer
    assert talk.ask(b"\x02" + good[2:5]) == b""
    assert talk.ask(good[5:]) == answer


def test_both_modes_in_pieces_and_several_at_once(talk):
    binary = bytes.fromhex("10 02 3A 03 05 04 01 21 01 21 10 03")  # the sequence is a colon
    answer = bytes.fromhex("10 02 3A 03 05 02 01 21 00 00 10 03")
    text, said = b":06030401210121\r\n", b":06030201210000\r\n"
    assert talk.ask(text + binary + text) == said + answer + said
    for byte in text[:-1]:
        assert talk.ask(bytes([byte])) == b""
    assert talk.ask(b"\n") == said


def test_another_nodes_messages_are_not_answered(talk, meter):
    assert talk.ask(b":06040401210121\r\n") == b""
    assert talk.ask(bytes.fromhex("10 02 01 04 05 04 01 20 01 20 10 03")) == b""
    meter.address = 4
    assert talk.ask(b":06040401210121\r\n") == b":06040201210000\r\n"
    assert talk.ask(b":06800401210121\r\n") == b":06800201210000\r\n"


def test_answers_take_the_time_of_38400_baud(talk):
    talk.send(b":06030401210121\r\n")
    (t_ns, data), *_ = talk.arrived
    assert t_ns == pytest.approx(((17 + len(data)) * 10 / 38_400 + 0.001) * 1e9, rel=1e-6)


def test_the_bench_file_gives_capacity_and_node(bench_of, clock, tmp_path):
    bench = bench_of('flow_offset = "500 nL/min"', flow_driver="flow_bronkhorst_propar")
    unit = simulate(bench, clock).units["SIM-0001"]
    assert isinstance(unit.flow, SimulatedPropar)
    assert (unit.flow.capacity, unit.flow.capacity_unit, unit.flow.address) == (1800.0, "ul/h", 3)
    with pytest.raises(DefinitionError, match="flow_acme"):
        simulate(bench_of("", flow_driver="flow_acme"), clock)


CLIENT = """
import json, sys, propar
meter = propar.instrument(sys.argv[1], address=int(sys.argv[2]))
told = {mode: {str(number): meter.readParameter(number) for number in map(int, sys.argv[3:])}
        for mode, meter.master.propar.mode in (("binary", propar.PP_MODE_BINARY), ("ascii", propar.PP_MODE_ASCII))}
meter.master.propar.mode = propar.PP_MODE_BINARY
told["setpoint"] = [meter.writeParameter(9, 16000), meter.setpoint]
told["tag"] = [meter.writeParameter(115, "line 3"), meter.readParameter(115)]
told["refused"] = meter.writeParameter(21, 5.0)
told["chain"] = [each["data"] for each in meter.read_parameters(
    [meter.db.get_parameter(number) for number in (92, 115, 8, 21, 129, 25)])]
told["nodes"] = meter.master.get_nodes()
print(json.dumps(told))
"""


@pytest.mark.usefixtures("needs_pty")
@pytest.mark.parametrize("node", [3, 128])
def test_the_makers_client_reads_and_writes(served, node):
    """In a process of its own, because the client's threads never end."""
    simulated = 'flow_offset = "-500 nL/min"\ntemperature = "25 degC"'
    _, first = served(simulated, flow_driver="flow_bronkhorst_propar")
    path = first["instruments"]["SIM-0001/flow"]["address"].removeprefix("serial://")
    numbers = [8, 9, 12, 21, 24, 25, 28, 90, 91, 92, 105, 122, 128, 129, 142, 175, 183, 205, 206, 270]
    client = [sys.executable, "-c", CLIENT, path, str(node), *map(str, numbers)]
    told = json.loads(subprocess.run(client, capture_output=True, text=True, timeout=60, check=True).stdout)
    assert told["binary"].pop("122") <= 0.0
    assert told["ascii"].pop("122") <= 0.0
    assert told["ascii"] == told["binary"]
    assert told["binary"] == {
        "8": -533, "9": 0, "12": 0, "21": 1800.0, "24": 0, "25": "H2O", "28": 0, "90": "CORIFM",
        "91": "infusion-rig simulated propar", "92": "SIM-0001-F", "105": "V1.00", "128": "ul", "129": "ul/h",
        "142": 25.0, "175": 28, "183": 0.0, "205": -30.0, "206": 0.0, "270": pytest.approx(997.05, abs=0.01),
    }  # fmt: skip
    assert told["setpoint"] == [True, 16000]
    assert told["tag"] == [True, "line 3"]
    assert told["refused"] is False
    assert told["chain"] == ["SIM-0001-F", "line 3", -533, 1800.0, "ul/h", "H2O"]
    assert [(each["address"], each["type"], each["serial"]) for each in told["nodes"]] == [
        (3, "CORIFM", "SIM-0001-F")
    ]


PIECES = st.sampled_from(
    [b":", b"\r\n", b"\x10\x02", b"\x10\x03", b"\x10", b"03", b"0603", b"\x04\x01\x20", b"\xf1\xec"]
)


@given(st.lists(st.one_of(PIECES, st.binary(max_size=12)), max_size=20))
def test_no_bytes_make_it_stumble(pieces):
    clock = VirtualClock()
    meter = SimulatedPropar(clock, FluidPath(clock, Peristaltic()), np.random.default_rng(1))
    said = []
    meter.attach(lambda _t_ns, data: said.append(data))
    for piece in pieces:
        meter.receive(piece)
    meter.receive(b"\x10\x03\x10\x03\r\n" + b":06030401210121\r\n")  # ends whatever had begun
    assert said[-1].startswith(b":0603020121")


@given(st.binary(max_size=30))
def test_no_data_of_a_whole_message_make_it_stumble(data):
    clock = VirtualClock()
    meter = SimulatedPropar(clock, FluidPath(clock, Peristaltic()), np.random.default_rng(1))
    said = []
    meter.attach(lambda _t_ns, data: said.append(data))
    meter.receive(ascii_line(data))
    if not data or data[0] not in (2, 3):
        assert len(said) == 1
