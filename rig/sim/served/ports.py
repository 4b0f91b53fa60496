"""Ports of this machine behind which a simulated instrument answers: a pseudo-terminal, or a TCP server, which may
speak RFC 2217."""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from rig.sim.served.paced import PacedClock
from rig.transport import WirePort
from rig.transport.address import BAUDS, Framing
from rig.transport.rfc2217_server import ComPort

Heard = Callable[[bytes], None]


class ServedPort(Protocol):
    """A port with at most one client. What is written while there is none is lost, as on a real line."""

    @property
    def address(self) -> str:
        """As a bench file names it."""

    def settings(self, own: Framing) -> Framing:
        """What the client's port is set to; ``own``, the instrument's, as far as that cannot be seen."""

    def write(self, data: bytes) -> None:
        """To the client; what it does not fetch in time is lost."""

    def close(self) -> None:
        """Take the port away."""


def connect(
    clock: PacedClock, device: WirePort, lines: list[Any], make: Callable[[Heard], ServedPort]
) -> ServedPort:
    """Put ``device`` behind the port that ``make`` gives; ``lines`` are told how its client's port is set."""

    def heard(data: bytes) -> None:
        clock.advance()  # what was due before these bytes came happens before them
        for line in lines:
            line.host = port.settings(line.framing)
        device.receive(data)

    port = make(heard)
    device.attach(lambda at_ns, data: clock.call_at(at_ns, lambda: port.write(data)))
    return port


class PseudoTerminal:
    """A pseudo-terminal (Linux, macOS) under a symbolic link of fixed name.

    The slave is raw from the first byte, so that nothing is echoed, and stays open, so that clients may come and
    go. A client's speed is seen; its parity and character size are not. :meth:`unplug` takes the port away under its
    client, :meth:`replug` brings it back under the same name.

    Linux drops parity and seven bits from a pseudo-terminal's settings, and the C library then fails with EINVAL
    if a client asks for them and nothing else changes. So after whatever a client sends, the speed is set to one
    that none asks for: its next setting, or the next client's, changes at least that.
    """

    def __init__(self, selector: selectors.BaseSelector, link: Path, heard: Heard) -> None:
        self._selector, self._link, self._heard = selector, link, heard
        self._open = False
        self.replug()

    def replug(self) -> None:
        import pty
        import tty

        if self._open:
            return
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self._link.unlink(missing_ok=True)
        self._link.symlink_to(os.ttyname(self._slave))
        self._selector.register(self._master, selectors.EVENT_READ, self._readable)
        self._open = True
        self._unsettle_speed()
        self._baud: int | None = None  # what a client has set it to

    def settings(self, own: Framing) -> Framing:
        return own if self._baud is None else replace(own, baud=self._baud)

    @property
    def address(self) -> str:
        return f"serial://{self._link}"

    def _readable(self) -> None:
        try:
            data = os.read(self._master, 4096)
            self._unsettle_speed()
            self._heard(data)
        except BlockingIOError:
            pass
        except OSError:  # the line was unplugged
            self.unplug()

    def _unsettle_speed(self) -> None:
        import termios

        settings = termios.tcgetattr(self._slave)
        if settings[5] != termios.B50:
            self._baud = next(
                (baud for baud in BAUDS if getattr(termios, f"B{baud}", None) == settings[5]), None
            )
        settings[4] = settings[5] = termios.B50
        with contextlib.suppress(termios.error):
            termios.tcsetattr(self._slave, termios.TCSANOW, settings)

    def write(self, data: bytes) -> None:
        if self._open:
            with contextlib.suppress(BlockingIOError):
                os.write(self._master, data)

    def unplug(self) -> None:
        if self._open:
            self._open = False
            self._selector.unregister(self._master)
            os.close(self._master)
            os.close(self._slave)
            self._link.unlink(missing_ok=True)

    def close(self) -> None:
        self.unplug()


class TcpServer:
    """A TCP server on this machine's loopback. One connection at a time: a further one is closed at once."""

    scheme = "socket"

    def __init__(self, selector: selectors.BaseSelector, heard: Heard) -> None:
        self._selector, self._heard = selector, heard
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setblocking(False)
        self._client: socket.socket | None = None
        self._com_port: ComPort | None = None
        selector.register(self._listener, selectors.EVENT_READ, self._connected)

    @property
    def address(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self._listener.getsockname()[1]}"

    def _connected(self) -> None:
        client, _ = self._listener.accept()
        if self._client is not None:
            client.close()
            return
        client.setblocking(False)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._client = client
        self._selector.register(client, selectors.EVENT_READ, self._readable)
        self._com_port = ComPort(self._send) if self.scheme == "rfc2217" else None

    def _readable(self) -> None:
        if self._client is None:
            return
        try:
            data = self._client.recv(4096)
            if data:
                if self._com_port is not None:
                    data = self._com_port.heard(data)
                if data:
                    self._heard(data)
                return
        except BlockingIOError:
            return
        except OSError:  # reset by the client, or the line was unplugged
            pass
        self.hang_up()

    def settings(self, own: Framing) -> Framing:
        return own if self._com_port is None else self._com_port.framing

    def write(self, data: bytes) -> None:
        if self._com_port is not None:
            self._com_port.send(data)
        else:
            self._send(data)

    def _send(self, data: bytes) -> None:
        if self._client is not None:
            try:
                self._client.send(data)
            except BlockingIOError:
                pass
            except OSError:
                self.hang_up()

    def hang_up(self) -> None:
        """End the connection, as a line that is lost; the next client is let in."""
        if self._client is not None:
            self._selector.unregister(self._client)
            self._client.close()
            self._client = self._com_port = None

    def close(self) -> None:
        self.hang_up()
        if self._listener.fileno() >= 0:
            self._selector.unregister(self._listener)
            self._listener.close()


class Rfc2217Server(TcpServer):
    """The same as the server of a serial port: a client sets baud rate, parity and character size, and they count."""

    scheme = "rfc2217"
