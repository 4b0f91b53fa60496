"""``operator://console``: a person at the terminal, asked one question at a time.

A question is one line of text; the answer comes back as ``name``, tab, ``answer``, newline. Who answers is asked with
each question (return: the same person as before), because over a run of days it is not always the same one. The
terminal is that of the process (``/dev/tty``), whatever standard input and output are.

NOT tried: Windows, whose console cannot be waited for in this way.
"""

from __future__ import annotations

import os
import select
import threading
from contextlib import AbstractContextManager
from typing import ClassVar

from rig.clock import NS_PER_S, Clock
from rig.errors import LinkLost
from rig.transport import WireSink
from rig.transport.buffered_link import SLICE_NS, BufferedLink

TERMINAL = "/dev/tty"


class OperatorLink(BufferedLink):
    """The terminal. All operator links of a process share it, and the name of who answered last."""

    asking: ClassVar[threading.Event] = (
        threading.Event()
    )  # nobody else should write to the terminal meanwhile
    _turn: ClassVar[threading.RLock] = threading.RLock()
    _name: ClassVar[str] = ""

    def __init__(self, address: str, clock: Clock, sink: WireSink, terminal: int) -> None:
        super().__init__(address, clock, sink)
        self._terminal = terminal
        self._typed = bytearray()
        self._answer = ""  # typed, while the name is still to come

    def alone(self) -> AbstractContextManager[object]:
        return self._turn

    def _send(self, data: bytes) -> None:
        """Show the question."""
        self._typed.clear()
        self._answer = ""
        OperatorLink.asking.set()
        self._show(b"\r\n\x07" + data.rstrip(b"\n") + b"\r\n> ")

    def _receive(self, deadline_ns: int) -> bytes:
        """The whole answer at once, or b"" at the deadline."""
        while (line := self._line(deadline_ns)) is not None:
            if not self._answer:
                self._answer = line
                if line:
                    known = f" [{OperatorLink._name}]" if OperatorLink._name else ""
                    self._show(f"  your name{known}: ".encode())
                else:
                    self._show(b"> ")
                continue
            if line or OperatorLink._name:
                OperatorLink._name = line or OperatorLink._name
                OperatorLink.asking.clear()
                return self._logged(f"{OperatorLink._name}\t{self._answer}\n".encode())
            self._show(b"  your name: ")
        OperatorLink.asking.clear()
        return b""

    def _line(self, deadline_ns: int) -> str | None:
        """One typed line without its end and spaces around it; None at the deadline."""
        while b"\n" not in self._typed:
            now_ns = self._clock.now_ns()
            if now_ns >= deadline_ns:
                return None
            self._clock.raise_if_aborted()
            wait_s = min(SLICE_NS, deadline_ns - now_ns) / NS_PER_S
            if select.select([self._terminal], [], [], wait_s)[0]:
                typed = os.read(self._terminal, 1024)
                if not typed:
                    raise self._lost("the terminal was closed")
                self._typed += typed
        line, _, rest = bytes(self._typed).partition(b"\n")
        self._typed[:] = rest
        return " ".join(line.decode("utf-8", "replace").split())

    def _show(self, data: bytes) -> None:
        try:
            os.write(self._terminal, data)
        except OSError as error:
            raise self._lost(error.strerror or "the terminal was closed") from error

    def discard_input(self) -> bytes:
        """What was typed before the question is no answer to it."""
        self._refuse_if_closed()
        while select.select([self._terminal], [], [], 0)[0] and os.read(self._terminal, 1024):
            continue
        return b""

    def _release(self) -> None:
        os.close(self._terminal)


def open_operator(address: str, clock: Clock, sink: WireSink) -> OperatorLink:
    """The terminal of this process. Raises LinkLost when it has none."""
    try:
        terminal = os.open(TERMINAL, os.O_RDWR | getattr(os, "O_NOCTTY", 0))
    except OSError as error:
        raise LinkLost(
            "nobody can be asked: this process has no terminal. Start the run at one, or take the manual "
            "instruments off the bench",
            address=address,
        ) from error
    return OperatorLink(address, clock, sink, terminal)
