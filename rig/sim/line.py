"""The line between a simulated instrument and its host: how long bytes take, and what can go wrong with them.

Not modelled: single bytes (an answer becomes readable as a whole, when its last byte has passed), framing
and parity.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

NS_PER_S = 1_000_000_000


class WorldClock(Protocol):
    """What a simulated device needs of an event clock."""

    def now_ns(self) -> int:
        """Nanoseconds since the clock was made."""

    def call_at(self, t_ns: int, action: Callable[[], None]) -> None:
        """Do ``action`` at ``t_ns``."""


class SerialLine:
    """Answers of one device on their way to the host, in order, at ``baud`` with ten bits a byte.

    Faults are plain attributes: ``extra_delay_s`` for each answer; ``drop``, ``corrupt``, ``truncate``,
    ``duplicate``: how many of the next answers suffer it; ``unplugged``: nothing passes in either direction.
    """

    def __init__(self, clock: WorldClock, baud: int) -> None:
        self.clock, self.baud = clock, baud
        self.extra_delay_s = 0.0
        self.drop = self.corrupt = self.truncate = self.duplicate = 0
        self.unplugged = False
        self.quiet_since_ns = clock.now_ns()  # when the last byte passed, or will have passed
        self._send: Callable[[int, bytes], None] = lambda _t_ns, _data: None

    def attach(self, send: Callable[[int, bytes], None]) -> None:
        self._send = send

    def duration_ns(self, count: int) -> int:
        """How long ``count`` bytes take."""
        return count * 10 * NS_PER_S // self.baud

    def heard(self, data: bytes) -> None:
        """Note bytes from the host. Raises OSError when the line is unplugged."""
        if self.unplugged:
            raise OSError("the line is unplugged")
        self.quiet_since_ns = max(self.quiet_since_ns, self.clock.now_ns() + self.duration_ns(len(data)))

    def answer(self, data: bytes, processing_s: float) -> None:
        """Send ``data`` after the bytes still under way and ``processing_s`` of thought."""
        if self.unplugged:
            return
        start_ns = max(self.quiet_since_ns, self.clock.now_ns())
        start_ns += round((processing_s + self.extra_delay_s) * NS_PER_S)
        copies = 1
        if self.drop:
            self.drop -= 1
            copies = 0
        if self.duplicate:
            self.duplicate -= 1
            copies *= 2
        if self.truncate:
            self.truncate -= 1
            data = data[: len(data) // 2]
        if self.corrupt:
            self.corrupt -= 1
            middle = len(data) // 2
            data = data[:middle] + bytes([data[middle] ^ 0x04]) + data[middle + 1 :]
        for _ in range(copies):
            self.quiet_since_ns = start_ns = start_ns + self.duration_ns(len(data))
            self._send(start_ns, data)
