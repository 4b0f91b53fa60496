"""A balance log from elsewhere: a CSV file with one column of time and one of weight, read strictly.

Nothing is guessed in silence. Units stand in the header (``Time (min)``, ``t_s``, ``weight [g]``, ``mg``) or
are given by the caller; a header without a unit is taken as minutes and grams, and the log says so in
``assumed``. A value that is not a plain decimal number is refused with its line and column, never skipped.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rig.definitions.foreign_text import SEPARATORS, LogRows, read_log_bytes, text_of
from rig.definitions.logs.header import (
    DEFAULT_TIME_UNIT,
    DEFAULT_WEIGHT_UNIT,
    TIME_UNITS_S,
    WEIGHT_UNITS_G,
    Column,
    choose_columns,
)
from rig.definitions.logs.times import (
    CLOCK_UNIT,
    Row,
    counted_from_first,
    is_clock,
    raise_all,
    read_clock_s,
    rising,
)
from rig.definitions.logs.weights import plain_weights
from rig.errors import DefinitionError, Where

FEWEST_READINGS = 3
_LONGEST_TIME_S = 1e11
_LARGEST_MASS_G = 1e9
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,2})?")
_DECIMAL_COMMA = re.compile(r"[+-]?[0-9]+,[0-9]+")
_NOT_A_NUMBER = re.compile(r"[+-]?(nan|inf|infinity|n/?a|null|none|#.*)", re.IGNORECASE)


@dataclass(frozen=True)
class LogUnits:
    """What the user says of a log: units (``TIME_UNITS_S``, ``WEIGHT_UNITS_G``) and headers; None: see the header."""

    time_unit: str | None = None
    weight_unit: str | None = None
    time_column: str | None = None
    weight_column: str | None = None


@dataclass(frozen=True)
class BalanceLog:
    """A log as read. ``t_s`` (s, rising), ``mass_g`` (g) and ``lines`` (in the file) have one value a reading.

    ``display_step_g`` is one unit of the last digit written. ``assumed`` are the units nobody stated, ``notes``
    what else a reader must know (columns not used, rows left out).
    """

    file: str
    sha256: str
    t_s: NDArray[np.float64]
    mass_g: NDArray[np.float64]
    lines: NDArray[np.int64]
    time_column: str
    weight_column: str
    time_unit: str
    weight_unit: str
    display_step_g: float
    assumed: tuple[str, ...]
    notes: tuple[str, ...]


def read_balance_log(path: Path | str, units: LogUnits | None = None) -> BalanceLog:
    """Read a log file.

    Raises DefinitionError (file, column as key, line) for a file that is missing, empty, binary or no
    text, whose columns or units cannot be told, for every value that is not a plain decimal number, and for
    time that stands still or runs back.
    """
    return log_from_bytes(read_log_bytes(Path(path)), str(path), units)


def log_from_bytes(content: bytes, name: str, units: LogUnits | None = None) -> BalanceLog:
    """As :func:`read_balance_log`, from the file's bytes."""
    units = units or LogUnits()
    _check_options(units)
    rows = LogRows(text_of(content, name), name)
    top = Where(name, line=rows.header_line)
    time, weight = choose_columns(rows.header, top, units.time_column, units.weight_column)
    if not rows.body:
        raise DefinitionError("there are no readings below the header", top)
    notes, assumed = list(rows.notes), list[str]()
    rows.body, weighed_in = plain_weights(rows.body, rows.header, weight, name, notes)
    weight = replace(weight, unit=weighed_in)
    if time.unit == CLOCK_UNIT or (time.unit is None and is_clock(_cell(rows.body[0][1], time.index))):
        if units.time_unit is not None:
            place = Where(name, key=time.title, line=rows.body[0][0])
            raise DefinitionError("--time-unit is for numbers; this column holds clock times", place)
        time_unit = CLOCK_UNIT
    else:
        time_unit = _unit(time, ("--time-unit", units.time_unit, DEFAULT_TIME_UNIT), assumed, top)
    weight_unit = _unit(weight, ("--weight-unit", units.weight_unit, DEFAULT_WEIGHT_UNIT), assumed, top)
    readings = _readings(rows, name, (time, time_unit), (weight, weight_unit))
    if time_unit == CLOCK_UNIT:
        t_s = counted_from_first([t for _, t, _ in readings], notes)
        readings = [(line, t, mass) for (line, _, mass), t in zip(readings, t_s, strict=True)]
    readings = rising(readings, name, time.title, notes)
    if len(readings) < FEWEST_READINGS:
        few = f"there are only {len(readings)} readings; at least {FEWEST_READINGS} are needed"
        raise DefinitionError(few, Where(name))
    unused = [f"'{title}'" for i, title in enumerate(rows.header) if i not in (time.index, weight.index)]
    if unused:
        notes.append("columns not used: " + ", ".join(unused))
    lines, t_s_, mass_g = zip(*readings, strict=True)
    return BalanceLog(
        file=name,
        sha256=hashlib.sha256(content).hexdigest(),
        t_s=np.array(t_s_),
        mass_g=np.array(mass_g),
        lines=np.array(lines, dtype=np.int64),
        time_column=time.title,
        weight_column=weight.title,
        time_unit=time_unit,
        weight_unit=weight_unit,
        display_step_g=_display_step_g(rows, weight, weight_unit),
        assumed=tuple(assumed),
        notes=tuple(notes),
    )


