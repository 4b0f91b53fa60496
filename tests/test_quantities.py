"""The grammar of quantities: exact where it accepts, clear where it refuses. pint is the oracle for the factors."""

from __future__ import annotations

from fractions import Fraction

import pint
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.errors import DefinitionError
from rig.quantities import (
    KINDS,
    exact,
    nl_from_ml,
    nl_h_from_ml_h,
    parse,
    rate_ml_h_from_dose,
    whole_multiple,
)

# How pint spells our units, where it does not take our spelling.
PINT_SPELLS = {"%RH": "percent", "%": "percent", "g/cm3": "g/cm**3", "kg/m3": "kg/m**3", "degC": "kelvin"}

UNITS = [(kind, unit) for kind, known in KINDS.items() for unit in known.units]
PLAIN_DECIMAL = st.from_regex(r"-?[0-9]{1,8}(\.[0-9]{1,8})?(e[+-]?[0-9]{1})?", fullmatch=True)


@pytest.fixture(scope="module")
def oracle() -> pint.UnitRegistry:
    return pint.UnitRegistry(non_int_type=Fraction)


@pytest.mark.parametrize(("kind", "unit"), UNITS)
def test_factors_are_those_of_pint(kind: str, unit: str, oracle: pint.UnitRegistry) -> None:
    ours = KINDS[kind].units[unit]
    spelled, canonical = (PINT_SPELLS.get(name, name) for name in (unit, KINDS[kind].canonical))
    theirs = oracle.Quantity(Fraction(1), spelled).to(canonical).magnitude
    assert float(ours) == pytest.approx(float(theirs), rel=1e-12)


@given(PLAIN_DECIMAL, st.sampled_from(UNITS))
def test_a_value_is_the_float_nearest_to_the_exact_one(decimal: str, kind_and_unit: tuple[str, str]) -> None:
    kind, unit = kind_and_unit
    value = Fraction(decimal) * KINDS[kind].units[unit]
    assert exact(f"{decimal} {unit}", kind) == value
    assert parse(f"{decimal} {unit}", kind) == float(value)


@given(PLAIN_DECIMAL, st.sampled_from(UNITS), st.data())
def test_conversion_to_any_unit_of_the_kind(
    decimal: str, kind_and_unit: tuple[str, str], data: st.DataObject
) -> None:
    kind, unit = kind_and_unit
    other = data.draw(st.sampled_from(sorted(KINDS[kind].units)))
    there = exact(f"{decimal} {unit}", kind, other)
    assert there * KINDS[kind].units[other] == exact(f"{decimal} {unit}", kind)


@given(st.text(max_size=30), st.sampled_from(sorted(KINDS)))
def test_any_text_is_read_or_refused_with_a_hint(text: str, kind: str) -> None:
    value = refused = None
    try:
        value = parse(text, kind)
    except DefinitionError as error:
        refused = error.message
    if refused is None:
        number, unit = text.split(" ")
        assert value == float(Fraction(number) * KINDS[kind].units[unit])
    else:
        assert text in refused


