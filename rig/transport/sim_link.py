"""``sim://``: an in-process line to a simulated instrument, in virtual time and on one logical thread."""

from __future__ import annotations

import heapq

from rig.clock.virtual import Doorbell, VirtualClock
from rig.errors import Aborted
from rig.transport import WirePort, WireSink
from rig.transport.buffered_link import BufferedLink


class Inbox:
    """What a simulated device has sent and nobody has fetched; bytes sent for a time to come lie here until then."""

    def __init__(self, clock: VirtualClock, port: WirePort) -> None:
        self._clock = clock
        self._arrivals: list[tuple[int, int, bytes]] = []
        self._sequence = 0
        self._doorbell = Doorbell(clock)
        port.attach(self._arrives)

    def _arrives(self, at_ns: int, data: bytes) -> None:
        if data:
            self._sequence += 1  # of two for one moment, the first sent comes first
            heapq.heappush(self._arrivals, (at_ns, self._sequence, bytes(data)))
            self._doorbell.ring_at(at_ns)

    def take(self, deadline_ns: int) -> bytes:
        """The oldest that has come, waiting for it until the deadline; b"" then. Raises Aborted as every wait."""
        while True:
            now_ns = self._clock.now_ns()
            if self._arrivals and self._arrivals[0][0] <= now_ns:
                return heapq.heappop(self._arrivals)[2]
            if now_ns >= deadline_ns:
                return b""
            try:
                self._doorbell.sleep_until_ns(
                    min(deadline_ns, self._arrivals[0][0] if self._arrivals else deadline_ns)
                )
            except Aborted:
                # In real time this line would have been silent before the tear-down speaks on it.
                self.clear()
                raise

    def clear(self) -> None:
        """Throw away what is here and what is on its way."""
        self._arrivals.clear()


class SimLink(BufferedLink):
    """A line whose other end is a device of the simulated world."""

    def __init__(self, address: str, clock: VirtualClock, sink: WireSink, port: WirePort) -> None:
        super().__init__(address, clock, sink)
        self._port, self._inbox = port, Inbox(clock, port)

    def _send(self, data: bytes) -> None:
        try:
            self._port.receive(data)
        except OSError as error:  # a simulated line that was unplugged
            raise self._lost(str(error)) from error

    def _receive(self, deadline_ns: int) -> bytes:
        return self._logged(self._inbox.take(deadline_ns))

    def _release(self) -> None:
        self._inbox.clear()
