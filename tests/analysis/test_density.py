import pytest

from rig.analysis.density import air_density_kg_m3, water_density_kg_m3
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
