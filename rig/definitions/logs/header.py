"""Which column of a foreign log is time, which is weight, and in which unit: read from the header alone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from rig.definitions.logs.times import CLOCK_UNIT
from rig.errors import DefinitionError, Where

TIME_UNITS_S = {
    "ms": Decimal("0.001"), "s": Decimal(1), "min": Decimal(60), "h": Decimal(3600), "day": Decimal(86400),
}  # fmt: skip
WEIGHT_UNITS_G = {"ug": Decimal("0.000001"), "mg": Decimal("0.001"), "g": Decimal(1), "kg": Decimal(1000)}
DEFAULT_TIME_UNIT = "min"
DEFAULT_WEIGHT_UNIT = "g"

_SPELLINGS = {
    "ms": "ms", "msec": "ms", "milliseconds": "ms",
    "s": "s", "sec": "s", "secs": "s", "second": "s", "seconds": "s",
    "min": "min", "mins": "min", "minute": "min", "minutes": "min",
    "h": "h", "hr": "h", "hrs": "h", "hour": "h", "hours": "h",
    "d": "day", "day": "day", "days": "day",
    "ug": "ug", "µg": "ug", "μg": "ug", "mg": "mg", "g": "g", "G": "g", "gram": "g", "grams": "g",
    "kg": "kg", "Kg": "kg",
    "hh:mm:ss": CLOCK_UNIT, "h:mm:ss": CLOCK_UNIT,
}  # fmt: skip
_TIME_NAMES = {"time", "t", "elapsed", "timestamp", "datetime", "date", "clock", "zeit"}
_WEIGHT_NAMES = {"weight", "mass", "w", "m", "wt", "net", "gross", "balance", "scale", "gewicht", "masse"}
_NEITHER = {"unit", "units", "stable", "status", "set", "error", "uncertainty", "std", "sd"}


@dataclass(frozen=True)
class Column:
    """A column: its place (from 0), its header as written, and the unit the header states (None: none)."""

    index: int
    title: str
    unit: str | None


def choose_columns(
    header: list[str], where: Where, time_column: str | None, weight_column: str | None
) -> tuple[Column, Column]:
    """The time and the weight column of a header row; names given by the user decide first.

    Raises DefinitionError if either cannot be told, if several could be it, or for a unit that is not known.
    """
    if all(re.fullmatch(r"[+-]?[0-9.]+", cell) for cell in header):
        raise DefinitionError(
            "there is no header: the first line holds numbers",
            where,
            "add a line such as 'Time (min),Weight (g)'",
        )
    if len(header) < 2:
        raise DefinitionError(
            "there is only one column; a log has time and weight",
            where,
            "cells are separated by ',', ';' or tab; lines above the header begin with '#'",
        )
    time = _choose(header, where, "time", time_column)
    weight = _choose(header, where, "weight", weight_column)
    if time.index == weight.index:
        raise DefinitionError(f"the column '{time.title}' cannot be time and weight", where)
    return time, weight


def _choose(header: list[str], where: Where, what: str, asked: str | None) -> Column:
    units, names = (TIME_UNITS_S, _TIME_NAMES) if what == "time" else (WEIGHT_UNITS_G, _WEIGHT_NAMES)
    option = f"--{what}-column NAME"
    columns = ", ".join(f"'{cell}'" for cell in header)
    if asked is not None:
        found = [index for index, cell in enumerate(header) if cell == asked]
        if len(found) != 1:
            said = "is not in the header" if not found else "is there more than once"
            raise DefinitionError(f"the {what} column '{asked}' {said}", where, f"columns: {columns}")
    else:
        found = [i for i, cell in enumerate(header) if _is_named(cell, names)]
        if not found:  # nothing called time or weight: a unit that stands for it alone will do
            found = [
                i for i, cell in enumerate(header) if _split(cell)[1] in units and not _words(cell) & _NEITHER
            ]
        if len(found) != 1:
            said = f"no column is known as {what}" if not found else f"{len(found)} columns could be {what}"
            raise DefinitionError(said, where, f"columns: {columns}; say which with {option}")
    title = header[found[0]]
    unit = _split(title)[1]
    if unit is not None and unit not in units and not (what == "time" and unit == CLOCK_UNIT):
        raise DefinitionError(
            f"'{unit}' is no unit of {what}",
            Where(where.file, key=title, line=where.line),
            f"one of {', '.join(units)}",
        )
    return Column(found[0], title, unit)


def _split(title: str) -> tuple[str, str | None]:
    """A header cell's name and unit. A bracketed unit that is not known is returned as written."""
    bracketed = re.fullmatch(r"(.*?)\s*[(\[]\s*([^)\]]*?)\s*[)\]]\s*", title)
    if bracketed and bracketed[2]:
        return bracketed[1], _spelled(bracketed[2]) or bracketed[2]
    if _spelled(title) and title not in _TIME_NAMES | _WEIGHT_NAMES:
        return "", _spelled(title)
    trailing = re.fullmatch(r"(.*?)(?:[\s_./,-]+|\s+in\s+)([A-Za-zµμ]+)", title)
    if trailing and _spelled(trailing[2]):
        return trailing[1], _spelled(trailing[2])
    return title, None


def weight_unit_spelled(unit: str) -> str | None:
    """A unit of weight in our spelling; None if it is none."""
    spelled = _spelled(unit)
    return spelled if spelled in WEIGHT_UNITS_G else None


def _spelled(unit: str) -> str | None:
    """The unit in our spelling. Lower case, except that Mg is not mg."""
    return _SPELLINGS.get(unit) or (_SPELLINGS.get(unit.lower()) if len(unit) > 2 else None)


def _words(name: str) -> set[str]:
    return {word for word in re.split(r"[\s_./,()\[\]-]+", name.casefold()) if word}


def _is_named(title: str, names: set[str]) -> bool:
    words = _words(_split(title)[0])
    return bool(words & names) and not words & _NEITHER
