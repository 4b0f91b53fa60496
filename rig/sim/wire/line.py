"""The line between a simulated instrument and its host: how long bytes take, and what can go wrong with them.

Not modelled: single bytes (an answer becomes readable as a whole, when its last byte has passed), handshake.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from rig.sim.wire.uart import as_read
from rig.transport.address import Framing

NS_PER_S = 1_000_000_000
NOISE = bytes.fromhex(
    "00 FF A5 80 7E 10"
)  # what a disturbed line reads: begins frames of some protocols, ends none


class WorldClock(Protocol):
    """What a simulated device needs of an event clock."""

    def now_ns(self) -> int:
        """Nanoseconds since the clock was made."""

    def call_at(self, t_ns: int, action: Callable[[], None]) -> None:
        """Do ``action`` at ``t_ns``."""


class SerialLine:
    """Answers of one device on their way to the host, in order, at ``baud`` with ten bits a byte.

    ``framing`` is what the device is set to; ``host`` what the host's port is set to (None: the same). Where they
    differ in speed, bits or parity, either end reads what its own settings make of the bits.

    Faults are plain attributes:

    - ``extra_delay_s`` for each answer;
    - ``drop``, ``corrupt``, ``truncate``, ``duplicate``, ``noise`` (stray bytes before and after): how many of the next
      answers suffer it;
    - ``foreign``: messages of others, each passes before one of the next answers;
    - ``instead``: what each of the next answers is replaced by (an error code, the answer of another address);
    - ``echo``: the host reads all that it sends (a converter for two wires);
    - ``unplugged``: nothing passes in either direction; put back by setting it to False.
    """

    def __init__(self, clock: WorldClock, baud: int, frame: str = "8N1") -> None:
        self.clock = clock
        self.framing = Framing(baud, int(frame[0]), frame[1], int(frame[2]))
        self.host: Framing | None = None
        self.extra_delay_s = 0.0
        self.drop = self.corrupt = self.truncate = self.duplicate = self.noise = 0
        self.foreign: list[bytes] = []
        self.instead: list[bytes] = []
        self.echo = self.unplugged = False
        self.quiet_since_ns = clock.now_ns()  # when the last byte passed, or will have passed
        self._send: Callable[[int, bytes], None] = lambda _t_ns, _data: None

    @property
    def baud(self) -> int:
        return self.framing.baud

    def attach(self, send: Callable[[int, bytes], None]) -> None:
        self._send = send

    def duration_ns(self, count: int) -> int:
        """How long ``count`` bytes take."""
        return count * 10 * NS_PER_S // self.baud

    def heard(self, data: bytes) -> bytes:
        """What the device reads of bytes from the host. Raises OSError when the line is unplugged."""
        if self.unplugged:
            raise OSError("the line is unplugged")
        self.quiet_since_ns = max(self.quiet_since_ns, self.clock.now_ns() + self.duration_ns(len(data)))
        if self.echo:
            self._send(self.quiet_since_ns, data)
        return data if self.host is None else as_read(data, self.host, self.framing, checks_parity=True)

    def answer(self, data: bytes, processing_s: float) -> None:
        """Send ``data`` after the bytes still under way and ``processing_s`` of thought."""
        if self.unplugged:
            return
        start_ns = max(self.quiet_since_ns, self.clock.now_ns())
        start_ns += round((processing_s + self.extra_delay_s) * NS_PER_S)
        for passing in self._spoiled(data):
            self.quiet_since_ns = start_ns = start_ns + self.duration_ns(len(passing))
            host = self.host or self.framing
            self._send(start_ns, as_read(passing, self.framing, host, checks_parity=False))

    def _spoiled(self, data: bytes) -> list[bytes]:
        """What passes in the place of an answer."""
        if self.instead:
            data = self.instead.pop(0)
        passing = [data]
        if self.drop:
            self.drop -= 1
            passing = []
        if self.duplicate:
            self.duplicate -= 1
            passing *= 2
        if self.truncate:
            self.truncate -= 1
            passing = [each[: len(each) // 2] for each in passing]
        if self.corrupt:
            self.corrupt -= 1
            passing = [_corrupted(each) for each in passing]
        if self.noise:
            self.noise -= 1
            passing = [NOISE, *passing, NOISE]
        if self.foreign:
            passing.insert(0, self.foreign.pop(0))
        return passing


def _corrupted(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 0x04]) + data[middle + 1 :]
