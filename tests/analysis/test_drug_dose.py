import math

import GTC
import pytest

from rig.analysis.drug_dose import bridged_drug_error, dose_budget, volume_budget
from rig.analysis.uncertainty import Budget, Component

ERROR = Budget(
    2.5,
    "%",
    (
        Component("display", "", 0.05, "g", 2e-4, 2000.0, 11.0),
        Component("density", "", 998.2, "kg/m³", 0.05, -0.1),
    ),
)


def test_dose_of_the_lowest_rate():
    # 25 µg/mL at 0.048 mL/day is 1.2 µg/day.
    dose = dose_budget(Budget(0.048, "mL/day", ()), 25.0, 0.0)

    assert (dose.value, dose.unit) == (pytest.approx(1.2), "ug/day")
    assert dose.combined_standard_uncertainty == 0.0


def test_volume_of_an_error():
    volume = volume_budget(ERROR, 0.048)

    assert volume.unit == "mL"
    assert volume.value == pytest.approx(0.048 * 1.025)
    assert volume.combined_standard_uncertainty == pytest.approx(
        0.048 * ERROR.combined_standard_uncertainty / 100
    )
    assert volume.effective_degrees_of_freedom == pytest.approx(ERROR.effective_degrees_of_freedom)


def test_dose_agrees_with_gtc():
    volume = volume_budget(ERROR, 0.048)
    dose = dose_budget(volume, 2002.0, 30.0, degrees_of_freedom=7.0)

    display, density = GTC.ureal(0.05, 2e-4, 11), GTC.ureal(998.2, 0.05)
    error = 2.5 + 2000.0 * (display - 0.05) - 0.1 * (density - 998.2)
    exact = GTC.ureal(2002.0, 30.0, 7) * 0.048 * (1 + error / 100)
    assert dose.unit == "ug"
    assert dose.value == pytest.approx(exact.x, abs=1e-9)
    assert dose.combined_standard_uncertainty == pytest.approx(exact.u, abs=1e-9)
    assert dose.effective_degrees_of_freedom == pytest.approx(exact.df, abs=1e-9)
    assert math.isfinite(dose.effective_degrees_of_freedom)


def test_confidence_and_sources_are_kept():
    narrow = Budget(1.0, "mL/h", (), confidence=0.68)

    dose = dose_budget(narrow, 25.0, 0.5, source="label")

    assert (dose.unit, dose.confidence) == ("ug/h", 0.68)
    assert [(part.name, part.source) for part in dose.components] == [("drug concentration", "label")]
    assert volume_budget(Budget(1.0, "%", (), confidence=0.68), 1.0).confidence == 0.68


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda: volume_budget(Budget(1.0, "mL", ()), 1.0), "error in mL"),
        (lambda: volume_budget(ERROR, 0.0), "nothing was programmed"),
        (lambda: dose_budget(ERROR, 25.0, 0.1), "volume in %"),
        (lambda: dose_budget(Budget(1.0, "mL", ()), 0.0, 0.1), "is positive"),
        (lambda: dose_budget(Budget(1.0, "mL", ()), 25.0, -0.1), "not negative"),
    ],
)
def test_what_has_no_dose_is_refused(ask, said):
    with pytest.raises(ValueError, match=said):
        ask()


def test_a_concentration_below_one_has_a_dose():
    assert dose_budget(Budget(2.0, "mL", ()), 0.5, 0.1).value == pytest.approx(1.0)
    assert volume_budget(Budget(10.0, "%", ()), 0.5).value == pytest.approx(0.55)


@pytest.mark.parametrize(
    ("error_pct", "expected_pct"),
    [(-10.0, -10.0), (0.0, 0.0), (10.0, 40.0)],  # beyond the line each mL has four times the drug
)
def test_drug_of_a_bridge(error_pct, expected_pct):
    error = Budget(error_pct, "%", (Component("weighing", "", 1.0, "%", 1.0),))
    drug = bridged_drug_error(error, 0.5, 0.5, 500.0, 2000.0, 0.0)
    assert drug.value == pytest.approx(expected_pct)
    slope = {-10.0: 1.0, 0.0: 4.0, 10.0: 4.0}[error_pct]
    assert drug.combined_standard_uncertainty == pytest.approx(slope)


def test_what_flowed_beside_the_bridge_is_no_drug_of_it():
    error = Budget(0.0, "%", ())
    assert bridged_drug_error(error, 0.52, 0.5, 500.0, 2000.0, 0.0).value == pytest.approx(0.0)
    with_concentrations = bridged_drug_error(error, 0.52, 0.5, 500.0, 2000.0, 0.01)
    assert with_concentrations.combined_standard_uncertainty == pytest.approx(1.0)
