"""How numbers are spelled: as many digits as the uncertainty bears, a unit always."""

import pytest

from rig.report import numbers

NBSP = "\u00a0"


@pytest.mark.parametrize(
    ("value", "uncertainty", "expected"),
    [
        (16.0312, 0.4312, "+16.03 ± 0.43 %"),
        (-0.9999, 0.0996, "−1.00 ± 0.10 %"),  # an uncertainty that rounds up to one more digit
        (2.5, 22.4, "+2 ± 22 %"),
        (1234.5, 120.0, "+1230 ± 120 %"),
        (0.0, 0.00015, "0.00000 ± 0.00015 %"),
        (-0.0001, 0.5, "0.00 ± 0.50 %"),  # no minus before nothing
        (3.25, None, "+3.25 %"),
        (None, 1.0, "–"),
    ],
)
def test_value_is_rounded_to_two_digits_of_its_uncertainty(
    value: float | None, uncertainty: float | None, expected: str
) -> None:
    assert numbers.plus_minus(value, uncertainty, "%", signed=True) == expected.replace(" %", f"{NBSP}%")


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (0.5, "mL", "0.5 mL"),
        (2.0, "", "2"),
        (40.0, "mL", "40 mL"),
        (0.020833333, "mL/h", "0.02083 mL/h"),
        (1.85558e-05, "g/h", "1.856 × 10⁻⁵ g/h"),
        (2.5e9, "", "2.5 × 10⁹"),
        (float("nan"), "g", "not finite"),
        (None, "g", "–"),
        (37, "degC", "37 °C"),
    ],
)
def test_plain_numbers_have_no_needless_zeros(value: float | None, unit: str, expected: str) -> None:
    assert numbers.number(value, unit).replace(NBSP, " ") == expected


@pytest.mark.parametrize(
    ("value", "uncertainty", "unit", "expected"),
    [
        (2.321e-3, 4.3e-5, "mL/h", "2.321 ± 0.043 µL/h"),
        (2.0e-5, 4.1e-6, "g/h", "20.0 ± 4.1 µg/h"),
        (0.05, 0.0002, "mL", "50.00 ± 0.20 µL"),
        (0.98, 0.02, "mL/h", "0.980 ± 0.020 mL/h"),
    ],
)
def test_small_masses_volumes_and_rates_get_a_handy_unit(
    value: float, uncertainty: float, unit: str, expected: str
) -> None:
    assert numbers.plus_minus(value, uncertainty, unit).replace(NBSP, " ") == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (133920.0, "37 h 12 min"),
        (93600.0, "26 h"),
        (900.0, "15 min"),
        (0.5, "0.5 s"),
        (90.0, "90 s"),
        (150.0, "2 min 30 s"),
        (3599.9, "1 h"),
        (None, "–"),
        (-60.0, "−60 s"),
    ],
)
def test_durations(seconds: float | None, expected: str) -> None:
    assert numbers.duration(seconds).replace(NBSP, " ") == expected


def test_instants_are_utc_whatever_the_start_was_written_in() -> None:
    assert numbers.instant("2026-11-21T08:15:00+02:00", 3600.0) == "2026-11-21 07:15:00 UTC"
    assert numbers.instant("not a time", 0.0) == "–"
    assert numbers.instant("2026-11-21T06:15:00Z", 1e12) == "–"


def test_a_small_probability_is_never_nothing() -> None:
    assert numbers.probability(0.0) == f"< 0.01{NBSP}%"
    assert numbers.probability(0.25) == f"25{NBSP}%"
    assert numbers.probability(None) == "–"
