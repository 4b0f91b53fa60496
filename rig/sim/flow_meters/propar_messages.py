"""Propar as an instrument reads and writes it: frames in both modes, and the items of a message.

ASCII ``:LLNN<data>`` CR LF in hexadecimal digits, LL counting node and data; binary ``10 02 sequence node length
<data> 10 03``, every 10 between doubled, length counting data.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

STATUS, WRITE_WITH_ACK, WRITE, BROADCAST, READ = range(5)
OK, BAD_COMMAND, BAD_PROCESS, BAD_PARAMETER, BAD_TYPE, BAD_VALUE, READ_ONLY = 0, 2, 3, 4, 5, 6, 13
PROTOCOL_ERROR = 4  # as the only byte of an answer
U8, U16, FLOAT, STRING, TYPE_BITS = 0x00, 0x20, 0x40, 0x60, 0x60
ANOTHER = 0x80  # of a process byte: another process follows; of a parameter byte: another of this process
ASCII_FRAME = re.compile(rb":([0-9A-Fa-f]*)(\r\n|\r?\Z)?")
LONGEST = 600
Value = int | float | str


class Refused(Exception):
    """A status other than OK, and at which byte of the data."""

    def __init__(self, status: int, position: int) -> None:
        self.status, self.position = status, position


class Damaged(Exception):
    """Not a message of this protocol."""


@dataclass(frozen=True)
class Frame:
    """A message on the line; ``sequence`` is None in ASCII mode, ``data`` empty if it came damaged."""

    sequence: int | None
    node: int
    data: bytes

    def encoded(self) -> bytes:
        if self.sequence is None:
            return b":%02X%02X%s\r\n" % (len(self.data) + 1, self.node, self.data.hex().upper().encode())
        content = bytes([self.sequence, self.node, len(self.data)]) + self.data
        return b"\x10\x02" + content.replace(b"\x10", b"\x10\x10") + b"\x10\x03"

    def error(self) -> bytes:
        """The answer to a damaged frame."""
        if self.sequence is None:
            return b":01%02X\r\n" % PROTOCOL_ERROR
        return Frame(self.sequence, self.node, bytes([PROTOCOL_ERROR])).encoded()


def split_frames(received: bytes) -> tuple[list[Frame], bytes]:
    """Frames in either mode, and the beginning of one that is not yet complete; noise between is passed over."""
    frames: list[Frame] = []
    position = 0
    while start := re.search(rb":|\x10(\x02|\Z)", received[position:]):
        position += start.start()
        split = _ascii_frame if start[0] == b":" else _binary_frame
        frame, length = split(received[position:])
        if not length:
            return frames, received[position:][-LONGEST:]
        if frame is not None:
            frames.append(frame)
        position += length
    return frames, b""


def _ascii_frame(received: bytes) -> tuple[Frame | None, int]:
    """A frame and its length; length 0 while it is not complete."""
    match = ASCII_FRAME.match(received)
    assert match is not None
    if match[2] is None:  # something that is no digit
        return Frame(None, 0, b""), match.end()
    if match[2] != b"\r\n":
        return None, 0
    digits = match[1].decode()
    content = bytes.fromhex(digits) if len(digits) % 2 == 0 else b""
    if len(content) < 3 or content[0] != len(content) - 1:
        return Frame(None, 0, b""), match.end()
    return Frame(None, content[1], content[2:]), match.end()


def _binary_frame(received: bytes) -> tuple[Frame | None, int]:
    content, position = b"", 2
    while position + 1 < len(received):
        if received[position] != 0x10:
            content, position = content + received[position : position + 1], position + 1
        elif received[position + 1] == 0x10:
            content, position = content + b"\x10", position + 2
        elif received[position + 1] == 0x03:
            if len(content) < 3:
                return None, position + 2
            whole = content[2] == len(content) - 3
            return Frame(content[0], content[1], content[3:] if whole else b""), position + 2
        else:  # another frame begins here
            return None, position
    return None, 0


@dataclass(frozen=True)
class Item:
    """A parameter that is asked for or written. ``echo`` is what an answer repeats of the question."""

    process: int
    parameter: int
    kind: int
    position: int
    echo: bytes = b""
    length: int = 0  # of a string; 0: as long as it is
    value: Value = 0


def asked_items(data: bytes) -> Iterator[Item]:
    """Items of a read: ``[process index] parameter index, process, parameter [length of string]``."""
    for process_byte, index, position in _blocks(data, asks=True):
        process, parameter = data[position : position + 2]
        kind = parameter & TYPE_BITS
        if index & TYPE_BITS != kind:
            raise Refused(BAD_TYPE, position + 1)
        length = data[position + 2] if kind == STRING else 0
        yield Item(process & 0x7F, parameter & 0x1F, kind, position, process_byte + bytes([index]), length)


def written_items(data: bytes) -> Iterator[Item]:
    """Items of a write: ``[process] parameter, value``."""
    process = 0
    for process_byte, parameter, position in _blocks(data, asks=False):
        process = process_byte[0] & 0x7F if process_byte else process
        kind = parameter & TYPE_BITS
        value = decoded(kind, data[position : position + _size(data, kind, position)])
        yield Item(process, parameter & 0x1F, kind, position, value=value)


def _blocks(data: bytes, *, asks: bool) -> Iterator[tuple[bytes, int, int]]:
    """For each item the process byte (empty if it is that of the item before), its byte, where its rest begins.

    Raises Damaged when the data end too early or go on too long.
    """
    position, another_process = 1, True
    try:
        while another_process:
            process_byte = data[position : position + 1]
            another_process, another = bool(data[position] & ANOTHER), True
            position += 1
            while another:
                byte = data[position]
                another = bool(byte & ANOTHER)
                rest = position + 1
                position = rest + (
                    2 + (byte & TYPE_BITS == STRING) if asks else _size(data, byte & TYPE_BITS, rest)
                )
                if position > len(data):
                    raise Damaged
                yield process_byte, byte, rest
                process_byte = b""
    except IndexError:
        raise Damaged from None
    if position != len(data):
        raise Damaged


def _size(data: bytes, kind: int, position: int) -> int:
    """How many bytes a value takes that begins at ``position``."""
    if kind != STRING:
        return {U8: 1, U16: 2, FLOAT: 4}[kind]
    if data[position]:
        return 1 + data[position]
    return data.index(0, position + 1) + 1 - position if 0 in data[position + 1 :] else len(data)


def decoded(kind: int, data: bytes) -> Value:
    if kind == STRING:
        return data[1:].rstrip(b"\0 ").decode("latin-1")
    value: int | float = struct.unpack({U8: ">B", U16: ">H", FLOAT: ">f"}[kind], data)[0]
    return value


def encoded(kind: int, value: Value, length: int) -> bytes:
    """A string is cut or filled with spaces to ``length``, or ended with a zero byte if that is 0."""
    if isinstance(value, str):
        text = value.encode("latin-1")
        return bytes([length]) + (text[:length].ljust(length) if length else text + b"\0")
    return struct.pack({U8: ">B", U16: ">H", FLOAT: ">f"}[kind], value)
