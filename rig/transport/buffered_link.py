"""What all links have in common: the input buffer, reading to a deadline, and the record of every byte."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager, nullcontext

from rig.clock import NS_PER_S, Clock
from rig.errors import LinkLost, LinkTimeout, ProtocolError
from rig.transport import WireSink

SLICE_NS = NS_PER_S // 10  # longest wait between two looks at whether the run was aborted
WRITE_WITHIN_NS = 5 * NS_PER_S  # a line that takes no byte for so long is stuck
DISCARD_LIMIT = 65536  # bytes; a line that never falls silent must not hold discard_input


class BufferedLink(ABC):
    """A :class:`rig.transport.Link` over some way to send and receive bytes.

    ``note`` says what a reader of the record must know about this line ("" if nothing).
    """

    def __init__(self, address: str, clock: Clock, sink: WireSink) -> None:
        self.address = address
        self.note = ""
        self.lost = False  # whether the port went away; it does not come back by itself
        self.sink = sink
        self._clock, self.now_ns = clock, clock.now_ns
        self._buffer = bytearray()
        self._sent = b""  # last written, for messages
        self._closed = False

    @abstractmethod
    def _send(self, data: bytes) -> None:
        """Send all, or raise LinkLost or LinkTimeout."""

    @abstractmethod
    def _receive(self, deadline_ns: int) -> bytes:
        """What has come, as soon as there is any; b"" at the deadline. If that is past: what is there."""

    @abstractmethod
    def _release(self) -> None:
        """Give the port back; may raise OSError."""

    def alive(self) -> None:
        """Whoever waits for this line is at work."""
        self._clock.alive()

    def alone(self) -> AbstractContextManager[object]:
        return nullcontext()

    def write(self, data: bytes) -> None:
        self._refuse_if_closed()
        self._clock.alive()
        self._sent = bytes(data)
        self.sink(self._clock.now_ns(), ">", self._sent)
        self._send(self._sent)

    def read_until(self, terminator: bytes, deadline_ns: int, limit: int = 4096) -> bytes:
        searched, last_look = 0, False
        while True:
            found = self._buffer.find(terminator, max(0, searched - len(terminator)))
            if 0 <= found <= limit - len(terminator):
                return self._take(found + len(terminator))
            if len(self._buffer) >= limit:
                raise ProtocolError(
                    f"{limit} bytes without {terminator!r}",
                    address=self.address,
                    sent=self._sent,
                    received=self._take(limit),
                )
            searched = len(self._buffer)
            last_look = self._fill(deadline_ns, last_look, f"no {terminator!r} before the deadline")

    def read_exactly(self, count: int, deadline_ns: int) -> bytes:
        last_look = False
        while len(self._buffer) < count:
            last_look = self._fill(deadline_ns, last_look, f"fewer than {count} bytes before the deadline")
        return self._take(count)

    def discard_input(self) -> bytes:
        self._refuse_if_closed()
        while len(self._buffer) < DISCARD_LIMIT and (data := self._receive(0)):
            self._buffer += data
        return self._take(len(self._buffer)) if self._buffer else b""

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            try:
                self._release()
            except OSError:  # the port went away before us
                return

    def _fill(self, deadline_ns: int, last_look: bool, complaint: str) -> bool:
        """Take in more. Whether that was the one look after the deadline, so that trickling bytes do not move it."""
        self._refuse_if_closed()
        late = self._clock.now_ns() >= deadline_ns
        data = b"" if last_look else self._receive(deadline_ns)
        if not data:
            received = self._take(len(self._buffer))
            raise LinkTimeout(complaint, address=self.address, sent=self._sent, received=received)
        self._buffer += data
        return late

    def _take(self, count: int) -> bytes:
        taken = bytes(self._buffer) if count == len(self._buffer) else bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken

    def _logged(self, data: bytes) -> bytes:
        if data:
            self.sink(self._clock.now_ns(), "<", data)
        return data

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise LinkLost("the link is closed", address=self.address)

    def _lost(self, why: str) -> LinkLost:
        """The one error for a port that went away, with what had come until then."""
        self.lost = True
        received = self._take(len(self._buffer))
        return LinkLost(
            f"the line was lost ({why}): check the cable and that the instrument is on",
            address=self.address,
            sent=self._sent,
            received=received,
        )
