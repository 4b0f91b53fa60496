"""Quantities as people write them (``"0.048 mL/day"``): strict grammar, closed list of units, exact factors.

::

    quantity = decimal SPACE unit            exactly one space
    decimal  = ["-"] digits ["." digits] ["e" ["+" / "-"] digits]
    unit     = one of the kind's units, exactly as spelled in KINDS

One spelling of units only: litre is a capital ``L``, micro is the letter ``u``, a day is ``day``: ``mL``,
``uL/min``, ``mL/day``. Nothing is guessed: a decimal comma, ``nan``, ``ML``, ``1/2 mL``, ``5mL`` are refused.

Numbers are exact fractions through all conversions and become a float once, at the end: ``"0.048 mL/day"`` is
the float nearest to 0.002 mL/h.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from rig.errors import DefinitionError

_DECIMAL = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?(?:e([+-]?[0-9]+))?")
_LONGEST_DECIMAL = 40
_LARGEST_EXPONENT = 30

_TIMES_S = {
    "day": Fraction(86400),
    "h": Fraction(3600),
    "min": Fraction(60),
    "s": Fraction(1),
    "ms": Fraction(1, 1000),
}
_PER_TIMES_H = {name: Fraction(3600) / _TIMES_S[name] for name in ("day", "h", "min", "s")}
_VOLUMES_ML = {"L": Fraction(1000), "mL": Fraction(1), "uL": Fraction(1, 1000), "nL": Fraction(1, 1000**2)}
_MASSES_G = {
    "kg": Fraction(1000),
    "g": Fraction(1),
    "mg": Fraction(1, 1000),
    "ug": Fraction(1, 1000**2),
    "ng": Fraction(1, 1000**3),
}
_PASCAL_KPA = Fraction(1, 1000)
# Conventional millimetre of mercury (13.5951 g/cm3 times 9.80665 m/s2), pound-force per square inch: exact.
_MMHG_KPA = Fraction("133.322387415") * _PASCAL_KPA
_PSI_KPA = Fraction("0.45359237") * Fraction("9.80665") / Fraction("0.0254") ** 2 * _PASCAL_KPA


def _per_time(amounts: dict[str, Fraction], names: tuple[str, ...], scale: int = 1) -> dict[str, Fraction]:
    return {
        f"{name}/{time}": amounts[name] * scale * per_h
        for name in names
        for time, per_h in _PER_TIMES_H.items()
    }


@dataclass(frozen=True)
class Kind:
    """A kind of quantity: what it is called, its canonical unit, and the exact factor of each unit to it."""

    title: str
    canonical: str
    units: dict[str, Fraction]


KINDS: dict[str, Kind] = {
    "rate": Kind("a flow rate", "mL/h", _per_time(_VOLUMES_ML, ("mL", "uL", "nL"))),
    "volume": Kind("a volume", "mL", _VOLUMES_ML),
    "duration": Kind("a duration", "s", _TIMES_S),
    "mass": Kind("a mass", "g", _MASSES_G),
    "mass_rate": Kind("a mass per time", "g/h", _per_time(_MASSES_G, ("g", "mg", "ug", "ng"))),
    "drug_mass": Kind(
        "an amount of drug", "ug", {name: _MASSES_G[name] * 1000**2 for name in ("g", "mg", "ug", "ng")}
    ),
    "drug_rate": Kind("a dose per time", "ug/h", _per_time(_MASSES_G, ("mg", "ug", "ng"), 1000**2)),
    "concentration": Kind(
        "a concentration", "ug/mL", {f"{name}/mL": _MASSES_G[name] * 1000**2 for name in ("mg", "ug", "ng")}
    ),
    "temperature": Kind("a temperature", "degC", {"degC": Fraction(1)}),
    "temperature_difference": Kind(
        "a temperature difference", "K", {"K": Fraction(1), "mK": Fraction(1, 1000)}
    ),
    "pressure": Kind(
        "a pressure",
        "kPa",
        {
            "kPa": Fraction(1),
            "hPa": Fraction(1, 10),
            "Pa": _PASCAL_KPA,
            "mbar": Fraction(1, 10),
            "bar": Fraction(100),
            "mmHg": _MMHG_KPA,
            "psi": _PSI_KPA,
        },
    ),
    "percent": Kind("a percentage", "%", {"%": Fraction(1)}),
    "relative": Kind("a relative error", "ppm", {"ppm": Fraction(1), "%": Fraction(10**4)}),
    "density": Kind(
        "a density", "g/mL", {"g/mL": Fraction(1), "g/cm3": Fraction(1), "kg/m3": Fraction(1, 1000)}
    ),
    "humidity": Kind("a relative humidity", "%RH", {"%RH": Fraction(1)}),
    "length": Kind(
        "a length",
        "mm",
        {"mm": Fraction(1), "cm": Fraction(10), "m": Fraction(1000), "um": Fraction(1, 1000)},
    ),
    "voltage": Kind("a voltage", "V", {"V": Fraction(1), "mV": Fraction(1, 1000)}),
    "current": Kind(
        "an electric current", "A", {"A": Fraction(1), "mA": Fraction(1, 1000), "uA": Fraction(1, 10**6)}
    ),
    "charge": Kind("an electric charge", "Ah", {"Ah": Fraction(1), "mAh": Fraction(1, 1000)}),
    "compliance": Kind(
        "a compliance",
        "mL/kPa",
        {
            "mL/kPa": Fraction(1),
            "uL/kPa": Fraction(1, 1000),
            "nL/kPa": Fraction(1, 1000**2),
            "mL/mmHg": 1 / _MMHG_KPA,
            "uL/mmHg": Fraction(1, 1000) / _MMHG_KPA,
        },
    ),
}


def parse(text: str, kind: str, unit: str | None = None) -> float:
    """Read one quantity: the value in ``unit`` (default: the kind's canonical unit).

    Raises DefinitionError, without a place, saying what is wrong and which units are allowed. Any sign is let
    through.
    """
    value = exact(text, kind, unit)
    try:
        number = float(value)
    except OverflowError:
        number = float("inf")
    if number in (float("inf"), float("-inf")) or (number == 0) != (value == 0):
        raise DefinitionError(f"'{text}' is beyond what can be computed with")
    return number


def exact(text: str, kind: str, unit: str | None = None) -> Fraction:
    """As :func:`parse`, but the exact fraction."""
    kind_ = KINDS[kind]
    number, space, unit_written = text.partition(" ")
    decimal = _DECIMAL.fullmatch(number)
    if decimal is None or not space or len(number) > _LONGEST_DECIMAL:
        raise _bad_form(text, kind_)
    if unit_written not in kind_.units:
        raise _bad_unit(text, unit_written, kind_)
    sign, whole, tenths, exponent = decimal.groups(default="")
    if exponent and abs(int(exponent)) > _LARGEST_EXPONENT:
        raise DefinitionError(f"'{text}' is beyond what can be computed with")
    power = int(exponent or "0") - len(tenths)
    value = Fraction(int(whole + tenths)) * (Fraction(10**power) if power >= 0 else Fraction(1, 10**-power))
    factor = kind_.units[unit_written] / kind_.units[unit or kind_.canonical]
    return -value * factor if sign else value * factor


def rate_ml_h_from_dose(dose_ug_h: float, concentration_ug_ml: float) -> float:
    """Rate in mL/h that gives ``dose_ug_h`` of a drug: dose = concentration x rate.

    Raises DefinitionError for a concentration that is not above zero.
    """
    if concentration_ug_ml <= 0:
        raise DefinitionError("a drug's concentration must be above zero")
    return dose_ug_h / concentration_ug_ml


def nl_from_ml(volume_ml: float) -> int:
    """Volume in whole nanolitres, to the nearest."""
    return round(volume_ml * 1e6)


def nl_h_from_ml_h(rate_ml_h: float) -> int:
    """Rate in whole nanolitres per hour, to the nearest."""
    return round(rate_ml_h * 1e6)


def whole_multiple(long: float, short: float) -> int | None:
    """How many times ``short`` goes into ``long`` when it does so without remainder (to 1e-9), else None."""
    times = round(long / short)
    return times if times >= 1 and abs(long / short - times) <= 1e-9 * times else None


def _units_hint(kind: Kind) -> str:
    return f"{kind.title} is written like '1.5 {kind.canonical}'; units: {', '.join(kind.units)}"


def _bad_form(text: str, kind: Kind) -> DefinitionError:
    """What is wrong with a text that is not ``<decimal> <unit>``."""
    number = text.strip().split(" ")[0]
    if not text.strip():
        said = "is empty"
    elif "," in text:
        said = "has a comma; a decimal point is written '.', and thousands are not grouped"
    elif re.match(r"[+-]?(nan|inf)", text.strip().lower()):
        said = "is not a number"
    elif text != text.strip() or re.search(r"\s\s|[^\S ]", text):
        said = "has extra white space; there is exactly one space, between number and unit"
    elif re.fullmatch(r"-?[0-9]+/[0-9]+", number):
        said = "has a fraction; write a decimal number, such as 0.5"
    elif "_" in number:
        said = "has an underscore in the number"
    elif re.fullmatch(r"\+[0-9].*", number):
        said = "begins with '+'; leave it out"
    elif re.fullmatch(r"-?\.[0-9]+", number) or re.fullmatch(r"-?[0-9]+\.", number):
        said = "needs a digit before and after the decimal point, such as 0.5"
    elif _DECIMAL.fullmatch(number) and len(number) <= _LONGEST_DECIMAL:
        said = "has no unit"
    elif len(number) > _LONGEST_DECIMAL:
        said = "has too long a number"
    elif re.match(r"-?[0-9.]+[^0-9.\s]+", number) and not re.match(r"-?[0-9.]+[eE][+-]?[0-9]", number):
        said = "has no space between number and unit"
    else:
        said = "does not begin with a plain decimal number"
    return DefinitionError(f"'{text}' {said}", hint=_units_hint(kind))


_OTHER_SPELLINGS = {
    "d": "day", "days": "day", "hr": "h", "hrs": "h", "hour": "h", "hours": "h",
    "minute": "min", "minutes": "min", "mins": "min", "m": "min",
    "sec": "s", "secs": "s", "second": "s", "seconds": "s",
    "cc": "ml", "mcg": "ug", "mcl": "ul", "percent": "%", "pct": "%",
    "c": "degc", "celsius": "degc", "degrees": "degc", "°c": "degc",
}  # fmt: skip


def _plain_spelling(unit: str) -> str:
    """A unit in lower case with other people's names of its parts replaced, to find what was meant."""
    parts = unit.replace("µ", "u").replace("μ", "u").lower().split("/")
    return "/".join(_OTHER_SPELLINGS.get(part, part) for part in parts)


def _bad_unit(text: str, unit: str, kind: Kind) -> DefinitionError:
    """What is wrong with the unit, and which was probably meant."""
    if unit != unit.strip() or not unit:
        said = "has extra white space; there is exactly one space, between number and unit"
        return DefinitionError(f"'{text}' {said}", hint=_units_hint(kind))
    for other in KINDS.values():
        if unit in other.units:
            said = f"'{text}' is {other.title}; here {kind.title} is needed"
            return DefinitionError(said, hint=_units_hint(kind))
    meant = [known for known in kind.units if _plain_spelling(known) == _plain_spelling(unit)]
    suggestion = f"did you mean '{meant[0]}'? " if meant else ""
    return DefinitionError(f"'{text}' has the unknown unit '{unit}'", hint=suggestion + _units_hint(kind))
