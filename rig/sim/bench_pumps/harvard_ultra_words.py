"""Numbers with units as the Harvard Ultra command set reads and writes them."""

from __future__ import annotations

import math
import re

from rig.sim.fluid.path import S_PER_H

VOLUMES_NL = {"ml": 1e6, "ul": 1e3, "nl": 1.0, "pl": 1e-3}
TIMES_S = {"hr": 3600.0, "min": 60.0, "sec": 1.0}
SHORT_TIMES = {"h": "hr", "m": "min", "s": "sec"}
RATE_UNIT = re.compile(r"([munp])l?/(hr|min|sec|h|m|s)")


class CommandFailed(Exception):
    """Its arguments are the two lines of the answer."""


def parse_number(text: str) -> float:
    if not re.fullmatch(r"[0-9]*\.?[0-9]*", text) or not re.search(r"[0-9]", text):
        raise CommandFailed(f"Argument error: {text}", "   Not a number")
    return float(text)


def parse_whole(text: str, least: int, most: int) -> int:
    value = parse_number(text)
    if value != int(value) or not least <= value <= most:
        raise CommandFailed(f"Argument error: {text}", "   Out of range")
    return int(value)


def parse_rate(words: str) -> tuple[float, str]:
    """Rate in nl/h, and its unit as the pump writes it."""
    value, _, unit = words.partition(" ")
    parts = RATE_UNIT.fullmatch(unit.strip())
    if parts is None:
        raise CommandFailed(f"Argument error: {words}", "   Unknown unit")
    volume, time = f"{parts[1]}l", SHORT_TIMES.get(parts[2], parts[2])
    return parse_number(value) * VOLUMES_NL[volume] * S_PER_H / TIMES_S[time], f"{volume}/{time}"


def parse_volume(words: str) -> float:
    value, _, unit = words.partition(" ")
    if unit.strip() not in VOLUMES_NL:
        raise CommandFailed(f"Argument error: {words}", "   Unknown unit")
    return parse_number(value) * VOLUMES_NL[unit.strip()]


def parse_time(words: str) -> float:
    """Seconds, or hh:mm:ss."""
    seconds = 0.0
    for part in words.split(":"):
        seconds = seconds * 60 + parse_number(part)
    return seconds


def plain(value: float) -> str:
    """Six digits, no exponent, no idle zeros."""
    decimals = max(0, 5 - math.floor(math.log10(value))) if value > 0 else 0
    text = f"{value:.{min(decimals, 9)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def rate_text(rate_nl_h: float, unit: str) -> str:
    volume, time = unit.split("/")
    return f"{plain(rate_nl_h / VOLUMES_NL[volume] / S_PER_H * TIMES_S[time])} {unit}"


def best_unit(rate_nl_h: float) -> str:
    """The largest unit per minute in which the rate is at least one."""
    per_min = rate_nl_h / 60
    return next((f"{unit}/min" for unit, nl in VOLUMES_NL.items() if per_min >= nl), "pl/min")


def volume_text(volume_nl: float) -> str:
    unit, size_nl = next(((u, nl) for u, nl in VOLUMES_NL.items() if volume_nl >= nl), ("ul", 1e3))
    return f"{plain(volume_nl / size_nl)} {unit}"
