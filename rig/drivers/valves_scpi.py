"""Relay board by SCPI: switch units Keysight 34970A, 34972A, 34980A with an actuator card, matrix U2751A, and the like.

Manuals: 34980A SCPI reference (ROUTe:CLOSe, ROUTe:OPEN), U2751A Programmer's Reference (ROUTe subsystem); the same
commands are those of the 34970A. Wire format: SCPI (:mod:`rig.drivers.scpi_wire`); the 34970A by RS-232 (set to 9600
baud, no parity, flow control none), the others by TCP::

    ROUT:CLOS (@101)             close channel 01 of the card in slot 1
    ROUT:OPEN (@101)
    ROUT:CLOS? (@101)   ->  1    closed; 0 open

A channel is slot and number on the card: 101 to 899, or 1001 to 8999 of the 34980A. *On* is closed: what a closed relay
does to the fluid (occlude, vent, press a button) is a matter of the wiring. The board tells what its relay was told to
do: a relay that sticks is seen in the fluid only.
"""

from __future__ import annotations

from rig.drivers.scpi_wire import ScpiLine, parse_flag
from rig.errors import LimitRefused
from rig.readings import Identity
from rig.transport import Link

CHANNELS = (*range(101, 900), *range(1001, 9000))


class ScpiValves:
    """One board."""

    ROLE = "valves"
    DEFAULT_BAUD = 9600

    def __init__(self, link: Link) -> None:
        self._link, self._line = link, ScpiLine(link)

    def identify(self) -> Identity:
        return self._line.identify()

    def switch(self, channel: int, on: bool) -> None:
        """Close (on) or open one channel. DeviceError when the board refuses, or then tells otherwise."""
        self._line.tell(f"ROUT:{'CLOS' if on else 'OPEN'} {format_channel(channel)}")
        if self.is_on(channel) != on:
            message = f"channel {channel} was switched {'on' if on else 'off'} and reads back as the contrary"
            raise self._line.refused(message, "read back")

    def is_on(self, channel: int) -> bool:
        return self._line.ask(f"ROUT:CLOS? {format_channel(channel)}", parse_flag)

    def close(self) -> None:
        """The relays stay as they are."""
        self._link.close()


def format_channel(channel: int) -> str:
    """A list of one channel. Raises LimitRefused."""
    if channel not in CHANNELS:
        raise LimitRefused(
            f"{channel} is no channel: slot and number on the card, such as 101; nothing was sent"
        )
    return f"(@{channel})"
