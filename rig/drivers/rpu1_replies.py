"""What RPU/1 tells, read from its replies (docs/reference/rpu-1.md, sections 7 to 9). All raise ProtocolError."""

from __future__ import annotations

import re
from typing import Literal
from urllib.parse import unquote

from rig.drivers.rpu1_wire import Line, forms, parse_keys
from rig.drivers.rpu1_words import (
    ALARMS,
    ANY,
    DURATION,
    HEX4,
    LOCKOUT,
    LOW,
    MINIMUM_RATE,
    MODE,
    MODES,
    PER_DAY,
    RATE,
    RESERVOIR,
    SET_RATE,
    SOURCE,
    SOURCES,
    U16,
    U32,
    U48,
    VOLUME,
)
from rig.errors import ProtocolError
from rig.readings import (
    Battery,
    Identity,
    PatientBolus,
    PatientBolusReply,
    PumpAlarm,
    PumpEvent,
    PumpLimits,
    PumpState,
)

STRING = re.compile(r"(?:[A-Za-z0-9_.-]|%[0-9A-F]{2})+")
IDENTITY = forms("MAKER MODEL SERIAL FW PROTO LEVEL", *(STRING,) * 4, range(1, 2), range(1, 3))  # section 7.1
LIMITS = forms("RMIN RMAX MIN BMIN BMAX BRMAX", SET_RATE, SET_RATE, MINIMUM_RATE, VOLUME, VOLUME, RATE)
LIMITS |= forms(
    "DMIN DMAX RESMAX LOWMAX PULSE LOGCAP", DURATION, DURATION, RESERVOIR, LOW, range(1, 65536), ANY
)
STATUS = forms("MODE RUN SRC RATE LEFT DELIV RES", MODE, range(2), SOURCE, RATE, ANY, U48, RESERVOIR)
STATUS |= forms("BATT ERI ALARMS STOPT UP CLK LOG", U16, U16, HEX4, ANY, ANY, U32, U32)
BATTERY = forms(
    "MV ERI EOS ERIMV EOSMV STATE", U16, U16, range(2**16 + 90), U16, U16, re.compile("OK|ERI|EOS")
)
PATIENT_BOLUS = forms("EN VOL DUR LOCK MAX", range(2), VOLUME, DURATION, LOCKOUT, PER_DAY)
PATIENT_BOLUS |= forms("LEFT COUNT", ANY, ANY)
TOKEN = forms("TOKEN EXP", HEX4, range(1, 601))  # section 7.2
BEGUN = forms("LEFT DELIV LOG", ANY, U48, U32)
RESTARTED = forms("DELIV", U48)
LOG_PAGE = forms("FIRST LAST N MORE", U32, U32, range(3), range(2))  # section 9
RECORD = re.compile(r"(\d{1,10}):(\d{1,10}):([A-Z][A-Z0-9_]*):((?:[A-Z]+/[A-Z0-9_]+(?:,(?=.)|$))*)")

Refusal = Literal["locked_out", "daily_maximum", "busy", "alarm", "other"]
REFUSALS: dict[str, Refusal] = {  # section 4: codes with which a pump may refuse a patient
    "03": "other",  # slower than the basal program (section 5, floor rule)
    "04": "other",
    "06": "busy",
    "07": "locked_out",
    "08": "daily_maximum",
    "0A": "alarm",
}


def parse_identity(line: Line) -> Identity:
    _, texts = parse_keys(line, IDENTITY)
    try:
        return Identity(*(unquote(text, errors="strict") for text in texts.values()))
    except UnicodeDecodeError as error:
        raise ProtocolError("a string is not UTF-8", received=line.raw) from error


def parse_level(line: Line) -> int:
    """The level in a reply to ID."""
    numbers, _ = parse_keys(line, IDENTITY)
    return numbers["LEVEL"]


