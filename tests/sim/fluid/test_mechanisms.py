"""Packets, strokes, a sticking screw: volumes and flows in closed form against plain numeric integration."""

from __future__ import annotations

import numpy as np
import pytest

from rig.clock import ns_from_s
from rig.sim.fluid.mechanisms import LeadScrew, Partly, Peristaltic, Piston, ValveGated, mechanism_named
from rig.sim.fluid.path import FluidPath

MECHANISMS = [
    ValveGated(packet_nl=1000, open_flow_nl_s=400),
    Piston(stroke_nl=2000, delivery_part=0.6),
    LeadScrew(stiction=0.1, slip_nl=500, slip_part=0.05),
]


def ids(value):
    return type(value).__name__ if not isinstance(value, int | float) else f"{value:g}"


@pytest.mark.parametrize("mechanism", MECHANISMS, ids=ids)
@pytest.mark.parametrize("rate", [37.0, -37.0])
@pytest.mark.parametrize("v0", [0.0, 1234.5, -777.0])
def test_flow_is_the_slope_of_the_volume(mechanism, rate, v0):
    s = np.linspace(0, 200, 400_001)
    volume = mechanism.displaced_nl(rate, v0, s)
    flow = mechanism.lagged_nl_s(rate, v0, 0.0, s)
    integral = np.concatenate([[0], np.cumsum((flow[1:] + flow[:-1]) / 2 * np.diff(s))])
    assert volume[0] == 0
    assert np.max(np.abs(volume - integral)) < 1.0  # of 7400 nl: rectangles are cut at a step's width


@pytest.mark.parametrize("mechanism", MECHANISMS, ids=ids)
@pytest.mark.parametrize("tau", [0.05, 3.0, 500.0])
@pytest.mark.parametrize("rate", [37.0, -37.0])
def test_the_lagged_flow_obeys_the_lag_and_is_periodic(mechanism, tau, rate):
    v0 = 321.0
    s = np.linspace(0, 150, 600_001)
    flow = mechanism.lagged_nl_s(rate, v0, tau, s)
    stored = tau * (flow - flow[0])  # what is in the tube: in - out
    out = np.concatenate([[0], np.cumsum((flow[1:] + flow[:-1]) / 2 * np.diff(s))])
    assert np.max(np.abs(mechanism.displaced_nl(rate, v0, s) - stored - out)) < 0.5
    period = {ValveGated: 1000, Piston: 2000, LeadScrew: 500}[type(mechanism)] / abs(rate)
    again = mechanism.lagged_nl_s(rate, v0, tau, s + period)
    np.testing.assert_allclose(again, flow, rtol=0, atol=1e-6 + 1e-9 * np.max(np.abs(flow)))


@pytest.mark.parametrize("mechanism", MECHANISMS, ids=ids)
def test_the_volume_never_strays_further_than_it_says(mechanism):
    s = np.linspace(0, 500, 20_001)
    for v0 in (0.0, 400.0, 1999.0):
        for rate in (5.0, 300.0):
            strayed = mechanism.displaced_nl(rate, v0, s) - rate * s
            assert np.max(np.abs(strayed)) <= mechanism.ripple_nl + 1e-6


def test_a_packet_lasts_as_long_whatever_the_rate():
    valve = ValveGated(packet_nl=1000, open_flow_nl_s=400)
    s = np.linspace(0, 1000, 1_000_001)
    for rate in (4.0, 40.0):
        flow = valve.lagged_nl_s(rate, 0.0, 0.0, s)
        assert set(np.round(flow, 6)) == {0.0, 400.0}
        assert np.mean(flow > 0) == pytest.approx(rate / 400, rel=1e-3)
    assert set(valve.lagged_nl_s(500.0, 0.0, 0.0, s)) == {500.0}  # never shut


def test_strokes_of_50_ul_and_a_screw_that_is_nearly_steady():
    piston, screw = Piston(), LeadScrew()
    s = np.arange(0, 3600.0)
    rate = 1e6 / 3600  # 1 mL/h: one stroke in three minutes
    assert piston.displaced_nl(rate, 0.0, np.array([180.0, 360.0])) == pytest.approx([50_000, 100_000])
    assert np.mean(piston.lagged_nl_s(rate, 0.0, 0.0, s) == 0) == pytest.approx(0.4, abs=0.01)
    assert np.max(np.abs(screw.displaced_nl(rate, 0.0, s) - rate * s)) <= 10


def test_a_part_of_the_flow_may_be_steady():
    partly = Partly(0.25, ValveGated(packet_nl=1000, open_flow_nl_s=400))
    s = np.linspace(0, 100, 10_001)
    assert set(np.round(partly.lagged_nl_s(40.0, 0.0, 0.0, s), 6)) == {30.0, 130.0}
    assert partly.displaced_nl(40.0, 0.0, s)[-1] == pytest.approx(4000)
    assert partly.ripple_nl == 250


@pytest.mark.parametrize(
    ("name", "mechanism"),
    [
        ("peristaltic", Peristaltic(0.2, 250)),
        ("syringe", LeadScrew(0.2, 250)),
        ("valve", Partly(0.2, ValveGated(250))),
        ("gas", Partly(0.2, ValveGated(250))),
        ("piston", Partly(0.2, Piston(250))),
    ],
)
def test_a_profile_names_the_mechanism(name, mechanism):
    assert mechanism_named(name, 0.2, 250) == mechanism
    steady = mechanism_named(name, 0.0, 250)
    assert set(steady.lagged_nl_s(7.0, 0.0, 0.0, np.linspace(0, 100, 1001))) == {7.0}


@pytest.mark.parametrize("mechanism", [*MECHANISMS, Peristaltic(0.3, 900)], ids=ids)
def test_a_fluid_path_keeps_account_with_each(clock, mechanism):
    """Rates that change at odd moments, a tube, a dry end: what went in is what came out and what is stored."""
    fluid = FluidPath(clock, mechanism, compliance_time_s=4.0, reservoir_nl=9000.0)
    for rate, seconds in ((25.0, 17.3), (0.0, 5.0), (60.0, 40.01), (-10.0, 8.0), (33.0, 1000.0)):
        fluid.drive(rate)
        clock.sleep_s(seconds)
    t = np.arange(0, clock.now_ns(), ns_from_s(0.05))
    stored = fluid.displaced_nl(t) - fluid.delivered_nl(t)
    np.testing.assert_allclose(stored, 4.0 * fluid.flow_nl_s(t), atol=1e-6)
    steps = np.abs(np.diff(fluid.delivered_nl(t)))
    assert np.max(steps) < 400 * 0.05  # nothing jumps
    assert fluid.reservoir_nl == pytest.approx(0.0, abs=1e-3)
    assert fluid.delivered_nl([clock.now_ns()])[0] == pytest.approx(9000.0, abs=1e-3)
