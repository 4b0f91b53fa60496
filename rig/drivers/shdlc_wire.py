"""Frames of Sensirion's SHDLC: flags, stuffing, checksum, and the errors that a device tells.

Sources: Sensirion's public SHDLC and SCC1 drivers. A frame each way::

    7E <ADR CMD [STATE] LEN DATA... CHK> 7E      STATE only in replies; LEN counts DATA; CHK = NOT(sum of all before)
    between the 7E: 7E -> 7D 5E, 7D -> 7D 5D, 11 -> 7D 31, 13 -> 7D 33 (after the checksum was made)
"""

from __future__ import annotations

from functools import lru_cache

from rig.errors import DeviceError, ProtocolError

FRAME_LIMIT = 522
FLAG, ESCAPE = 0x7E, 0x7D
STUFFED = (ESCAPE, FLAG, 0x11, 0x13)  # the escape first: the others bring in more of it

ERRORS = {
    0x01: "wrong data size",
    0x02: "unknown command",
    0x03: "no access right",
    0x04: "parameter out of range",
    0x05: "wrong checksum",
    0x06: "firmware update failed",
    0x20: "sensor busy",
    0x21: "no acknowledgement from the sensor: is it plugged in?",
    0x22: "checksum of the sensor's reply is wrong",
    0x23: "the sensor does not answer in time",
    0x24: "no measurement was started",
}


def _checksum(content: bytes) -> int:
    return ~sum(content) & 0xFF


@lru_cache(maxsize=64)  # few different ones are sent again and again
def format_frame(address: int, command: int, data: bytes = b"") -> bytes:
    """A request."""
    content = bytes((address, command, len(data))) + data
    content += bytes((_checksum(content),))
    for byte in STUFFED:
        content = content.replace(bytes((byte,)), bytes((ESCAPE, byte ^ 0x20)))
    return bytes((FLAG,)) + content + bytes((FLAG,))


def unstuff(stuffed: bytes) -> bytes:
    """The content between the flags. Raises ValueError for bytes that stuffing never gives."""
    if FLAG in stuffed or 0x11 in stuffed or 0x13 in stuffed:
        raise ValueError("stuffing is wrong")
    content, *escaped = stuffed.split(bytes((ESCAPE,)))
    for part in escaped:
        if not part or part[0] ^ 0x20 not in STUFFED:
            raise ValueError("stuffing is wrong")
        content += bytes((part[0] ^ 0x20,)) + part[1:]
    return content


def parse_frame(frame: bytes, address: int, command: int) -> bytes:
    """The data of a reply to ``command``. Raises ProtocolError, DeviceError (code: two hexadecimal digits).

    Bit 7 of STATE (an error is noted in the device, not of this command) is no reason to refuse the data.
    """
    try:
        content = unstuff(frame[1:-1]) if frame[:1] == frame[-1:] == bytes((FLAG,)) else b""
    except ValueError as error:
        raise ProtocolError(str(error), received=frame) from error
    if len(content) < 5 or len(content) != 5 + content[3] or content[-1] != _checksum(content[:-1]):
        raise ProtocolError("not a whole and sound SHDLC frame", received=frame)
    if content[:2] != bytes((address, command)):
        raise ProtocolError(f"a reply to command {content[1]:02X} of device {content[0]}", received=frame)
    if code := content[2] & 0x7F:
        raise DeviceError(ERRORS.get(code, "unknown error"), code=f"{code:02X}", received=frame)
    return content[4:-1]
