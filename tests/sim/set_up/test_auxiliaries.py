"""The air transmitter and the relay module on their lines; how the bench's instruments are wired to pump and fluid."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from rig.sim.auxiliaries.environment_vaisala_ptu300 import SimulatedPtu300
from rig.sim.auxiliaries.valves_gpio_serial import SimulatedRelayModule
from rig.sim.fluid.mechanisms import Peristaltic
from rig.sim.fluid.path import FluidPath


@pytest.fixture
def transmitter(clock):
    air = SimpleNamespace(temperature_c=31.1, pressure_hpa=1013.2, humidity_pct=38.3)
    transmitter = SimulatedPtu300(clock, air, np.random.default_rng(1), serial="SIM-E", address=5)
    transmitter.noise_hpa = transmitter.noise_k = transmitter.noise_pct = 0.0
    return transmitter


def test_the_line_of_the_manual(talk_to, transmitter):
    talk = talk_to(transmitter)
    told = talk.ask(b"send\r")
    assert told.split() == [
        b"send", b"P=", b"1013.2", b"hPa", b"T=", b"31.1", b"'C", b"RH=", b"38.3", b"%RH", b">",
    ]  # fmt: skip
    assert told.count(b"\r\n") == 2
    assert talk.ask(b"echo off\r").endswith(b"Echo           : OFF\r\n")
    assert talk.ask(b"SEND\r").startswith(b"P=")
    transmitter.failed = {"T"}
    assert b"T=***** 'C" in talk.ask(b"SEND\r")


def test_settings_and_what_it_does_not_know(talk_to, transmitter):
    talk = talk_to(transmitter)
    lines = talk.ask(b"?\r").decode().split("\r\n")
    assert lines[:3] == ["?", "PTU300 / 1.01", "Serial number  : SIM-E"]
    assert lines[-2:] == ["Module 2       : EMPTY", ">"]
    assert talk.ask(b"VERS\r") == b"VERS\r\nPTU300 / 1.01\r\n>"
    assert talk.ask(b"WHAT\r") == b"WHAT\r\nUnknown command\r\n>"
    assert talk.ask(b"\r") == b"\r\n>"


def test_polled_it_answers_its_address_only(talk_to, transmitter):
    talk = talk_to(transmitter)
    assert b": POLL" in talk.ask(b"SMODE POLL\r")
    assert talk.ask(b"SEND\r") == talk.ask(b"SEND 6\r") == talk.ask(b"?\r") == b""
    assert talk.ask(b"SEND 5\r").startswith(b"P=")
    assert talk.ask(b"??\r").startswith(b"PTU300")


def test_relays_by_readable_commands(clock, talk_to):
    moved = []
    module = SimulatedRelayModule(clock, moved=lambda relay, on: moved.append((relay, on)), count=16)
    talk = talk_to(module)
    assert talk.ask(b"relay on 0\r") == b"relay on 0\n\r>"
    assert talk.ask(b"relay read 0\r") == b"relay read 0\n\ron\n\r>"
    assert talk.ask(b"relay read A\r") == b"relay read A\n\roff\n\r>"
    assert talk.ask(b"relay writeall 0006\r") == b"relay writeall 0006\n\r>"
    assert talk.ask(b"relay readall\r") == b"relay readall\n\r0006\n\r>"
    assert talk.ask(b"ver\r") == b"ver\n\r00000008\n\r>"
    talk.ask(b"id set 1234ABCD\r")
    assert talk.ask(b"id get\r") == b"id get\n\r1234abcd\n\r>"
    for unknown in (b"relay on G", b"relay on 10", b"relay writeall 6", b"gpio read 0", b""):
        assert talk.ask(unknown + b"\r") == unknown + b"\n\r>"
    talk.ask(b"reset\r")
    assert not module.on
    assert moved == [(0, True), (0, False), (1, True), (2, True), (1, False), (2, False)]


def test_a_stuck_relay_says_it_moved(clock, talk_to):
    moved = []
    module = SimulatedRelayModule(clock, moved=lambda relay, on: moved.append((relay, on)))
    module.stuck = {0}
    talk = talk_to(module)
    talk.ask(b"relay on 0\r")
    assert b"on" in talk.ask(b"relay read 0\r")[12:]
    assert moved == []


@pytest.mark.parametrize("tau_s", [0.0, 5.0])
def test_a_closed_outlet_stores_what_comes_and_gives_it_back(clock, tau_s):
    fluid = FluidPath(clock, Peristaltic(), compliance_time_s=tau_s)
    fluid.drive(10.0)
    clock.sleep_s(100)
    now = [clock.now_ns()]
    assert fluid.pressure_kpa(now)[0] == pytest.approx(10 * tau_s / 1000)
    out_nl = fluid.delivered_nl(now)[0]
    fluid.outlet_closed = True
    clock.sleep_s(100)
    now = [clock.now_ns()]
    assert fluid.delivered_nl(now)[0] == out_nl
    assert fluid.flow_nl_s(now)[0] == 0
    assert fluid.pressure_kpa(now)[0] == pytest.approx((10 * tau_s + 1000) / 1000)
    fluid.drive(0.0)
    clock.sleep_s(50)
    assert fluid.pressure_kpa([clock.now_ns()])[0] == pytest.approx((10 * tau_s + 1000) / 1000)
    fluid.outlet_closed = False
    clock.sleep_s(200)
    now = [clock.now_ns()]
    assert fluid.delivered_nl(now)[0] == pytest.approx(2000)
    assert fluid.pressure_kpa(now)[0] == pytest.approx(0, abs=1e-9)
