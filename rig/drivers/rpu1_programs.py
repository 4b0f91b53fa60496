"""What RPU/1 can be told to deliver, as the keys of its requests and back (docs/reference/rpu-1.md, section 7.2).

Formatting raises LimitRefused for a value that RPU/1 cannot express, before a byte is sent; the limits are the
widest of the document, a device may refuse more. Parsing raises ProtocolError.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import fields
from itertools import pairwise

from rig.drivers.rpu1_wire import INTEGER, Line, forms, parse_keys
from rig.drivers.rpu1_words import (
    BOLUS_RATE_MAX,
    BRIDGE_DURATION,
    DURATION,
    FILLING,
    INTERVAL,
    LOCKOUT,
    MINIMUM_RATE,
    MODE,
    PER_DAY,
    SET_RATE,
    U32,
    VOLUME,
)
from rig.errors import LimitRefused, ProtocolError
from rig.readings import Bridge, FlexStep, PatientBolus, Prescription

STEPS_MAX, MINUTES = 13, range(1440)
PARTS = {  # what a prescription of each mode has, beside its concentration
    "stop": (),
    "continuous": ("rate_nl_h",),
    "minimum": (),
    "bolus": ("bolus_nl", "bolus_duration_s"),
    "periodic": ("bolus_nl", "bolus_duration_s", "interval_s"),
    "flex": ("days", "groups"),
}
MAP = re.compile("[1-7]{7}")
GROUPS = re.compile("NONE|[1-7](?:,[1-7])*")
STEPS = re.compile(r"\d+:\d+(?:,\d+:\d+)*")
PROGRAMS = {
    "STOP": forms("MODE", MODE),
    "SC": forms("MODE RATE CONC", MODE, SET_RATE, U32),
    "MIN": forms("MODE RATE CONC", MODE, MINIMUM_RATE, U32),
    "SB": forms("MODE VOL DUR CONC", MODE, VOLUME, DURATION, U32),
    "PB": forms("MODE VOL DUR INT CONC", MODE, VOLUME, DURATION, INTERVAL, U32),
    "FLEX": forms("MODE MAP CONC GROUPS", MODE, MAP, U32, GROUPS),
}


def allowed(name: str, value: int, those: range) -> int:
    """``value``, if it is one of ``those``. Raises LimitRefused."""
    if value not in those:
        raise LimitRefused(f"{name} {value} is not one of {those[0]} to {those[-1]}; nothing was sent")
    return int(value)


def format_program(prescription: Prescription) -> list[str]:
    """What follows each SET, in order: one request, but for a flex schedule one more for each day group."""
    mode = prescription.mode
    parts = (*PARTS[mode], *(() if mode == "stop" else ("concentration_ng_ml",)))
    for field in fields(prescription)[1:]:
        if field.name not in parts and (value := getattr(prescription, field.name)):
            raise LimitRefused(f"{field.name} {value} has no place in a program '{mode}'; nothing was sent")
    concentration = allowed("concentration in ng/ml", prescription.concentration_ng_ml, U32)
    label = f" CONC={concentration}" if concentration else ""
    match mode:
        case "stop":
            return ["MODE=STOP"]
        case "minimum":
            return [f"MODE=MIN{label}"]
        case "continuous":
            return [f"MODE=SC RATE={allowed('rate in nl/h', prescription.rate_nl_h, SET_RATE)}{label}"]
        case "flex":
            days = "".join(str(day) for day in prescription.days)
            return [f"MODE=FLEX MAP={days}{label}", *_format_groups(prescription)]
    bolus = _format_bolus(prescription.bolus_nl, prescription.bolus_duration_s)
    if mode == "bolus":
        return [f"MODE=SB {bolus}{label}"]
    interval_s = allowed("interval in s", prescription.interval_s, INTERVAL)
    if interval_s < prescription.bolus_duration_s:
        raise LimitRefused(f"a bolus every {interval_s} s cannot last longer than that; nothing was sent")
    return [f"MODE=PB {bolus} INT={interval_s}{label}"]


def format_patient_bolus(bolus: PatientBolus) -> str:
    """What follows PTM SET."""
    volume = _format_bolus(bolus.bolus_nl, bolus.duration_s)
    lockout_s = allowed("lock-out in s", bolus.lockout_s, LOCKOUT)
    per_day = allowed("patient boluses in 24 h", bolus.max_per_day, PER_DAY)
    return f"EN={bolus.enabled:d} {volume} LOCK={lockout_s} MAX={per_day}"


def format_prime(volume_nl: int, rate_nl_h: int) -> str:
    """What follows PRIME."""
    volume = allowed("priming volume in nl", volume_nl, FILLING)
    return f"VOL={volume} RATE={allowed('rate in nl/h', rate_nl_h, SET_RATE)}"


def format_bridge(bridge: Bridge) -> str:
    """What follows BRIDGE."""
    old, new = (
        allowed("concentration in ng/ml", value, U32) for value in (bridge.old_ng_ml, bridge.new_ng_ml)
    )
    return f"OLD={old} NEW={new} {_format_bolus(bridge.residual_nl, bridge.duration_s, FILLING, BRIDGE_DURATION)}"


def parse_program(line: Line) -> Prescription:
    """The prescription in a reply to GET PROGRAM or GET STAGED; of a flex schedule without its groups."""
    mode = line.keys.get("MODE", "")
    if mode not in PROGRAMS:
        raise ProtocolError(f"RPU/1 has no program of mode '{mode}'", received=line.raw)
    numbers, texts = parse_keys(line, PROGRAMS[mode])
    concentration = numbers.get("CONC", 0)
    match mode:
        case "STOP":
            return Prescription("stop")
        case "MIN":
            return Prescription("minimum", concentration_ng_ml=concentration)
        case "SC":
            return Prescription("continuous", rate_nl_h=numbers["RATE"], concentration_ng_ml=concentration)
        case "FLEX":
            if texts["GROUPS"] != ",".join(sorted(set(texts["MAP"]))):
                raise ProtocolError("the groups are not those of the map", received=line.raw)
            days = tuple(int(day) for day in texts["MAP"])
            return Prescription("flex", days=days, concentration_ng_ml=concentration)
    return Prescription(
        "bolus" if mode == "SB" else "periodic",
        bolus_nl=numbers["VOL"],
        bolus_duration_s=numbers["DUR"],
        interval_s=numbers.get("INT", 0),
        concentration_ng_ml=concentration,
    )


def parse_group(line: Line, group: int) -> tuple[FlexStep, ...]:
    """The steps in a reply to GET PROGRAM GROUP= or GET STAGED GROUP=."""
    _, texts = parse_keys(line, forms("GROUP STEPS", range(group, group + 1), STEPS))
    pairs = [pair.split(":") for pair in texts["STEPS"].split(",")]
    steps = tuple(FlexStep(int(minute), int(rate)) for minute, rate in pairs)
    flaw = _flaw(steps)
    if flaw or not all(INTEGER.fullmatch(number) for pair in pairs for number in pair):
        raise ProtocolError(f"STEPS={texts['STEPS']} is not possible {flaw}".rstrip(), received=line.raw)
    return steps


def _format_bolus(
    volume_nl: int, duration_s: int, volumes: range = VOLUME, durations: range = DURATION
) -> str:
    volume = allowed("bolus in nl", volume_nl, volumes)
    duration = allowed("bolus duration in s", duration_s, durations)
    if volume * 3600 > BOLUS_RATE_MAX * duration:  # section 5, ceiling rule
        raise LimitRefused(
            f"{volume} nl within {duration} s is faster than {BOLUS_RATE_MAX} nl/h; nothing was sent"
        )
    return f"VOL={volume} DUR={duration}"


def _format_groups(prescription: Prescription) -> list[str]:
    days, groups = prescription.days, prescription.groups
    if len(days) != 7 or not set(days) <= set(range(1, 8)):
        raise LimitRefused(f"days {days} are not seven numbers of day groups, 1 to 7; nothing was sent")
    if {number for number, steps in enumerate(groups, 1) if steps} != set(days) or len(groups) > max(days):
        raise LimitRefused("each day group that a day names needs steps, no other may be; nothing was sent")
    requests = []
    for number, steps in enumerate(groups, 1):
        if flaw := _flaw(steps):
            raise LimitRefused(f"day group {number} {flaw}; nothing was sent")
        if steps:
            words = ",".join(f"{int(step.start_min)}:{int(step.rate_nl_h)}" for step in steps)
            requests.append(f"MODE=FLEX GROUP={number} STEPS={words}")
    return requests


def _flaw(steps: Sequence[FlexStep]) -> str:
    """What is wrong with the steps of a day group; "" if nothing."""
    if len(steps) > STEPS_MAX:
        return f"has more than {STEPS_MAX} steps"
    starts = [step.start_min for step in steps]
    if any(start not in MINUTES for start in starts) or starts[:1] not in ([], [0]):
        return "must begin at minute 0 and stay within the day"
    if any(later <= earlier for earlier, later in pairwise(starts)):
        return "must have rising starts"
    if any(step.rate_nl_h not in SET_RATE for step in steps):
        return f"has a rate that is not one of {SET_RATE[0]} to {SET_RATE[-1]} nl/h"
    return ""
