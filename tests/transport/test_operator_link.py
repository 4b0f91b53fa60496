"""The person at the terminal, on a real terminal of a process of its own."""

from __future__ import annotations

import os
import re
import select
import sys
import time
from collections.abc import Iterator

import pytest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs a POSIX terminal")

CHILD = """
import sys
from rig.clock.wall import WallClock
from rig.drivers.balance_manual import ManualBalance
from rig.errors import RigError
from rig.transport.open import open_link
log = []
clock = WallClock()
link = open_link("operator://console", clock, lambda t, way, data: log.append((way, data)))
balance = ManualBalance(link, label="Balance B12", answer_within_s=float(sys.argv[1]))
try:
    for _ in range(int(sys.argv[2])):
        reading = balance.read()
        print("READ", reading.mass_g, reading.raw)
except RigError as error:
    print("ERROR", type(error).__name__, error)
print("LOG", [way for way, _ in log])
"""


class Terminal:
    """A process whose controlling terminal a test types at."""

    def __init__(self, *arguments: str) -> None:
        import pty

        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execv(sys.executable, [sys.executable, "-c", CHILD, *arguments])
        self.shown = ""

    def wait_for(self, words: str, within_s: float = 20.0) -> None:
        deadline = time.monotonic() + within_s
        while words not in self.shown:
            assert time.monotonic() < deadline, self.shown
            if select.select([self.fd], [], [], 0.1)[0]:
                try:
                    self.shown += os.read(self.fd, 4096).decode("utf-8", "replace")
                except OSError:  # the process is gone
                    break
        assert words in self.shown, self.shown
        self.shown = self.shown.partition(words)[2]

    def type(self, text: str) -> None:
        os.write(self.fd, text.encode())

    def close(self) -> None:
        os.close(self.fd)
        os.waitpid(self.pid, 0)


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    opened: list[Terminal] = []
    yield opened
    for terminal in opened:
        terminal.close()


def test_question_answer_name_and_the_same_name_again(terminals):
    terminal = Terminal("20", "2")
    terminals.append(terminal)
    terminal.wait_for("what does the balance show?")
    terminal.wait_for("> ")
    terminal.type("12.3456 g\n")
    terminal.wait_for("your name: ")
    terminal.type("Ada Lovelace\n")
    terminal.wait_for("READ 12.3456 b'Ada Lovelace\\t12.3456 g\\n'")
    terminal.wait_for("> ")
    terminal.type("12.5 g\n")
    terminal.wait_for("your name [Ada Lovelace]: ")
    terminal.type("\n")
    terminal.wait_for("READ 12.5 b'Ada Lovelace\\t12.5 g\\n'")
    terminal.wait_for("LOG ['>', '<', '>', '<']")


def test_a_wrong_unit_is_told_and_asked_again(terminals):
    terminal = Terminal("20", "1")
    terminals.append(terminal)
    terminal.wait_for("> ")
    terminal.type("12,5 g\n")
    terminal.wait_for("your name: ")
    terminal.type("Ada\n")
    terminal.wait_for("12,5")
    terminal.wait_for("what does the balance show?")
    terminal.type("12.5 g\n\n")
    terminal.wait_for("READ 12.5")


def test_nobody_answers(terminals):
    terminal = Terminal("0.3", "1")
    terminals.append(terminal)
    terminal.wait_for("ERROR LinkTimeout")


def test_without_a_terminal_nobody_can_be_asked():
    import subprocess

    ended = subprocess.run(
        [sys.executable, "-c", CHILD, "1", "1"],
        capture_output=True, text=True, timeout=30, start_new_session=True, stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    assert re.search(r"LinkLost.*this process has no terminal", ended.stderr, re.DOTALL)