def _check_options(units: LogUnits) -> None:
    stated = (
        ("--time-unit", units.time_unit, TIME_UNITS_S),
        ("--weight-unit", units.weight_unit, WEIGHT_UNITS_G),
    )
    for option, unit, known in stated:
        if unit is not None and unit not in known:
            raise DefinitionError(f"{option} '{unit}' is not known", hint=f"one of {', '.join(known)}")


def _unit(column: Column, said: tuple[str, str | None, str], assumed: list[str], top: Where) -> str:
    """The unit of a column: from its header or the option (which may not differ), else the default, said aloud."""
    option, stated, default = said
    if column.unit is not None and stated is not None and column.unit != stated:
        contradiction = f"the header says '{column.unit}', {option} says '{stated}'"
        place = Where(top.file, key=column.title, line=top.line)
        raise DefinitionError(contradiction, place, "leave the option out, or mend the header")
    if column.unit is None and stated is None:
        assumed.append(
            f"column '{column.title}' states no unit: taken as {default} (to change: {option} UNIT)"
        )
    return column.unit or stated or default


def _cell(row: list[str], index: int) -> str:
    return row[index] if index < len(row) else ""


def _readings(rows: LogRows, name: str, time: tuple[Column, str], weight: tuple[Column, str]) -> list[Row]:
    """Every row as (line, s, g). All problems in one DefinitionError."""
    (time_column, time_unit), (weight_column, weight_unit) = time, weight
    readings: list[Row] = []
    problems: list[DefinitionError] = []
    for line, row in rows.body:
        time_place = Where(name, key=time_column.title, line=line)
        weight_place = Where(name, key=weight_column.title, line=line)
        try:
            _check_width(row, len(rows.header), rows.separator, Where(name, line=line))
            if time_unit == CLOCK_UNIT:
                t = read_clock_s(row[time_column.index], time_place)
            else:
                t = _number(row[time_column.index], TIME_UNITS_S[time_unit], _LONGEST_TIME_S, time_place)
            mass = _number(
                row[weight_column.index], WEIGHT_UNITS_G[weight_unit], _LARGEST_MASS_G, weight_place
            )
        except DefinitionError as problem:
            problems.append(problem)
            continue
        readings.append((line, t, mass))
    raise_all(problems, name)
    return readings


def _display_step_g(rows: LogRows, weight: Column, unit: str) -> float:
    last_digits = (Decimal(row[weight.index]).as_tuple().exponent for _, row in rows.body)
    finest = min(digit for digit in last_digits if isinstance(digit, int))
    return float(Decimal(1).scaleb(finest) * WEIGHT_UNITS_G[unit])


def _check_width(row: list[str], width: int, separator: str, where: Where) -> None:
    if not any(row):
        said = "the line is empty"
        raise DefinitionError(said, where, "a missing reading is left out, not written empty")
    if len(row) == width or (len(row) > width and not any(row[width:])):
        return
    said = f"the line has {len(row)} cell{'s' if len(row) > 1 else ''}, the header has {width}"
    if separator == "," and len(row) > width:
        raise DefinitionError(said, where, "decimal commas? write a decimal point, or separate cells by ';'")
    raise DefinitionError(said, where, f"the header's cells are separated by {SEPARATORS[separator]}")


def _number(text: str, factor: Decimal, largest: float, where: Where) -> float:
    """One cell, in s or g."""
    if not _NUMBER.fullmatch(text):
        raise _not_a_number(text, where)
    value = float(Decimal(text) * factor)
    if not abs(value) <= largest:
        raise DefinitionError(f"'{text}' is beyond what a log can hold", where)
    return value


def _not_a_number(text: str, where: Where) -> DefinitionError:
    left_out = "a missing reading is left out, not written so"
    if not text:
        return DefinitionError("the cell is empty", where, left_out)
    if _DECIMAL_COMMA.fullmatch(text):
        meant = text.replace(",", ".")
        return DefinitionError(
            f"'{text}' has a decimal comma", where, f"write '{meant}', here and everywhere"
        )
    if _NOT_A_NUMBER.fullmatch(text):
        return DefinitionError(f"'{text}' is not a number", where, left_out)
    if is_clock(text):
        return DefinitionError(f"'{text}' is a clock time among plain numbers", where)
    shown = text if len(text) <= 40 else text[:40] + "…"
    return DefinitionError(f"'{shown}' is no plain decimal number", where, "such as 12.34, without unit")
