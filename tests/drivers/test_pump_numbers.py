"""Numbers of few digits: exactly what was asked, or a refusal that names what is near."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.drivers.pump_numbers import Digits, dose_of, parse_quantity, prescription_of
from rig.errors import LimitRefused
from rig.readings import Prescription

FOUR = Digits(total=4, decimals=3)
RATES = {"UH": 1000, "MH": 10**6, "UM": 60_000, "MM": 60 * 10**6}
VOLUMES = {"UL": 1000, "ML": 10**6}
WRITABLE = st.integers(1, 9999).flatmap(
    lambda steps: st.sampled_from([places for places in range(4) if steps < 10 ** min(4, places + 4)]).map(
        lambda places: Fraction(steps, 10**places)
    )
)


@given(WRITABLE, st.sampled_from(sorted(RATES)))
def test_every_number_that_can_be_written_is_written_exactly(number, unit):
    found = FOUR.exactly(number * RATES[unit], RATES)
    assert found is not None
    text, chosen = found
    assert Fraction(text) * RATES[chosen] == number * RATES[unit]
    assert len(text.replace(".", "")) <= 4
    assert len(text.partition(".")[2]) <= 3
    assert parse_quantity(f"{text}{chosen}", RATES) == number * RATES[unit]


@given(st.integers(1, 10**11))
def test_a_continuous_rate_is_told_exactly_or_refused(rate_nl_h):
    asked = Prescription("continuous", rate_nl_h=rate_nl_h)
    if FOUR.exactly(Fraction(rate_nl_h), RATES) is None:
        with pytest.raises(LimitRefused, match="nothing was sent"):
            dose_of(asked, FOUR, RATES, VOLUMES)
        return
    dose = dose_of(asked, FOUR, RATES, VOLUMES)
    assert Fraction(dose.rate[0]) * RATES[dose.rate[1]] == rate_nl_h
    assert prescription_of(dose.rate_nl_h, dose.volume_nl) == asked


@given(st.integers(1, 9999), st.integers(1, 86_400))
def test_a_bolus_is_told_exactly_or_refused_and_comes_back_as_it_was(volume_ul, duration_s):
    asked = Prescription("bolus", bolus_nl=volume_ul * 1000, bolus_duration_s=duration_s)
    if FOUR.exactly(Fraction(volume_ul * 1000 * 3600, duration_s), RATES) is None:
        with pytest.raises(LimitRefused, match="nothing was sent"):
            dose_of(asked, FOUR, RATES, VOLUMES)
        return
    dose = dose_of(asked, FOUR, RATES, VOLUMES)
    rate = Fraction(dose.rate[0]) * RATES[dose.rate[1]]
    volume = Fraction(dose.volume[0]) * VOLUMES[dose.volume[1]]
    assert volume * 3600 == rate * duration_s
    assert prescription_of(rate, volume) == asked


def test_a_refused_bolus_names_a_duration_that_is_possible():
    with pytest.raises(LimitRefused, match="or the same bolus in 60 s"):
        dose_of(Prescription("bolus", bolus_nl=10_000, bolus_duration_s=59), FOUR, RATES, VOLUMES)
    dose_of(Prescription("bolus", bolus_nl=10_000, bolus_duration_s=60), FOUR, RATES, VOLUMES)


@pytest.mark.parametrize("text", ["", "1", "UL", "1.2.3UL", ".UL", "1 XL", "-1UL", "1e3UL", "１UL"])
def test_what_is_no_quantity(text):
    assert parse_quantity(text, VOLUMES) is None


@given(st.text(max_size=12))
def test_any_text_is_a_quantity_or_none(text):
    value = parse_quantity(text, VOLUMES)
    assert value is None or value >= 0
