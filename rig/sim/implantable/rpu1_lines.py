"""Lines of RPU/1 as the device reads and writes them (docs/reference/rpu-1.md, section 2)."""

from __future__ import annotations

import re

PREFIX = re.compile(rb"> ([0-9A-F]{2}) ([0-9A-F]{2}) ")
NAME = r"[A-Z][A-Z0-9_]{0,15}"
VALUE = r"(?:[A-Za-z0-9\-_.,:/]|%[0-9A-F]{2})+"
REQUEST = re.compile(rf"({NAME})(?: ({NAME}))?((?: {NAME}={VALUE})*)")


def _shifted(crc: int) -> int:
    """One byte's turn of the register: polynomial 1021, most significant bit first."""
    for _ in range(8):
        crc = (crc << 1 ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    return crc


TURNS = tuple(_shifted(byte << 8) for byte in range(256))


def crc16(text: bytes) -> int:
    """CRC-16/CCITT-FALSE: polynomial 1021, initial FFFF, not reflected."""
    crc = 0xFFFF
    for byte in text:
        crc = (crc << 8 & 0xFFFF) ^ TURNS[crc >> 8 ^ byte]
    return crc


def line(marker: str, text: str) -> bytes:
    content = text.encode("ascii")
    return f"{marker} {text}*{crc16(content):04X}\r\n".encode("ascii")


def string_value(text: str) -> str:
    """A string as a value: all but A-Z a-z 0-9 - _ . as % and two hex digits (section 2)."""
    return "".join(
        chr(byte) if re.fullmatch(r"[A-Za-z0-9\-_.]", chr(byte)) else f"%{byte:02X}"
        for byte in text.encode("utf-8")
    )


def joined(pairs: dict[str, object], between: str, around: str) -> str:
    return around.join(f"{key}{between}{value}" for key, value in pairs.items())
