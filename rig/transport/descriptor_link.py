"""Reading and writing an operating system descriptor (a socket; on POSIX a serial port) to a deadline."""

from __future__ import annotations

import select
import sys
from abc import abstractmethod

from rig.clock import Clock, s_from_ns
from rig.errors import LinkTimeout
from rig.transport import WireSink
from rig.transport.buffered_link import SLICE_NS, WRITE_WITHIN_NS, BufferedLink

READ_SIZE = 4096
NS_PER_MS = 1_000_000


class DescriptorLink(BufferedLink):
    """Waits with ``poll`` where there is one: a raw read costs a seventh of pyserial's ``readline``."""

    def __init__(self, address: str, clock: Clock, sink: WireSink, descriptor: int) -> None:
        super().__init__(address, clock, sink)
        self._descriptor = descriptor
        self._to_read = _Watch(descriptor, to_write=False)
        self._to_write = _Watch(descriptor, to_write=True)

    @abstractmethod
    def _read_some(self) -> bytes:
        """What is there, asked for when there is something; b"" means the other end has gone."""

    @abstractmethod
    def _write_some(self, data: bytes) -> int:
        """Write without waiting; how many bytes went. Raises BlockingIOError when none can go."""

    def _receive(self, deadline_ns: int) -> bytes:
        while True:
            try:
                if self._to_read.within(self._left_ns(deadline_ns)):
                    data = self._read_some()
                    if not data:
                        raise self._lost("the other end has closed it")
                    return self._logged(data)
            except BlockingIOError:
                continue
            except (OSError, ValueError) as error:
                raise self._lost(str(error)) from error
            self._clock.raise_if_aborted()  # only a silent line is left: a reply on its way is taken in first
            if self._clock.now_ns() >= deadline_ns:
                return b""

    def _send(self, data: bytes) -> None:
        deadline_ns = 0  # until there is something to wait for
        while True:
            try:
                data = data[self._write_some(data) :]
            except BlockingIOError:
                pass
            except (OSError, ValueError) as error:
                raise self._lost(str(error)) from error
            if not data:
                return
            deadline_ns = deadline_ns or self._clock.now_ns() + WRITE_WITHIN_NS
            if not self._to_write.within(self._left_ns(deadline_ns)) and self._clock.now_ns() >= deadline_ns:
                raise LinkTimeout(
                    "the line takes no bytes (handshake?)", address=self.address, sent=self._sent
                )

    def _left_ns(self, deadline_ns: int) -> int:
        """How long to wait now: 0 when the deadline is past."""
        return min(SLICE_NS, max(0, deadline_ns - self._clock.now_ns())) if deadline_ns else 0


class _Watch:
    """Waits for a descriptor to be ready, or broken: then the next read or write tells how."""

    def __init__(self, descriptor: int, *, to_write: bool) -> None:
        self._descriptor, self._to_write = descriptor, to_write
        self._poll: select.poll | None = None
        if sys.platform == "linux":  # not for every device elsewhere
            self._poll = select.poll()
            self._poll.register(descriptor, select.POLLOUT if to_write else select.POLLIN)

    def within(self, wait_ns: int) -> bool:
        if self._poll is not None:
            return bool(self._poll.poll(wait_ns / NS_PER_MS))
        watched = [self._descriptor]
        read, write = ([], watched) if self._to_write else (watched, [])
        readable, writable, _ = select.select(read, write, [], s_from_ns(wait_ns))
        return bool(readable or writable)
