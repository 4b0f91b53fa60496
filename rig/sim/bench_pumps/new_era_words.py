"""Numbers as New Era pumps write them: at most four digits and a point, at most three decimals."""

from __future__ import annotations

import math
import re

NUMBER = re.compile(r"[0-9]*\.?[0-9]{0,3}")


class CommandRefused(Exception):
    """Its text is what follows the question mark."""


def number(text: str) -> float:
    """A number of at most four digits and three decimals."""
    digits = text.replace(".", "")
    if not NUMBER.fullmatch(text) or not digits:
        raise CommandRefused("")
    if len(digits) > 4:
        raise CommandRefused("OOR")
    return float(text)


def whole(text: str, least: int, most: int) -> int:
    if not text.isdecimal() or not text.isascii():
        raise CommandRefused("")
    if not least <= int(text) <= most:
        raise CommandRefused("OOR")
    return int(text)


def four_digits(value: float) -> str:
    """Four digits and a point, cut, not rounded: a display does not run ahead of the volume."""
    for decimals in (3, 2, 1, 0):
        cut = math.floor(value * 10**decimals + 1e-6)
        if cut < 10_000:
            return f"{cut / 10**decimals:.{decimals}f}" + ("" if decimals else ".")
    return "9999."
