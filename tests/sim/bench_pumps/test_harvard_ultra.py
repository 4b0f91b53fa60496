"""The Harvard pump with the Ultra command set: form of the answers, prompts, targets, refusals."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
import serial
from hypothesis import given

from rig.clock.virtual import VirtualClock
from rig.sim.bench_pumps.harvard_ultra import SimulatedHarvardUltra
from rig.sim.bench_pumps.harvard_ultra_words import plain
from rig.sim.fluid.mechanisms import Peristaltic
from rig.sim.fluid.path import FluidPath


@pytest.fixture
def fluid(clock):
    return FluidPath(clock, Peristaltic())


@pytest.fixture
def pump(clock, fluid):
    return SimulatedHarvardUltra(clock, fluid, serial="SIM-U1", capacity_nl=20e6)


@pytest.fixture
def talk(talk_to, pump):
    return talk_to(pump)


def flowed_ml(fluid):
    return fluid.displaced_nl([fluid.clock.now_ns()])[0] / 1e6


def test_lines_of_the_answer_and_the_prompt(talk):
    assert talk.ask(b"diameter\r\n") == b"\n26.59 mm\r\n:"
    assert talk.ask(b"diameter 4.85\r\n") == b"\n:"
    assert talk.ask(b"diam\r") == b"\n4.85 mm\r\n:"
    assert talk.ask(b"\r\n") == b"\n:"
    assert talk.ask(b"@irat 3.2 ul/min\n") == b"\n:"
    assert talk.ask(b"irate\r\n") == b"\n3.2 ul/min\r\n:"


def test_the_guides_example_speaks_to_pump_12(talk, pump):
    pump.address = 12
    assert talk.ask(b"12:irat 3.2 ul/min\r\n") == b"\n12:"
    assert talk.ask(b"12:irate\r\n") == b"\n12:3.2 ul/min\r\n12:"
    assert talk.ask(b"12irun\r\n") == b"\n12>"
    assert talk.ask(b"irate\r\n") == b""
    assert talk.ask(b"3:irate\r\n") == b""


def test_polling_appends_xon(talk):
    assert talk.ask(b"poll on\r\n") == b"\n:\x11"
    assert talk.ask(b"ver\r\n") == b"\nPHD ULTRA simulated 1.0.0\r\n:\x11"
    assert talk.ask(b"poll off\r\n") == b"\n:"


def test_identity(talk):
    said = talk.ask(b"version\r\n").decode().split("\r")
    assert said[-2:] == ["\nSerial number: SIM-U1", "\n:"]
    assert talk.ask(b"address\r\n") == b"\nPump address is 0\r\n:"


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (b"frob", b"\nCommand error: frob\r\n   Unknown command\r"),
        (b"ira 3 ul/min", b"\nCommand error: ira\r\n   Unknown command\r"),
        (b"irate 99999 ml/min", b"\nArgument error: 99999 ml/min\r\n   Out of range\r"),
        (b"irate 3 gal/min", b"\nArgument error: 3 gal/min\r\n   Unknown unit\r"),
        (b"irate x ul/min", b"\nArgument error: x\r\n   Not a number\r"),
        (b"diameter 99", b"\nArgument error: 99\r\n   Out of range\r"),
        (b"tvolume 3", b"\nArgument error: 3\r\n   Unknown unit\r"),
        (b"force 0", b"\nArgument error: 0\r\n   Out of range\r"),
        (b"diameter 0.1\r\nirun", b"\n:\nCommand error: run\r\n   Out of range\r"),
        (b"load qs x", b"\nArgument error: qs x\r\n   Not a method\r"),
    ],
)
def test_refusals_are_two_lines(talk, command, told):
    assert talk.ask(command + b"\r\n") == told + b"\n:"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("14 ml/hr", "14 ml/hr"), ("14 ml/h", "14 ml/hr"), ("0.5 u/m", "0.5 ul/min"), ("250 nl/sec", "250 nl/sec"),
        ("1.23456 ul/min", "1.23456 ul/min"), ("12 ul/s", "12 ul/sec"),
    ],
)  # fmt: skip
def test_rates_in_every_unit(talk, said, told):
    assert talk.ask(f"irate {said}\r\n".encode()) == b"\n:"
    assert talk.ask(b"irate\r\n") == f"\n{told}\r\n:".encode()


def test_limits_follow_the_syringe(talk):
    talk.ask(b"diameter 4.6\r\n")
    lowest, highest = talk.ask(b"irate lim\r\n").decode().strip("\n:\r").split(" to ")
    assert highest == "3.17091 ml/min"  # 190.8 mm/min of 4.6 mm
    assert talk.ask(b"irate max\r\n") == b"\n:"
    assert talk.ask(b"irate\r\n") == f"\n{highest}\r\n:".encode()
    assert lowest.endswith("nl/min")


def test_infusing_to_a_target(talk, clock, fluid):
    for command in (b"irate 36 ml/hr\r\n", b"tvolume 2 ml\r\n"):
        assert talk.ask(command) == b"\n:"
    assert talk.ask(b"irun\r\n") == b"\n>"
    clock.sleep_s(100)
    assert talk.ask(b"ivolume\r\n") == b"\n1 ml\r\n>"
    assert talk.ask(b"crate\r\n") == b"\nInfusing at 36 ml/hr\r\n>"
    assert talk.ask(b"status\r\n") == b"\n10000000000 100 1000000000000 i...I\r\n>"
    assert talk.ask(b"irate 72 ml/hr\r\n") == b"\n>"
    clock.sleep_s(51)
    assert talk.take() == b"\nT*"  # unasked
    assert talk.ask(b"\r\n") == b"\nT*"
    assert flowed_ml(fluid) == pytest.approx(2)
    assert talk.ask(b"irun\r\n") == b"\nT*"
    assert talk.ask(b"civolume\r\n") == b"\nT*"
    assert talk.ask(b"irun\r\n") == b"\n>"
    assert talk.ask(b"stp\r\n") == b"\n:"
    assert talk.ask(b"ctvolume\r\n") == b"\n:"
    assert talk.ask(b"tvolume\r\n") == b"\nTarget volume not set\r\n:"


def test_a_target_time_and_withdrawing(talk, clock, fluid):
    for command in (b"poll on", b"wrate 36 ml/hr", b"irate 36 ml/hr", b"irun"):
        talk.ask(command + b"\r\n")
    clock.sleep_s(200)
    for command in (b"stop", b"ttime 00:01:40", b"wrun"):
        reply = talk.ask(command + b"\r\n")
    assert reply == b"\n<\x11"
    clock.sleep_s(101)
    assert talk.take() == b""  # polled: nothing is said unasked
    assert talk.ask(b"wtime\r\n") == b"\n100 seconds\r\nT*\x11"
    assert talk.ask(b"wvolume\r\n") == b"\n1 ml\r\nT*\x11"
    assert flowed_ml(fluid) == pytest.approx(1)
    assert talk.ask(b"ttime\r\n") == b"\n100 seconds\r\nT*\x11"


@pytest.mark.parametrize(("switches", "prompt"), [(False, b"*"), (True, b">*")])
def test_the_end_of_the_syringe(talk, pump, clock, switches, prompt):
    pump.has_limit_switches = switches
    talk.ask(b"irate 20 ml/min\r\nirun\r\n")
    clock.sleep_s(70)
    assert talk.ask(b"\r\n") == b"\n" + prompt


def test_a_stall_shows_until_the_next_command_to_move(talk, pump, clock):
    talk.ask(b"irate 1 ml/min\r\nirun\r\n")
    pump.drive.jammed = True
    clock.sleep_s(1)
    assert talk.take() == b"\n*"
    assert talk.ask(b"status\r\n").split()[-2:] == [b"i.S.I", b"*"]
    pump.drive.jammed = False
    assert talk.ask(b"irun\r\n") == b"\n>"


def test_some_things_wait_until_it_stands(talk):
    talk.ask(b"irate 1 ml/min\r\nirun\r\n")
    assert talk.ask(b"diameter 10\r\n") == b"\nCommand error: diameter\r\n   Not while the pump runs\r\n>"
    assert talk.ask(b"load qs i\r\n") == b"\n:"  # it stops, too
    assert talk.ask(b"wrate 1 ml/min\r\nwrun\r\n").endswith(b"   Not in this mode\r\n:")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (3.2, "3.2"), (10, "10"), (1234567, "1234567"), (1 / 3, "0.333333"), (12.34567, "12.3457")],
)
def test_numbers_are_plain(value, text):
    assert plain(value) == text


def test_a_terminal_opens_it_on_a_pty(on_pty):
    served = on_pty(lambda clock: SimulatedHarvardUltra(clock, FluidPath(clock, Peristaltic())))
    for _ in range(2):
        with serial.Serial(served.path, 115_200, timeout=2) as port:
            port.write(b"poll on\r\n")
            assert port.read_until(b"\x11") == b"\n:\x11"


@given(
    st.lists(
        st.one_of(st.binary(max_size=12), st.sampled_from([b"\r\n", b"irate 1 ", b"ul/min", b"irun\r", b"@"]))
    )
)
def test_no_bytes_make_it_stumble(pieces):
    clock = VirtualClock()
    pump = SimulatedHarvardUltra(clock, FluidPath(clock, Peristaltic()))
    said = []
    pump.attach(lambda _t_ns, data: said.append(data))
    for piece in pieces:
        pump.receive(piece)
    pump.receive(b"\r\n")
    before = len(said)
    pump.receive(f"{pump.address}:stp\r\n".encode())
    assert len(said) == before + 1
