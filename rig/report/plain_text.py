"""Text somebody else wrote, made fit to print: what cannot be seen is shown as its code point, never obeyed.

A serial number, an operator's name or an instrument's reply may hold anything. Marks that turn the direction of text
around, zero-width characters and control characters become ``⟨U+202E⟩``; the rest is left as it is. Escaping for HTML
is the template's (autoescape); typst is given data, never source.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from functools import cache
from typing import Any

LONGEST = 3000  # characters of one text; more is cut, and said so
UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
LONGEST_WORD = 26  # a longer run of characters without a break gets places where it may be broken (PDF only)


def code_point(character: str) -> str:
    """The visible name of a character: "⟨U+202E⟩"."""
    return f"⟨U+{ord(character):04X}⟩"


def visible(text: object, longest: int = LONGEST) -> str:
    """``text`` on one line with nothing hidden in it; cut after ``longest`` characters with a note how many were."""
    raw = str(text)
    if len(raw) > longest:
        raw = f"{raw[:longest]} … ({len(raw) - longest} more characters in results.json)"
    if raw.isascii() and raw.isprintable():
        return raw
    return "".join(
        " "
        if character in "\t\n\r"
        else code_point(character)
        if unicodedata.category(character) in UNSEEN
        else character
        for character in raw
    )


@cache
def drawable() -> frozenset[int]:
    """Code points the embedded fonts can draw; the PDF and the figures name the others by their number."""
    from matplotlib import get_data_path
    from matplotlib.ft2font import FT2Font

    font = FT2Font(f"{get_data_path()}/fonts/ttf/DejaVuSans.ttf")
    return frozenset(font.get_charmap())


def drawn(text: str) -> str:
    """``text`` with every character the embedded fonts lack replaced by its code point."""
    if text.isascii():
        return text
    known = drawable()
    return "".join(character if ord(character) in known else code_point(character) for character in text)


def breakable(text: str) -> str:
    """``text`` with zero-width spaces in very long words, so that a column can hold them."""
    if not any(len(word) > LONGEST_WORD for word in text.split(" ")):
        return text
    return " ".join(_broken(word) for word in text.split(" "))


def _broken(word: str) -> str:
    if len(word) <= LONGEST_WORD:
        return word
    step = LONGEST_WORD // 2
    return "\u200b".join(word[start : start + step] for start in range(0, len(word), step))


def for_pdf(
    value: Any, keep: tuple[str, ...] = ("svg", "id", "kind", "outcome", "align", "bytes", "data")
) -> Any:
    """A copy of a document's data with each text fit for the embedded fonts; values of the keys ``keep`` untouched."""
    return _mapped(value, lambda text: breakable(drawn(text)), keep)


def _mapped(value: Any, change: Callable[[str], str], keep: tuple[str, ...]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {key: item if key in keep else _mapped(item, change, keep) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_mapped(item, change, keep) for item in value]
    return value
