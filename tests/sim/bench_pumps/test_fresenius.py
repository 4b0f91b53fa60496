"""The infupy-compatible Fresenius subset: the worked frames, connections, modes, unasked values, and infupy itself."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from rig.clock.virtual import VirtualClock
from rig.sim.bench_pumps.fresenius import SimulatedFresenius
from rig.sim.fluid.mechanisms import Peristaltic
from rig.sim.fluid.path import FluidPath

ACK = b"\x06"


@pytest.fixture
def fluid(clock):
    return FluidPath(clock, Peristaltic())


@pytest.fixture
def pump(clock, fluid):
    return SimulatedFresenius(clock, fluid, serial="SIM-F1", capacity_nl=50e6)


@pytest.fixture
def talk(talk_to, pump):
    return talk_to(pump)


def framed(text):
    data = text.encode()
    return b"\x02" + data + f"{0xFF - sum(data) % 256:02X}".encode() + b"\x03"


def say(talk, text):
    reply = talk.ask(framed(text))
    assert reply[:2] == ACK + b"\x02"
    content = reply[2:-3].decode()
    assert reply[1:] == framed(content)
    talk.send(ACK)
    return content


@pytest.fixture
def ready(talk):
    """Base and module connected, under control."""
    for text in ("0DC", "1DC", "1MO;2"):
        assert say(talk, text) == f"{text[0]}C"
    return talk


def flowed_ml(fluid):
    return fluid.displaced_nl([fluid.clock.now_ns()])[0] / 1e6


def test_the_worked_exchange(ready):
    assert say(ready, "1PR;0019") == "1C"
    reply = ready.ask(bytes.fromhex("02 31 4C 45 3B 64 39 45 03"))
    assert reply == bytes.fromhex("06 02 31 43 3B 64 30 30 31 39 32 32 03")


def test_damaged_frames_have_their_codes(talk):
    assert talk.ask(b"\x020DC00\x03") == b"\x152"
    assert talk.ask(b"\x02\x03") == b"\x152"
    assert talk.ask(b"\x020D\x07") == b"\x158"
    assert talk.ask(b"\x02" + b"A" * 90) == b"\x157"
    assert talk.ask(framed("7DC")) == b"\x154"
    assert talk.ask(framed("DC")) == b"\x154"
    assert say(talk, "0DC") == "0C"


def test_an_answer_refused_is_sent_again(ready):
    first = ready.ask(framed("1LE;m"))
    assert ready.ask(b"\x152") == first[1:]
    assert ready.ask(ACK) == b""


def test_connections_open_in_order(talk):
    assert say(talk, "0LE;b") == "0I;0D"
    assert say(talk, "1DC") == "1I;0D"
    assert say(talk, "0DC") == "0C"
    assert say(talk, "0LE;bi") == "0C;b01;i01"
    assert say(talk, "1LE;d") == "1I;1E"
    assert say(talk, "1DC") == "1C"
    assert say(talk, "1LE;d") == "1C;d0000"
    assert say(talk, "1FC") == "1C"
    assert say(talk, "1LE;d") == "1I;1E"


def test_a_pump_alone_has_no_address(clock, fluid, talk_to):
    talk = talk_to(SimulatedFresenius(clock, fluid, module=None))
    assert say(talk, "DC") == "C"
    assert say(talk, "LE;dr") == "C;d0000;r000000"
    assert talk.ask(framed("0DC")) == b"\x154"


def test_identity(ready):
    assert say(ready, "1LF;b") == "1C;bSIM"
    assert say(ready, "1LN") == "1C;SIM-F1"
    assert say(ready, "1LP") == "1C;SIMULATED"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("1XX", "01"), ("0PR;0001", "01"), ("1LE", "04"), ("1LE;z", "0B"), ("1LF;q", "0B"), ("1PR;xyz", "04"),
        ("1PR;0000", "08"), ("1PR;FFFF", "08"), ("1MO;2", "06"), ("1MO;3", "04"), ("1PO", "03"), ("1PB;0064", "04"),
        ("1PB;0064;000000", "08"), ("1PB;0064;FFFFFF", "15"),
    ],
)  # fmt: skip
def test_refusals(ready, text, code):
    assert say(ready, text) == f"{text[0]}I;{code}"


def test_by_hand_it_is_not_commanded(ready):
    assert say(ready, "1MO;1") == "1C"
    for text in ("1PR;0064", "1PO", "1PB;0064;0010"):
        assert say(ready, text) == "1I;02"


def test_infusing_pausing_and_counting(ready, clock, fluid):
    assert say(ready, "1PR;0168") == "1C"  # 36.0 ml/h
    clock.sleep_s(100)
    assert say(ready, "1LE;dra") == "1C;d0168;r0003E8;a0000"
    assert say(ready, "1PO") == "1C"
    clock.sleep_s(100)
    assert say(ready, "1LE;dr") == "1C;d0000;r0003E8"
    assert flowed_ml(fluid) == pytest.approx(1)
    assert say(ready, "1RV") == "1C"
    assert say(ready, "1LE;r") == "1C;r000000"


def test_a_bolus_comes_on_top_and_the_infusion_goes_on(ready, clock, fluid):
    say(ready, "1PR;0168")
    say(ready, "1PB;0E10;0003E8")  # 1 ml at 360 ml/h
    assert say(ready, "1LE;dk") == "1C;d0E10;k0E10"
    assert say(ready, "1PB;0E10;0003E8") == "1I;03"
    clock.sleep_s(5)
    assert say(ready, "1LE;s") == "1C;s0001F4"
    clock.sleep_s(105)
    assert say(ready, "1LE;dks") == "1C;d0168;k0000;s0003E8"
    assert flowed_ml(fluid) == pytest.approx(2)


def test_a_limit_of_volume_ends_it(ready, clock, fluid):
    say(ready, "1PV;0003E8")
    say(ready, "1PR;0168")
    clock.sleep_s(200)
    assert say(ready, "1LE;dr") == "1C;d0000;r0003E8"
    assert flowed_ml(fluid) == pytest.approx(1)


def test_alarms(ready, pump, clock):
    pump.drive.near_end_nl = 10e6
    say(ready, "1PR;2EE0")  # 1200 ml/h: 50 ml in 150 s
    clock.sleep_s(125)
    assert say(ready, "1LE;ad") == "1C;a0002;d2EE0"
    clock.sleep_s(30)
    assert say(ready, "1LE;ad") == "1C;a0006;d0000"
    assert say(ready, "1PR;0064") == "1I;12"
    assert say(ready, "1SI") == "1C"
    pump.drive.load(50e6)
    pump.drive.occluded, pump.drive.occlusion_nl = True, 0.1e6
    say(ready, "1PR;2EE0")
    clock.sleep_s(1)
    assert say(ready, "1LE;a") == "1C;a0001"


def test_unasked_values_come_when_they_change_until_they_are_echoed(ready, clock):
    assert ready.ask(framed("1DE;d")) == ACK + framed("1C") + framed("1E;d0000")
    assert ready.ask(framed("1E")) == ACK
    clock.sleep_s(10)
    ready.take()
    assert framed("1E;d0064") in ready.ask(framed("1PR;0064"))
    clock.sleep_s(2.5)
    assert ready.take().count(framed("1E;d0064")) == 2  # nobody acknowledged it
    ready.send(framed("1E"))
    ready.take()
    clock.sleep_s(10)
    assert framed("1E;d0064") not in ready.take()
    assert say(ready, "1AE") == "1C"
    say(ready, "1PO")
    clock.sleep_s(10)
    assert set(ready.take()) <= {0x05}


def test_in_silence_it_asks_and_at_last_gives_up(ready, pump, clock):
    clock.sleep_s(5)
    assert ready.take() == b"\x05\x05"
    ready.send(b"\x14")
    pump.lost_after_s = 9
    clock.sleep_s(30)
    assert say(ready, "1LE;m") == "1I;0D"
    assert pump.mode == 1


CLIENT = """
import json, sys, time
from infupy.backends.fresenius import FreseniusBase, FreseniusComm, VarId
comm = FreseniusComm(sys.argv[1])
base = FreseniusBase(comm, wait=False)
told = {"modules": base.listModules()}
pump = base.connectSyringe(told["modules"][0])
told["type"], told["drug"] = pump.readDeviceType().decode(), pump.readDrug().decode()
told["refused"] = pump.execRawCommand(b"PR;0E10").value.name
pump.remoteControl(True)
pump.registerEvent(VarId.volume)
told["accepted"] = not pump.execRawCommand(b"PR;0E10").error
time.sleep(1.3)
told["rate"] = pump.readRate()
pump.stopInfusion()
told["volume"] = pump.readVolume()
told["event"] = comm.eventq.get(timeout=5)[1:][0]
pump.clearEvents()
pump.resetVolume()
told["after"] = [pump.readRate(), pump.readVolume()]
pump.disconnect()
base.disconnect()
print(json.dumps(told))
"""


def test_somebody_elses_client_twice_on_one_pty(on_pty, run_client):
    """7E1, which a pseudo-terminal forgets: the second client can open it all the same."""
    served = on_pty(lambda clock: SimulatedFresenius(clock, FluidPath(clock, Peristaltic()), module=3), 5.0)
    for _ in range(2):
        told = run_client(CLIENT, served.path)
        assert told.pop("volume") > 0.3  # 360 ml/h for more than six seconds of the pump's quick clock
        assert told == {
            "modules": [3], "type": "bSIM", "drug": "SIMULATED", "refused": "ECMDMODE", "accepted": True,
            "rate": 360.0, "event": 3, "after": [0.0, 0.0],
        }  # fmt: skip


PIECES = st.sampled_from(
    [b"\x02", b"\x03", b"\x06", b"\x15", framed("0DC"), framed("1DC"), framed("1DE;r"), b"1LE;d9E"]
)


@given(st.lists(st.one_of(PIECES, st.binary(max_size=12)), max_size=20))
def test_no_bytes_make_it_stumble(pieces):
    clock = VirtualClock()
    pump = SimulatedFresenius(clock, FluidPath(clock, Peristaltic()))
    said = []
    pump.attach(lambda _t_ns, data: said.append(data))
    for piece in pieces:
        pump.receive(piece)
    clock.sleep_s(3)
    pump.receive(b"\x02\x03" + framed("0DC"))
    assert ACK + framed("0C") in said
