"""One open line, several instruments on it: each opener of the same port gets a share with a lock in common.

Several pump units may hang on one RS-485 line and be asked by one thread each. What a share sends and
receives goes into that instrument's own wire record.

A line that was lost (LinkLost) is opened again at the same address when the next exchange begins, once for each: it is
not there yet, or it works. The exchange that lost it is never carried on, and nothing is sent again by the link.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from rig.errors import DefinitionError, LinkLost
from rig.transport import WireSink
from rig.transport.address import Framing
from rig.transport.buffered_link import BufferedLink

LOOKED_AGAIN_AFTER_S = 0.1

_GOES_ON = nullcontext()
_lines: dict[str, _Line] = {}
_lines_lock = threading.Lock()


class _Line:
    """An open link, how it is framed, who may speak now, and how many use it."""

    def __init__(self, open_line: Callable[[], BufferedLink], framing: Framing) -> None:
        self.link, self.framing = open_line(), framing
        self.lock = threading.RLock()
        self.speaker: tuple[SharedLink, int] | None = None  # whose exchange goes on, in which thread
        self.users = 0
        self._open_line = open_line
        self._depth = 0  # of exchanges within each other

    def begin(self, share: SharedLink, sink: WireSink) -> None:
        """An exchange begins, by who holds the lock. Raises LinkLost when the line was lost and is not there again."""
        if self.link.lost and not self._depth:
            self.link.close()
            self.link = self._open_line()
            self.link.note = f"{self.link.note}; was lost and opened again".removeprefix("; ")
        self.link.sink = sink
        self._depth += 1
        self.speaker = (share, threading.get_ident())

    def end(self) -> None:
        self._depth -= 1
        self.speaker = None


def share(
    key: str, framing: Framing, address: str, sink: WireSink, open_line: Callable[[], BufferedLink]
) -> SharedLink:
    """A share of the line ``key``, opened now if nobody has it yet.

    Raises DefinitionError when it is open with another framing, and what ``open_line`` raises.
    """
    with _lines_lock:
        line = _lines.get(key)
        if line is None:
            line = _lines[key] = _Line(open_line, framing)
        elif line.framing != framing:
            raise DefinitionError(
                f"address '{address}' asks for {framing}, "
                f"but another instrument on the same port for {line.framing}"
            )
        line.users += 1
    return SharedLink(key, line, address, sink)


class SharedLink:
    """One instrument's share of a line; a :class:`rig.transport.Link`. What happens inside it is one exchange."""

    def __init__(self, key: str, line: _Line, address: str, sink: WireSink) -> None:
        self.address = address
        self._key, self._line, self._sink = key, line, sink
        self.now_ns = line.link.now_ns  # the clock is the same when the line is opened again
        self._closed = False

    @property
    def note(self) -> str:
        return self._line.link.note

    def alone(self) -> SharedLink:
        return self

    def __enter__(self) -> None:
        if self._closed:
            raise LinkLost("the link is closed", address=self.address)
        while not self._line.lock.acquire(timeout=LOOKED_AGAIN_AFTER_S):
            self._line.link.alive()  # others speak; a line that is dead keeps each of them for seconds
        try:
            self._line.begin(self, self._sink)
        except BaseException:
            self._line.lock.release()
            raise

    def __exit__(self, *_: object) -> None:
        self._line.end()
        self._line.lock.release()

    def write(self, data: bytes) -> None:
        with self._within():
            self._line.link.write(data)

    def read_until(self, terminator: bytes, deadline_ns: int, limit: int = 4096) -> bytes:
        with self._within():
            return self._line.link.read_until(terminator, deadline_ns, limit)

    def read_exactly(self, count: int, deadline_ns: int) -> bytes:
        with self._within():
            return self._line.link.read_exactly(count, deadline_ns)

    def discard_input(self) -> bytes:
        with self._within():
            return self._line.link.discard_input()

    def _within(self) -> AbstractContextManager[None]:
        """An exchange of this thread: the one it is in already, or one of its own."""
        return _GOES_ON if self._line.speaker == (self, threading.get_ident()) else self

    def close(self) -> None:
        with _lines_lock:
            if self._closed:
                return
            self._closed = True
            self._line.users -= 1
            if self._line.users == 0:
                del _lines[self._key]
                self._line.link.close()
