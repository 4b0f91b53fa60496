"""The closed form against integration in small steps, and the balance of mass."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from rig.clock.virtual import VirtualClock
from rig.sim.fluid.densities import air_density_g_ml, water_density_g_ml
from rig.sim.fluid.mechanisms import Peristaltic
from rig.sim.fluid.path import FluidPath

S = 10**9


def ns(seconds):
    return np.round(np.asarray(seconds) * S).astype(np.int64)


@pytest.mark.parametrize(
    ("t_c", "kg_m3"), [(4, 999.974948), (20, 998.206746), (37, 993.328955), (40, 992.215205)]
)
def test_water_density_against_tanakas_table(t_c, kg_m3):
    assert water_density_g_ml(t_c) * 1000 == pytest.approx(kg_m3, abs=1e-5)


@pytest.mark.parametrize(
    ("t", "p", "h", "kg_m3"),
    [(20, 1013.25, 50, 1.1992943), (23, 1000, 45, 1.1711386), (22, 840, 30, 0.9882771)],
)
def test_air_density_against_worked_values(t, p, h, kg_m3):
    assert air_density_g_ml(t, p, h) * 1000 == pytest.approx(kg_m3, abs=1e-6)


def run_program(fluid, clock, program):
    for at_s, change in program:
        clock.sleep_until_ns(round(at_s * S))
        change(fluid)


PROGRAM = [
    (5.0, lambda f: f.drive(40.0)),
    (70.0, lambda f: f.drive(0.5)),
    (90.0, lambda f: setattr(f, "rate_error", 0.16)),
    (120.0, lambda f: f.drive(200.0)),
    (140.0, lambda f: f.drive(0.0)),
    (150.0, lambda f: setattr(f, "free_flow_nl_h", 7200.0)),
    (170.0, lambda f: setattr(f, "free_flow_nl_h", 0.0)),
]


def test_closed_form_agrees_with_numerical_integration(clock):
    ripple, roller, tau = 0.25, 300.0, 4.0
    fluid = FluidPath(clock, Peristaltic(ripple, roller), rate_error=0.03, compliance_time_s=tau)
    run_program(fluid, clock, PROGRAM)
    clock.sleep_until_ns(200 * S)

    # the same, step by step: rate, error and free flow as the program says, rotor volume as one more state
    stages = [(0, 0.0, 0.03, 0.0), (5, 40.0, 0.03, 0.0), (70, 0.5, 0.03, 0.0), (90, 0.5, 0.16, 0.0),
              (120, 200.0, 0.16, 0.0), (140, 0.0, 0.16, 0.0), (150, 0.0, 0.16, 2.0), (170, 0.0, 0.16, 0.0)]  # fmt: skip
    state, times, flows, volumes = [0.0, 0.0, 0.0], [], [], []
    for index, (start, rate, error, free) in enumerate(stages):
        end = stages[index + 1][0] if index + 1 < len(stages) else 200

        def change(_t, y, rate=rate, error=error, free=free):
            rotor, flow, _ = y
            at_pump = (1 + error) * rate * (1 + ripple * math.sin(2 * math.pi * rotor / roller)) + free
            return [rate, (at_pump - flow) / tau, flow]

        at = np.linspace(start, end, 41)
        solved = solve_ivp(change, (start, end), state, t_eval=at, rtol=1e-10, atol=1e-9, max_step=0.1)
        state = list(solved.y[:, -1])
        times += list(at[1:])
        flows += list(solved.y[1][1:])
        volumes += list(solved.y[2][1:])

    assert fluid.flow_nl_s(ns(times)) == pytest.approx(flows, rel=1e-6, abs=1e-5)
    assert fluid.delivered_nl(ns(times)) == pytest.approx(volumes, rel=1e-7, abs=1e-3)


def test_what_entered_the_tube_left_it_or_is_stored_in_it(clock):
    fluid = FluidPath(clock, Peristaltic(0.3, 250.0), rate_error=-0.01, compliance_time_s=12.0)
    run_program(fluid, clock, PROGRAM)
    t = ns(np.linspace(0, 400, 1001))
    stored = 12.0 * fluid.flow_nl_s(t)
    assert fluid.displaced_nl(t) - fluid.delivered_nl(t) == pytest.approx(stored, abs=1e-8)
    assert stored[-1] == pytest.approx(0.0, abs=1e-4)


def test_a_tube_that_becomes_stiffer_or_softer_loses_nothing(clock):
    fluid = FluidPath(clock, Peristaltic(0.0), compliance_time_s=10.0)
    fluid.drive(100.0)
    for at_s, tau_s in ((60, 3.0), (61, 0.0), (62, 20.0)):
        clock.sleep_until_ns(at_s * S)
        fluid.compliance_time_s = tau_s
    clock.sleep_until_ns(70 * S)
    fluid.drive(0.0)
    assert fluid.delivered_nl(ns([1000]))[0] == pytest.approx(7000.0, abs=1e-6)


@given(
    rate=st.floats(0.2, 300.0),
    ripple=st.floats(0.0, 0.9),
    roller=st.floats(50.0, 2000.0),
    error=st.floats(-0.5, 0.5),
    tau=st.one_of(st.just(0.0), st.floats(0.01, 100.0)),
)
@settings(max_examples=100)
def test_flow_is_the_derivative_of_volume_and_volume_never_falls(rate, ripple, roller, error, tau):
    clock = VirtualClock()
    fluid = FluidPath(clock, Peristaltic(ripple, roller), rate_error=error, compliance_time_s=tau)
    fluid.drive(rate)
    t = np.linspace(1, 300, 600)
    h = 1e-3
    slope = (fluid.delivered_nl(ns(t + h)) - fluid.delivered_nl(ns(t - h))) / (2 * h)
    assert fluid.flow_nl_s(ns(t)) == pytest.approx(slope, rel=1e-3, abs=rate * 1e-2)
    assert np.all(np.diff(fluid.delivered_nl(ns(t))) >= -1e-9)
    # over whole turns of the rotor the ripple is nothing
    turn_s = roller / rate
    moved = np.diff(fluid.displaced_nl(ns([10, 10 + 50 * turn_s])))[0]
    assert moved == pytest.approx((1 + error) * 50 * roller, rel=1e-6)


def test_any_array_of_times_gives_the_same_as_one_by_one(clock):
    fluid = FluidPath(clock, Peristaltic(0.3, 250.0), compliance_time_s=2.0)
    run_program(fluid, clock, PROGRAM)
    t = np.random.default_rng(5).permutation(ns(np.linspace(0, 220, 500)))
    one_by_one = [fluid.delivered_nl([each])[0] for each in t]
    assert fluid.delivered_nl(t).tolist() == one_by_one


def test_an_over_infusing_pump_empties_the_reservoir_early_and_a_refill_lets_it_go_on(clock):
    fluid = FluidPath(
        clock, Peristaltic(0.4, 250.0), rate_error=0.25, compliance_time_s=2.0, reservoir_nl=10_000.0
    )
    fluid.drive(10.0)
    t = ns(np.arange(0, 1000, 1.0))
    assert fluid.delivered_nl(t)[-1] == pytest.approx(10_000.0, abs=1e-3)
    dry_s = t[np.argmax(fluid.displaced_nl(t) >= 9_999.99)] / S
    assert dry_s == pytest.approx(800.0, abs=10.0)
    clock.sleep_until_ns(1000 * S)
    assert fluid.reservoir_nl == pytest.approx(0.0, abs=1e-3)
    fluid.reservoir_nl = 5_000.0
    assert fluid.delivered_nl(ns([2000]))[0] == pytest.approx(15_000.0, abs=1e-2)


def test_a_reservoir_that_ran_dry_unseen_ran_dry_all_the_same():
    """Asked for meanwhile or not: the drive went on at its rate, and its rollers stand where that brought them."""

    def refilled_afterwards(is_asked: bool):
        clock = VirtualClock()
        fluid = FluidPath(clock, Peristaltic(0.4, 250.0), compliance_time_s=2.0, reservoir_nl=1_000.0)
        fluid.drive(10.0)  # dry after 100 s
        clock.sleep_until_ns(160 * S)
        if is_asked:
            assert fluid.reservoir_nl == pytest.approx(0.0, abs=1e-3)
        fluid.drive(3.0)
        fluid.reservoir_nl = 5_000.0
        return fluid.flow_nl_s(ns(np.linspace(160, 300, 50)))

    assert refilled_afterwards(False) == pytest.approx(refilled_afterwards(True))


def test_a_change_before_the_foreseen_dry_end_replaces_it(clock):
    fluid = FluidPath(clock, Peristaltic(0.0), reservoir_nl=1_000.0)
    fluid.drive(10.0)
    clock.sleep_until_ns(50 * S)
    fluid.drive(1.0)
    assert fluid.delivered_nl(ns([50, 100, 550, 900])) == pytest.approx([500.0, 550.0, 1000.0, 1000.0])


@pytest.mark.parametrize("wear_per_ml", [-0.004, 0.02])
def test_wear_grows_with_what_the_drive_has_passed(clock, wear_per_ml):
    fluid = FluidPath(clock, Peristaltic(0.0), rate_error=0.05, compliance_time_s=30.0)
    fluid.drive(100.0)
    clock.sleep_until_ns(10_000 * S)  # 1 mL before it begins
    fluid.wear_per_ml = wear_per_ml
    clock.sleep_until_ns(40_000 * S)  # 3 mL more, in two pieces and a pause
    fluid.drive(0.0)
    clock.sleep_until_ns(50_000 * S)
    fluid.drive(50.0)
    t = ns([10_000, 40_000, 50_000, 90_000, 90_001])
    passed_ml = np.array([0, 3, 3, 5])
    # dV/dv = 1.05 + wear v
    by_hand = 1.05e6 + 1e6 * (1.05 * passed_ml + wear_per_ml / 2 * passed_ml**2)
    displaced = fluid.displaced_nl(t)
    assert displaced[:4] == pytest.approx(by_hand, rel=1e-9)
    assert displaced[4] - displaced[3] == pytest.approx(50 * (1.05 + 5 * wear_per_ml), rel=1e-6)
    # what the tube stores lags: in - out = tau x flow, and the flow of a ramp is the one of tau ago
    assert displaced - fluid.delivered_nl(t) == pytest.approx(30 * fluid.flow_nl_s(t), abs=1e-5)
    lagging = 50 * (1.05 + wear_per_ml * (5 - 50 * 30 / 1e6))
    assert fluid.flow_nl_s(ns([90_000]))[0] == pytest.approx(lagging, rel=1e-9)


def test_a_worn_tube_empties_the_reservoir_when_its_volume_has_gone(clock):
    fluid = FluidPath(clock, Peristaltic(0.3, 250.0), reservoir_nl=2_000_000.0)
    fluid.drive(100.0)
    fluid.wear_per_ml = 0.1
    dry_ml = (math.sqrt(1 + 2 * 0.1 * 2.0) - 1) / 0.1  # v + 0.05 v^2 = 2
    t = ns(np.arange(18_000, 19_000))
    assert (t[np.argmax(fluid.flow_nl_s(t) == 0)] / S) == pytest.approx(dry_ml * 1e4, abs=2.0)
    assert fluid.displaced_nl(ns([50_000]))[0] == pytest.approx(2_000_000, abs=0.01)


def test_evaporation_is_constant_but_for_a_slow_wave(clock):
    fluid = FluidPath(
        clock, Peristaltic(), evaporation_g_h=20e-6, evaporation_variation=0.05, day_phase_rad=1.0
    )
    day = fluid.evaporated_g(ns([0, 86_400, 5 * 86_400]))
    assert day == pytest.approx([0.0, 480e-6, 2400e-6])
    hourly = np.diff(fluid.evaporated_g(ns(np.arange(0, 86_401, 3600))))
    assert hourly.min() == pytest.approx(19e-6, rel=0.005)
    assert hourly.max() == pytest.approx(21e-6, rel=0.005)
    assert fluid.vessel_g(ns([86_400]))[0] == pytest.approx(-480e-6)


def test_mass_is_volume_at_the_temperature_of_the_pump(clock):
    fluid = FluidPath(clock, Peristaltic(), temperature_c=37.0)
    fluid.drive(1000.0)
    assert fluid.delivered_g(ns([1000]))[0] == pytest.approx(0.993328955, abs=1e-8)


def test_a_dead_volume_pushes_out_what_it_expands_and_takes_it_back(clock):
    fluid = FluidPath(clock, Peristaltic(), temperature_c=25.0, temperature_swing_k=0.5)
    fluid.dead_volume_nl, fluid.temperature_period_s = 1_000_000, 8000.0
    out_nl = fluid.delivered_nl(ns([0.0, 2000.0, 4000.0, 6000.0]))
    # 1 mL warming by 1 K at 25 °C is 0.257 µL: half at the crest, half missing in the trough
    assert out_nl == pytest.approx([0.0, 128.6, 0.0, -128.6], abs=1.5)
    assert fluid.displaced_nl(ns([2000.0])) == pytest.approx([0.0])


def weighed_between(fluid, clock, begin_s, end_s):
    clock.sleep_until_ns(round(end_s * S))
    first, last = fluid.vessel_g([round(begin_s * S), round(end_s * S)])
    return last - first


def test_what_leaks_does_not_reach_the_vessel_and_what_did_stays(clock):
    fluid = FluidPath(clock, Peristaltic())
    fluid.drive(100.0)
    before = weighed_between(fluid, clock, 0, 100)
    fluid.leak = 0.25
    assert weighed_between(fluid, clock, 100, 200) == pytest.approx(0.75 * before)
    fluid.leak = 1.0  # disconnected
    assert weighed_between(fluid, clock, 200, 300) == pytest.approx(0, abs=1e-12)
    assert fluid.vessel_g([100 * S])[0] == pytest.approx(before)


def test_back_pressure_and_warmth_change_the_rate_as_they_are_told_to(clock):
    fluid = FluidPath(clock, Peristaltic(), temperature_c=37.0)
    fluid.per_kpa, fluid.per_k = 0.01, 0.02
    fluid.drive(100.0)
    before = weighed_between(fluid, clock, 0, 100)
    fluid.back_pressure_kpa = 10.0
    assert weighed_between(fluid, clock, 100, 200) == pytest.approx(0.9 * before)
    assert fluid.pressure_kpa([clock.now_ns()])[0] == pytest.approx(10.0)
    fluid.back_pressure_kpa = 0.0
    fluid.warm_to(40.0)
    lighter = water_density_g_ml(40.0) / water_density_g_ml(37.0)
    assert weighed_between(fluid, clock, 200, 300) == pytest.approx(1.06 * lighter * before)


def test_free_flow_stops_at_a_closed_outlet(clock):
    fluid = FluidPath(clock, Peristaltic())
    fluid.free_flow_nl_h = 3600.0
    assert weighed_between(fluid, clock, 0, 100) == pytest.approx(100e-6 * water_density_g_ml(20.0))
    fluid.outlet_closed = True
    assert weighed_between(fluid, clock, 100, 200) == 0
    assert fluid.pressure_kpa([clock.now_ns()])[0] == 0
