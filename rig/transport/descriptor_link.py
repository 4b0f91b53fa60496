"""Reading and writing an operating system descriptor (a socket; on POSIX a serial port) to a deadline."""

from __future__ import annotations

import select
from abc import abstractmethod

from rig.clock import Clock, s_from_ns
from rig.errors import LinkTimeout
from rig.transport import WireSink
from rig.transport.buffered_link import SLICE_NS, WRITE_WITHIN_NS, BufferedLink

READ_SIZE = 4096


class DescriptorLink(BufferedLink):
    """Waits with ``select``: a raw read costs a seventh of pyserial's ``readline``."""

    def __init__(self, address: str, clock: Clock, sink: WireSink, descriptor: int) -> None:
        super().__init__(address, clock, sink)
        self._descriptor = descriptor

    @abstractmethod
    def _read_some(self) -> bytes:
        """What is there, without waiting; b"" means the other end has gone."""

    @abstractmethod
    def _write_some(self, data: bytes) -> int:
        """Write without waiting; how many bytes went."""

    def _receive(self, deadline_ns: int) -> bytes:
        while True:
            try:
                if self._ready(deadline_ns, to_write=False):
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
        deadline_ns = self._clock.now_ns() + WRITE_WITHIN_NS
        while data:
            try:
                if self._ready(deadline_ns, to_write=True):
                    data = data[self._write_some(data) :]
                    continue
            except BlockingIOError:
                continue
            except (OSError, ValueError) as error:
                raise self._lost(str(error)) from error
            if self._clock.now_ns() >= deadline_ns:
                raise LinkTimeout(
                    "the line takes no bytes (handshake?)", address=self.address, sent=self._sent
                )

    def _ready(self, deadline_ns: int, *, to_write: bool) -> bool:
        wait_s = s_from_ns(min(SLICE_NS, max(0, deadline_ns - self._clock.now_ns())))
        watched = [self._descriptor]
        readable, writable, _ = select.select(
            [] if to_write else watched, watched if to_write else [], [], wait_s
        )
        return bool(readable or writable)
