"""The kinds of value a key can have: quantities with their unit, texts, ids, dates, limits.

Each is a pydantic annotation that checks what TOML gave and raises a message in the user's words. Quantities
arrive as floats in the unit that the type's name says. Each also has a JSON Schema of what may be written, as far
as a schema can say it, for editors.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import BeforeValidator, GetJsonSchemaHandler, InstanceOf
from pydantic_core import CoreSchema, PydanticCustomError

from rig.definitions.limits import ALL_FORMS, Form, Limit, parse_limit
from rig.errors import DefinitionError
from rig.quantities import KINDS, parse

# An error of this type carries a finished message; see rig.definitions.tables.
OWN_ERROR = "definition"

PUMP_KINDS = ("implantable", "ambulatory", "syringe", "volumetric")  # ISO 14708-4, IEC 60601-2-24

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_LONGEST_ID = 64  # ids become file names
IDENT_RULE = "a name has up to 64 letters A-Z a-z, digits and . _ -, and begins with a letter or digit"


JsonSchema = dict[str, Any]


@dataclass(frozen=True)
class Written(BeforeValidator):
    """What may be written for a key: ``func`` reads it or refuses it, ``schema`` says it to an editor."""

    schema: JsonSchema = field(default_factory=dict, compare=False)

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchema:
        return dict(self.schema)


def refused(message: str, hint: str = "") -> PydanticCustomError:
    """An error whose words are the user's."""
    return PydanticCustomError(OWN_ERROR, "{message}", {"message": message, "hint": hint})