def parse_limits(line: Line) -> PumpLimits:
    numbers, _ = parse_keys(line, LIMITS)
    return PumpLimits(*(numbers[name] for name in ("RMIN", "RMAX", "BMIN", "BMAX", "DMIN", "DMAX", "RESMAX")))


def parse_alarms(mask: str, line: Line) -> tuple[PumpAlarm, ...]:
    """The alarms of a mask in ``line``, lowest bit first."""
    bits = [bit for bit in range(16) if int(mask, 16) >> bit & 1]
    if not set(bits) <= set(ALARMS):
        raise ProtocolError(f"alarm mask {mask} has an undefined bit", received=line.raw)
    return tuple(PumpAlarm(ALARMS[bit], critical=bit >= 8) for bit in bits)


def parse_status(line: Line, t_ns: int) -> PumpState:
    numbers, texts = parse_keys(line, STATUS)
    return PumpState(
        t_ns=t_ns,
        mode=MODES[texts["MODE"]],
        running=numbers["RUN"] == 1,
        rate_nl_h=numbers["RATE"],
        delivered_nl=numbers["DELIV"],
        reservoir_nl=numbers["RES"],
        battery_mv=numbers["BATT"],
        alarms=parse_alarms(texts["ALARMS"], line),
        clock_s=numbers["CLK"],
        source=SOURCES[texts["SRC"]],
        bolus_left_s=numbers["LEFT"],
        stopped_s=numbers["STOPT"],
        up_s=numbers["UP"],
        raw=line.raw,
    )


def parse_battery(line: Line) -> Battery:
    numbers, texts = parse_keys(line, BATTERY)
    return Battery(numbers["MV"], numbers["ERI"], numbers["EOS"], texts["STATE"])


def parse_patient_bolus(line: Line) -> PatientBolus:
    numbers, _ = parse_keys(line, PATIENT_BOLUS)
    return PatientBolus(numbers["EN"] == 1, *(numbers[name] for name in ("VOL", "DUR", "LOCK", "MAX")))


def parse_patient_reply(line: Line) -> PatientBolusReply:
    """A reply to PTM ACTIVATE: OK, or one of :data:`REFUSALS`."""
    if not line.error:
        numbers, _ = parse_keys(line, BEGUN)
        return PatientBolusReply("", numbers["LEFT"], line.raw)
    left_s = None
    if line.error in {"06", "07", "08"}:
        numbers, _ = parse_keys(line, forms("LEFT", ANY))
        left_s = numbers["LEFT"]
    return PatientBolusReply(REFUSALS[line.error], left_s, line.raw)


def parse_acknowledged(line: Line, identifier: str) -> None:
    """Whether the alarm is now silent: acknowledged, or off."""
    _, texts = parse_keys(line, forms("ID ON ACK", re.compile(identifier), HEX4, HEX4))
    on, acknowledged = (parse_alarms(texts[name], line) for name in ("ON", "ACK"))
    name = identifier.lower()
    if any(alarm.name == name for alarm in on) and all(alarm.name != name for alarm in acknowledged):
        raise ProtocolError(f"{identifier} is still not acknowledged", received=line.raw)


def parse_log_page(line: Line, asked: int) -> tuple[list[PumpEvent], bool]:
    """The records of one reply to ``LOG FROM=asked``, and whether there are more."""
    numbers, _ = parse_keys(line, LOG_PAGE)
    events = []
    expected = max(asked, numbers["FIRST"])
    for index in range(numbers["N"]):
        match = RECORD.fullmatch(line.keys.get(f"R{index + 1}", ""))
        if match is None or int(match[1]) != expected + index:
            raise ProtocolError(f"log record {expected + index} is missing or malformed", received=line.raw)
        arguments = dict(part.split("/") for part in match[4].split(",") if part)
        events.append(PumpEvent(int(match[1]), int(match[2]), match[3], arguments))
    if numbers["MORE"] and not events:
        raise ProtocolError("more log records are announced, none is given", received=line.raw)
    return events, numbers["MORE"] == 1
