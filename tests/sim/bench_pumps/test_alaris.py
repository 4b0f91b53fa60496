"""The infupy-compatible Alaris subset: the worked line, permission to control, and infupy itself."""

from __future__ import annotations

from binascii import crc_hqx

import hypothesis.strategies as st
import pytest
from hypothesis import given

from rig.clock.virtual import VirtualClock
from rig.sim.bench_pumps.alaris import SimulatedAlaris
from rig.sim.fluid.mechanisms import Peristaltic
from rig.sim.fluid.path import FluidPath


@pytest.fixture
def fluid(clock):
    return FluidPath(clock, Peristaltic())


@pytest.fixture
def pump(clock, fluid):
    return SimulatedAlaris(clock, fluid, serial="SIM-A1", capacity_nl=50e6)


@pytest.fixture
def talk(talk_to, pump):
    return talk_to(pump)


def crc(text):
    return f"{crc_hqx(text.encode(), 0xFFFF):04X}"


def line(text):
    return f"!{text}|{crc(text)}\r".encode()


def say(talk, text):
    reply = talk.ask(line(text)).decode()
    told = reply[1:-6]
    assert reply == line(told).decode()
    return told


def enable(talk):
    for name in ("REMOTE_CTRL", "REMOTE_CFG"):
        assert say(talk, f"{name}^ENABLED^{crc('SIM-A1')}") == f"{name}^ENABLED^****^PERMIT^0^ms"


def flowed_ml(fluid):
    return fluid.displaced_nl([fluid.clock.now_ns()])[0] / 1e6


def test_the_worked_line(talk):
    assert talk.ask(b"!INF_RATE|8E6D\r") == line("INF_RATE^0.00^ml/h")


def test_identity_and_limit(talk):
    assert say(talk, "INST_SERIALNO") == "INST_SERIALNO^SIM-A1"
    assert say(talk, "COMMS_PROTOCOL") == "COMMS_PROTOCOL^Asena Rev 2.1.5 simulated"
    assert talk.ask(line("INF_RATE_MAX_SYRINGE")) == b"!INF_RATE_MAX_SYRINGE^1200.00^ml/h|8575\r"


def test_exchanges_noted_in_openice(talk, pump):
    pump.serial = next(s for s in (f"SIM-{n}" for n in range(10**6)) if crc(s) == "3CC1")
    assert talk.ask(b"!REMOTE_CTRL^ENABLED^3CC1|B1F1\r") == b"!REMOTE_CTRL^ENABLED^****^PERMIT^0^ms|7BB0\r"
    assert talk.ask(b"!INF_RATE^0.10^ml/h|D407\r") == b"!INF_RATE^0.10^ml/h|D407\r"
    assert talk.ask(b"!INF_START|38F3\r") == b"!INF_START|38F3\r"
    assert talk.ask(b"!INF_STOP|CD57\r") == b"!INF_STOP|CD57\r"
    assert talk.ask(b"!INF_VI_CLEAR|A706\r") == b"!INF_VI_CLEAR|A706\r"
    assert talk.ask(b"!REMOTE_CTRL^DISABLED|EF95\r") == b"!REMOTE_CTRL^DISABLED|EF95\r"


def test_an_infusion(talk, clock, fluid):
    enable(talk)
    assert say(talk, "INF_RATE^36.5^ml/h") == "INF_RATE^36.50^ml/h"
    assert say(talk, "INF_START") == "INF_START"
    clock.sleep_s(3600)
    enable(talk)
    assert say(talk, "INF_VI") == "INF_VI^36.500^ml"
    assert say(talk, "INF_RATE^10^ml/h") == "INF_RATE^10.00^ml/h"
    clock.sleep_s(1800)
    enable(talk)
    assert say(talk, "INF_STOP") == "INF_STOP"
    clock.sleep_s(1800)
    assert flowed_ml(fluid) == pytest.approx(41.5, abs=1e-4)