def shown(value: object) -> str:
    """A TOML value as it may appear in a message."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "a list"
    return repr(value) if isinstance(value, str) else str(value)


def _text_needed(value: object, what: str, example: str) -> str:
    if not isinstance(value, str):
        raise refused(f"{what} is needed here, not {shown(value)}", f"such as {example}")
    return value


def _quantity_pattern(kind: str, sign: str = "-?") -> str:
    """Regular expression of a quantity; ``sign``: what may stand before the number."""
    units = "|".join(re.escape(unit) for unit in KINDS[kind].units)
    return rf"{sign}[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)? ({units})"


def quantity(kind: str, unit: str | None = None, *, above: float | None = None, least: float | None = None,
             most: float | None = None) -> Written:  # fmt: skip
    """A quantity of ``kind``, as a float in ``unit``; ``above``, ``least`` and ``most`` are in that unit."""
    known = KINDS[kind]
    shown_unit = unit or known.canonical

    def read(value: object) -> float:
        text = _text_needed(value, f"{known.title} with its unit, in quotes,", f'"1.5 {known.canonical}"')
        try:
            number = parse(text, kind, unit)
        except DefinitionError as problem:
            raise refused(problem.message, problem.hint) from None
        if above is not None and number <= above:
            raise refused(f"'{text}' must be more than {above:g} {shown_unit}")
        if least is not None and number < least:
            raise refused(f"'{text}' must not be less than {least:g} {shown_unit}")
        if most is not None and number > most:
            raise refused(f"'{text}' must not be more than {most:g} {shown_unit}")
        return number

    positive = any(bound is not None and bound >= 0 for bound in (above, least))
    return Written(
        read, schema={"type": "string", "pattern": f"^{_quantity_pattern(kind, '' if positive else '-?')}$"}
    )


def limit(
    *forms: Form, kind: str = "percent", least: float | None = None, most: float | None = None
) -> Written:
    """A limit on a ``kind`` of quantity, in one of ``forms`` (default: all), its ends from ``least`` to ``most``."""
    unit = KINDS[kind].canonical

    def read(value: object) -> Limit:
        example = '"within 14.5 %"' if kind == "percent" else f'"at most 1.5 {unit}"'
        text = _text_needed(value, "a limit, in quotes,", example)
        try:
            found = parse_limit(text, kind, forms or ALL_FORMS)
        except DefinitionError as problem:
            raise refused(problem.message, problem.hint) from None
        for end in (found.low, found.high):
            if end is not None and ((least is not None and end < least) or (most is not None and end > most)):
                raise refused(
                    f"'{text}' can never decide anything", f"this lies from {least:g} to {most:g} {unit}"
                )
        return found

    end = _quantity_pattern(kind)
    written = "|".join(
        f"between {end} and {end}" if form == "between" else f"{form} {end}" for form in forms or ALL_FORMS
    )
    return Written(read, schema={"type": "string", "pattern": f"^({written})$"})


def _text(value: object) -> str:
    text = _text_needed(value, "a text in quotes", '"..."')
    if not text.strip():
        raise refused("this text is empty", "write something or leave the key out")
    if any(ord(letter) < 32 and letter != "\n" for letter in text):
        raise refused("this text contains a control character", "write plain text")
    return text.strip()


def _line_of_text(value: object) -> str:
    text = _text(value)
    if "\n" in text:
        raise refused("this text has several lines", "write it on one line")
    return text


def _web_address(value: object) -> str:
    text = _line_of_text(value)
    if not text.startswith(("http://", "https://")) or " " in text:
        raise refused(f"{shown(text)} is no web address", "it begins with http:// or https://")
    return text


def is_ident(text: str) -> bool:
    """Whether a text can be a name, by ``IDENT_RULE``."""
    return _ID.fullmatch(text) is not None and len(text) <= _LONGEST_ID


def _ident(value: object) -> str:
    text = _text_needed(value, "a name in quotes", '"lowest-rate"')
    if not is_ident(text):
        raise refused(f"{shown(text)} cannot be a name", IDENT_RULE)
    return text


def _date(value: object) -> datetime.date:
    if isinstance(value, datetime.datetime):
        raise refused(f"a date without a time of day is needed here, not {value}", "write 2027-03-01")
    if not isinstance(value, datetime.date):
        raise refused(f"a date is needed here, not {shown(value)}", "write it without quotes: 2027-03-01")
    return value


def _date_time(value: object) -> datetime.datetime:
    example = "write it without quotes: 2026-01-09T20:30:00"
    if not isinstance(value, datetime.datetime):
        raise refused(f"a date with a time of day is needed here, not {shown(value)}", example)
    if value.tzinfo is not None or value.microsecond:
        raise refused("a pump's clock knows whole seconds and no time zone", example)
    if not 2000 <= value.year < 2136:
        raise refused(f"the year {value.year} is not on a pump's clock", "it goes from 2000 to 2135")
    return value


def _truth(value: object) -> bool:
    if not isinstance(value, bool):
        raise refused(f"true or false is needed here, not {shown(value)}", "write it without quotes")
    return value


def _option(value: object) -> bool | int | str:
    if not isinstance(value, bool | int | str):
        raise refused(f"true, false, a whole number or a text is needed here, not {shown(value)}")
    return value


def whole(least: int, most: int) -> Written:
    """A whole number from ``least`` to ``most``."""

    def read(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise refused(
                f"a whole number is needed here, not {shown(value)}", "write it without quotes or point"
            )
        if not least <= value <= most:
            raise refused(f"{value} is not from {least} to {most}")
        return value

    return Written(read, schema={"type": "integer", "minimum": least, "maximum": most})


def one_of(*words: str) -> Written:
    """One of a few words."""

    def read(value: object) -> str:
        if value not in words:
            raise refused(
                f"{shown(value)} is not known here", "write " + " or ".join(f'"{word}"' for word in words)
            )
        return str(value)

    return Written(read, schema={"enum": list(words)})


def _list_of(each: Written) -> Written:
    read_item: Callable[[Any], Any] = each.func  # type: ignore[assignment]

    def read(value: object) -> object:
        if not isinstance(value, list):
            raise refused(
                f"a list is needed here, not {shown(value)}", 'write it in brackets: ["...", "..."]'
            )
        items = [read_item(item) for item in value]
        for position, item in enumerate(items):
            if item in items[:position]:
                raise refused(f"{shown(value[position])} stands twice in this list", "keep one of them")
        return tuple(items)

    return Written(read, schema={"type": "array", "items": each.schema, "uniqueItems": True})


WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _weekday(value: object) -> str:
    if value not in WEEKDAYS:
        raise refused(f"{shown(value)} is no weekday", f"write {', '.join(WEEKDAYS)}")
    return str(value)


def _paths(value: object) -> object:
    texts = value if isinstance(value, list) else [value]
    read: Callable[[object], object] = _list_of(_LINE).func  # type: ignore[assignment]
    return read(texts)


_LINE = Written(_line_of_text, schema={"type": "string", "pattern": r"^[^\n]*\S[^\n]*$"})
_IDENT = Written(_ident, schema={"type": "string", "pattern": f"^{_ID.pattern}$", "maxLength": _LONGEST_ID})

_AboveZero = {"above": 0.0}
_NotNegative = {"least": 0.0}

Text = Annotated[str, Written(_text, schema={"type": "string", "pattern": r"\S"})]
LineOfText = Annotated[str, _LINE]
WebAddress = Annotated[str, Written(_web_address, schema={"type": "string", "pattern": "^https?://"})]
Ident = Annotated[str, _IDENT]
Idents = Annotated[tuple[str, ...], _list_of(_IDENT)]
Weekdays = Annotated[tuple[str, ...], _list_of(Written(_weekday, schema={"enum": list(WEEKDAYS)}))]
LinesOfText = Annotated[tuple[str, ...], _list_of(_LINE)]
Kinds = Annotated[tuple[str, ...], _list_of(one_of(*PUMP_KINDS))]
Paths = Annotated[tuple[str, ...], Written(_paths, schema={"anyOf": [_LINE.schema, _list_of(_LINE).schema]})]
# TOML has dates of its own; editors check them as texts of this format.
TomlDate = Annotated[datetime.date, Written(_date, schema={"type": "string", "format": "date"})]
TomlDateTime = Annotated[datetime.datetime, Written(_date_time, schema={"type": "string"})]
Truth = Annotated[bool, Written(_truth, schema={"type": "boolean"})]
Option = Annotated[bool | int | str, Written(_option, schema={"type": ["boolean", "integer", "string"]})]

RateMlH = Annotated[float, quantity("rate", **_AboveZero)]
VolumeMl = Annotated[float, quantity("volume", **_AboveZero)]
VolumeOrNoneMl = Annotated[float, quantity("volume", **_NotNegative)]
VolumeNl = Annotated[float, quantity("volume", "nL", **_AboveZero)]
RequestsS = Annotated[tuple[float, ...], _list_of(quantity("duration", above=0.0))]
TimeShiftS = Annotated[float, quantity("duration", least=-86_400.0, most=86_400.0)]
DurationS = Annotated[float, quantity("duration", **_AboveZero)]
DurationOrNoneS = Annotated[float, quantity("duration", **_NotNegative)]
# Less would take a busy disk for a dead run; more would let a pump run on for too long.
SilenceS = Annotated[float, quantity("duration", least=0.5, most=60.0)]
# More than a minute not every flow sensor can: an SCC1 counts its interval in ms, in 16 bits.
FlowEveryS = Annotated[float, quantity("duration", least=0.001, most=60.0)]
WindowsS = Annotated[tuple[float, ...], _list_of(quantity("duration", **_AboveZero))]
MassG = Annotated[float, quantity("mass", **_NotNegative)]
MassRateGH = Annotated[float, quantity("mass_rate", **_NotNegative)]
DrugRateUgH = Annotated[float, quantity("drug_rate", **_AboveZero)]
ConcentrationUgMl = Annotated[float, quantity("concentration", **_AboveZero)]
ConcentrationOrNoneUgMl = Annotated[float, quantity("concentration", **_NotNegative)]
# The formulas for the density of water and of air hold from 0 to 40 °C, and for ordinary air.
TemperatureC = Annotated[float, quantity("temperature", least=0.0, most=40.0)]
TemperatureDifferenceK = Annotated[float, quantity("temperature_difference", **_NotNegative)]
AirPressureHpa = Annotated[float, quantity("pressure", "hPa", least=500.0, most=1100.0)]
PressureDifferenceHpa = Annotated[float, quantity("pressure", "hPa", **_NotNegative)]
HumidityPct = Annotated[float, quantity("humidity", least=0.0, most=100.0)]
ComplianceMlKpa = Annotated[float, quantity("compliance", **_AboveZero)]
PressureKpa = Annotated[float, quantity("pressure", **_AboveZero)]
VoltageV = Annotated[float, quantity("voltage", **_AboveZero)]
VoltageOrNoneV = Annotated[float, quantity("voltage", **_NotNegative)]
VoltagesV = Annotated[tuple[float, ...], _list_of(quantity("voltage", above=0.0))]
RatesMlH = Annotated[tuple[float, ...], _list_of(quantity("rate", above=0.0))]
CurrentA = Annotated[float, quantity("current", **_AboveZero)]
ChargeAh = Annotated[float, quantity("charge", **_AboveZero)]
BathC = Annotated[float, quantity("temperature", least=5.0, most=40.0)]
Channel = Annotated[int, whole(0, 8999)]
Channels = Annotated[tuple[int, ...], _list_of(whole(0, 8999))]
PercentOfAny = Annotated[float, quantity("percent", least=-100.0, most=1000.0)]
Percent = Annotated[float, quantity("percent", least=0.0, most=100.0)]
ShareOfUnitsPct = Annotated[float, quantity("percent", above=0.0, most=99.9999)]
PositivePercent = Annotated[float, quantity("percent", above=0.0, most=100.0)]
RelativePpm = Annotated[float, quantity("relative", **_NotNegative)]
LengthMm = Annotated[float, quantity("length", **_AboveZero)]
FlowNlMin = Annotated[float, quantity("rate", "nL/min")]
FlowNoiseNlMin = Annotated[float, quantity("rate", "nL/min", **_NotNegative)]

AnyLimit = Annotated[InstanceOf[Limit], limit(least=-1000.0, most=1000.0)]
TwoSidedLimit = Annotated[InstanceOf[Limit], limit("within", "between", least=-1000.0, most=1000.0)]
WithinLimit = Annotated[InstanceOf[Limit], limit("within", least=-1000.0, most=1000.0)]
ShareLimit = Annotated[InstanceOf[Limit], limit("at least", least=0.0, most=100.0)]
NoAlarms = Annotated[str, one_of("none")]
DurationLimit = Annotated[InstanceOf[Limit], limit("at most", "at least", "between", kind="duration")]
VolumeLimit = Annotated[InstanceOf[Limit], limit(kind="volume")]
PressureLimit = Annotated[InstanceOf[Limit], limit("at most", "at least", "between", kind="pressure")]
CurrentLimit = Annotated[InstanceOf[Limit], limit("at most", "at least", "between", kind="current")]
DrugRateLimit = Annotated[InstanceOf[Limit], limit("between", "at most", "at least", kind="drug_rate")]
VoltageLimit = Annotated[InstanceOf[Limit], limit("at most", "at least", "between", kind="voltage")]
RelativeLimit = Annotated[InstanceOf[Limit], limit("within", kind="relative")]
FlowLimit = Annotated[InstanceOf[Limit], limit("within", "between", "at most", kind="rate")]
