"""Detectors on seeded series: few false alarms on clean logs of every kind, and each fault found by its name."""

import numpy as np
import pytest

from rig.analysis.log_hazards import find_hazards
from rig.analysis.log_series import common_step, packet_of, prepare

DENSITY = 0.998
# Noise relative to the mass of one sample interval: white on the balance, white in the flow, ripple (and its period in
# intervals), a wandering balance, and the balance's resolution.
NOISE = {
    "balance": {"balance": 0.03},
    "pump": {"flow": 0.03},
    "both": {"balance": 0.02, "flow": 0.02, "resolution": 0.01},
    "coarse": {"balance": 0.02, "flow": 0.01, "resolution": 0.2},
    "coarser": {"balance": 0.1, "flow": 0.01, "resolution": 2.0},
    "noisy": {"balance": 0.5, "flow": 0.05, "resolution": 0.05},
    "ripple": {"balance": 0.01, "flow": 0.01, "ripple": 0.08, "period": 14.3, "resolution": 0.01},
    "strokes": {"balance": 0.01, "flow": 0.005, "ripple": 0.05, "period": 4.0, "resolution": 0.01},
    "fast ripple": {"balance": 0.003, "flow": 0.003, "ripple": 0.3, "period": 3.3, "resolution": 0.001},
    "slow ripple": {"balance": 0.001, "flow": 0.003, "ripple": 0.05, "period": 22.0, "resolution": 0.002},
    "wandering": {"balance": 0.01, "walk": 0.01, "resolution": 0.01},
    "perfect": {},
    "perfect, displayed": {"resolution": 0.01},
}
USUAL = ("balance", "both", "ripple", "slow ripple")  # under which faults are looked for


def clean(rng, noise, count, interval_s=60.0, rate_ml_h=5.0):
    """Times (s), masses (g) and the mass of one interval."""
    unit_g = rate_ml_h * DENSITY / 3600 * interval_s
    spec = NOISE[noise]
    phase = 2 * np.pi * np.arange(count) / spec.get("period", 7.0) + rng.uniform(0, 6.3)
    flow = 1 + spec.get("flow", 0) * rng.normal(size=count) + spec.get("ripple", 0) * np.sin(phase)
    mass = np.concatenate([[0], np.cumsum(flow)]) * (1 + 0.03 * rng.normal()) + rng.uniform(0, 50)
    mass += spec.get("balance", 0) * rng.normal(size=count + 1)
    mass += np.cumsum(spec.get("walk", 0) * rng.normal(size=count + 1))
    return (
        np.arange(count + 1) * interval_s,
        displayed(mass * unit_g, spec.get("resolution", 0) * unit_g),
        unit_g,
    )


def displayed(mass_g, about_g):
    """As a balance shows it: in steps of 1, 2 or 5 times a power of ten."""
    if not about_g:
        return mass_g
    ten = 10.0 ** np.floor(np.log10(about_g))
    step = ten * min((1, 2, 5, 10), key=lambda lead: abs(np.log(lead * ten / about_g)))
    return np.round(mass_g / step) * step


