"""What a report is made of: sections of a few kinds of block, as plain data that both templates lay out.

Every text enters through here and is made visible; every number is spelled once, so that HTML and PDF cannot differ.
"""

from __future__ import annotations

from typing import Any

from rig.report.numbers import NONE, handy, measured, number, spread
from rig.report.plain_text import visible

Cell = dict[str, Any]
Block = dict[str, Any]

# A verdict is told by its words and its sign; colour only repeats them.
SIGNS = {
    "PASS": "✓",
    "CONDITIONAL_PASS": "◔",
    "INCONCLUSIVE": "?",
    "CONDITIONAL_FAIL": "◕",
    "FAIL": "✗",
    "ERROR": "!",
    "ABORTED": "■",
    "SKIPPED": "–",
}


def text(value: object) -> Cell:
    """A cell of text."""
    return {"kind": "text", "text": NONE if value is None or value == "" else visible(value)}


def again(value: object) -> Cell:
    """A cell that repeats the one above it: quieter, so that the first of a group is seen."""
    return {**text(value), "kind": "again"}


def first_of(place: int, value: object) -> Cell:
    """The name of a group in its first row, and quieter in the rows that follow."""
    return again(value) if place else strong(value)


def strong(value: object) -> Cell:
    """A cell of text that stands out."""
    return {**text(value), "kind": "strong"}


def code(value: object) -> Cell:
    """A cell of machine text (an identifier, a hash)."""
    return {**text(value), "kind": "code"}


def verdict(outcome: object) -> Cell:
    """A verdict: sign and words."""
    name = visible(outcome or "not judged")
    return {
        "kind": "verdict",
        "text": name.replace("_", "\u00a0"),
        "sign": SIGNS.get(name, ""),
        "outcome": name if name in SIGNS else "OTHER",
    }


def quantity(
    value: float | None, unit: str | None, uncertainty: float | None = None, signed: bool = False
) -> Cell:
    """A measured number with its unit; ``exact`` is what results.json holds."""
    return _number_cell(measured(value, uncertainty, unit, signed), value)


def plain_number(value: float | None, unit: str | None = None, digits: int = 4, signed: bool = False) -> Cell:
    """A number with its unit, the unit a handy one."""
    factor, shown_unit = handy(value, None, unit)
    return _number_cell(number(None if value is None else value * factor, shown_unit, digits, signed), value)


def uncertainty(value: float | None, unit: str | None) -> Cell:
    """An uncertainty, to two significant digits."""
    return _number_cell(spread(value, unit), value)


def written(spelling: str, value: float | None = None) -> Cell:
    """A number spelled by the caller."""
    return _number_cell(spelling, value)


def _number_cell(spelling: str, value: float | None) -> Cell:
    return {"kind": "number", "text": visible(spelling), "exact": None if value is None else repr(value)}


def paragraph(words: str, kind: str = "paragraph") -> Block:
    """Running text. Kinds: "paragraph", "note" (small), "end"."""
    return {"kind": kind, "text": visible(words)}


def bullets(items: list[str]) -> Block:
    """A list."""
    return {"kind": "bullets", "items": [visible(item) for item in items]}


def steps(items: list[str]) -> Block:
    """A numbered list: what was done, in order."""
    return {"kind": "steps", "items": [visible(item) for item in items]}


def banner(title: str, words: str, kind: str) -> Block:
    """A framed statement. Kinds: "rehearsal", "outcome"."""
    return {"kind": "banner", "tone": kind, "title": visible(title), "text": visible(words)}


def facts(pairs: list[tuple[str, Cell]]) -> Block:
    """Names and values."""
    return {"kind": "facts", "pairs": [{"name": visible(name), "cell": cell} for name, cell in pairs]}


def table(
    caption: str,
    columns: list[str],
    rows: list[list[Cell]],
    widths: list[float] | None = None,
    align: str = "",
    small: bool = False,
    whole: int = 14,
) -> Block:
    """A table with one line of headings.

    ``align`` has a letter a column (l, r, c); ``widths`` are shares of the line (0: as wide as needed).
    A table of at most ``whole`` rows is not parted between two pages.
    """
    return {
        "kind": "table",
        "caption": visible(caption),
        "columns": [visible(column) for column in columns],
        "rows": rows,
        "small": small,
        "whole": len(rows) <= whole,
        "widths": widths or [0.0] * len(columns),
        "align": align or "l" * len(columns),
    }


def faults(groups: list[tuple[str, list[str]]]) -> Block:
    """What went wrong, by unit."""
    return {
        "kind": "faults",
        "groups": [
            {"name": visible(name), "items": [visible(item) for item in items]} for name, items in groups
        ],
    }


def figures(items: list[Block]) -> Block:
    """Figures side by side, in order."""
    return {"kind": "figures", "figures": items}


def figure(svg: str, caption: str, alternative: str, wide: bool = False) -> Block:
    """One picture; ``alternative`` says in words what it shows."""
    return {"svg": svg, "caption": visible(caption), "alternative": visible(alternative), "wide": wide}


def section(name: str, title: str, blocks: list[Block], level: int = 1, new_page: bool = False) -> Block:
    """A heading and what stands under it. ``name`` is its anchor."""
    return {
        "kind": "section",
        "id": name,
        "title": visible(title),
        "level": level,
        "new_page": new_page,
        "blocks": blocks,
    }
