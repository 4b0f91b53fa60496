import math
from dataclasses import replace

import numpy as np
import pytest

from rig.analysis.density import DensityTable
from rig.analysis.evaporation import Evaporation, Slope, corrected_reading_g, slope
from rig.analysis.gravimetry import (
    BalanceFigures,
    Conditions,
    immersion_factor,
    improbable,
    lag_one_autocorrelation,
    volume_per_reading_ml_g,
)
from rig.errors import DefinitionError

MICRO = BalanceFigures(resolution_g=1e-5, repeatability_g=2e-5, linearity_g=0.0, drift_24h_g=1e-4)


@pytest.mark.parametrize(
    ("water", "air", "expected"),
    [
        (998.2067455596167, 1.2, 1.0028517905751855),
        (997.5408303323285, 1.1711386444283982, 1.003496609752997),
        (993.3289547662828, 1.1301553332109628, 1.007720157648501),
        (999.9749477037103, 1.2, 1.001076370906941),
        (992.2152091324414, 1.2, 1.0089148892833772),
    ],
)
def test_volume_of_a_gram_on_the_display(water: float, air: float, expected: float) -> None:
    assert volume_per_reading_ml_g(water, air) == pytest.approx(expected, abs=1e-14)


def test_water_lighter_than_air_is_refused() -> None:
    with pytest.raises(DefinitionError, match="not denser"):
        volume_per_reading_ml_g(1.0, 1.2)


def test_an_immersed_outlet_reads_too_much() -> None:
    assert immersion_factor(2.0, 20.0) == pytest.approx(0.99)
    assert immersion_factor(None, 20.0) == immersion_factor(2.0, None) == 1.0
    for tube, vessel in [(20.0, 20.0), (0.0, 20.0), (30.0, 20.0)]:
        with pytest.raises(DefinitionError, match="does not fit"):
            immersion_factor(tube, vessel)


def test_uncertainty_of_the_densities() -> None:
    conditions = Conditions(20.0, 0.5, 20.0, 0.5, 1013.25, 1.0, 50.0, 5.0)

    assert conditions.fluid_kg_m3 == pytest.approx(998.2067455596167)
    assert conditions.fluid_u_kg_m3 == pytest.approx(
        0.2067 * 0.5, rel=2e-3
    )  # 0.2067 kg/m³ for a kelvin at 20 °C
    assert conditions.air_kg_m3 == pytest.approx(1.1992943050311118)
    by_pressure, by_humidity, by_temperature = 0.0011837, -0.0005203, -0.0044  # CIPM 1981, as in OIML R 111-1
    parts = (by_pressure * 1.0, by_humidity * 0.2 * 5.0, by_temperature * 0.5)
    assert conditions.air_u_kg_m3 == pytest.approx(math.hypot(*parts), rel=0.1)


def test_slope_of_a_straight_line_is_exact() -> None:
    t_s = np.arange(17) * 900.0
    fitted = slope(t_s, 85.0 - 2e-5 * t_s / 3600, MICRO)

    assert fitted.rate_g_h == pytest.approx(-2e-5, rel=1e-6)
    assert fitted.t_s == 7200.0
    assert (fitted.excess, fitted.degrees_of_freedom) == (1.0, math.inf)


def test_without_drift_it_is_the_ordinary_least_squares_line() -> None:
    t_s = np.array([0.0, 3600.0, 7200.0, 10800.0])
    still = BalanceFigures(0.0, 2.0, 0.0, 0.0)
    fitted = slope(t_s, np.array([0.0, 1.0, 1.0, 3.0]), still)

    assert fitted.rate_g_h == pytest.approx(0.9)
    assert fitted.standard_uncertainty_g_h == pytest.approx(2.0 / math.sqrt(5))


def test_with_nothing_but_drift_it_is_end_point_minus_end_point() -> None:
    t_s = np.arange(17) * 900.0
    walking = BalanceFigures(0.0, 1e-9, 0.0, 1e-4)
    mass = np.zeros(17)
    mass[-1] = 4e-5
    fitted = slope(t_s, mass, walking)

    assert fitted.rate_g_h == pytest.approx(1e-5, rel=1e-3)
    # sd of a walk of 0.1 mg in 24 h over 4 h, divided by 4 h
    assert slope(t_s, np.zeros(17), walking).standard_uncertainty_g_h == pytest.approx(
        1e-4 * math.sqrt(4 / 24) / 4, rel=1e-3
    )


def test_scatter_that_the_figures_do_not_explain_is_believed() -> None:
    t_s = np.arange(17) * 900.0
    noise = np.random.default_rng(3).normal(0.0, 1e-3, 17)
    quiet, loud = slope(t_s, noise * 0, MICRO), slope(t_s, noise, MICRO)

    assert loud.excess > 20
    assert loud.standard_uncertainty_g_h == pytest.approx(loud.excess * quiet.standard_uncertainty_g_h)
    assert loud.degrees_of_freedom == 15


