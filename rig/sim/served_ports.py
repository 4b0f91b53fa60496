"""Ports of this machine behind which a simulated instrument answers: a pseudo-terminal or a TCP server."""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

Heard = Callable[[bytes], None]


class ServedPort(Protocol):
    """A port with at most one client. What is written while there is none is lost, as on a real line."""

    @property
    def address(self) -> str:
        """As a bench file names it."""

    def write(self, data: bytes) -> None:
        """To the client; what it does not fetch in time is lost."""

    def close(self) -> None:
        """Take the port away."""


class PseudoTerminal:
    """A pseudo-terminal (Linux, macOS) under a symbolic link of fixed name.

    The slave is raw from the first byte, so that nothing is echoed, and stays open, so that clients may come and
    go. Parity and baud rate are not emulated.

    Linux drops parity and seven bits from a pseudo-terminal's settings, and the C library then fails with EINVAL
    if a client asks for them and nothing else changes. So after whatever a client sends, the speed is set to one
    that none asks for: its next setting, or the next client's, changes at least that.
    """

    def __init__(self, selector: selectors.BaseSelector, link: Path, heard: Heard) -> None:
        import pty
        import tty

        self._selector, self._link, self._heard = selector, link, heard
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        link.unlink(missing_ok=True)
        link.symlink_to(os.ttyname(self._slave))
        selector.register(self._master, selectors.EVENT_READ, self._readable)
        self._open = True

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
            self.close()

    def _unsettle_speed(self) -> None:
        import termios

        settings = termios.tcgetattr(self._slave)
        settings[4] = settings[5] = termios.B50
        with contextlib.suppress(termios.error):
            termios.tcsetattr(self._slave, termios.TCSANOW, settings)

    def write(self, data: bytes) -> None:
        if self._open:
            with contextlib.suppress(BlockingIOError):
                os.write(self._master, data)

    def close(self) -> None:
        if self._open:
            self._open = False
            self._selector.unregister(self._master)
            os.close(self._master)
            os.close(self._slave)
            self._link.unlink(missing_ok=True)


class TcpServer:
    """A TCP server on this machine's loopback. One connection at a time: a further one is closed at once."""

    def __init__(self, selector: selectors.BaseSelector, heard: Heard) -> None:
        self._selector, self._heard = selector, heard
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setblocking(False)
        self._client: socket.socket | None = None
        selector.register(self._listener, selectors.EVENT_READ, self._connected)

    @property
    def address(self) -> str:
        return f"socket://127.0.0.1:{self._listener.getsockname()[1]}"

    def _connected(self) -> None:
        client, _ = self._listener.accept()
        if self._client is not None:
            client.close()
            return
        client.setblocking(False)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._client = client
        self._selector.register(client, selectors.EVENT_READ, self._readable)

    def _readable(self) -> None:
        if self._client is None:
            return
        try:
            data = self._client.recv(4096)
            if data:
                self._heard(data)
                return
        except BlockingIOError:
            return
        except OSError:  # reset by the client, or the line was unplugged
            pass
        self._hang_up()

    def write(self, data: bytes) -> None:
        if self._client is not None:
            try:
                self._client.send(data)
            except BlockingIOError:
                pass
            except OSError:
                self._hang_up()

    def _hang_up(self) -> None:
        if self._client is not None:
            self._selector.unregister(self._client)
            self._client.close()
            self._client = None

    def close(self) -> None:
        self._hang_up()
        if self._listener.fileno() >= 0:
            self._selector.unregister(self._listener)
            self._listener.close()
