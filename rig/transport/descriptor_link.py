"""Reading and writing an operating system descriptor (a socket; on POSIX a serial port) to a deadline."""

from __future__ import annotations

import select
import sys
from abc import abstractmethod
from collections.abc import Callable

from rig.clock import Clock
from rig.errors import LinkTimeout
from rig.transport import WireSink
from rig.transport.buffered_link import SLICE_NS, WRITE_WITHIN_NS, BufferedLink

READ_SIZE = 4096
NS_PER_MS = 1_000_000
POLLS_ANY_DEVICE: bool = sys.platform == "linux"


class DescriptorLink(BufferedLink):
    """Waits with ``poll`` where there is one: a raw read costs a seventh of pyserial's ``readline``."""

    def __init__(self, address: str, clock: Clock, sink: WireSink, descriptor: int) -> None:
        super().__init__(address, clock, sink)
        self._descriptor = descriptor
        self._to_read = _ready(descriptor, to_write=False)
        self._to_write = _ready(descriptor, to_write=True)

    @abstractmethod
    def _read_some(self) -> bytes:
        """What is there, asked for when there is something; b"" means the other end has gone."""

    @abstractmethod
    def _write_some(self, data: bytes) -> int:
        """Write without waiting; how many bytes went. Raises BlockingIOError when none can go."""

    def _receive(self, deadline_ns: int) -> bytes:
        while True:
            try:
                if self._to_read(self._left_ms(deadline_ns)):
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
            if not self._to_write(self._left_ms(deadline_ns)) and self._clock.now_ns() >= deadline_ns:
                raise LinkTimeout(
                    "the line takes no bytes (handshake?)", address=self.address, sent=self._sent
                )

    def _left_ms(self, deadline_ns: int) -> float:
        """How long to wait now: 0 when the deadline is past."""
        return min(SLICE_NS, max(0, deadline_ns - self._clock.now_ns())) / NS_PER_MS if deadline_ns else 0


def _ready(descriptor: int, *, to_write: bool) -> Callable[[float], object]:
    """Tells, within so many ms, whether a descriptor is ready, or broken: then the next read or write tells how."""
    if POLLS_ANY_DEVICE:
        watch = select.poll()
        watch.register(descriptor, select.POLLOUT if to_write else select.POLLIN)
        return watch.poll

    def selected(within_ms: float) -> bool:
        watched = [descriptor]
        read, write = ([], watched) if to_write else (watched, [])
        readable, writable, _ = select.select(read, write, [], within_ms / 1000)
        return bool(readable or writable)

    return selected