def middle(t_s):
    return float(t_s[len(t_s) // 4]), float(t_s[3 * len(t_s) // 4])


def names(t_s, mass_g, rate_ml_h=5.0):
    return {h.name for h in find_hazards(t_s, mass_g, DENSITY, rate_ml_h, period_s=middle(t_s))}


@pytest.mark.parametrize("count", [24, 60, 120, 300])
def test_clean_logs_raise_no_alarm(count):
    alarms = []
    for index, noise in enumerate(NOISE):
        for seed in range(16):
            rng = np.random.default_rng([count, index, seed])
            interval_s, rate = (
                float(rng.choice([30.0, 120.0, 900.0])),
                float(rng.choice([0.002, 0.5, 5.0, 150.0])),
            )
            t_s, mass_g, _ = clean(rng, noise, count, interval_s, rate)
            alarms += [(noise, seed, name) for name in names(t_s, mass_g, rate)]
    assert len(alarms) <= 2, alarms  # of 208


def stopped(m, at, length, _unit):
    dm = np.diff(m)
    dm[at : at + length] = 0.3 * (dm[at : at + length] - dm[at : at + length].mean())
    return np.concatenate([[m[0]], m[0] + np.cumsum(dm)])


def added(m, at, length, each):
    dm = np.diff(m)
    dm[at : at + length] += each
    return np.concatenate([[m[0]], m[0] + np.cumsum(dm)])


def from_there(m, at, by):
    return np.where(np.arange(len(m)) >= at, m + by, m)


def held(m, at, length):
    return np.where((np.arange(len(m)) > at) & (np.arange(len(m)) <= at + length), m[at], m)


def emptied(m, length):
    dm = np.diff(m)
    dm[-length:] *= np.linspace(1, 0, length) ** 0.7
    return np.concatenate([[m[0]], m[0] + np.cumsum(dm)])


def drifting(m, unit, percent):
    x = np.arange(len(m)) / (len(m) - 1)
    return m + unit * (len(m) - 1) * percent / 100 * (x * x - x) / 2


def dripping(m, drop):
    return np.floor(m / drop) * drop


FAULTS = {
    # what: (function of mass, index, mass of one interval), its names, how often it must be found
    "bump of one interval's mass": (from_there, {"step"}, 1.0),
    "bump of 40 % of it": (lambda m, at, u: from_there(m, at, 0.4 * u), {"step"}, 0.5),
    "tare": (lambda m, at, _u: from_there(m, at, -m[at]), {"tare"}, 1.0),
    "lighter container": (lambda m, at, u: from_there(m, at, -20 * u), {"container_change", "tare"}, 1.0),
    "heavier container": (lambda m, at, u: from_there(m, at, 500 * u), {"container_change"}, 1.0),
    "touched once": (
        lambda m, at, u: np.where(np.arange(len(m)) == at, m + 2 * u, m),
        {"disturbed_reading"},
        1.0,
    ),
    "stop of 3": (lambda m, at, u: stopped(m, at, 3, u), {"stop"}, 1.0),
    "stop of 15": (lambda m, at, u: stopped(m, at, 15, u), {"stop"}, 1.0),
    "stuck for 3": (lambda m, at, _u: held(m, at, 3), {"flat"}, 1.0),
    "stuck for 15": (lambda m, at, _u: held(m, at, 15), {"flat"}, 1.0),
    "stuck to the end": (lambda m, _at, _u: held(m, len(m) - 8, 9), {"flow_stops"}, 1.0),
    "running empty in 8": (lambda m, _at, _u: emptied(m, 8), {"running_empty"}, 0.9),
    "running empty in 30": (lambda m, _at, _u: emptied(m, 30), {"running_empty"}, 1.0),
    "drift of 10 %": (lambda m, _at, u: drifting(m, u, 10), {"drift"}, 0.8),
    "drift of 30 %": (lambda m, _at, u: drifting(m, u, -30), {"drift"}, 1.0),
    "slow start": (lambda m, _at, u: m + 8 * u * (np.exp(-np.arange(len(m)) / 8) - 1), {"start_up"}, 1.0),
    "siphon": (lambda m, at, u: added(m, at, 6, u), {"surge"}, 1.0),
    "backwards": (lambda m, at, u: added(m, at, 6, -2 * u), {"reverse_flow"}, 1.0),
    "drops of half of it": (lambda m, _at, u: dripping(m, 0.5 * u), {"quantised"}, 1.0),
    "a drop every 2nd": (lambda m, _at, u: dripping(m, 2.1 * u), {"quantised"}, 1.0),
}


@pytest.mark.parametrize("what", FAULTS)
def test_each_fault_is_found_by_its_name(what):
    fault, wanted, least = FAULTS[what]
    found, others = 0, []
    for seed in range(24):
        rng = np.random.default_rng([7, seed])
        t_s, mass_g, unit_g = clean(rng, USUAL[seed % len(USUAL)], int(rng.choice([120, 250])))
        seen = names(t_s, fault(mass_g, int(rng.integers(20, len(t_s) - 45)), unit_g))
        found += bool(seen & wanted)
        others += sorted(seen - wanted - {"drift"})
    assert found >= least * 24
    assert len(others) <= 2, others


@pytest.mark.parametrize("factor", [24, 1 / 24, 60, 1 / 60, 1000, 1 / 1000, 3600])
def test_a_slip_of_units_is_suggested(factor):
    t_s, mass_g, _ = clean(np.random.default_rng(1), "both", 120)
    (hazard,) = find_hazards(t_s, mass_g, DENSITY, 5.0 * factor)
    assert hazard.name == "unit_slip"
    assert hazard.size == pytest.approx(1 / factor, rel=0.1)
    assert f"{max(factor, 1 / factor):g}" in hazard.meaning


def test_far_from_the_rate_without_a_slip():
    t_s, mass_g, _ = clean(np.random.default_rng(1), "both", 120)
    (hazard,) = find_hazards(t_s, mass_g, DENSITY, 10.0)
    assert hazard.name == "far_from_rate"


def test_a_gap_says_where_and_what_came_meanwhile():
    t_s, mass_g, _ = clean(np.random.default_rng(2), "both", 200)
    kept = np.r_[0:81, 140:201]
    (hazard,) = find_hazards(t_s[kept], mass_g[kept], DENSITY, 5.0)
    assert (hazard.name, hazard.start_s, hazard.end_s, hazard.lost) == ("gap", 4800.0, 8400.0, True)
    assert "about 59 readings missing" in hazard.evidence


def test_size_and_place_of_a_bump():
    t_s, mass_g, unit_g = clean(np.random.default_rng(3), "both", 120)
    mass_g[70:] += unit_g
    (hazard,) = find_hazards(t_s, mass_g, DENSITY, 5.0)
    assert (hazard.start_s, hazard.end_s) == (t_s[69], t_s[70])
    assert hazard.size == pytest.approx(unit_g, rel=0.25)
    assert not hazard.lost


def test_a_stuck_balance_that_catches_up_is_told_from_lost_delivery():
    t_s, mass_g, unit_g = clean(np.random.default_rng(4), "both", 120)
    (caught_up,) = find_hazards(t_s, held(mass_g, 50, 10), DENSITY, 5.0)
    lost = from_there(held(mass_g, 50, 10), 61, -10 * unit_g)
    (never,) = find_hazards(t_s, lost, DENSITY, 5.0)
    assert caught_up.name == never.name == "flat"
    assert "came at once" in caught_up.evidence
    assert "did not come later" in never.evidence
    assert (caught_up.start_s, caught_up.end_s) == (3000.0, 3600.0)


def test_running_empty_says_from_when_to_when():
    count, t_s = 200, np.arange(201) * 120.0
    flow = np.ones(count)
    flow[180:195] = np.linspace(0.95, 0.1, 15)
    flow[195:] = 0.0
    mass_g = np.round(np.concatenate([[0], np.cumsum(5 * flow)]), 2)
    empty = next(h for h in find_hazards(t_s, mass_g, DENSITY, 150.0) if h.name == "running_empty")
    assert 181 * 120 <= empty.start_s <= 185 * 120
    assert empty.end_s == 195 * 120
    assert empty.size == pytest.approx(5 * (count - flow.sum()), rel=0.1)


def test_falling_weight_and_no_flow():
    t_s, mass_g, _ = clean(np.random.default_rng(5), "both", 120)
    assert names(t_s, 100 - mass_g) == {"falling_weight"}
    assert names(t_s, np.full_like(t_s, 3.21)) == {"no_flow"}


@pytest.mark.parametrize("step", [0.01, 0.05, 0.2, 1e-4, 0.013])
def test_resolution_is_read_from_the_readings(step):
    rng = np.random.default_rng(6)
    mass_g = np.round(np.cumsum(0.083 * (1 + 0.02 * rng.normal(size=150))) / step) * step
    assert common_step(mass_g) == pytest.approx(step, rel=1e-6)
    assert common_step(rng.normal(size=150)) == 0.0


def test_a_coarse_display_is_not_taken_for_drops_and_drops_not_for_a_display():
    rng = np.random.default_rng(8)
    t_s = np.arange(121) * 60.0
    mass_g = np.round(np.cumsum(0.083 * (1 + 0.02 * rng.normal(size=121))) / 0.05) * 0.05
    assert prepare(t_s, mass_g, 0.01).packet_g == 0.0
    assert prepare(t_s, mass_g, 0.0001).packet_g == pytest.approx(
        0.05
    )  # four digits shown, steps of 0.05: drops
    assert packet_of(rng.normal(size=200), rng.normal(size=200), 10.0, 0.0) == 0.0
