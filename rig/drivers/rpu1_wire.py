"""Lines of RPU/1 (docs/reference/rpu-1.md, section 2): one line each way, ASCII, with a CRC.

::

    > AA SS VERB [WORD] [KEY=value ...]*CCCC CR LF   request: address, sequence, CRC-16/CCITT-FALSE of text
    < AA SS OK|ERR EE [KEY=value ...]*CCCC CR LF     reply with the same address and sequence
    ! AA SS ALARM KEY=value ...*CCCC CR LF           unsolicited
"""

from __future__ import annotations

import re
from binascii import crc_hqx
from collections.abc import Mapping
from dataclasses import dataclass

from rig.errors import ProtocolError

LINE_LIMIT = 256  # bytes, CR LF included
LINE = re.compile(
    r"([<!]) (([0-9A-F]{2}) ([0-9A-F]{2}) (OK|ERR [0-9A-F]{2}|ALARM)((?: [^ ]+)*))\*([0-9A-F]{4})"
)
PAIR = re.compile(r"([A-Z][A-Z0-9_]{0,15})=((?:[A-Za-z0-9_.,:/-]|%[0-9A-F]{2})+)")
INTEGER = re.compile(r"0|[1-9]\d{0,14}")

Form = range | re.Pattern[str]  # what a value may be: an integer of that range, or text


@dataclass(frozen=True)
class Line:
    """A sound line from a device. ``error`` is the code of an ERR reply, ``raw`` the bytes as read."""

    marker: str
    address: int
    sequence: int
    error: str
    keys: dict[str, str]
    raw: bytes


def forms(names: str, *each: Form) -> dict[str, Form]:
    """What the keys of a reply may be, in order."""
    return dict(zip(names.split(), each, strict=True))


def exactly(pairs: str) -> dict[str, Form]:
    """The keys of a reply that must repeat ``pairs``, for example "EN=1 VOL=10000"."""
    return {
        name: re.compile(re.escape(value)) for name, value in (pair.split("=") for pair in pairs.split(" "))
    }


def format_request(address: int, sequence: int, request: str) -> bytes:
    """The line that asks ``request``, for example "GET STATUS"."""
    text = f"{address:02X} {sequence:02X} {request}"
    return f"> {text}*{crc_hqx(text.encode('ascii'), 0xFFFF):04X}\r\n".encode("ascii")


def parse_line(raw: bytes) -> Line:
    """A line from a device, LF included. Raises ProtocolError for anything but a whole and sound one."""
    match = LINE.fullmatch(raw.removesuffix(b"\n").removesuffix(b"\r").decode("latin-1"))
    if match is None or not raw.endswith(b"\n") or len(raw) > LINE_LIMIT:
        raise ProtocolError("not a line of RPU/1", received=raw)
    marker, text, address, sequence, kind, rest, crc = match.groups()
    if crc_hqx(text.encode("latin-1"), 0xFFFF) != int(crc, 16):
        raise ProtocolError("the CRC is wrong", received=raw)
    pairs = [PAIR.fullmatch(part) for part in rest.split(" ")[1:]]
    keys = {pair[1]: pair[2] for pair in pairs if pair is not None}
    if len(keys) != len(pairs) or (marker == "!") != (kind == "ALARM"):
        raise ProtocolError("a key is malformed or doubled", received=raw)
    return Line(marker, int(address, 16), int(sequence, 16), kind[4:] if kind[:3] == "ERR" else "", keys, raw)


def parse_keys(line: Line, expected: Mapping[str, Form]) -> tuple[dict[str, int], dict[str, str]]:
    """Numbers and texts of a reply whose first keys are ``expected``, in order. Raises ProtocolError."""
    if list(line.keys)[: len(expected)] != list(expected):
        raise ProtocolError(f"the keys are not {' '.join(expected)}", received=line.raw)
    numbers: dict[str, int] = {}
    texts: dict[str, str] = {}
    for name, form in expected.items():
        value = line.keys[name]
        if isinstance(form, re.Pattern) and form.fullmatch(value):
            texts[name] = value
        elif isinstance(form, range) and INTEGER.fullmatch(value) and int(value) in form:
            numbers[name] = int(value)
        else:
            raise ProtocolError(f"{name}={value} is not possible", received=line.raw)
    return numbers, texts
