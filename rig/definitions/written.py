"""How a value that is written in a file is read: quantities with their unit, texts, names, dates, limits, lists.

Each reader checks what TOML gave and raises a message in the user's words. Quantities come as floats in the unit that
is asked for. Each also has a JSON Schema of what may be written, as far as a schema can say it, for editors. The
vocabulary made of them is in :mod:`rig.definitions.fields`.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pydantic import BeforeValidator, GetJsonSchemaHandler
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


def read_text(value: object) -> str:
    text = _text_needed(value, "a text in quotes", '"..."')
    if not text.strip():
        raise refused("this text is empty", "write something or leave the key out")
    if any(ord(letter) < 32 and letter != "\n" for letter in text):
        raise refused("this text contains a control character", "write plain text")
    return text.strip()


def read_line(value: object) -> str:
    text = read_text(value)
    if "\n" in text:
        raise refused("this text has several lines", "write it on one line")
    return text


def read_web_address(value: object) -> str:
    text = read_line(value)
    if not text.startswith(("http://", "https://")) or " " in text:
        raise refused(f"{shown(text)} is no web address", "it begins with http:// or https://")
    return text


def is_ident(text: str) -> bool:
    """Whether a text can be a name, by ``IDENT_RULE``."""
    return _ID.fullmatch(text) is not None and len(text) <= _LONGEST_ID


def read_ident(value: object) -> str:
    text = _text_needed(value, "a name in quotes", '"lowest-rate"')
    if not is_ident(text):
        raise refused(f"{shown(text)} cannot be a name", IDENT_RULE)
    return text


def read_date(value: object) -> datetime.date:
    if isinstance(value, datetime.datetime):
        raise refused(f"a date without a time of day is needed here, not {value}", "write 2027-03-01")
    if not isinstance(value, datetime.date):
        raise refused(f"a date is needed here, not {shown(value)}", "write it without quotes: 2027-03-01")
    return value


def read_date_time(value: object) -> datetime.datetime:
    example = "write it without quotes: 2026-01-09T20:30:00"
    if not isinstance(value, datetime.datetime):
        raise refused(f"a date with a time of day is needed here, not {shown(value)}", example)
    if value.tzinfo is not None or value.microsecond:
        raise refused("a pump's clock knows whole seconds and no time zone", example)
    if not 2000 <= value.year < 2136:
        raise refused(f"the year {value.year} is not on a pump's clock", "it goes from 2000 to 2135")
    return value


def read_truth(value: object) -> bool:
    if not isinstance(value, bool):
        raise refused(f"true or false is needed here, not {shown(value)}", "write it without quotes")
    return value


def read_option(value: object) -> bool | int | str:
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


def list_of(each: Written) -> Written:
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


def read_weekday(value: object) -> str:
    if value not in WEEKDAYS:
        raise refused(f"{shown(value)} is no weekday", f"write {', '.join(WEEKDAYS)}")
    return str(value)


def read_paths(value: object) -> object:
    texts = value if isinstance(value, list) else [value]
    read: Callable[[object], object] = list_of(LINE).func  # type: ignore[assignment]
    return read(texts)


LINE = Written(read_line, schema={"type": "string", "pattern": r"^[^\n]*\S[^\n]*$"})
IDENT = Written(
    read_ident, schema={"type": "string", "pattern": f"^{_ID.pattern}$", "maxLength": _LONGEST_ID}
)
