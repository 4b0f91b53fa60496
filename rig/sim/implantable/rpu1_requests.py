"""The form of RPU/1 requests (docs/reference/rpu-1.md: keys in section 7, order of checks in section 4)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from rig.sim.implantable.program import Steps
from rig.sim.implantable.rpu1_lines import REQUEST
from rig.sim.implantable.words import ALARM_BITS, Limits, RequestDenied

INTEGER = re.compile(r"0|[1-9][0-9]{0,14}")
HEX4 = re.compile(r"[0-9A-F]{4}")
FLAG = re.compile(r"[01]")
WEEK = re.compile(r"[1-7]{7}")
STEP = re.compile(rf"(?:{INTEGER.pattern}):(?:{INTEGER.pattern})")
# Words of each verb by the level that brings them; the empty word: none.
WORDS: dict[str, dict[str, int]] = {
    "ID": {"": 1, "LIMITS": 1}, "GET": {"STATUS": 1, "PROGRAM": 1, "STAGED": 1, "RES": 1, "PTM": 2},
    "SET": {"": 1}, "COMMIT": {"": 1}, "STOP": {"": 1}, "LOG": {"": 1}, "REFILL": {"": 1}, "BATT": {"": 1},
    "CLK": {"": 1}, "ALARM": {"LIST": 1, "ACK": 1, "TONE": 2}, "PTM": {"SET": 2, "ACTIVATE": 2},
    "PRIME": {"": 2}, "BRIDGE": {"": 2}, "RST": {"": 2},
}  # fmt: skip
MODES = {"STOP": 1, "SC": 1, "SB": 1, "MIN": 1, "FLEX": 2, "PB": 2}
TUBING_MAX_NL = 1_000_000
U32 = 2**32 - 1

Check = Callable[[str], str | None]  # of a value: the error code, if it is wrong


@dataclass(frozen=True)
class Key:
    """A key of a request."""

    name: str
    check: Check
    optional: bool = False


@dataclass(frozen=True)
class Request:
    """A request in order: ``word`` is empty where the verb has none."""

    verb: str
    word: str
    values: dict[str, str]


def read_request(text: str, limits: Limits, level: int) -> Request:
    """Check a request's text from verb on. Raises RequestDenied with the first thing that is wrong."""
    request = REQUEST.fullmatch(text)
    if request is None:
        raise RequestDenied("01")
    verb, word = request[1], request[2] or ""
    if WORDS.get(verb, {}).get(word, 9) > level:
        raise RequestDenied("02")
    given = [tuple(pair.split("=", 1)) for pair in request[3].split()]
    keys = _form(verb, word, given, limits, level)
    values: dict[str, str] = {}
    for name, value in given:
        key = next((key for key in keys if key.name == name), None)
        if key is None:
            raise RequestDenied("02", KEY=name)
        if name in values:
            raise RequestDenied("01", KEY=name)
        if code := key.check(value):
            raise RequestDenied(code, KEY=name)
        values[name] = value
    for key in keys:
        if key.name not in values and not key.optional:
            raise RequestDenied("01", KEY=key.name)
    _check_between_keys(values, limits)
    return Request(verb, word, values)


def read_steps(text: str) -> Steps:
    """``minute:rate`` pairs as they were checked."""
    pairs = (pair.split(":") for pair in text.split(","))
    return tuple((int(minute), int(rate)) for minute, rate in pairs)


def _integer(low: int, high: int) -> Check:
    def check(value: str) -> str | None:
        if not INTEGER.fullmatch(value):
            return "01"
        return None if low <= int(value) <= high else "03"

    return check


def _form_of(pattern: re.Pattern[str]) -> Check:
    return lambda value: None if pattern.fullmatch(value) else "01"


def _word_of(*words: str) -> Check:
    return lambda value: None if value in words else "02"


