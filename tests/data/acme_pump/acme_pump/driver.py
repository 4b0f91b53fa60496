"""Acme P40 implantable pump, through its telemetry head.

Interface description P40-T1 (made up). Wire format: 38400 baud 8N1, ASCII lines ended by LF; each begins with a number
that the reply repeats, and ends with the CRC-32 of what stands before the last blank::

    07 STATE B2D1B9B8    ->  07 OK MODE=RATE RATE=20833 GIVEN=1250 FILL=39998750 BATT=2950 ALARMS=- <CRC>
    08 GO 7C1C24F4       ->  08 NO 4 <CRC>               refused, with a code

    WHO                  MODEL SERIAL FW                 first of a session
    RANGE                RATE (nl/h), BOLUS (nl), TIME (s) as low-high, FILL (nl)
    STATE                mode, rate in nl/h, nl given, nl left, mV, alarms
    LOAD RATE=n          stage a rate in nl/h            LOAD BOLUS=n TIME=s    stage a bolus
    LOADED / PROGRAM     what is staged / active: MODE, RATE, BOLUS, TIME
    GO / STOP            make what is staged active / stop
    EVENTS FROM=n        LIST of number:seconds:code, or -
    FILL N=n             tell it its content in nl

Nothing is sent twice: what a pump without an answer has done is asked by the caller.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar
from zlib import crc32

from rig.clock import NS_PER_S
from rig.errors import DeviceError, ExchangeError, LimitRefused, LinkLost, LinkTimeout, ProtocolError
from rig.readings import Identity, Prescription, PumpAlarm, PumpEvent, PumpLimits, PumpState
from rig.transport import Link

T = TypeVar("T")

REPLY_WITHIN_NS = NS_PER_S
LINE_LIMIT = 400
ERRORS = {"1": "unknown command", "2": "out of range", "3": "nothing is staged", "4": "not in this state"}
MODES = {"STOP": "stop", "RATE": "continuous", "BOLUS": "bolus"}
LINE = re.compile(rb"(\d\d) (OK|NO) ?([ -~]*) ([0-9A-F]{8})\n")
WORD = re.compile(r"([A-Z]+)=(\S+)")
NUMBER = re.compile(r"\d{1,12}")


def format_line(number: int, command: str) -> bytes:
    text = f"{number:02d} {command}".encode("ascii")
    return text + b" %08X\n" % crc32(text)


def parse_line(line: bytes) -> tuple[int, bool, str]:
    """Number, whether it is OK, and what it says. Raises ProtocolError."""
    match = LINE.fullmatch(line)
    if match is None or crc32(line[:-10]) != int(match[4], 16):
        raise ProtocolError("not a sound line", received=line)
    return int(match[1]), match[2] == b"OK", match[3].decode("ascii")


def parse_words(text: str, *names: str) -> dict[str, str]:
    """KEY=value words, exactly these. Raises ProtocolError."""
    words = dict(WORD.findall(text))
    if tuple(words) != names:
        raise ProtocolError(f"'{text}' does not tell {', '.join(names)}")
    return words


def parse_number(text: str) -> int:
    """Raises ProtocolError."""
    if not NUMBER.fullmatch(text):
        raise ProtocolError(f"'{text}' is no number")
    return int(text)


def parse_range(text: str) -> tuple[int, int]:
    """Raises ProtocolError."""
    low, _, high = text.partition("-")
    return parse_number(low), parse_number(high)


def parse_program(text: str) -> Prescription:
    """Raises ProtocolError."""
    words = parse_words(text, "MODE", "RATE", "BOLUS", "TIME")
    rate, bolus, duration = (parse_number(words[name]) for name in ("RATE", "BOLUS", "TIME"))
    if words["MODE"] not in MODES:
        raise ProtocolError(f"mode '{words['MODE']}' is unknown")
    mode = MODES[words["MODE"]]
    if mode == "continuous":
        return Prescription("continuous", rate_nl_h=rate)
    if mode == "bolus":
        return Prescription("bolus", bolus_nl=bolus, bolus_duration_s=duration)
    return Prescription("stop")


def parse_events(text: str) -> list[PumpEvent]:
    """Raises ProtocolError."""
    told = parse_words(text, "LIST")["LIST"]
    entries = [entry.split(":") for entry in told.split(",")] if told != "-" else []
    if any(len(entry) != 3 for entry in entries):
        raise ProtocolError(f"'{told}' is no list of events")
    return [PumpEvent(parse_number(number), parse_number(clock), code) for number, clock, code in entries]


def format_program(prescription: Prescription) -> str:
    """Raises LimitRefused for a mode that the pump does not have."""
    if prescription.mode == "continuous":
        return f"LOAD RATE={prescription.rate_nl_h}"
    if prescription.mode == "bolus":
        return f"LOAD BOLUS={prescription.bolus_nl} TIME={prescription.bolus_duration_s}"
    raise LimitRefused(f"the P40 has no mode '{prescription.mode}'; nothing was sent")


class AcmeP40:
    """One pump under its telemetry head. ``reply_within_s``: some heads are slow."""

    ROLE = "pump"
    DEFAULT_BAUD = 38400
    FIRMWARE = ("2.1",)

    def __init__(self, link: Link, *, reply_within_s: float = 1.0) -> None:
        self._link, self._within_ns = link, round(reply_within_s * NS_PER_S)
        self._number = 0
        self._met = False  # whether this session's pump has said who it is

    def identify(self) -> Identity:
        words = self._exchange("WHO", lambda text: parse_words(text, "MODEL", "SERIAL", "FW"))
        self._met = True
        return Identity("Acme", words["MODEL"], words["SERIAL"], words["FW"])

    def limits(self) -> PumpLimits:
        words = self._ask("RANGE", lambda text: parse_words(text, "RATE", "BOLUS", "TIME", "FILL"))
        ranges = (parse_range(words[name]) for name in ("RATE", "BOLUS", "TIME"))
        return PumpLimits(*(end for both in ranges for end in both), parse_number(words["FILL"]))

    def interrogate(self) -> PumpState:
        return self._ask("STATE", self._state)

    def program(self, prescription: Prescription) -> None:
        """Stage, read back what is staged, and only then make it active."""
        if prescription.mode == "stop":
            return self.stop("programmed to stop")
        self._ask(format_program(prescription), parse_words)
        if (staged := self._ask("LOADED", parse_program)) != prescription:
            raise DeviceError(f"the pump holds {staged}, not {prescription}; nothing was started", code="staged",
                              address=self._link.address)  # fmt: skip
        self._ask("GO", parse_words)
        return None

    def read_back(self) -> Prescription:
        return self._ask("PROGRAM", parse_program)

    def stop(self, reason: str) -> None:
        """The wire has no place for ``reason``: it is in the rig's record."""
        self._ask("STOP", parse_words)

    def events_since(self, number: int) -> list[PumpEvent]:
        return self._ask(f"EVENTS FROM={number + 1}", parse_events)

    def set_reservoir(self, volume_nl: int) -> None:
        self._ask(f"FILL N={volume_nl}", parse_words)

    def close(self) -> None:
        self._link.close()

    def _state(self, text: str) -> PumpState:
        words = parse_words(text, "MODE", "RATE", "GIVEN", "FILL", "BATT", "ALARMS")
        rate, given, fill, battery = (parse_number(words[name]) for name in ("RATE", "GIVEN", "FILL", "BATT"))
        if words["MODE"] not in MODES:
            raise ProtocolError(f"mode '{words['MODE']}' is unknown")
        names = [] if words["ALARMS"] == "-" else words["ALARMS"].lower().split(",")
        return PumpState(
            t_ns=self._link.now_ns(),
            mode=MODES[words["MODE"]],
            running=rate > 0,
            rate_nl_h=rate,
            delivered_nl=given,
            reservoir_nl=fill,
            battery_mv=battery,
            alarms=tuple(PumpAlarm(name, critical=name != "low_reservoir") for name in names),
            raw=text.encode("ascii"),
        )

    def _ask(self, command: str, parse: Callable[[str], T]) -> T:
        if not self._met:
            self.identify()
        return self._exchange(command, parse)

    def _exchange(self, command: str, parse: Callable[[str], T]) -> T:
        """One command and its reply, parsed. Never repeated."""
        self._number = (self._number + 1) % 100
        sent, heard = format_line(self._number, command), b""
        try:
            with self._link.alone():
                self._link.discard_input()
                deadline_ns = self._link.now_ns() + self._within_ns
                self._link.write(sent)
                while True:
                    try:
                        heard += (line := self._link.read_until(b"\n", deadline_ns, LINE_LIMIT))
                    except LinkTimeout as error:
                        heard += error.received
                        raise
                    number, is_ok, text = parse_line(line)
                    if number == self._number:
                        break
            if not is_ok:
                raise DeviceError(f"the pump refused: {ERRORS.get(text, 'unknown error')}", code=text)
            return parse(text)
        except LinkLost:
            self._met = False  # it may be another pump when the line is back
            raise
        except ExchangeError as error:
            error.address, error.sent, error.received = self._link.address, sent, heard or error.received
            raise
