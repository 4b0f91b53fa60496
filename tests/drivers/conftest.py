"""Scripted exchanges: what a driver must send, what it then receives. Leftovers on either side fail the test."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from rig.clock import NS_PER_S
from rig.drivers.pump_rpu1 import Rpu1Pump
from rig.errors import LinkTimeout, ProtocolError
from rig.transport.buffered_link import BufferedLink


class ScriptedLink:
    """A :class:`rig.transport.Link` that knows beforehand what will be said. Silence ends at the deadline."""

    address = "script://device"

    def __init__(self, *exchanges: tuple[bytes, bytes]) -> None:
        self.exchanges = list(exchanges)
        self.arrived = b""
        self.unasked = b""  # what a test puts here lies in the buffer before the next command
        self.t_ns = 1_000
        self.closed = False

    def now_ns(self) -> int:
        return self.t_ns

    def alone(self):
        return nullcontext()

    def write(self, data: bytes) -> None:
        assert self.exchanges, f"sent {data!r}, expected nothing more"
        assert self.arrived == b"", f"left unread: {self.arrived!r}"
        expected, reply = self.exchanges.pop(0)
        assert data == expected
        self.arrived = reply
        self.t_ns += 5_000_000

    def read_until(self, terminator: bytes, deadline_ns: int, limit: int = 4096) -> bytes:
        assert deadline_ns > self.t_ns - 2 * NS_PER_S
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
        assert self.arrived == b"", f"left unread: {self.arrived!r}"
        unasked, self.unasked = self.unasked, b""
        return unasked

    def close(self) -> None:
        self.closed = True

    def finish(self) -> None:
        assert not self.exchanges, f"never sent: {self.exchanges}"
        assert self.arrived == b"", f"left unread: {self.arrived!r}"

    def _take(self, count: int) -> bytes:
        taken, self.arrived = self.arrived[:count], self.arrived[count:]
        return taken

    def _silence(self, deadline_ns: int) -> LinkTimeout:
        self.t_ns = max(self.t_ns, deadline_ns)
        return LinkTimeout("silence", address=self.address, received=self._take(len(self.arrived)))


@pytest.fixture
def scripted() -> Iterator[Callable[..., ScriptedLink]]:
    """Make a scripted link from (expected, reply) pairs; its script must be over at the end of the test."""
    links: list[ScriptedLink] = []

    def make(*exchanges: tuple[bytes, bytes]) -> ScriptedLink:
        links.append(ScriptedLink(*exchanges))
        return links[-1]

    yield make
    for link in links:
        link.finish()


class BadLine(BufferedLink):
    """Each request is answered by the next of ``answers``: (delay in ns, bytes) pairs; when there are none, by what
    ``replies`` has for it. Time passes only in waiting."""

    def __init__(self) -> None:
        self.t_ns, self.answers, self.replies, self.due = 0, [], {}, []
        super().__init__("bad://line", self, lambda t_ns, direction, data: None)

    def now_ns(self) -> int:
        return self.t_ns

    def _send(self, data: bytes) -> None:
        answer = self.answers.pop(0) if self.answers else [(5_000_000, self.replies.get(data, b""))]
        self.due += [(self.t_ns + delay_ns, heard) for delay_ns, heard in answer if heard]
        self.due.sort(key=lambda arrival: arrival[0])

    def _receive(self, deadline_ns: int) -> bytes:
        if not self.due or self.due[0][0] > max(deadline_ns, self.t_ns):
            self.t_ns = max(self.t_ns, deadline_ns)
            return b""
        at_ns, heard = self.due.pop(0)
        self.t_ns = max(self.t_ns, at_ns)
        return heard

    def _release(self) -> None:
        self.due.clear()


@pytest.fixture(scope="session")
def bad_line() -> type[BadLine]:
    """A line on which the test says what is heard, and when."""
    return BadLine


@pytest.fixture(scope="session")
def hurts() -> Callable[..., Iterator[list[tuple[int, bytes]]]]:
    """All kinds of hurt replies, one of each kind at each byte."""
    return hurt_replies


def hurt_replies(
    dice: random.Random, sound: bytes, foreign: list[bytes]
) -> Iterator[list[tuple[int, bytes]]]:
    """What may come instead of ``sound``, with it or around it."""
    for index in range(len(sound)):
        noise, other = dice.randbytes(dice.randrange(1, 20)), dice.choice(foreign)
        yield [(5_000_000, sound[:index] + dice.choice([b"", b"\n", b"\r\n", noise, other]))]  # truncated
        yield [
            (5_000_000, sound[:index] + bytes([sound[index] ^ dice.randrange(1, 256)]) + sound[index + 1 :])
        ]
        yield [(5_000_000, sound[:index] + other + sound[index:])]  # interleaved
        yield [(5_000_000, sound[:index]), (dice.randrange(2 * NS_PER_S), noise + sound[index:])]
        yield [(dice.randrange(3 * NS_PER_S), sound), (dice.randrange(3 * NS_PER_S), sound)]  # late, doubled
        yield [(dice.randrange(NS_PER_S), other), (dice.randrange(2 * NS_PER_S), dice.choice([noise, sound]))]
        yield [(5_000_000, dice.randbytes(dice.randrange(600)) + dice.choice([b"", b"\n", b"\n" + sound]))]


def crc16_bit_by_bit(text: bytes) -> int:
    """CRC-16/CCITT-FALSE from its definition, so that the tests do not share the driver's way to it."""
    crc = 0xFFFF
    for byte in text:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1) ^ 0x1021 if crc & 0x8000 else crc << 1
        crc &= 0xFFFF
    return crc


@pytest.fixture(scope="session")
def rpu1_line() -> Callable[[str], bytes]:
    """Make a line of RPU/1 from marker and text: "> 01 2B GET STATUS"."""

    def make(marked: str) -> bytes:
        assert crc16_bit_by_bit(b"123456789") == 0x29B1
        return f"{marked}*{crc16_bit_by_bit(marked[2:].encode('ascii')):04X}\r\n".encode("ascii")

    return make


@pytest.fixture(scope="session")
def rpu1_story() -> list[tuple[bytes, bool]]:
    """The worked exchanges of the RPU/1 document, CR LF added: each line, and whether it is sound."""
    text = (Path(__file__).parents[2] / "docs/reference/rpu-1.md").read_text(encoding="utf-8")
    block = text.split("```rpu1\n")[1].split("```")[0]
    lines, sound = [], True
    for line in block.splitlines():
        if line.startswith("#"):
            sound = line != "# damaged"
        else:
            lines.append((line.encode("ascii") + b"\r\n", sound))
            sound = True
    return lines


@pytest.fixture
def rpu1_talk(scripted, rpu1_line):
    """A pump (address 01) with its session open, and the exchanges that must follow: (request, reply or lines)."""

    def make(*exchanges, identified=True, level=2):
        identity = "OK MAKER=Infusion%20Rig MODEL=RPU-Sim SERIAL=SIM-0001 FW=1.0 PROTO=1 LEVEL="
        script = [("ID", f"{identity}{level}")] if identified else []
        pairs = []
        for sequence, (request, replies) in enumerate([*script, *exchanges]):
            heard = b""
            for reply in (replies,) if isinstance(replies, (str, bytes)) else replies:
                prefix = f"< 01 {sequence:02X} "
                heard += reply if isinstance(reply, bytes) else rpu1_line(prefix + reply)
            pairs.append((rpu1_line(f"> 01 {sequence:02X} {request}"), heard))
        link = scripted(*pairs)
        pump = Rpu1Pump(link)
        if identified:
            pump.identify()
        return pump, link

    return make