def test_without_stated_noise_the_residuals_alone_tell() -> None:
    t_s = np.array([0.0, 3600.0, 7200.0, 10800.0])
    unstated = BalanceFigures(0.0, 0.0, 0.0, 0.0)
    fitted = slope(t_s, np.array([0.0, 1.0, 1.0, 3.0]), unstated)

    assert fitted.rate_g_h == pytest.approx(0.9)
    # Residuals 0.1, 0.2, -0.7, 0.4: squares add up to 0.7, the hours about their mean to 5.
    assert fitted.standard_uncertainty_g_h == pytest.approx(math.sqrt(0.7 / 2 / 5))
    assert (fitted.degrees_of_freedom, fitted.excess) == (2, 1.0)


def test_a_slope_needs_three_readings_apart_in_time() -> None:
    for t_s in ([0.0, 1.0], [5.0, 5.0, 5.0]):
        with pytest.raises(DefinitionError, match="at least three"):
            slope(np.array(t_s), np.zeros(len(t_s)), MICRO)


def evaporation(before: float = -20e-6, after: float = -30e-6, u: float = 1e-9) -> Evaporation:
    return Evaporation(Slope(0.0, before, u, math.inf), Slope(36000.0, after, u, math.inf))


def test_evaporation_is_interpolated_and_added_back_once() -> None:
    lost = evaporation()
    t_s = np.arange(0.0, 36001.0, 600.0)

    assert lost.rate_g_h(18000.0) == pytest.approx(25e-6)
    assert lost.rate_g_h(np.array([-1.0, 1e6])) == pytest.approx([20e-6, 30e-6])
    assert lost.lost_g(t_s)[-1] == pytest.approx(250e-6)
    falling = 100.0 - lost.lost_g(t_s)
    assert corrected_reading_g(t_s, falling, lost) == pytest.approx(np.zeros(len(t_s)), abs=1e-13)


def test_uncertainty_of_the_interpolation() -> None:
    lost = Evaporation(Slope(0.0, -1e-5, 3e-6, 15.0), Slope(36000.0, -1e-5, 4e-6, math.inf))

    assert lost.interpolated_u_g_h(18000.0) == pytest.approx(2.5e-6)
    assert lost.interpolated_u_g_h(0.0) == pytest.approx(3e-6)
    assert lost.interpolated_degrees_of_freedom(0.0) == pytest.approx(15.0)
    assert math.isinf(lost.interpolated_degrees_of_freedom(36000.0))
    assert lost.changed_g_h() == 0.0


def test_a_difference_between_the_blanks_beyond_chance_is_a_change() -> None:
    assert evaporation(-20e-6, -30e-6, 0.0).changed_g_h() == pytest.approx(10e-6)
    assert evaporation(-20e-6, -30e-6, 0.0).change_u_g_h() == pytest.approx(5e-6 / math.sqrt(3))
    assert evaporation(-20e-6, -30e-6, 1e-5).changed_g_h() == 0.0


def test_cycles_that_are_stated_explain_a_difference_between_the_blanks() -> None:
    changing = evaporation(-20e-6, -30e-6, 0.0)  # 25 on the average

    # 5 / sqrt 2 at each of two blanks, their mean; once more between them
    assert changing.cycle_u_g_h(0.2) == pytest.approx(math.hypot(2.5e-6, 5e-6 / math.sqrt(2)))
    assert changing.changed_g_h(0.2) == pytest.approx(math.sqrt(10e-6**2 - 5e-6**2))
    assert changing.changed_g_h(0.5) == changing.change_u_g_h(0.5) == 0.0


def test_lag_one_autocorrelation() -> None:
    assert lag_one_autocorrelation(np.array([1.0, -1.0] * 50)) == pytest.approx(-0.99)
    assert lag_one_autocorrelation(np.linspace(-1, 1, 100)) > 0.9
    assert lag_one_autocorrelation(np.zeros(5)) == 0.0


def test_improbable() -> None:
    assert improbable(3.3, 1.0)
    assert not improbable(3.2, 1.0)
    assert improbable(1e-9, 0.0)
    assert not improbable(0.0, 0.0)


def test_a_fluid_with_a_table_has_its_density_and_uncertainty() -> None:
    table = DensityTable.of("saline", [15.0, 25.0], [1006.0, 1003.0], 0.3, "weighed in a pycnometer")
    conditions = Conditions(20.0, 0.5, 20.0, 0.5, 1013.25, 1.0, 50.0, 5.0, table)

    assert conditions.fluid_kg_m3 == pytest.approx(1004.5)
    assert conditions.fluid_u_kg_m3 == pytest.approx(math.hypot(0.3, 0.5 * 0.3))
    with pytest.raises(DefinitionError, match="no density of 'saline' at 37 °C"):
        _ = replace(conditions, reference_temperature_c=37.0).fluid_kg_m3
