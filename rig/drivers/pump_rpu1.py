"""Programmable pump unit speaking RPU/1, level 1.

Manual: docs/reference/rpu-1.md, whose section numbers stand below. The lines themselves are in rpu1_wire.py.

The one retry: a request without a sound reply in time, or answered ``ERR 09`` (it arrived damaged), is sent
once more with the identical line. The device carries a repeated line out once and repeats its reply
(section 3), so this cannot dose twice. After the second failure the error is raised and what the pump did is
unknown: interrogate it.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import unquote

from rig.clock import NS_PER_S
from rig.drivers.rpu1_wire import LINE_LIMIT, Line, format_request, forms, parse_keys, parse_line
from rig.errors import DeviceError, ExchangeError, LimitRefused, LinkTimeout, ProtocolError
from rig.readings import Identity, Prescription, PumpAlarm, PumpEvent, PumpLimits, PumpState
from rig.transport import Link

T = TypeVar("T")

REPLY_WITHIN_NS = NS_PER_S  # section 1, host time-out

ERRORS = {  # section 4
    "01": "syntax: a key is missing, doubled or not of its type",
    "02": "unknown verb, word or key",
    "03": "value out of range or in conflict with another",
    "04": "not possible in the pump's present state",
    "05": "token wrong, used, replaced or expired",
    "06": "a bolus is running",
    "07": "patient bolus locked out",
    "08": "maximum of patient boluses in 24 h reached",
    "09": "the request arrived damaged",
    "0A": "a blocking alarm is on",
    "0B": "program memory lost, or its write check failed",
}
ALARMS = {  # section 8: bit of the mask; bits 8 to 15 are critical
    0: "low_reservoir",
    1: "eri",
    2: "memory_warning",
    8: "empty_reservoir",
    9: "end_of_service",
    10: "motor_stall",
    11: "stopped_48h",
    12: "memory_failure",
}
MODES = {
    "STOP": "stop",
    "SC": "continuous",
    "MIN": "minimum",
    "SB": "bolus",
    "FLEX": "flex",
    "PB": "periodic",
}

STRING = re.compile(r"(?:[A-Za-z0-9_.-]|%[0-9A-F]{2})+")
HEX4 = re.compile(r"[0-9A-F]{4}")
MODE = re.compile("|".join(MODES))
SOURCE = re.compile("NONE|BASAL|SB|PTM|PRIME|BRIDGE")
ANY = range(10**15)
U16, U32, U48 = range(2**16), range(2**32), range(2**48)
RATE, SET_RATE = range(1_200_001), range(2000, 1_000_001)  # nl/h
VOLUME, RESERVOIR, LOW = range(1, 2_000_001), range(40_000_001), range(10_000_001)  # nl
DURATION = range(1, 86_401)  # s

IDENTITY = forms("MAKER MODEL SERIAL FW PROTO LEVEL", *(STRING,) * 4, range(1, 2), range(1, 3))  # section 7.1
LIMITS = forms("RMIN RMAX MIN BMIN BMAX BRMAX", SET_RATE, SET_RATE, range(250, 251), VOLUME, VOLUME, RATE)
LIMITS |= forms(
    "DMIN DMAX RESMAX LOWMAX PULSE LOGCAP", DURATION, DURATION, RESERVOIR, LOW, range(1, 65536), ANY
)
STATUS = forms("MODE RUN SRC RATE LEFT DELIV RES", MODE, range(2), SOURCE, RATE, ANY, U48, RESERVOIR)
STATUS |= forms("BATT ERI ALARMS STOPT UP CLK LOG", U16, U16, HEX4, ANY, ANY, U32, U32)
PROGRAMS = {
    "STOP": forms("MODE", MODE),
    "SC": forms("MODE RATE CONC", MODE, SET_RATE, U32),
    "MIN": forms("MODE RATE CONC", MODE, range(250, 251), U32),
    "SB": forms("MODE VOL DUR CONC", MODE, VOLUME, DURATION, U32),
}
TOKEN = forms("TOKEN EXP", HEX4, range(1, 601))  # section 7.2
COMMITTED = forms("MODE DELIV LOG", MODE, U48, U32)
STOPPED = forms("MODE DELIV", re.compile("STOP"), U48)
REFILLED = forms("VOL LOW OLD", RESERVOIR, LOW, RESERVOIR)
LOG_PAGE = forms("FIRST LAST N MORE", U32, U32, range(3), range(2))  # section 9
RECORD = re.compile(r"(\d{1,10}):(\d{1,10}):([A-Z][A-Z0-9_]*):((?:[A-Z]+/[A-Z0-9_]+(?:,(?=.)|$))*)")


def format_program(prescription: Prescription) -> str:
    """What follows SET. Raises LimitRefused for a value that RPU/1 cannot express."""

    def allowed(name: str, value: int, those: range) -> int:
        if value not in those:
            raise LimitRefused(f"{name} {value} is not one of {those[0]} to {those[-1]}; nothing was sent")
        return int(value)

    match prescription.mode:
        case "stop":
            return "MODE=STOP"
        case "minimum":
            return "MODE=MIN"
        case "continuous":
            return f"MODE=SC RATE={allowed('rate in nl/h', prescription.rate_nl_h, SET_RATE)}"
    volume = allowed("bolus in nl", prescription.bolus_nl, VOLUME)
    return (
        f"MODE=SB VOL={volume} DUR={allowed('bolus duration in s', prescription.bolus_duration_s, DURATION)}"
    )


def parse_identity(line: Line) -> Identity:
    _, texts = parse_keys(line, IDENTITY)
    try:
        return Identity(*(unquote(text, errors="strict") for text in texts.values()))
    except UnicodeDecodeError as error:
        raise ProtocolError("a string is not UTF-8", received=line.raw) from error


def parse_limits(line: Line) -> PumpLimits:
    numbers, _ = parse_keys(line, LIMITS)
    return PumpLimits(*(numbers[name] for name in ("RMIN", "RMAX", "BMIN", "BMAX", "DMIN", "DMAX", "RESMAX")))


def parse_status(line: Line, t_ns: int) -> PumpState:
    numbers, texts = parse_keys(line, STATUS)
    bits = [bit for bit in range(16) if int(texts["ALARMS"], 16) >> bit & 1]
    if not set(bits) <= set(ALARMS):
        raise ProtocolError(f"alarm mask {texts['ALARMS']} has an undefined bit", received=line.raw)
    return PumpState(
        t_ns=t_ns,
        mode=MODES[texts["MODE"]],
        running=numbers["RUN"] == 1,
        rate_nl_h=numbers["RATE"],
        delivered_nl=numbers["DELIV"],
        reservoir_nl=numbers["RES"],
        battery_mv=numbers["BATT"],
        alarms=tuple(PumpAlarm(ALARMS[bit], critical=bit >= 8) for bit in bits),
        clock_s=numbers["CLK"],
        raw=line.raw,
    )


def parse_program(line: Line) -> Prescription:
    """The prescription in a reply to GET PROGRAM or GET STAGED. Raises ProtocolError for modes of level 2."""
    mode = line.keys.get("MODE", "")
    if mode not in PROGRAMS:
        raise ProtocolError(f"the rig knows no program of mode '{mode}'", received=line.raw)
    numbers, _ = parse_keys(line, PROGRAMS[mode])
    match mode:
        case "STOP":
            return Prescription("stop")
        case "MIN":
            return Prescription("minimum")
        case "SC":
            return Prescription("continuous", rate_nl_h=numbers["RATE"])
    return Prescription("bolus", bolus_nl=numbers["VOL"], bolus_duration_s=numbers["DUR"])


def parse_log_page(line: Line, asked: int) -> tuple[list[PumpEvent], bool]:
    """The records of one reply to ``LOG FROM=asked``, and whether there are more. Raises ProtocolError."""
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


class Rpu1Pump:
    """One pump unit. Several may share a line, each with its own address."""

    ROLE = "pump"
    DEFAULT_BAUD = 115200

    def __init__(self, link: Link, address: int = 1) -> None:
        self.notices: deque[Line] = deque(maxlen=256)  # alarm lines that the device sent by itself
        self._link, self._address = link, address
        self._sequence = 255
        self._session_open = False

    def identify(self) -> Identity:
        identity = self._ask("ID", parse_identity)
        self._session_open = True
        return identity

    def limits(self) -> PumpLimits:
        return self._ask("ID LIMITS", parse_limits)

    def interrogate(self) -> PumpState:
        return self._ask("GET STATUS", lambda reply: parse_status(reply, self._link.now_ns()))

    def program(self, prescription: Prescription) -> None:
        """Stage, read back what is staged, and commit only if it is what was meant."""
        token = self._token(f"SET {format_program(prescription)}")
        staged = self._ask("GET STAGED", parse_program)
        if staged != prescription:
            raise DeviceError(f"staged {staged}, not {prescription}; nothing was committed", code="staged")
        self._ask(f"COMMIT TOKEN={token}", lambda reply: parse_keys(reply, COMMITTED))

    def read_back(self) -> Prescription:
        return self._ask("GET PROGRAM", parse_program)

    def stop(self, reason: str) -> None:
        """Stop, in two steps (section 5). The wire has no place for ``reason``: it is in the rig's record."""
        self._ask(f"STOP TOKEN={self._token('STOP')}", lambda reply: parse_keys(reply, STOPPED))

    def events_since(self, number: int) -> list[PumpEvent]:
        events: list[PumpEvent] = []
        more = True
        while more:
            page, more = self._log_page(max(0, number + 1))
            events += page
            number = page[-1].number if page else number
        return events

    def set_reservoir(self, volume_nl: int) -> None:
        if volume_nl not in RESERVOIR:
            raise LimitRefused(f"reservoir of {volume_nl} nl is not one of 0 to 40000000; nothing was sent")
        self._ask(f"REFILL VOL={volume_nl}", lambda reply: parse_keys(reply, REFILLED))

    def close(self) -> None:
        self._link.close()

    def _log_page(self, first: int) -> tuple[list[PumpEvent], bool]:
        return self._ask(f"LOG FROM={first}", lambda reply: parse_log_page(reply, first))

    def _token(self, request: str) -> str:
        return self._ask(request, lambda reply: parse_keys(reply, TOKEN)[1]["TOKEN"])

    def _ask(self, request: str, parse: Callable[[Line], T]) -> T:
        """One request and its reply, parsed. The first of a session must be ID (section 3)."""
        if not self._session_open and request != "ID":
            self.identify()
        self._sequence = (self._sequence + 1) % 256
        line = format_request(self._address, self._sequence, request)
        with self._link.alone():
            try:
                reply = self._send(line)
            except (LinkTimeout, ProtocolError):
                reply = None
            if reply is None or reply.error == "09":
                reply = self._send(line)  # the one retry
        try:
            if reply.error:
                keys = "".join(f", {name} {value}" for name, value in reply.keys.items())
                message = f"the pump refused: {ERRORS.get(reply.error, 'unknown')} (code {reply.error}{keys})"
                raise DeviceError(message, code=reply.error, received=reply.raw)
            return parse(reply)
        except ExchangeError as error:
            error.address, error.sent = self._link.address, line
            raise

    def _send(self, line: bytes) -> Line:
        """Send, and wait for the reply. Other lines in between do not move the deadline (section 3)."""
        deadline_ns = self._link.now_ns() + REPLY_WITHIN_NS
        others: list[bytes] = []  # damaged, late or foreign
        self._link.write(line)
        while True:
            try:
                raw = self._link.read_until(b"\n", deadline_ns, LINE_LIMIT)
                reply = parse_line(raw)
            except LinkTimeout as error:
                if not others:
                    raise
                others.append(error.received)
                break
            except ProtocolError as error:
                others.append(error.received)
            else:
                if reply.marker == "!":
                    self._keep_notice(reply)
                elif (reply.address, reply.sequence) == (self._address, self._sequence):
                    return reply
                else:
                    others.append(raw)
            if self._link.now_ns() > deadline_ns:  # a line that never falls silent
                break
        raise ProtocolError(
            "only damaged or foreign lines came",
            address=self._link.address,
            sent=line,
            received=b"".join(others),
        )

    def _keep_notice(self, notice: Line) -> None:
        if notice.address == self._address and (not self.notices or self.notices[-1].raw != notice.raw):
            self.notices.append(notice)
