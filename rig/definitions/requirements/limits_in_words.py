"""Limits as requirements state them in prose: "shall be within ±14.5% of the set rate"."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rig.definitions.limits import NO_ALARMS, Limit, parse_limit
from rig.errors import DefinitionError
from rig.quantities import KINDS

_UNITS = sorted({unit for kind in KINDS.values() for unit in kind.units}, key=lambda unit: (-len(unit), unit))
_UNIT = rf"(?:{'|'.join(map(re.escape, _UNITS))})(?![\w/%])"
_SIZE = rf"[-\u2212]?[0-9]+(?:\.[0-9]+)?\s*{_UNIT}"
_WORDS = {
    "within": r"within(?:\s+(?:±|\+/-))?|±|\+/-",
    "at most": r"at most|no(?:t)? more than|(?:is |be )?not to exceed|not exceed|≤|<=",
    "at least": r"at least|no(?:t)? less than|≥|>=",
}
_FORMS = [(form, re.compile(rf"(?:{words})\s*({_SIZE})", re.IGNORECASE)) for form, words in _WORDS.items()]
_BETWEEN = re.compile(rf"between\s+({_SIZE})\s+and\s+({_SIZE})", re.IGNORECASE)
# "within 30 s" is a last moment, "within 14.5 %" a distance to both sides.
_TWO_SIDED = ("percent", "relative", "temperature_difference")


def limits_in(text: str) -> list[str]:
    """The limits that a text states, as plans write them, in their order; "none" for the word alone."""
    plain = text.replace("µ", "u").replace("μ", "u")
    if plain.strip().lower() == "none":
        return ["none"]
    return [limit for _, limit in sorted(_found(plain)) if as_limit(limit) is not None]


def _found(text: str) -> Iterator[tuple[int, str]]:
    for match in _BETWEEN.finditer(text):
        yield match.start(), f"between {_spaced(match[1])} and {_spaced(match[2])}"
    for form, pattern in _FORMS:
        for match in pattern.finditer(text):
            yield match.start(), f"{form} {_spaced(match[1])}"


def _spaced(size: str) -> str:
    """One space between number and unit."""
    return re.sub(r"([0-9])\s*([^0-9.\s].*)", r"\1 \2", size.replace("\u2212", "-"))


def as_limit(text: str, unit: str | None = None) -> Limit | None:
    """The limit in the canonical ``unit`` of a kind (None: of the first kind it fits); None if it is no such limit."""
    if text == "none":
        return NO_ALARMS if unit in (None, NO_ALARMS.unit) else None
    for name, kind in KINDS.items():
        if unit is not None and kind.canonical != unit:
            continue
        try:
            limit = parse_limit(text, name)
        except DefinitionError:
            continue
        if text.startswith("within ") and name not in _TWO_SIDED:
            return Limit(None, limit.high, limit.unit, text)
        return limit
    return None
