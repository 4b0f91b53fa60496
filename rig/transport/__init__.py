"""Bytes: the only room that opens ports.

:class:`Link` is what drivers speak through; :func:`rig.transport.open.open_link` makes one from an address.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Literal, Protocol

Direction = Literal[">", "<"]  # host to instrument, instrument to host
WireSink = Callable[[int, Direction, bytes], None]  # (t_ns, direction, bytes): every byte both ways


class Link(Protocol):
    """A line to one instrument, half duplex as the drivers use it. Deadlines are on the injected clock."""

    @property
    def address(self) -> str:
        """As the bench file gives it, for messages."""

    def now_ns(self) -> int:
        """The injected clock, so that a driver can stamp a reading and set a deadline."""

    def alone(self) -> AbstractContextManager[object]:
        """While inside, the line is the caller's alone: drivers hold it for one command and its reply.

        Several instruments of a bench may share one line (RS-485), each asked by a thread of its own.
        """

    def write(self, data: bytes) -> None:
        """Send all of ``data``. Raises LinkLost, LinkTimeout when the line takes no bytes."""

    def read_until(self, terminator: bytes, deadline_ns: int, limit: int = 4096) -> bytes:
        """Bytes up to and including ``terminator``; what follows stays for the next read.

        Raises LinkTimeout (with the partial bytes, which are consumed) at the deadline, ProtocolError when
        ``limit`` bytes came without a terminator, LinkLost.
        """

    def read_exactly(self, count: int, deadline_ns: int) -> bytes:
        """Exactly ``count`` bytes. Raises LinkTimeout (with the partial bytes, consumed), LinkLost."""

    def discard_input(self) -> bytes:
        """Throw away, and return, what has come in unasked so far (logged like all bytes)."""

    def close(self) -> None:
        """Give the port back. Never raises; a second close does nothing."""


class WirePort(Protocol):
    """The instrument's end of an in-process line (``sim://``): a simulated device fulfils it."""

    def attach(self, send: Callable[[int, bytes], None]) -> None:
        """Told once how to answer: ``send(at_ns, data)`` makes ``data`` readable by the host at ``at_ns``."""

    def receive(self, data: bytes) -> None:
        """Bytes from the host, now."""
