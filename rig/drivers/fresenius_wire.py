"""Frames of Fresenius syringe pumps, as the package infupy 2022.1.11 has them (the maker's document is not public).

::

    02 "1LE;d" "9E" 03           to module 1: command, arguments after semicolons; without digit to a pump of its own
    02 "1C;d0019" "22" 03        from it: C done, I refused (a code), E and M told by itself

The two characters before the end are FF less the sum of the bytes between 02 and them, in hexadecimal: any one byte
that is changed or lost is seen, two that change places are not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from rig.errors import ProtocolError

FRAME_LIMIT = 100
STX, ETX, ENQ, ACK, DC4, NAK = b"\x02", b"\x03", b"\x05", b"\x06", b"\x14", b"\x15"
WRONG_CHECKSUM = b"2"

ERRORS = {
    "01": "unknown command",
    "02": "not possible in this mode",
    "03": "not possible in this state",
    "04": "syntax",
    "05": "operating mode not authorised",
    "06": "that mode is on already",
    "07": "that mode cannot follow this mode",
    "08": "value beyond its limit",
    "09": "that mode is not possible in this state",
    "0A": "identifier not in use",
    "0B": "wrong identifier",
    "0C": "message too long",
    "0D": "no session with the base is open",
    "0E": "the module cannot be reached",
    "12": "an alarm is on",
    "14": "no rate was chosen",
    "15": "too little is left for a bolus",
    "16": "empty-syringe mode is not possible",
    "1A": "wrong number of a recorded event",
    "1E": "no session with the module is open",
    "1F": "a module is not under manual control",
    "20": "not authorised on this port",
    "22": "mode not authorised",
    "24": "wrong mode of connection",
    "25": "wrong number of a drug",
}
LINK_ERRORS = {
    b"1": "character not received",
    b"2": "wrong checksum",
    b"4": "wrong address",
    b"5": "no acknowledgement in time",
    b"6": "receiver not ready",
    b"7": "wrong length of frame",
    b"8": "control character in a frame",
}

FRAME = re.compile(r"\x02(([0-8]?)([CIEM])(?:;([ -~]*))?)([0-9A-F]{2})\x03")


@dataclass(frozen=True)
class Message:
    """What a pump sent: its address (0 if none), its kind (C done, I refused, E and M by itself), data."""

    address: int
    kind: str
    data: str
    raw: bytes


def checksum(text: str) -> str:
    return f"{0xFF - sum(text.encode('ascii')) % 256:02X}"


def format_frame(text: str) -> bytes:
    return f"\x02{text}{checksum(text)}\x03".encode("ascii")


def parse_frame(raw: bytes) -> Message:
    """One frame from a pump, ends included. Raises ProtocolError."""
    match = FRAME.fullmatch(raw.decode("latin-1"))
    if match is None:
        raise ProtocolError("not a frame", received=raw)
    if checksum(match[1]) != match[5]:
        raise ProtocolError("the checksum is wrong", received=raw)
    return Message(int(match[2] or 0), match[3], match[4] or "", raw)


def parse_text(message: Message, name: str) -> str:
    """The text of the variable ``name`` (one letter) in a reply. Raises ProtocolError."""
    if message.data[:1] != name:
        raise ProtocolError(f"'{message.data}' does not tell '{name}'", received=message.raw)
    return message.data[1:]


def parse_variable(message: Message, name: str) -> int:
    """The number of the variable ``name`` in a reply. Raises ProtocolError."""
    text = parse_text(message, name)
    if not re.fullmatch(r"[0-9A-F]{1,8}", text):
        raise ProtocolError(f"'{message.data}' is no hexadecimal number", received=message.raw)
    return int(text, 16)
