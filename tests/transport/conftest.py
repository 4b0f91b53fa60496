"""Lines for the transport tests: pseudo-terminals, TCP servers, and what went over them."""

from __future__ import annotations

import os
import socket
import threading
import tty
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from rig.clock import NS_PER_S
from rig.clock.wall import WallClock
from rig.transport import Link
from rig.transport.open import open_link

NS_PER_MS = NS_PER_S // 1000


@dataclass
class Wire:
    """A sink that keeps everything."""

    records: list[tuple[int, str, bytes]] = field(default_factory=list)

    def __call__(self, t_ns: int, direction: str, data: bytes) -> None:
        self.records.append((t_ns, direction, data))

    def bytes(self, direction: str) -> bytes:
        return b"".join(data for _, way, data in self.records if way == direction)


class FarEnd:
    """The instrument's end of a line: send, receive, and pull the plug."""

    def __init__(
        self, send: Callable[[bytes], object], receive: Callable[[int], bytes], unplug: Callable[[], None]
    ):
        self.send, self.receive, self.unplug = send, receive, unplug

    def receive_exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            data += self.receive(count - len(data))
        return data

    def in_background(self, action: Callable[[], None]) -> threading.Thread:
        thread = threading.Thread(target=action, daemon=True)
        thread.start()
        return thread


@dataclass
class Line:
    """One open link and the far end of it."""

    link: Link
    far: FarEnd
    wire: Wire
    clock: WallClock
    address: str

    def deadline(self, milliseconds: float) -> int:
        return self.clock.now_ns() + round(milliseconds * NS_PER_MS)


class Pty:
    """A pseudo-terminal in raw mode, both ends held open."""

    def __init__(self) -> None:
        self.master, self.slave = os.openpty()
        tty.setraw(self.slave)
        self.name = os.ttyname(self.slave)
        self._open = [self.master, self.slave]

    def unplug(self) -> None:
        for descriptor in self._open:
            os.close(descriptor)
        self._open = []

    def far_end(self) -> FarEnd:
        return FarEnd(
            lambda data: os.write(self.master, data), lambda count: os.read(self.master, count), self.unplug
        )


@pytest.fixture
def pty() -> Iterator[Pty]:
    terminal = Pty()
    yield terminal
    terminal.unplug()


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def clock() -> WallClock:
    return WallClock()


KINDS = ("serial", "serial-portable", "socket", "visa-serial", "visa-socket")


@pytest.fixture(params=KINDS)
def line(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    """The same tests on every way to a real line."""
    yield from _open(request.param, monkeypatch)


@pytest.fixture
def open_line(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Line]]:
    """Open one more line of a kind, as often as a test wants."""
    opened: list[Iterator[Line]] = []

    def one(kind: str) -> Line:
        opened.append(_open(kind, monkeypatch))
        return next(opened[-1])

    yield one
    for generator in opened:
        next(generator, None)


def _open(kind: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    clock, wire = WallClock(), Wire()
    if kind == "serial-portable":
        from rig.transport import serial_link

        monkeypatch.setattr(serial_link, "READ_DESCRIPTOR", False)
    if "socket" in kind:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            visa = f"visa://TCPIP::127.0.0.1::{port}::SOCKET"
            address = visa if kind.startswith("visa") else f"socket://127.0.0.1:{port}"
            link = open_link(address, clock, wire)
            connection, _ = server.accept()
        far = FarEnd(connection.sendall, connection.recv, connection.close)
    else:
        terminal = Pty()
        visa = f"visa://ASRL{terminal.name}::INSTR"
        address = visa if kind.startswith("visa") else f"serial://{terminal.name}"
        link = open_link(address, clock, wire, baud=115200)
        far = terminal.far_end()
    yield Line(link, far, wire, clock, address)
    link.close()
    far.unplug()
