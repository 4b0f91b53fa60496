"""The serving end of RFC 2217 (telnet com port control): the client's bytes, and how it has set "its" serial port.

The negotiation is pyserial's; there is no port behind it, so every setting is granted and told back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from serial.rfc2217 import PortManager

from rig.transport.address import Framing


class PretendedPort:
    """What pyserial's negotiation sets and asks of a serial port. Modem lines are on, as with a simple cable."""

    def __init__(self) -> None:
        self.baudrate, self.bytesize, self.parity, self.stopbits = 9600, 8, "N", 1
        self.xonxoff = self.rtscts = self.break_condition = self.ri = False
        self.dtr = self.rts = self.cts = self.dsr = self.cd = True

    def reset_input_buffer(self) -> None:
        """Nothing is kept back that could be thrown away."""

    def reset_output_buffer(self) -> None:
        """Nothing is kept back that could be thrown away."""


class ComPort:
    """One client's telnet session; ``write`` takes the bytes to be sent to it."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self.write = write  # the negotiation answers through this
        self._port = PretendedPort()
        port: Any = self._port
        connection: Any = self
        self._manager = PortManager(port, connection)

    def heard(self, data: bytes) -> bytes:
        """What the client wrote to its serial port, of what came from it; the rest is negotiation and is answered."""
        return b"".join(self._manager.filter(data))

    def send(self, data: bytes) -> None:
        """What the client's serial port is to read."""
        self.write(b"".join(self._manager.escape(data)))

    @property
    def framing(self) -> Framing:
        """What the client has set."""
        port = self._port
        return Framing(port.baudrate, port.bytesize, port.parity, round(port.stopbits))
