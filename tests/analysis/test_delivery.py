"""The error of a delivery, and whether its budget is honest: whether the truth lies where it says."""

import math
from dataclasses import replace

import GTC
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rig.analysis.decision import Outcome, decide
from rig.analysis.delivery import dead_volume_component, delivery_error
from rig.analysis.density import air_density_kg_m3, water_density_kg_m3
from rig.analysis.evaporation import Evaporation, Slope, slope
from rig.analysis.gravimetry import BalanceFigures, Conditions, immersion_factor, volume_per_reading_ml_g
from rig.analysis.uncertainty import Budget
from rig.analysis.weighed_difference import Difference, Weighing, delivered_ml

STATED = Conditions(20.0, 0.2, 20.0, 0.5, 1013.25, 2.0, 50.0, 5.0)
MICRO = BalanceFigures(resolution_g=1e-5, repeatability_g=2e-5, linearity_g=2e-5, drift_24h_g=1e-4)
BENCH = Weighing(STATED, MICRO, tube_mm=1.0, vessel_mm=20.0)

DRY = Evaporation(Slope(0.0, 0.0, 0.0, math.inf), Slope(1e6, 0.0, 0.0, math.inf))


def test_volume_of_a_difference_by_hand() -> None:
    losing = Evaporation(Slope(0.0, -2e-5, 0.0, math.inf), Slope(1e6, -2e-5, 0.0, math.inf))
    difference = Difference.between(10.0, 11.0, 0.0, 36000.0)

    # (1 g + 20 µg/h · 10 h) · 1.002851... mL/g · (1 - 1/400)
    factor = volume_per_reading_ml_g(998.2067455596167, 1.1992943050311118) * 0.9975
    assert delivered_ml(difference, losing, BENCH) == pytest.approx(1.0002 * factor, abs=1e-14)


def test_error_and_budget_by_hand() -> None:
    still = Weighing(STATED, BalanceFigures(1e-3, 0.0, 0.0, 0.0))
    budget = delivery_error(Difference.between(0.0, 1.0, 0.0, 3600.0), 1.0, DRY, still, timed_over_s=3600.0)
    of = {component.name: component.contribution for component in budget.components}

    volume = volume_per_reading_ml_g(STATED.fluid_kg_m3, STATED.air_kg_m3)
    assert budget.value == pytest.approx(100 * (volume - 1), abs=1e-9)
    assert of["balance resolution"] == pytest.approx(100 * volume * 1e-3 * math.sqrt(2 / 12))
    assert of["fluid density"] == pytest.approx(100 * volume * 0.2067 * 0.2 / 998.2, rel=3e-3)
    assert of["air density (buoyancy)"] == pytest.approx(
        100 * volume * STATED.air_u_kg_m3 * (1 / 997.0075 - 1 / 8000), rel=1e-3
    )
    assert of["moments of the readings"] == pytest.approx(100 * volume * math.sqrt(2) * 0.05 / 3600)
    assert of["clock"] == pytest.approx(100 * volume * 50e-6 / math.sqrt(3))
    assert of["balance zero drift"] == of["evaporation rate"] == of["change of evaporation"] == 0.0
    assert of["immersed outlet"] == of["warming of the dead volume"] == of["balance calibration"] == 0.0


def test_drift_grows_with_the_root_of_time() -> None:
    short = delivery_error(Difference.between(0.0, 1.0, 0.0, 3600.0), 1.0, DRY, BENCH)
    long = delivery_error(Difference.between(0.0, 1.0, 0.0, 4 * 3600.0), 1.0, DRY, BENCH)

    def drift(budget: Budget) -> float:
        return next(part.contribution for part in budget.components if part.name == "balance zero drift")

    assert drift(long) == pytest.approx(2 * drift(short))


def test_nothing_programmed_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing was programmed"):
        delivery_error(Difference.between(0.0, 1.0, 0.0, 1.0), 0.0, DRY, BENCH)


def test_a_dead_volume_of_a_millilitre_warming_a_kelvin_moves_a_quarter_of_a_microlitre() -> None:
    part = dead_volume_component(1.0, 1.0, 25.0, 0.002)

    assert part.standard_uncertainty == pytest.approx(0.257e-3, rel=5e-3)  # two readings, each 1 K / sqrt 2
    assert part.contribution == pytest.approx(100 * part.standard_uncertainty / 0.002)


COMPONENTS = [
    "balance resolution",
    "balance repeatability",
    "balance linearity",
    "balance zero drift",
    "balance calibration",
    "evaporation rate",
    "change of evaporation",
    "cycles of evaporation",
    "air density (buoyancy)",
    "fluid density",
    "immersed outlet",
    "moments of the readings",
    "clock",
    "warming of the dead volume",
]


