"""The form of RPU/1 requests (docs/reference/rpu-1.md: keys in section 7, order of checks in section 4)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rig.sim.pump_words import ALARM_BITS, Limits, RequestDenied
from rig.sim.rpu1_lines import REQUEST

INTEGER = re.compile(r"0|[1-9][0-9]{0,14}")
HEX4 = re.compile(r"[0-9A-F]{4}")
WORDS: dict[str, tuple[str, ...]] = {  # the empty word: none
    "ID": ("", "LIMITS"),
    "GET": ("STATUS", "PROGRAM", "STAGED", "RES"),
    "SET": ("",),
    "COMMIT": ("",),
    "STOP": ("",),
    "LOG": ("",),
    "REFILL": ("",),
    "BATT": ("",),
    "CLK": ("",),
    "ALARM": ("LIST", "ACK"),
}
MODES = ("STOP", "SC", "SB", "MIN")


@dataclass(frozen=True)
class Key:
    """A key of a request: an integer from ``low`` to ``high``, a token, or one of ``words``."""

    name: str
    low: int = 0
    high: int = 0
    token: bool = False
    words: tuple[str, ...] = ()
    optional: bool = False


@dataclass(frozen=True)
class Request:
    """A request in order: ``word`` is empty where the verb has none."""

    verb: str
    word: str
    values: dict[str, str]


def read_request(text: str, limits: Limits) -> Request:
    """Check a request's text from verb on. Raises RequestDenied with the first thing that is wrong."""
    request = REQUEST.fullmatch(text)
    if request is None:
        raise RequestDenied("01")
    verb, word = request[1], request[2] or ""
    if word not in WORDS.get(verb, ()):
        raise RequestDenied("02")
    given = [tuple(pair.split("=", 1)) for pair in request[3].split()]
    keys = _form(verb, word, given, limits)
    values: dict[str, str] = {}
    for name, value in given:
        key = next((key for key in keys if key.name == name), None)
        if key is None:
            raise RequestDenied("02", KEY=name)
        if name in values:
            raise RequestDenied("01", KEY=name)
        _check_value(key, value)
        values[name] = value
    for key in keys:
        if key.name not in values and not key.optional:
            raise RequestDenied("01", KEY=key.name)
    return Request(verb, word, values)


def _check_value(key: Key, value: str) -> None:
    if key.words:
        if value not in key.words:
            raise RequestDenied("02", KEY=key.name)
    elif not (HEX4 if key.token else INTEGER).fullmatch(value):
        raise RequestDenied("01", KEY=key.name)
    elif not key.token and not key.low <= int(value) <= key.high:
        raise RequestDenied("03", KEY=key.name)


def _form(verb: str, word: str, given: list[tuple[str, ...]], limits: Limits) -> tuple[Key, ...]:
    """The keys of the form that is meant."""
    token = Key("TOKEN", token=True)
    concentration = Key("CONC", 0, 2**32 - 1, optional=True)
    if verb == "SET":
        mode = next((value for name, value in given if name == "MODE"), None)
        if mode is None:
            raise RequestDenied("01", KEY="MODE")
        if mode not in MODES:
            raise RequestDenied("02", KEY="MODE")
        forms = {
            "STOP": (),
            "SC": (Key("RATE", limits.rate_min, limits.rate_max), concentration),
            "MIN": (concentration,),
            "SB": (
                Key("VOL", limits.bolus_min, limits.bolus_max),
                Key("DUR", limits.duration_min, limits.duration_max),
                concentration,
            ),
        }
        return (Key("MODE", words=MODES), *forms[mode])
    if verb == "STOP":
        return (token,) if any(name == "TOKEN" for name, _ in given) else ()
    return {
        "COMMIT": (token,),
        "LOG": (Key("FROM", 0, 2**32 - 1),),
        "REFILL": (
            Key("VOL", 0, limits.reservoir_max),
            Key("LOW", 0, limits.low_max, optional=True),
        ),
        "CLK": (Key("T", 0, 2**32 - 1, optional=True),),
        "ALARM": (Key("ID", words=tuple(ALARM_BITS)),) if word == "ACK" else (),
    }.get(verb, ())
