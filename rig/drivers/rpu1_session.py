"""The exchange rules of RPU/1 (docs/reference/rpu-1.md, section 3) between the rig and one pump.

The one retry: a request without a sound reply in time, or answered ``ERR 09`` (it arrived damaged), is sent
once more with the identical line. The device carries a repeated line out once and repeats its reply, so this
cannot dose twice. After the second failure the error is raised and what the pump did is unknown: interrogate it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Container, Iterator
from contextlib import suppress
from typing import TypeVar

from rig.clock import NS_PER_S
from rig.drivers.rpu1_replies import parse_identity, parse_level
from rig.drivers.rpu1_wire import LINE_LIMIT, Line, format_request, parse_line
from rig.drivers.rpu1_words import ERRORS
from rig.errors import DeviceError, ExchangeError, LinkLost, LinkTimeout, ProtocolError
from rig.readings import Identity
from rig.transport import Link

T = TypeVar("T")

REPLY_WITHIN_NS = NS_PER_S  # section 1, host time-out


class Rpu1Session:
    """Requests and replies over a link that may be shared with pumps of other addresses.

    ``level`` is what the pump said with its identity, 0 before; ``notices`` the alarm lines it sent by itself; ``last``
    the last request and its reply.
    """

    def __init__(self, link: Link, address: int) -> None:
        self.level = 0
        self.last = (b"", b"")
        self.notices: deque[Line] = deque(maxlen=256)
        self._link, self._address = link, address
        self._sequence = 255

    def open(self) -> Identity:
        """Ask who it is, which is the first request of a session."""
        identity, self.level = self.ask("ID", lambda reply: (parse_identity(reply), parse_level(reply)))
        return identity

    def ask(
        self, request: str, parse: Callable[[Line], T], answers: Container[str] = (), repeat: bool = True
    ) -> T:
        """One request and its reply, parsed: OK, or an error code that is one of ``answers``.

        Opens the session, if none is open.
        """
        if not self.level and request != "ID":
            self.open()
        self._sequence = (self._sequence + 1) % 256
        line = format_request(self._address, self._sequence, request)
        try:
            with self._link.alone():
                reply = self._exchange(line, repeat)
            self.last = (line, reply.raw)
            if reply.error and reply.error not in answers:
                keys = "".join(f", {name} {value}" for name, value in reply.keys.items())
                message = f"the pump refused: {ERRORS.get(reply.error, 'unknown')} (code {reply.error}{keys})"
                raise DeviceError(message, code=reply.error, received=reply.raw)
            return parse(reply)
        except LinkLost:
            self.level = 0  # whoever answers when the line is back must say again what it is
            raise
        except ExchangeError as error:
            error.address, error.sent = self._link.address, line
            raise

    def sit_out(self, duration_ns: int) -> None:
        """Whatever comes until then is no reply. Afterwards no session is open."""
        self.level = 0
        with self._link.alone(), suppress(LinkTimeout):
            for _ in self._replies(self._link.now_ns() + duration_ns, []):
                continue

    def _exchange(self, line: bytes, repeat: bool) -> Line:
        try:
            reply = self._send(line)
        except (LinkTimeout, ProtocolError):
            if not repeat:
                raise
        else:
            if reply.error != "09" or not repeat:
                return reply
        return self._send(line)  # the one retry

    def _send(self, line: bytes) -> Line:
        """Send, and wait for the reply. Other lines in between do not move the deadline."""
        deadline_ns = self._link.now_ns() + REPLY_WITHIN_NS
        self._link.write(line)
        others: list[bytes] = []  # damaged, late or foreign
        try:
            for reply in self._replies(deadline_ns, others):
                if (reply.address, reply.sequence) == (self._address, self._sequence):
                    return reply
                others.append(reply.raw)
        except LinkTimeout as error:
            if not others:
                raise
            others.append(error.received)
        received = b"".join(others)
        raise ProtocolError("only damaged or foreign lines came", received=received)

    def _replies(self, deadline_ns: int, damaged: list[bytes]) -> Iterator[Line]:
        """Sound replies until the deadline, whoever sent them. Silence then is LinkTimeout."""
        while self._link.now_ns() <= deadline_ns:  # a line that never falls silent ends too
            try:
                line = parse_line(self._link.read_until(b"\n", deadline_ns, LINE_LIMIT))
            except ProtocolError as error:
                damaged.append(error.received)
                continue
            if line.marker == "<":
                yield line
            elif line.address == self._address and (not self.notices or self.notices[-1].raw != line.raw):
                self.notices.append(line)