@pytest.mark.parametrize("timed_over_s", [3600.0, None])
def test_every_component_is_in_every_budget_and_counts_if_it_is_stated(timed_over_s: float | None) -> None:
    wet = Evaporation(Slope(0.0, -2e-5, 1e-6, 15.0), Slope(1e6, -4e-5, 1e-6, 15.0))
    figures = BalanceFigures(1e-5, 2e-5, 2e-5, 1e-4, sensitivity_ppm=5.0)
    all_stated = replace(
        BENCH, balance=figures, dead_volume_ml=0.2, dead_volume_swing_k=0.1, evaporation_variation=0.05
    )
    for weighing, counts in ((all_stated, True), (Weighing(STATED, MICRO), False)):
        budget = delivery_error(
            Difference.between(0.0, 1.0, 0.0, 3600.0), 1.0, wet, weighing, timed_over_s=timed_over_s
        )
        assert [part.name for part in budget.components] == COMPONENTS
        silent = {part.name for part in budget.components if part.contribution == 0.0}
        optional = {COMPONENTS[i] for i in (4, 7, 10, 13)}
        assert silent == (set() if counts else optional)
        assert all("not stated" in p.source or "not immersed" in p.source for p in budget.components
                   if p.name in silent)  # fmt: skip


def test_the_whole_budget_agrees_with_gtc() -> None:
    """The model written once more and differentiated by GTC, with every component stated."""
    wet = Evaporation(Slope(0.0, -2e-5, 1e-6, 15.0), Slope(1e6, -4e-5, 1e-6, 15.0))
    figures = BalanceFigures(1e-5, 2e-5, 2e-5, 1e-4, sensitivity_ppm=5.0)
    weighing = replace(
        BENCH, balance=figures, dead_volume_ml=0.2, dead_volume_swing_k=0.1, evaporation_variation=0.05
    )
    difference = Difference.between(3.0, 4.0, 0.0, 36000.0)

    ours = delivery_error(difference, 1.0, wet, weighing, timed_over_s=36000.0)

    parts = {part.name: part for part in ours.components}

    def quantity(name: str, value: float) -> GTC.lib.UncertainReal:
        return GTC.ureal(value, parts[name].standard_uncertainty, parts[name].degrees_of_freedom)

    names = ("balance resolution", "balance repeatability", "balance linearity", "balance zero drift")
    display = 1.0 + sum(quantity(name, 0.0) for name in names)
    rate = quantity("evaporation rate", float(wet.rate_g_h(18000.0)))
    rate += quantity("change of evaporation", 0.0) + quantity("cycles of evaporation", 0.0)
    fluid, air = (
        quantity("fluid density", STATED.fluid_kg_m3),
        quantity("air density (buoyancy)", STATED.air_kg_m3),
    )
    z = 1000.0 * (1 - air / 8000.0) / (fluid - air)
    volume = (display * quantity("balance calibration", 1.0) + rate * 10.0) * z
    volume *= quantity("immersed outlet", immersion_factor(1.0, 20.0))
    seconds = quantity("moments of the readings", 36000.0) * quantity("clock", 1.0)
    error = 100.0 * ((volume + quantity("warming of the dead volume", 0.0)) / (seconds / 36000.0) - 1.0)
    assert ours.value == pytest.approx(error.x, abs=1e-9)
    assert ours.combined_standard_uncertainty == pytest.approx(error.u, abs=1e-9)
    assert ours.effective_degrees_of_freedom == pytest.approx(error.df, rel=1e-6)


HOURS = 3600.0
BLANK, RELAX, SETTLE, SAMPLE = 4 * HOURS, 0.5 * HOURS, 6 * HOURS, 26 * HOURS
EVERY = 900.0


