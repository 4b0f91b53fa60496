"""Two lines without a wire for a driver's tests. Their time passes only in waiting, so a test costs no time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext

from rig.clock import NS_PER_S
from rig.clock.virtual import VirtualClock
from rig.errors import LinkTimeout, ProtocolError
from rig.transport.buffered_link import BufferedLink

PAUSE_NS = 5_000_000  # what an instrument takes for its answer
RECEIVED_AT_MOST = 2000  # looks at a silent line during one call, after which the call is taken to hang

Arrivals = Sequence[tuple[int, bytes | None]]  # (ns after the request, bytes); None: the plug is pulled
Replies = Mapping[bytes, bytes] | Callable[[bytes], bytes | None]


class Hang(AssertionError):
    """A call looks at a silent line for ever. Not an error of the rig: no driver should catch it."""


class ScriptedLink:
    """A :class:`rig.transport.Link` that knows beforehand what will be said: (must be sent, is answered) pairs.

    Silence ends at the deadline. AssertionError for anything else sent, for bytes that were not read before the next
    command, and in :meth:`finish` for what was never sent.
    """

    address = "script://device"

    def __init__(self, *exchanges: tuple[bytes, bytes]) -> None:
        self.exchanges = list(exchanges)
        self.arrived = b""
        self.unasked = b""  # what a test puts here lies in the buffer before the next command
        self.t_ns = 1_000
        self.closed = False

    def now_ns(self) -> int:
        return self.t_ns

    def alone(self) -> AbstractContextManager[object]:
        return nullcontext()

    def write(self, data: bytes) -> None:
        _require(bool(self.exchanges), f"sent {data!r}, expected nothing more")
        self._require_all_read()
        expected, reply = self.exchanges.pop(0)
        _require(data == expected, f"sent {data!r}, expected {expected!r}")
        self.arrived = reply
        self.t_ns += PAUSE_NS

    def read_until(self, terminator: bytes, deadline_ns: int, limit: int = 4096) -> bytes:
        _require(deadline_ns > self.t_ns - 2 * NS_PER_S, "the deadline lies far in the past")
        found = self.arrived.find(terminator)
        if 0 <= found <= limit - len(terminator):
            return self._take(found + len(terminator))
        if len(self.arrived) >= limit:
            raise ProtocolError("too long", received=self._take(limit))
        raise self._silence(deadline_ns)

    def read_exactly(self, count: int, deadline_ns: int) -> bytes:
        if len(self.arrived) < count:
            raise self._silence(deadline_ns)
        return self._take(count)

    def discard_input(self) -> bytes:
        self._require_all_read()
        unasked, self.unasked = self.unasked, b""
        return unasked

    def close(self) -> None:
        self.closed = True

    def finish(self) -> None:
        """To be called at the end of a test: the whole script was carried out, all of it was read."""
        _require(not self.exchanges, f"never sent: {self.exchanges}")
        self._require_all_read()

    def _require_all_read(self) -> None:
        _require(self.arrived == b"", f"left unread: {self.arrived!r}")

    def _take(self, count: int) -> bytes:
        taken, self.arrived = self.arrived[:count], self.arrived[count:]
        return taken

    def _silence(self, deadline_ns: int) -> LinkTimeout:
        self.t_ns = max(self.t_ns, deadline_ns)
        return LinkTimeout("silence", address=self.address, received=self._take(len(self.arrived)))


class BadLine(BufferedLink):
    """Each request is answered by what ``replies`` has for it, unless ``hurts`` has something for its number.

    ``asked`` are the requests so far with their sound replies; ``hurts`` what arrives instead, by place in ``asked``.
    A plug that is pulled (LinkLost from then on) is put back by :meth:`replug`.
    """

    def __init__(self, replies: Replies) -> None:
        self.time = VirtualClock()
        self.replies = replies
        self.hurts: dict[int, Arrivals] = {}
        self.asked: list[tuple[bytes, bytes]] = []
        self._due: list[tuple[int, bytes | None]] = []
        self._looks = 0
        self._unplugged = False
        super().__init__("bad://line", self.time, lambda t_ns, direction, data: None)

    @property
    def t_ns(self) -> int:
        return self.time.now_ns()

    def replug(self) -> None:
        """The plug is back; what was under way is gone."""
        self._unplugged = False
        self._due.clear()
        self._take(len(self._buffer))

    def _send(self, data: bytes) -> None:
        if self._unplugged:
            raise self._lost("unplugged")
        sound = (self.replies(data) if callable(self.replies) else self.replies.get(data)) or b""
        self.asked.append((data, sound))
        self._looks = 0
        arrivals = self.hurts.get(len(self.asked) - 1, [(PAUSE_NS, sound)])
        self._due += [(self.t_ns + delay_ns, heard) for delay_ns, heard in arrivals if heard != b""]
        self._due.sort(key=lambda arrival: arrival[0])

    def _receive(self, deadline_ns: int) -> bytes:
        if self._unplugged:
            raise self._lost("unplugged")
        if not self._due or self._due[0][0] > max(deadline_ns, self.t_ns):
            self._looks += 1
            if self._looks > RECEIVED_AT_MOST:
                raise Hang("looks at the silent line for ever")
            self.time.sleep_until_ns(deadline_ns)
            return b""
        at_ns, heard = self._due.pop(0)
        self.time.sleep_until_ns(at_ns)
        if heard is None:
            self._unplugged = True
            raise self._lost("unplugged")
        return heard

    def _release(self) -> None:
        self._due.clear()


def _require(condition: bool, complaint: str) -> None:
    if not condition:
        raise AssertionError(complaint)
