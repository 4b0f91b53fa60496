"""``operator://console``: a person at the terminal, asked one question at a time.

A question is one line of text; the answer comes back as ``name``, tab, ``answer``, newline. Who answers is asked with
each question (return: the same person as before), because over a run of days it is not always the same one. The
terminal is that of the process (``/dev/tty``), whatever standard input and output are. While a question stands, the
live page can answer it too (:mod:`rig.transport.prompts`); whoever is first counts, and the other is told.

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
from rig.transport.prompts import StandingQuestion

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
        self._question: StandingQuestion | None = None

    def alone(self) -> AbstractContextManager[object]:
        return self._turn

    def _send(self, data: bytes) -> None:
        """Show the question."""
        self._typed.clear()
        self._answer = ""
        self._question = StandingQuestion(data.decode("utf-8", "replace").strip())
        OperatorLink.asking.set()
        self._show(b"\r\n\x07" + data.rstrip(b"\n") + b"\r\n> ")

    def _receive(self, deadline_ns: int) -> bytes:
        """The whole answer at once, or b"" at the deadline."""
        question = self._question or StandingQuestion("")
        try:
            typed = self._typed_answer(deadline_ns, question)
            answered = question.answer(*typed) if typed else question.withdraw()
            if answered is not None and answered != typed:
                self._show(b"\r\n  answered by %b: %b\r\n" % tuple(text.encode() for text in answered))
        finally:
            question.withdraw()
            OperatorLink.asking.clear()
        return self._logged("{}\t{}\n".format(*answered).encode()) if answered else b""

    def _typed_answer(self, deadline_ns: int, question: StandingQuestion) -> tuple[str, str] | None:
        """Name and answer; None at the deadline, or when somebody else has answered."""
        while (line := self._line(deadline_ns, question)) is not None:
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
                return OperatorLink._name, self._answer
            self._show(b"  your name: ")
        return None

    def _line(self, deadline_ns: int, question: StandingQuestion) -> str | None:
        """One typed line without its end and spaces around it; None at the deadline, or when it is of no use."""
        while b"\n" not in self._typed:
            now_ns = self._clock.now_ns()
            if now_ns >= deadline_ns or question.answered() is not None:
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
