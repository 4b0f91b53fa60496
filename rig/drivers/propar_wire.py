"""Messages of propar (Bronkhorst RS232 manual 9.17.027): reading parameters, in ASCII and in binary frames.

::

    :LL NN DATA... CR LF                      ASCII: two hexadecimal digits a byte; LL counts NN and DATA
    10 02 SEQ NN LL DATA... 10 03             binary: LL counts DATA; any 10 between the ends is sent twice

    DATA of a question: 04, then for each process    PROC, and for each of its parameters    PARM PROC' NUMBER [LENGTH]
    DATA of the answer: 02, then for each process    PROC, and for each of its parameters    PARM value
    DATA otherwise:     00 STATUS POSITION, or one byte: the message itself did not get through

PROC and PARM are what the answer is told by: the process, and a number of the asker's own choice with the type of the
value in bits 5 and 6; bit 7 of either says that another follows. PROC' and NUMBER say which parameter is meant. Neither
frame has a checksum; only binary frames have a sequence number.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from rig.errors import DeviceError, ProtocolError

ASCII_LIMIT = 1 + 2 * 256 + 2 + 2
BINARY_LIMIT = 2 + 2 * 258 + 2
START, END = b"\x10\x02", b"\x10\x03"
BINARY = re.compile(rb"\x10\x02((?:[^\x10]|\x10\x10)*)\x10\x03", re.DOTALL)
STATUS, ANSWER, READ = 0x00, 0x02, 0x04
CHAINED = 0x80
U8, U16, FLOAT, STRING = 0x00, 0x20, 0x40, 0x60

STATUSES = {
    0x01: "the process is claimed",
    0x02: "unknown command",
    0x03: "unknown process",
    0x04: "unknown parameter",
    0x05: "wrong type of parameter",
    0x06: "value out of range",
    0x07: "the network is not active",
    0x0B: "unknown node",
    0x0C: "general communication error",
    0x11: "the parameter can only be written",
    0x19: "the node does not answer in time",
    0x22: "protocol error",
}
FAILURES = {
    4: "the message was damaged",
    5: "the message was rejected",
    9: "the node does not answer in time",
}


@dataclass(frozen=True)
class Parameter:
    """One parameter: process, number, type of its value; of a string its ``length`` (0: ended by NUL)."""

    process: int
    number: int
    kind: int
    length: int = 0


def format_ascii(node: int, data: bytes) -> bytes:
    """An ASCII frame."""
    return f":{len(data) + 1:02X}{node:02X}{data.hex().upper()}\r\n".encode("ascii")


def parse_ascii(frame: bytes) -> tuple[int, bytes]:
    """Node and data of an ASCII frame. Raises ProtocolError."""
    match = re.fullmatch(rb":((?:[0-9A-Fa-f]{2}){3,})\r\n", frame)
    content = bytes.fromhex(match[1].decode("ascii")) if match else b""
    if not content or content[0] != len(content) - 1:
        raise ProtocolError("not a whole ASCII frame of propar", received=frame)
    return content[1], content[2:]


def format_binary(sequence: int, node: int, data: bytes) -> bytes:
    """A binary frame."""
    content = bytes((sequence, node, len(data))) + data
    return START + content.replace(b"\x10", b"\x10\x10") + END


def is_ended(frame: bytes) -> bool:
    """Whether ``frame`` ends with an end, and not with a 10 that was sent twice and a 03 after it."""
    before = frame.removesuffix(END)
    return before != frame and (len(before) - len(before.rstrip(b"\x10"))) % 2 == 0


def parse_binary(frame: bytes) -> tuple[int, int, bytes]:
    """Sequence number, node and data of a binary frame. Raises ProtocolError."""
    match = BINARY.fullmatch(frame)
    content = match[1].replace(b"\x10\x10", b"\x10") if match else b""
    if len(content) < 4 or content[2] != len(content) - 3:
        raise ProtocolError("not a whole binary frame of propar", received=frame)
    return content[0], content[1], content[3:]


def _headers(parameters: Sequence[Parameter], first_index: int) -> list[bytes]:
    """PROC and PARM of each parameter; PARM alone where the process is that of the one before."""
    groups = [list(group) for _, group in groupby(parameters, key=lambda parameter: parameter.process)]
    headers: list[bytes] = []
    for number, group in enumerate(groups, 1):
        header = bytes((group[0].process | (CHAINED if number < len(groups) else 0),))
        for place, parameter in enumerate(group, 1):
            another = CHAINED if place < len(group) else 0
            headers.append(header + bytes((first_index + len(headers) | parameter.kind | another,)))
            header = b""
    return headers


def format_read(parameters: Sequence[Parameter], first_index: int = 0) -> bytes:
    """The data of a question for ``parameters`` (at most 32), numbered from ``first_index``."""
    data = bytes((READ,))
    for parameter, header in zip(parameters, _headers(parameters, first_index), strict=True):
        data += header + bytes((parameter.process, parameter.number | parameter.kind))
        data += bytes((parameter.length,)) if parameter.kind == STRING else b""
    return data


def parse_values(data: bytes, parameters: Sequence[Parameter], first_index: int = 0) -> list[Any]:
    """The values in the answer to :func:`format_read`: int, float or str each, as its parameter is.

    Raises DeviceError (code: two hexadecimal digits), ProtocolError for anything but an answer to this question.
    """
    if len(data) == 1:
        raise DeviceError(FAILURES.get(data[0], "unknown error"), code=f"{data[0]:02X}", received=data)
    if len(data) == 3 and data[0] == STATUS and data[1]:
        raise DeviceError(STATUSES.get(data[1], "refused"), code=f"{data[1]:02X}", received=data)
    if not data or data[0] != ANSWER:
        raise ProtocolError("not an answer to a question", received=data)
    values: list[Any] = []
    rest = data[1:]
    try:
        for parameter, header in zip(parameters, _headers(parameters, first_index), strict=True):
            if not rest.startswith(header):
                raise ValueError(f"value {len(values) + 1} is not the one asked for")
            value, rest = _take(parameter.kind, rest.removeprefix(header))
            values.append(value)
        if rest:
            raise ValueError("more than was asked for")
    except (ValueError, IndexError, struct.error) as error:
        raise ProtocolError(f"not an answer to this question: {error}", received=data) from error
    return values


def _take(kind: int, data: bytes) -> tuple[int | float | str, bytes]:
    """The value at the beginning of ``data``, and what follows it. Raises ValueError, IndexError, struct.error."""
    if kind == STRING:
        length = data[0] or data.index(b"\0", 1) - 1
        text = data[1 : 1 + length].decode("latin-1")
        if len(text) < length or not text.isprintable():
            raise ValueError("not a text")
        return text.strip(), data[1 + length + (data[0] == 0) :]
    form = {U8: ">B", U16: ">H", FLOAT: ">f"}[kind]
    value: int | float = struct.unpack_from(form, data)[0]
    if not math.isfinite(value):
        raise ValueError("not a number")
    return value, data[struct.calcsize(form) :]
