"""The older Harvard pump chain: widths that clients count on, dialects, refusals, and a client in their manner."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from rig.clock.virtual import VirtualClock
from rig.sim.bench_pumps.harvard_chain import PHD_2000, SimulatedHarvardChain, justified
from rig.sim.fluid.mechanisms import Peristaltic
from rig.sim.fluid.path import FluidPath


@pytest.fixture
def fluid(clock):
    return FluidPath(clock, Peristaltic())


@pytest.fixture
def pump(clock, fluid):
    return SimulatedHarvardChain(clock, fluid, capacity_nl=10e6, address=3)


@pytest.fixture
def talk(talk_to, pump):
    return talk_to(pump)


def flowed_ul(fluid):
    return fluid.displaced_nl([fluid.clock.now_ns()])[0] / 1e3


def test_an_answer_has_the_length_that_clients_read(talk):
    assert talk.ask(b"03MMD26.59\r") == b"\r\n03:"
    assert talk.ask(b"03DIA\r") == b"\r\n  26.590\r\n03:"
    assert len(talk.ask(b"03VER\r")) == 17
    assert len(talk.ask(b"03VOL\r")) == 15


def test_spaces_zeros_and_addresses(talk):
    assert talk.ask(b"3 MMD 026.5\r") == b"\r\n03:"
    assert talk.ask(b"3dia\r\n") == b"\r\n  26.500\r\n03:"
    assert talk.ask(b"3\r") == b"\r\n03:"
    for foreign in (b"DIA\r", b"4DIA\r", b"0\r", b"\r"):
        assert talk.ask(foreign) == b""


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (b"XYZ", b"?"), (b"MMD", b"?"), (b"MMD1.2.3", b"?"), (b"MMD123456", b"?"), (b"DIA5", b"?"), (b"A#", b"?"),
        (b"MMD36", b"OOR"), (b"MMD0.01", b"OOR"), (b"MLM9999", b"OOR"), (b"ULH0", b"OOR"), (b"RUN", b"NA"),
    ],
)  # fmt: skip
def test_refusals(talk, command, told):
    assert talk.ask(b"03" + command + b"\r") == b"\r\n" + told + b"\r\n03:"


@pytest.mark.parametrize(
    ("command", "told", "unit"),
    [
        (b"ULM20.25", b"  20.250", b"UL/M"),
        (b"MLH1.5", b"   1.500", b"ML/H"),
        (b"ULH12345", b"   12345", b"UL/H"),
    ],
)
def test_rates_read_back(talk, pump, command, told, unit):
    assert talk.ask(b"03" + command + b"\r") == b"\r\n03:"
    assert talk.ask(b"03RAT\r") == b"\r\n" + told + b"\r\n03:"
    assert talk.ask(b"03RNG\r") == b"\r\n?\r\n03:"
    pump.dialect = PHD_2000
    assert talk.ask(b"3RNG\r") == b"\r\n" + unit + b"\r\r\n3:"


def test_run_reverse_and_stop(talk, clock, fluid):
    talk.ask(b"03ULM600\r")
    assert talk.ask(b"03RUN\r") == b"\r\n03>"
    clock.sleep_s(60)
    assert talk.ask(b"03VOL\r") == b"\r\n  600.00\r\n03>"
    assert talk.ask(b"03REV\r") == b"\r\n03<"
    clock.sleep_s(30)
    assert talk.ask(b"03STP\r") == b"\r\n03:"
    assert flowed_ul(fluid) == pytest.approx(300)
    assert talk.ask(b"03CLV\r03VOL\r") == b"\r\n03:\r\n   0.000\r\n03:"


def test_a_target_in_microlitres(talk, clock, fluid):
    for command in (b"03ULM600\r", b"03MLT100\r", b"03RUN\r"):
        talk.ask(command)
    assert talk.ask(b"03MLT200\r") == b"\r\nNA\r\n03>"
    clock.sleep_s(11)
    assert talk.ask(b"03TAR\r") == b"\r\n  100.00\r\n03:"
    assert flowed_ul(fluid) == pytest.approx(100)
    assert talk.ask(b"03RUN\r") == b"\r\n03:"  # reached already
    assert talk.ask(b"03CLT\r") == b"\r\n03:"
    assert talk.ask(b"03RUN\r") == b"\r\n03>"


def test_the_phd_2000_has_other_manners(talk, pump, clock, fluid):
    pump.dialect = PHD_2000
    talk.ask(b"3ULM600\r")
    assert b"PHD" in talk.ask(b"3VER\r")
    assert talk.ask(b"3ULM600.0000\r") == b"\r\r\n3:"
    assert talk.ask(b"3MLT0.1\r") == b"\r\r\n3:"
    assert talk.ask(b"3RUN\r") == b"\r\r\n3>"
    clock.sleep_s(5)
    assert talk.ask(b"3STP\r") == b"\r\r\n3*"
    assert talk.ask(b"3VOL\r") == b"\r\n   0.050\r\r\n3*"


def test_a_stall_is_in_the_prompt(talk, pump, clock):
    talk.ask(b"03MLM1\r03RUN\r")
    pump.drive.jammed = True
    clock.sleep_s(1)
    assert talk.ask(b"03\r") == b"\r\n03*"
    pump.drive.jammed = False
    assert talk.ask(b"03RUN\r") == b"\r\n03>"


def test_two_pumps_on_one_chain_answer_only_for_themselves(clock, fluid, talk, talk_to):
    other = talk_to(SimulatedHarvardChain(clock, FluidPath(clock, Peristaltic()), address=4))
    for asked in (b"03DIA\r", b"04MMD10\r", b"04DIA\r"):
        heard = [each.ask(asked) for each in (talk, other)]
        assert sorted(bool(each) for each in heard) == [False, True]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1, "   0.100"),
        (99.999, "  99.999"),
        (99.9996, "  100.00"),
        (123.45, "  123.45"),
        (1234.5, "  1234.5"),
        (12345.6, "   12346"),
    ],
)
def test_five_digits_in_eight_characters(value, text):
    assert justified(value) == text


@given(
    st.lists(st.one_of(st.binary(max_size=12), st.sampled_from([b"\r", b"ULM", b"20.5", b"RUN\r", b"REV\r"])))
)
def test_no_bytes_make_it_stumble(pieces):
    clock = VirtualClock()
    pump = SimulatedHarvardChain(clock, FluidPath(clock, Peristaltic()))
    said = []
    pump.attach(lambda _t_ns, data: said.append(data))
    for piece in pieces:
        pump.receive(piece)
    pump.receive(b"\r0STP\r")
    assert said[-1] == b"\r\n00:"
