"""Lines of the New Era NE-1000 family (manual, publication 1200-01, section 10.2): basic and safe mode, and numbers.

::

    0RAT20.83UH CR                        basic, to the pump: address, command, data
    02 "00S" 03                           basic, from it: address, status, data
    02 LEN "0RAT20.83UH" CRC CRC 03       safe, both ways: LEN counts from itself to the end; the CRC is CCITT with
                                          initial value 0, of the text, high byte first
"""

from __future__ import annotations

import re
from binascii import crc_hqx
from dataclasses import dataclass
from fractions import Fraction

from rig.drivers.pump_numbers import NUMBER, Digits, parse_quantity
from rig.errors import ProtocolError

REPLY_LIMIT = 64
STX, ETX = b"\x02", b"\x03"
DIGITS = Digits(total=4, decimals=3)
RATES = {"UH": 1000, "MH": 10**6, "UM": 60_000, "MM": 60 * 10**6}
VOLUMES = {"UL": 1000, "ML": 10**6}

ALARMS = {
    "R": "reset",
    "S": "motor_stall",
    "T": "communication_timeout",
    "E": "program_error",
    "O": "phase_out_of_range",
}
ERRORS = {
    "?": "unknown command",
    "?NA": "not possible now",
    "?OOR": "out of range",
    "?COM": "the packet arrived damaged",
    "?IGN": "ignored, because a phase began at that moment",
}

PAYLOAD = re.compile(r"(\d\d)(?:A\?([RSTEO])|([IWSPTUX])([ -~]*))")
DISPENSED = re.compile(r"I([\d.]+)W([\d.]+)(UL|ML)")


@dataclass(frozen=True)
class Reply:
    """What a pump says: its address, its status or an alarm ("" if none), data."""

    address: int
    alarm: str
    status: str
    data: str
    raw: bytes


def format_basic(text: str) -> bytes:
    return f"{text}\r".encode("ascii")


def format_safe(text: str) -> bytes:
    payload = text.encode("ascii")
    return STX + bytes((len(payload) + 4,)) + payload + crc_hqx(payload, 0).to_bytes(2, "big") + ETX


def parse_basic(raw: bytes) -> Reply:
    """One reply in basic mode, ends included. Raises ProtocolError."""
    if raw[:1] != STX or raw[-1:] != ETX or len(raw) < 2:
        raise ProtocolError("not a reply of basic mode", received=raw)
    return _parse_payload(raw[1:-1], raw)


def parse_safe(raw: bytes) -> Reply:
    """One reply in safe mode, ends included. Raises ProtocolError."""
    if raw[:1] != STX or raw[-1:] != ETX or len(raw) < 8 or raw[1] != len(raw) - 1:
        raise ProtocolError("not a packet of safe mode", received=raw)
    if crc_hqx(raw[2:-3], 0) != int.from_bytes(raw[-3:-1], "big"):
        raise ProtocolError("the CRC is wrong", received=raw)
    return _parse_payload(raw[2:-3], raw)


def _parse_payload(payload: bytes, raw: bytes) -> Reply:
    match = PAYLOAD.fullmatch(payload.decode("latin-1"))
    if match is None:
        raise ProtocolError("not a reply of the protocol", received=raw)
    return Reply(int(match[1]), match[2] or "", match[3] or "", match[4] or "", raw)


def parse_rate(reply: Reply) -> Fraction:
    """nl/h of a reply to RAT. Raises ProtocolError."""
    return _quantity(reply, RATES)


def parse_volume(reply: Reply) -> Fraction:
    """nl of a reply to VOL. Raises ProtocolError."""
    return _quantity(reply, VOLUMES)


def _quantity(reply: Reply, units: dict[str, int]) -> Fraction:
    value = parse_quantity(reply.data, units)
    if value is None:
        raise ProtocolError(f"'{reply.data}' is no number in {' or '.join(units)}", received=reply.raw)
    return value


def parse_dispensed(reply: Reply) -> Fraction:
    """nl infused, of a reply to DIS. Raises ProtocolError."""
    match = DISPENSED.fullmatch(reply.data)
    if match is None or not NUMBER.fullmatch(match[1]) or not NUMBER.fullmatch(match[2]):
        raise ProtocolError(f"'{reply.data}' is no volume dispensed", received=reply.raw)
    return Fraction(match[1].rstrip(".")) * VOLUMES[match[3]]


def parse_diameter(reply: Reply) -> Fraction:
    """mm of a reply to DIA. Raises ProtocolError."""
    if not NUMBER.fullmatch(reply.data):
        raise ProtocolError(f"'{reply.data}' is no diameter", received=reply.raw)
    return Fraction(reply.data.rstrip("."))