@given(
    st.sampled_from("0123456789.,eE+-_/ \t\u00a0nanifmLµ%h"),
    st.integers(0, 11),
)
def test_one_more_letter_never_changes_the_meaning_in_silence(letter: str, position: int) -> None:
    text = "12.5 mL/day"
    spoiled = text[:position] + letter + text[position:]
    try:
        value = exact(spoiled, "rate")
    except DefinitionError:
        return
    number = spoiled.split(" ")[0]
    assert spoiled == f"{number} mL/day"
    assert value == Fraction(number) / 24


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("0.048 mL/day", "rate", 0.002),
        ("24 mL/day", "rate", 1.0),
        ("33.333333333 nL/min", "rate", 0.00199999999998),
        ("2 uL/h", "rate", 0.002),
        ("15 min", "duration", 900.0),
        ("1.5 day", "duration", 129600.0),
        ("0.01 mg", "mass", 1e-5),
        ("20 ug/h", "mass_rate", 2e-5),
        ("200 ug/day", "drug_rate", 200 / 24),
        ("2.002 mg/mL", "concentration", 2002.0),
        ("-5 %", "percent", -5.0),
        ("1e-3 mL", "volume", 0.001),
        ("100 mmHg", "pressure", 13.3322387415),
        ("37 degC", "temperature", 37.0),
        ("998.20675 kg/m3", "density", 0.99820675),
        ("-0 mL", "volume", 0.0),
    ],
)
def test_values(text: str, kind: str, value: float) -> None:
    assert parse(text, kind) == value


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("0,048 mL/day", "rate", "a decimal point is written '.'"),
        ("1,200 mL", "volume", "thousands are not grouped"),
        ("nan mL/h", "rate", "not a number"),
        ("inf mL/h", "rate", "not a number"),
        ("-inf mL/h", "rate", "not a number"),
        ("1/2 mL", "volume", "fraction"),
        ("1_000 mL", "volume", "underscore"),
        ("+5 mL", "volume", "begins with '+'"),
        (".5 mL", "volume", "digit before and after"),
        ("5. mL", "volume", "digit before and after"),
        ("5mL", "volume", "no space"),
        ("5%", "percent", "no space"),
        ("5  mL", "volume", "exactly one space"),
        ("5\tmL", "volume", "exactly one space"),
        ("5\u00a0mL", "volume", "exactly one space"),
        (" 5 mL", "volume", "exactly one space"),
        ("5 mL\n", "volume", "exactly one space"),
        ("5 mL ", "volume", "exactly one space"),
        ("5", "volume", "no unit"),
        ("", "volume", "is empty"),
        ("five mL", "volume", "plain decimal number"),
        ("٥ mL", "volume", "plain decimal number"),
        ("5 ML", "volume", "did you mean 'mL'?"),
        ("5 ml", "volume", "did you mean 'mL'?"),
        ("5 cc", "volume", "did you mean 'mL'?"),
        ("5 µL", "volume", "did you mean 'uL'?"),
        ("5 μL", "volume", "did you mean 'uL'?"),
        ("5 mL/d", "rate", "did you mean 'mL/day'?"),
        ("5 ml/hour", "rate", "did you mean 'mL/h'?"),
        ("5 mcg/day", "drug_rate", "did you mean 'ug/day'?"),
        ("37 °C", "temperature", "did you mean 'degC'?"),
        ("5 gallon", "volume", "units: L, mL, uL, nL"),
        ("5 mL", "rate", "is a volume; here a flow rate is needed"),
        ("5 mL/h", "volume", "is a flow rate; here a volume is needed"),
        ("1e31 mL", "volume", "beyond"),
        ("1e-31 mL", "volume", "beyond"),
        ("1e99999999999 mL", "volume", "beyond"),
        ("1" * 41 + " mL", "volume", "too long"),
    ],
)
def test_refused(text: str, kind: str, said: str) -> None:
    with pytest.raises(DefinitionError) as refused:
        parse(text, kind)
    assert said in str(refused.value)
    assert f"'{text}'" in str(refused.value)


@pytest.mark.parametrize("text", ["1,5 mL/h", "0,5 mL/h", "nan mL/h", "1/2 mL/h", "1.5 ML/h", "1.5mL/h"])
def test_what_a_units_library_takes_in_silence_is_refused(text: str, oracle: pint.UnitRegistry) -> None:
    """The reason for a grammar of our own: the oracle reads each of these, most of them wrongly."""
    pint.UnitRegistry().Quantity(text)
    with pytest.raises(DefinitionError):
        parse(text, "rate")


def test_the_dose_that_is_exactly_the_lowest_rate() -> None:
    rate_ml_h = rate_ml_h_from_dose(
        parse("96.096 ug/day", "drug_rate"), parse("2.002 mg/mL", "concentration")
    )
    assert rate_ml_h == pytest.approx(0.002, rel=1e-15)
    assert nl_h_from_ml_h(rate_ml_h) == 2000


def test_dose_of_a_concentrated_drug() -> None:
    # 25 ug/mL at 0.048 mL/day is 1.2 ug/day.
    assert rate_ml_h_from_dose(1.2 / 24, 25.0) * 24 == pytest.approx(0.048, rel=1e-15)


@pytest.mark.parametrize("concentration", [0.0, -1.0])
def test_a_drug_needs_a_concentration(concentration: float) -> None:
    with pytest.raises(DefinitionError, match="above zero"):
        rate_ml_h_from_dose(1.0, concentration)


def test_whole_nanolitres() -> None:
    assert nl_from_ml(0.05) == 50_000
    assert nl_h_from_ml_h(parse("0.5 mL/day", "rate")) == 20_833


@given(st.integers(1, 10**6), st.sampled_from([0.1, 0.3, 1.0, 900.0, 1 / 3]))
def test_multiples_are_recognised_in_spite_of_binary_fractions(times: int, short: float) -> None:
    assert whole_multiple(times * short, short) == times
    assert whole_multiple((times + 0.5) * short, short) is None


def test_nothing_is_no_multiple() -> None:
    assert whole_multiple(0.0, 1.0) is None
    assert whole_multiple(0.2, 1.0) is None
