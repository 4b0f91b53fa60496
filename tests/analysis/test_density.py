import math

import pytest

from rig.analysis.density import DensityTable, air_density_kg_m3, water_density_kg_m3
from rig.errors import DefinitionError

# Tanaka et al., Metrologia 38 (2001) 301, worked independently.
WATER_KG_M3 = {
    4: 999.9749477037103,
    15: 999.1025717180356,
    18: 998.5983613773187,
    20: 998.2067455596167,
    20.5: 998.1021852082578,
    22: 997.7729769381818,
    23: 997.5408303323285,
    25: 997.047021671824,
    30: 995.6487971840886,
    35: 994.0326014885992,
    36: 993.6847380131935,
    37: 993.3289547662828,
    38: 992.9653661132121,
    40: 992.2152091324414,
}


@pytest.mark.parametrize(("temperature_c", "expected"), WATER_KG_M3.items())
def test_water_is_as_dense_as_worked_by_hand(temperature_c: float, expected: float) -> None:
    assert water_density_kg_m3(temperature_c) == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize(
    ("pressure_hpa", "humidity_pct", "temperature_c", "expected"),
    [
        (1013.25, 50, 20, 1.1992943050311118),
        (1000, 45, 23, 1.1711386444283982),
        (840, 30, 22, 0.9882771265675054),
    ],
)
def test_air_is_as_dense_as_worked_by_hand(
    pressure_hpa: float, humidity_pct: float, temperature_c: float, expected: float
) -> None:
    assert air_density_kg_m3(pressure_hpa, humidity_pct, temperature_c) == pytest.approx(expected, abs=1e-13)


@pytest.mark.parametrize("temperature_c", [-0.1, 40.1, float("nan")])
def test_water_outside_the_formula_is_refused(temperature_c: float) -> None:
    with pytest.raises(DefinitionError, match="from 0 to 40 °C"):
        water_density_kg_m3(temperature_c)


@pytest.mark.parametrize(
    ("pressure_hpa", "humidity_pct"), [(101.325, 50), (101325, 50), (1013, 101), (1013, -1)]
)
def test_air_in_the_wrong_unit_is_refused(pressure_hpa: float, humidity_pct: float) -> None:
    with pytest.raises(DefinitionError, match="outside"):
        air_density_kg_m3(pressure_hpa, humidity_pct, 20.0)


# Glucose 5 %, as a bench file might state it.
GLUCOSE = DensityTable.of(
    "glucose 5 %", [15, 20, 25, 37], [1018.1, 1017.0, 1015.6, 1011.2], 0.2, "maker's sheet"
)


def test_a_table_is_read_on_straight_lines_between_its_points() -> None:
    assert GLUCOSE.density_kg_m3(20.0) == 1017.0
    assert GLUCOSE.density_kg_m3(22.0) == pytest.approx(1017.0 - 1.4 * 2 / 5)
    assert GLUCOSE.density_kg_m3(15.0) == 1018.1
    assert GLUCOSE.density_kg_m3(37.0) == 1011.2
    assert GLUCOSE.density_kg_m3(31.0) == pytest.approx((1015.6 + 1011.2) / 2)


def test_its_uncertainty_is_what_is_declared_and_that_of_the_temperature() -> None:
    assert GLUCOSE.standard_uncertainty_at_kg_m3(18.0, 0.0) == pytest.approx(0.2)
    assert GLUCOSE.standard_uncertainty_at_kg_m3(18.0, 2.0) == pytest.approx(math.hypot(0.2, 2.0 * 1.1 / 5))


@pytest.mark.parametrize("temperature_c", [14.99, 37.01, math.nan])
def test_nothing_is_extrapolated(temperature_c: float) -> None:
    with pytest.raises(DefinitionError, match=r"no density of 'glucose 5 %' .* the table has 15 to 37 °C"):
        GLUCOSE.density_kg_m3(temperature_c)
    with pytest.raises(DefinitionError, match="the table has 15 to 37 °C"):
        GLUCOSE.standard_uncertainty_at_kg_m3(temperature_c, 0.1)


@pytest.mark.parametrize(
    ("temperatures_c", "densities", "u", "said"),
    [
        ([20], [1000], 0.1, "at least two temperatures"),
        ([20, 20], [1000, 999], 0.1, "do not rise: 20, 20 °C"),
        ([20, 10], [1000, 999], 0.1, "do not rise: 20, 10 °C"),
        ([20, 30], [1.0, 0.998], 0.1, r"1 kg/m³ at 20 °C is no density.*1 g/mL is 1000 kg/m³"),
        ([20, 30], [1000, math.nan], 0.1, "nan kg/m³ at 30 °C is no density"),
        ([20, 30], [1000, 998], -0.1, "uncertainty of zero or more"),
    ],
)
def test_a_table_that_is_none_is_refused(
    temperatures_c: list[float], densities: list[float], u: float, said: str
) -> None:
    with pytest.raises(DefinitionError, match=said):
        DensityTable.of("x", temperatures_c, densities, u, "")


def test_columns_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match=r"shorter|longer"):
        DensityTable.of("x", [20, 30], [1000], 0.1, "")