def _steps(limits: Limits) -> Check:
    """1 to 13 of them, from minute 0 on, rising within the day."""

    def check(value: str) -> str | None:
        if not all(STEP.fullmatch(pair) for pair in value.split(",")):
            return "01"
        steps = read_steps(value)
        minutes = [minute for minute, _ in steps]
        good = len(steps) <= 13 and minutes[0] == 0 and minutes[-1] <= 1439
        good = good and all(before < after for before, after in pairwise(minutes))
        good = good and all(limits.rate_min <= rate <= limits.rate_max for _, rate in steps)
        return None if good else "03"

    return check


def _form(verb: str, word: str, given: list[tuple[str, ...]], limits: Limits, level: int) -> tuple[Key, ...]:
    """The keys of the form that is meant."""
    names = {name for name, _ in given}
    token = (Key("TOKEN", _form_of(HEX4)),)
    if verb in ("STOP", "PRIME", "BRIDGE", "RST") and "TOKEN" in names:
        return token
    if verb == "SET":
        return _program_form(given, limits, level)
    group = (Key("GROUP", _integer(1, 7), optional=True),) if level > 1 else ()
    return {
        ("GET", "PROGRAM"): group,
        ("GET", "STAGED"): group,
        ("COMMIT", ""): token,
        ("LOG", ""): (Key("FROM", _integer(0, U32)),),
        ("REFILL", ""): (
            Key("VOL", _integer(0, limits.reservoir_max)),
            Key("LOW", _integer(0, limits.low_max), optional=True),
        ),
        ("CLK", ""): (Key("T", _integer(0, U32), optional=True),),
        ("ALARM", "ACK"): (Key("ID", _word_of(*ALARM_BITS)),),
        ("ALARM", "TONE"): (Key("KIND", _word_of("SINGLE", "DUAL")),),
        ("PTM", "SET"): (
            Key("EN", _form_of(FLAG)),
            *_dose(limits),
            Key("LOCK", _integer(600, 86_400)),
            Key("MAX", _integer(1, 100)),
        ),
        ("PRIME", ""): (
            Key("VOL", _integer(1, TUBING_MAX_NL)),
            Key("RATE", _integer(limits.rate_min, limits.rate_max)),
        ),
        ("BRIDGE", ""): (
            Key("OLD", _integer(0, U32)),
            Key("NEW", _integer(0, U32)),
            Key("VOL", _integer(1, TUBING_MAX_NL)),
            Key("DUR", _integer(60, 604_800)),
        ),
    }.get((verb, word), ())


def _program_form(given: list[tuple[str, ...]], limits: Limits, level: int) -> tuple[Key, ...]:
    mode = next((value for name, value in given if name == "MODE"), None)
    if mode is None:
        raise RequestDenied("01", KEY="MODE")
    if MODES.get(mode, 9) > level:
        raise RequestDenied("02", KEY="MODE")
    concentration = Key("CONC", _integer(0, U32), optional=True)
    if mode == "FLEX" and "MAP" not in {name for name, _ in given}:
        own: tuple[Key, ...] = (Key("GROUP", _integer(1, 7)), Key("STEPS", _steps(limits)))
    else:
        own = {
            "STOP": (),
            "SC": (Key("RATE", _integer(limits.rate_min, limits.rate_max)), concentration),
            "MIN": (concentration,),
            "SB": (*_dose(limits), concentration),
            "PB": (*_dose(limits), Key("INT", _integer(600, 604_800)), concentration),
            "FLEX": (Key("MAP", _form_of(WEEK)), concentration),
        }[mode]
    return (Key("MODE", _word_of(*MODES)), *own)


def _dose(limits: Limits) -> tuple[Key, Key]:
    return (
        Key("VOL", _integer(limits.bolus_min, limits.bolus_max)),
        Key("DUR", _integer(limits.duration_min, limits.duration_max)),
    )


def _check_between_keys(values: dict[str, str], limits: Limits) -> None:
    """A bolus fits into its interval, and is no faster than the ceiling."""
    if "DUR" not in values:
        return
    volume_nl, duration_s = int(values["VOL"]), int(values["DUR"])
    if "INT" in values and duration_s > int(values["INT"]):
        raise RequestDenied("03", KEY="DUR")
    if volume_nl * 3600 > limits.bolus_rate_max * duration_s:
        raise RequestDenied("03", KEY="VOL")