def one_run(rate_ml_h: float, error_pct: float, rng: np.random.Generator) -> Budget:
    """A measurement on a bench that errs just as its figures state, judged by those figures."""
    t_s = np.arange(0.0, BLANK + SETTLE + SAMPLE + RELAX + BLANK + 1, EVERY)
    start = BLANK + SETTLE
    stop = start + SAMPLE
    true = Conditions(
        rng.normal(20.0, 0.2),
        0.0,
        rng.normal(20.0, 0.5),
        0.0,
        rng.normal(1013.25, 2.0),
        0.0,
        rng.normal(50.0, 5.0),
        0.0,
    )
    pumped_s = np.clip(t_s, BLANK, stop) - BLANK
    clock = 1 + rng.uniform(-50e-6, 50e-6)
    volume = rate_ml_h * (1 + error_pct / 100) * clock * pumped_s / 3600
    phase, day = rng.uniform(0, 2 * math.pi), 2 * math.pi / 86400
    lost = 20e-6 / 3600 * (t_s + 0.1 / day * (math.cos(phase) - np.cos(day * t_s + phase)))
    z = volume_per_reading_ml_g(
        water_density_kg_m3(true.reference_temperature_c),
        air_density_kg_m3(true.air_pressure_hpa, true.air_humidity_pct, true.air_temperature_c),
    )
    wet = 1 - (1 - immersion_factor(1.0, 20.0)) * rng.normal(1.0, 0.02)
    walk = np.concatenate([[0.0], np.cumsum(rng.normal(0.0, 1e-4 * math.sqrt(EVERY / 86400), len(t_s) - 1))])
    # One error of linearity at the load before the analysis period, another at the load after it.
    bent = np.where(t_s < (start + stop) / 2, rng.uniform(-2e-5, 2e-5), rng.uniform(-2e-5, 2e-5))
    display = volume / (z * wet) - lost + walk + bent + rng.normal(0.0, 2e-5, len(t_s))
    display = np.round((80.0 + display) / 1e-5) * 1e-5

    before, after = t_s <= BLANK, t_s >= stop + RELAX
    evaporation = Evaporation(
        slope(t_s[before], display[before], MICRO), slope(t_s[after], display[after], MICRO)
    )
    first, last = int(start / EVERY), int(stop / EVERY)
    moved = rng.normal(0.0, 0.05, 2) * rate_ml_h * (1 + error_pct / 100) / 3600 / z
    return delivery_error(
        Difference.between(display[first] + moved[0], display[last] + moved[1], t_s[first], t_s[last]),
        rate_ml_h * SAMPLE / 3600,
        evaporation,
        BENCH,
        timed_over_s=SAMPLE,
    )


@pytest.mark.parametrize("rate_ml_h", [0.002, 0.5 / 24, 1.0])
def test_the_truth_lies_in_the_stated_interval_as_often_as_stated(rate_ml_h: float) -> None:
    rng = np.random.default_rng(20260101)
    runs, inside, expanded = 1500, 0, []
    for _ in range(runs):
        truth = rng.uniform(-5.0, 5.0)
        budget = one_run(rate_ml_h, truth, rng)
        inside += abs(budget.value - truth) <= budget.expanded_uncertainty
        expanded.append(budget.expanded_uncertainty)

    print(f"{rate_ml_h:.4g} mL/h: {100 * inside / runs:.2f} % inside, median U {np.median(expanded):.4g} %")
    assert 0.93 <= inside / runs <= 0.97


def test_a_pump_at_the_limit_passes_no_more_often_than_the_guard_band_allows() -> None:
    rng = np.random.default_rng(20260102)
    verdicts = [
        decide(budget.value, budget.expanded_uncertainty, -14.5, 14.5).verdict
        for budget in (one_run(0.002, 14.5, rng) for _ in range(600))
    ]

    assert verdicts.count(Outcome.PASS) / 600 <= 0.04  # 2.5 % stated; 4 % is its 99 % bound for 600 runs
    assert verdicts.count(Outcome.CONDITIONAL_PASS) > 200


@settings(max_examples=80)
@given(
    delivered_g=st.floats(1e-3, 100.0),
    loss_g_h=st.floats(0.0, 1e-2),
    hours=st.floats(0.1, 100.0),
    offset_g=st.floats(-200.0, 200.0),
    later_s=st.floats(0.0, 1e5),
)
def test_whatever_evaporates_is_added_back_once_and_only_differences_count(
    delivered_g: float, loss_g_h: float, hours: float, offset_g: float, later_s: float
) -> None:
    seconds = hours * 3600.0
    losing = Evaporation(Slope(0.0, -loss_g_h, 0.0, math.inf), Slope(1e6, -loss_g_h, 0.0, math.inf))
    shown = Difference.between(
        offset_g, offset_g + delivered_g - loss_g_h * hours, later_s, later_s + seconds
    )
    dry = Difference.between(0.0, delivered_g, 0.0, seconds)

    volume_ml = delivered_ml(shown, losing, BENCH)
    assert volume_ml == pytest.approx(delivered_ml(dry, DRY, BENCH), abs=1e-9)
    error = delivery_error(shown, volume_ml / 1.02, losing, BENCH, timed_over_s=seconds)
    assert error.value == pytest.approx(2.0, abs=1e-6)
    assert error.combined_standard_uncertainty == pytest.approx(
        delivery_error(dry, volume_ml / 1.02, DRY, BENCH, timed_over_s=seconds).combined_standard_uncertainty,
        rel=1e-6,
    )