def test_without_permission_nothing_is_changed(talk, clock):
    assert say(talk, "INF_RATE^5.0^ml/h") == "INF_RATE^0.00^ml/h"
    assert talk.ask(line("INF_START")) == b""
    assert say(talk, "REMOTE_CTRL^ENABLED^0000") == "REMOTE_CTRL^DISABLED"
    enable(talk)
    assert talk.ask(line("INF_START")) == b""  # no rate
    say(talk, "INF_RATE^5.0^ml/h")
    clock.sleep_s(4)
    assert talk.ask(line("INF_START")) == b""  # lapsed
    assert say(talk, "REMOTE_CTRL") == "REMOTE_CTRL^DISABLED"
    enable(talk)
    assert say(talk, "REMOTE_CTRL^DISABLED") == "REMOTE_CTRL^DISABLED"
    assert talk.ask(line("INF_STOP")) == b""


@pytest.mark.parametrize("rate", ["0", "1201", "-1", "1e3", "nan", "", "5.0^l/h"])
def test_rates_that_are_none_leave_the_rate_as_it_is(talk, rate):
    enable(talk)
    say(talk, "INF_RATE^7.5^ml/h")
    assert say(talk, f"INF_RATE^{rate}^ml/h") == "INF_RATE^7.50^ml/h"


def test_damage_and_esc(talk):
    assert talk.ask(b"!INF_RATE|8E6C\r") == b""
    assert talk.ask(b"!INF_RATE\r") == b""
    assert talk.ask(b"!INF_RA\x1bTE|8E6D\r") == b""
    assert talk.ask(line("INF_WHAT")) == b""
    assert talk.ask(b"!INF!INF_RATE|8e6d\r") == line("INF_RATE^0.00^ml/h")


def test_a_stall_stops_it(talk, pump, clock, fluid):
    enable(talk)
    say(talk, "INF_RATE^36^ml/h")
    say(talk, "INF_START")
    pump.drive.jammed = True
    clock.sleep_s(100)
    pump.drive.jammed = False
    clock.sleep_s(100)
    assert flowed_ml(fluid) == 0


CLIENT = """
import json, sys, time
from infupy.backends.alaris import AlarisComm, AlarisSyringe, Command
pump = AlarisSyringe(AlarisComm(sys.argv[1]))
told = {"before": pump.readRate().decode()}
time.sleep(1.3)  # the client enables control once a second
told["set"] = pump.setRate(360.5).decode()
told["started"] = not pump.execCommand(Command.infstart).error
time.sleep(1.0)
told["volume"] = pump.readVolume().decode()
told["stopped"] = not pump.execCommand(Command.infstop).error
told["code"] = pump.securitycode.decode()
print(json.dumps(told))
"""


def test_somebody_elses_client(on_pty, run_client):
    served = on_pty(lambda clock: SimulatedAlaris(clock, FluidPath(clock, Peristaltic()), serial="SIM-A1"))
    told = run_client(CLIENT, served.path)
    volume, unit = told.pop("volume").split(" ")
    assert float(volume) > 0.09
    assert unit == "ml"
    assert told == {
        "before": "0.00 ml/h", "set": "360.50 ml/h", "started": True, "stopped": True, "code": crc("SIM-A1"),
    }  # fmt: skip


@given(
    st.lists(
        st.one_of(st.sampled_from([b"!", b"|", b"\r", b"^", b"INF_RATE"]), st.binary(max_size=12)),
        max_size=20,
    )
)
def test_no_bytes_make_it_stumble(pieces):
    clock = VirtualClock()
    pump = SimulatedAlaris(clock, FluidPath(clock, Peristaltic()))
    said = []
    pump.attach(lambda _t_ns, data: said.append(data))
    for piece in pieces:
        pump.receive(piece)
    pump.receive(line("INST_SERIALNO"))
    assert said[-1] == line("INST_SERIALNO^SIM-P")
