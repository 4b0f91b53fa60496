"""SHDLC as a device reads and writes it: frames ``7E <stuffed: address .. checksum> 7E``, and states of commands."""

from __future__ import annotations

import struct

FLAG, ESCAPE = 0x7E, 0x7D
STUFFED = [(bytes([byte]), bytes([ESCAPE, byte ^ 0x20])) for byte in (0x7D, 0x7E, 0x11, 0x13)]  # 7D first
LONGEST = 522
OK, WRONG_SIZE, UNKNOWN, NO_ACCESS, OUT_OF_RANGE, WRONG_CHECKSUM = 0, 1, 2, 3, 4, 5


class CommandFailed(Exception):
    """Carries the state that the answer names."""

    def __init__(self, state: int) -> None:
        self.state = state


def frame(content: bytes) -> bytes:
    """Checksum, stuffing and flags around address..data."""
    content += bytes([~sum(content) & 0xFF])
    for byte, pair in STUFFED:
        content = content.replace(byte, pair)
    return b"\x7e" + content + b"\x7e"


def unstuffed(content: bytes) -> bytes:
    if ESCAPE not in content:
        return content
    parts = content.split(bytes([ESCAPE]))
    return parts[0] + b"".join(bytes([part[0] ^ 0x20]) + part[1:] for part in parts[1:] if part)


def split_frames(received: bytes) -> tuple[list[bytes], bytes]:
    """What stands between flags, unstuffed, and the beginning of a frame that is not yet complete."""
    contents: list[bytes] = []
    while (start := received.find(FLAG)) >= 0:
        end = received.find(FLAG, start + 1)
        if end < 0:
            return contents, received[start:][-LONGEST:]
        if end == start + 1:  # the end of one frame, then the beginning of the next
            received = received[end:]
            continue
        contents.append(unstuffed(received[start + 1 : end]))
        received = received[end + 1 :]
    return contents, b""


def unpack(form: str, data: bytes) -> tuple[int, ...]:
    """Numbers of a command's data. Raises CommandFailed when there are more or fewer bytes."""
    if len(data) != struct.calcsize(form):
        raise CommandFailed(WRONG_SIZE)
    return struct.unpack(form, data)
