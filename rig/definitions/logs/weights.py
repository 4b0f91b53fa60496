"""Weights as balances print them: with the unit behind the number, a mark of stability before, or a column of units."""

from __future__ import annotations

import re

from rig.definitions.foreign_text import Body
from rig.definitions.logs.header import WEIGHT_UNITS_G, Column, weight_unit_spelled
from rig.errors import DefinitionError, Where

_PRINTED = re.compile(
    r"(?:(?P<mark>S\s+[SD])\s+)?(?P<number>[+-]?\s*[0-9.eE+-]+)\s*(?P<unit>[A-Za-zµμ]{1,2})"
)
_UNIT_TITLES = {"unit", "units", "einheit"}


def plain_weights(
    body: Body, header: list[str], weight: Column, name: str, notes: list[str]
) -> tuple[Body, str | None]:
    """The rows with plain numbers for weights, and the unit that stands beside or behind them (None: none does).

    ``12.34 g``, ``S S 12.34 g`` (stable, MT-SICS), ``S D 12.34 g`` (not stable) are read so if the first row is; and a
    column headed ``Unit``. Raises DefinitionError for a unit that is not known, differs from row to row, or from the
    one in the header.
    """
    column = _unit_column(header, body[0][1])
    first = _PRINTED.fullmatch(_cell(body[0][1], weight.index))
    if first is None and column is None:
        return body, weight.unit
    units: dict[str, int] = {} if weight.unit is None else {weight.unit: 0}
    plain: Body = []
    unstable = 0
    for line, row in body:
        cell, written = _cell(row, weight.index), None
        if first is not None and (printed := _PRINTED.fullmatch(cell)):
            unstable += bool(printed["mark"]) and printed["mark"].endswith("D")
            cell, written = printed["number"].replace(" ", ""), printed["unit"]
        elif column is not None and first is None:
            written = _cell(row, column)
        if written is not None:
            _add(units, written, Where(name, key=weight.title, line=line))
        plain.append((line, [*row[: weight.index], cell, *row[weight.index + 1 :]]))
    if unstable:
        notes.append(f"{unstable} weight{'s' if unstable > 1 else ''} marked as not stable, used as the rest")
    where = "the weights" if first is not None else f"column '{header[column or 0]}'"
    unit = next(iter(units), None)
    if unit is not None and weight.unit is None:
        notes.append(f"unit of weight from {where}: {unit}")
    return plain, unit


def _unit_column(header: list[str], first: list[str]) -> int | None:
    """The only column of units of weight, if there is one. A unit can be a pump, too."""
    found = [index for index, title in enumerate(header) if title.strip().casefold() in _UNIT_TITLES]
    return found[0] if len(found) == 1 and weight_unit_spelled(_cell(first, found[0])) else None


def _add(units: dict[str, int], written: str, where: Where) -> None:
    unit = weight_unit_spelled(written)
    if unit is None:
        said = f"'{written}' is no unit of weight"
        raise DefinitionError(said, where, f"one of {', '.join(WEIGHT_UNITS_G)}")
    units.setdefault(unit, where.line or 0)
    if len(units) > 1:
        before = next(known for known in units if known != unit)
        raise DefinitionError(
            f"the weight is in '{unit}' here and in '{before}' before",
            where,
            "write all weights in one unit, and name it in the header",
        )


def _cell(row: list[str], index: int) -> str:
    return row[index] if index < len(row) else ""
