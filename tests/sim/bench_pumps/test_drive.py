"""The body of a bench infusion pump: what it counts and what flows, and how each fault shows."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rig.clock.virtual import VirtualClock
from rig.sim.bench_pumps.drive import INFUSE, WITHDRAW, InfusionDrive, barrel_nl_mm
from rig.sim.fluid.mechanisms import Peristaltic
from rig.sim.fluid.path import FluidPath

ML = 1e6


@pytest.fixture
def fluid(clock):
    return FluidPath(clock, Peristaltic())


@pytest.fixture
def told():
    return []


@pytest.fixture
def drive(clock, fluid, told):
    drive = InfusionDrive(clock, fluid, capacity_nl=10 * ML)
    drive.happened = lambda what: told.append((clock.now_ns() / 1e9, what))
    return drive


def flowed_ml(fluid):
    return fluid.displaced_nl([fluid.clock.now_ns()])[0] / ML


def test_it_counts_what_it_was_told_and_the_fluid_has_the_error(clock, drive, fluid, told):
    fluid.rate_error = 0.05
    drive.run(2 * ML)
    clock.sleep_s(1800)
    assert drive.infused_nl == pytest.approx(1 * ML)
    assert flowed_ml(fluid) == pytest.approx(1.05)
    drive.stop()
    clock.sleep_s(100)
    assert drive.infused_nl == pytest.approx(1 * ML)
    assert (drive.left_nl, told) == (pytest.approx(9 * ML), [])


def test_a_target_ends_it_exactly(clock, drive, fluid, told):
    drive.run(1.3 * ML, volume_nl=0.7 * ML)
    clock.sleep_s(600)
    drive.change_rate(2.6 * ML)
    clock.sleep_s(6000)
    at_s = 600 + (0.7 - 1.3 / 6) / 2.6 * 3600
    assert told == [(pytest.approx(at_s, abs=1e-6), "target")]
    assert drive.infused_nl == pytest.approx(0.7 * ML, abs=1e-6)
    assert flowed_ml(fluid) == pytest.approx(0.7)
    assert not drive.runs


def test_withdrawing_is_counted_apart_and_stops_at_the_far_end(clock, drive, fluid, told):
    drive.run(6 * ML, INFUSE, 2 * ML)
    clock.sleep_s(1201)
    drive.run(6 * ML, WITHDRAW)
    clock.sleep_s(1201)
    assert flowed_ml(fluid) == pytest.approx(0.0, abs=1e-9)
    assert [what for _, what in told] == ["target", "end"]
    assert told[1][0] == pytest.approx(1201 + 1200 + 0.5)
    assert drive.withdrawn_nl == pytest.approx(2 * ML + 0.5 * 6 * ML / 3600)
    drive.clear(WITHDRAW)
    assert (drive.withdrawn_nl, drive.infused_nl) == (0, pytest.approx(2 * ML))


def test_near_end_is_told_once_and_the_end_is_noticed_later(clock, drive, fluid, told):
    drive.near_end_nl = 1 * ML
    drive.run(10 * ML)
    clock.sleep_s(5000)
    assert told == [(pytest.approx(3240), "near_end"), (pytest.approx(3600.5), "end")]
    assert flowed_ml(fluid) == pytest.approx(10)
    drive.load(10 * ML)
    drive.run(10 * ML)
    clock.sleep_s(3300)
    assert told[-1] == (pytest.approx(8240), "near_end")


def test_a_held_motor_is_noticed_after_a_while(clock, drive, fluid, told):
    drive.jam_at(1_000_000_000_000, for_ns=60_000_000_000)
    drive.run(3.6 * ML)
    clock.sleep_s(1010)
    assert told == [(1000.5, "stall")]
    assert flowed_ml(fluid) == pytest.approx(1.0)
    assert drive.infused_nl == pytest.approx(1.0005 * ML)
    drive.run(3.6 * ML)
    clock.sleep_s(1)
    assert told[-1] == (1010.5, "stall")
    clock.sleep_s(60)
    drive.run(3.6 * ML)
    clock.sleep_s(100)
    assert flowed_ml(fluid) == pytest.approx(1.1)


def test_a_silent_pump_turns_on_and_counts_on(clock, drive, fluid, told):
    drive.silent, drive.jammed = True, True
    drive.run(1 * ML)
    clock.sleep_s(3600)
    assert (told, drive.runs) == ([], True)
    assert drive.infused_nl == pytest.approx(1 * ML)
    assert flowed_ml(fluid) == 0
    drive.jammed = False
    clock.sleep_s(3600)
    assert flowed_ml(fluid) == pytest.approx(1)


def test_a_stuck_counter_does_not_stop_the_fluid_nor_the_target(clock, drive, fluid, told):
    drive.counter_stuck = True
    drive.run(1 * ML, volume_nl=0.5 * ML)
    clock.sleep_s(3600)
    assert drive.infused_nl == 0
    assert flowed_ml(fluid) == pytest.approx(0.5)
    assert [what for _, what in told] == ["target"]


def test_an_occlusion_stores_what_is_pushed_and_gives_it_back(clock, drive, fluid, told):
    drive.occlusion_nl = 0.1 * ML
    drive.run(1 * ML)
    clock.sleep_s(360)
    drive.occluded = True
    clock.sleep_s(1000)
    assert told == [(pytest.approx(720), "occlusion")]
    assert flowed_ml(fluid) == pytest.approx(0.1)
    drive.occluded = False
    clock.sleep_s(2)
    assert flowed_ml(fluid) == pytest.approx(0.2)
    assert fluid.rate_nl_h == 0


def test_the_syringe_gives_the_rate_of_the_plunger(drive):
    drive.diameter_mm = 26.59
    assert drive.barrel_nl_h(1.0) == pytest.approx(math.pi / 4 * 26.59**2 * 1000)
    assert barrel_nl_mm(10.0) == pytest.approx(78_539.8, rel=1e-6)


STEP = st.tuples(
    st.sampled_from(["infuse", "withdraw", "stop", "jam", "free", "shut", "open"]),
    st.floats(1e3, 5e7),
    st.one_of(st.just(math.inf), st.floats(1.0, 3e6)),
    st.floats(0.0, 900.0),
)


@settings(max_examples=60)
@given(st.lists(STEP, max_size=14))
def test_whatever_happens_no_fluid_is_made_or_lost(steps):
    """With no error and no fault that hides it, what flowed is what the plunger moved less what is stored."""
    clock = VirtualClock()
    fluid = FluidPath(clock, Peristaltic())
    drive = InfusionDrive(clock, fluid, capacity_nl=10 * ML)
    for what, rate, volume, seconds in steps:
        if what in ("infuse", "withdraw"):
            drive.run(rate, INFUSE if what == "infuse" else WITHDRAW, volume)
        else:
            {
                "stop": drive.stop,
                "jam": lambda: setattr(drive, "jammed", True),
                "free": lambda: setattr(drive, "jammed", False),
                "shut": lambda: setattr(drive, "occluded", True),
                "open": lambda: setattr(drive, "occluded", False),
            }[what]()
        clock.sleep_s(seconds)
        assert 0 <= drive.left_nl <= 10 * ML
    drive.stop()
    drive.occluded = False
    clock.sleep_s(10)
    assert flowed_ml(fluid) == pytest.approx(10 - drive.left_nl / ML, abs=1e-6)


@pytest.mark.parametrize("rate_error", [-0.05, 0.0, 0.05])
def test_a_closed_tube_is_noticed_by_its_pressure(clock, drive, fluid, told, rate_error):
    fluid.rate_error, fluid.compliance_nl_kpa, drive.occlusion_kpa = rate_error, 10_000.0, 50.0
    drive.run(5 * ML)
    clock.sleep_until_ns(60 * 10**9)
    fluid.outlet_closed = True
    clock.sleep_until_ns(3600 * 10**9)
    ((seconds, what),) = told
    assert what == "occlusion"
    assert seconds == pytest.approx(60 + 0.5 / (5 * (1 + rate_error)) * 3600, abs=0.1)
    assert fluid.pressure_kpa([clock.now_ns()])[0] == pytest.approx(50, abs=0.02)
    assert not drive.runs


def test_a_silent_drive_goes_on_against_a_closed_tube(clock, drive, fluid, told):
    fluid.compliance_nl_kpa, drive.occlusion_kpa, drive.silent = 10_000.0, 50.0, True
    drive.run(5 * ML)
    fluid.outlet_closed = True
    clock.sleep_until_ns(3600 * 10**9)
    assert told == []
    assert fluid.pressure_kpa([clock.now_ns()])[0] == pytest.approx(500)
