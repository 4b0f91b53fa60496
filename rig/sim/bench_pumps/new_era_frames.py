"""Bytes of the New Era pumps: lines of the basic mode and packets of the safe mode (NE-1000 manual, 10.2.2-3).

Basic: ``text CR`` to the pump, ``STX text ETX`` from it. Safe, both ways: ``STX length text CRC CRC ETX``, the
length counting itself and all after it, CRC-16 of the text (polynomial 1021, from 0, high byte first). A packet
that pauses for half a second is given up. Both are heard in either mode: the pump decides what to make of them.
"""

from __future__ import annotations

from binascii import crc_hqx
from dataclasses import dataclass

from rig.sim.wire.line import NS_PER_S

STX, ETX, CR = 0x02, 0x03, 0x0D
AROUND = 4  # length, CRC and ETX: what a packet's length counts besides the text
BYTE_GAP_NS = NS_PER_S // 2
LONGEST_LINE = 80


def line_reply(text: str) -> bytes:
    return bytes([STX]) + text.encode("ascii") + bytes([ETX])


def packet(text: str) -> bytes:
    data = text.encode("ascii")
    return bytes([STX, len(data) + AROUND]) + data + crc_hqx(data, 0).to_bytes(2, "big") + bytes([ETX])


@dataclass(frozen=True)
class Heard:
    """One command. ``text``: upper case, without spaces; None for a damaged packet."""

    text: str | None
    is_packet: bool


class Ear:
    """Takes bytes as they come, gives commands."""

    def __init__(self) -> None:
        self._line = bytearray()
        self._packet: bytearray | None = None  # from the length on
        self._heard_ns = 0

    def hear(self, data: bytes, now_ns: int) -> list[Heard]:
        if self._packet is not None and now_ns - self._heard_ns > BYTE_GAP_NS:
            self._packet = None
        self._heard_ns = now_ns
        return [heard for byte in data if (heard := self._hear(byte)) is not None]

    def _hear(self, byte: int) -> Heard | None:
        if self._packet is not None:
            self._packet.append(byte)
            return self._whole_packet(self._packet)
        if byte == STX:
            self._packet = bytearray()
            self._line.clear()
        elif byte == CR:
            text, line_length = _plain(self._line), len(self._line)
            self._line.clear()
            return Heard(text, False) if line_length < LONGEST_LINE else None
        elif len(self._line) < LONGEST_LINE:
            self._line.append(byte)
        return None

    def _whole_packet(self, got: bytearray) -> Heard | None:
        length = got[0]
        if length < AROUND:
            self._packet = None
            return Heard(None, True)
        if len(got) < length:
            return None
        self._packet = None
        data, crc, end = bytes(got[1:-3]), int.from_bytes(got[-3:-1], "big"), got[-1]
        is_sound = end == ETX and crc == crc_hqx(data, 0)
        return Heard(_plain(data) if is_sound else None, True)


def _plain(data: bytes | bytearray) -> str:
    return bytes(byte for byte in data if 0x20 < byte < 0x7F).decode("ascii").upper()
