"""Vaisala PTU300 transmitter (also PTU301, 303, 307, 30T): temperature, humidity and pressure of the air.

Manual: PTU300 User's Guide M210796EN, chapter Operation (serial line commands, FORM, SEND, ?). Wire format: 4800 baud
7E1 by default, commands ended by CR, lines by CR LF::

    SEND   ->  P= 1013.2 hPa T= 31.1 'C RH= 38.3 %RH        the default output format (command FORM /)
    ?      ->  PTU300 / 1.01                                 then lines of settings, such as
               Serial number  : A1234567
               ...
               Module 2       : EMPTY                        the last

The transmitter may echo and prompt with ``>`` (command ECHO; on by default) or not: both are taken. Other quantities in
the line are passed over; asterisks stand for one that cannot be measured. It must be in the mode STOP (SMODE STOP), not
print by itself, and be alone on its line. Only metric units are taken (UNIT M, UNIT P hPa). There is no checksum (one
could be put into the format; the driver changes no settings): a damaged digit is seen by its parity only. Not read in
the manual: that the line ``Module 2`` is the last of ``?`` (from another's public client).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from rig.clock import NS_PER_S
from rig.errors import DeviceError, ExchangeError, ProtocolError
from rig.readings import ChannelReading, Identity
from rig.transport import Link

T = TypeVar("T")

READ_WITHIN_NS = 3 * NS_PER_S
SETTINGS_WITHIN_NS = 10 * NS_PER_S  # some 700 characters at 4800 baud
LINE_LIMIT = 256

CHANNELS = {"P": "air_pressure_hpa", "T": "air_temperature_c", "RH": "air_humidity_pct"}
FACTORS = {
    "P": {"hPa": 1.0, "mbar": 1.0, "kPa": 10.0, "Pa": 0.01},
    "T": {"'C": 1.0},
    "RH": {"%RH": 1.0},
}
RANGES = {"P": (400.0, 1200.0), "T": (-40.0, 60.0), "RH": (0.0, 101.0)}  # of a laboratory, and more

QUANTITY = re.compile(r"\s*([A-Za-z0-9]+)=\s*(-?\d+\.\d+|\*+)(?:\s*([%'A-Za-z][^\s=]*)(?!\S*=))?\s*")
KIND = re.compile(r"(PTU30\w) / (\d+\.\d+)")
SETTING = re.compile(r"([^:]+?)\s*: ?(.*)")


def parse_lines(line: bytes) -> list[str]:
    """What stands in a line, without line ends, prompts and blanks: mostly one text. Raises ProtocolError."""
    bare = line.decode("latin-1").replace("\t", " ")
    texts = [text.lstrip("> ").rstrip() for text in re.split(r"[\r\n]+", bare)]
    if not line.endswith(b"\n") or not all(text.isascii() and text.isprintable() for text in texts):
        raise ProtocolError("not a line", received=line)
    return [text for text in texts if text]


def parse_quantities(text: str) -> dict[str, float]:
    """Temperature, humidity and pressure by channel. Raises DeviceError for one that is not measured, ProtocolError."""
    found: dict[str, float] = {}
    position = 0
    while position < len(text):
        match = QUANTITY.match(text, position)
        if match is None:
            raise ProtocolError("not a line of quantities: restore the output format (FORM /)")
        position = match.end()
        name, value, unit = match.groups()
        if name not in CHANNELS:
            continue
        if value.startswith("*"):
            raise DeviceError(f"the transmitter cannot measure {name}", code=f"{name}=*")
        if unit not in FACTORS[name]:
            raise ProtocolError(f"{name} in '{unit or ''}': set the transmitter to metric units (UNIT M)")
        number = float(value) * FACTORS[name][unit]
        if name in found or not RANGES[name][0] <= number <= RANGES[name][1]:
            raise ProtocolError(f"{name} stands twice, or cannot be {number:g}")
        found[name] = number
    if found.keys() != CHANNELS.keys():
        missing = ", ".join(name for name in CHANNELS if name not in found)
        raise ProtocolError(f"{missing} missing: restore the output format (FORM /)")
    return {channel: found[name] for name, channel in CHANNELS.items()}


def parse_settings(lines: list[str]) -> Identity:
    """Model, serial number and firmware in the reply to ``?``. Raises ProtocolError."""
    kind = KIND.fullmatch(lines[0])
    settings = {match[1]: match[2] for match in map(SETTING.fullmatch, lines[1:]) if match}
    if kind is None or not settings.get("Serial number"):
        raise ProtocolError("not the settings of a PTU300")
    return Identity(model=kind[1], serial=settings["Serial number"], firmware=kind[2])


class VaisalaPtu300:
    """One transmitter."""

    ROLE = "environment"
    DEFAULT_BAUD = 4800
    DEFAULT_FRAMING = "7E1"

    def __init__(self, link: Link) -> None:
        self._link = link

    def identify(self) -> Identity:
        """The transmitter does not tell its maker."""
        return self._ask("?", "Module 2", SETTINGS_WITHIN_NS, lambda lines, raw: parse_settings(lines))

    def read(self) -> ChannelReading:
        return self._ask("SEND", "", READ_WITHIN_NS, self._reading)

    def close(self) -> None:
        self._link.close()

    def _reading(self, lines: list[str], raw: bytes) -> ChannelReading:
        return ChannelReading(self._link.now_ns(), parse_quantities(lines[0]), raw)

    def _ask(self, command: str, last: str, within_ns: int, parse: Callable[[list[str], bytes], T]) -> T:
        """One command and its reply, parsed: the lines up to one that begins with ``last``, without the echo."""
        sent = f"{command}\r".encode("ascii")
        lines: list[str] = []
        raw = b""
        with self._link.alone():
            self._link.discard_input()
            deadline_ns = self._link.now_ns() + within_ns
            self._link.write(sent)
            try:
                while not lines or not lines[-1].startswith(last):
                    if self._link.now_ns() > deadline_ns:
                        raise ProtocolError("the reply does not end")
                    line = self._link.read_until(b"\n", deadline_ns, LINE_LIMIT)
                    raw += line
                    lines += [text for text in parse_lines(line) if text.upper() != command]
                return parse(lines, raw)
            except ExchangeError as error:
                error.address, error.sent = self._link.address, sent
                error.received = raw if raw.endswith(error.received) else raw + error.received
                raise
