"""Simulated USB relay module of Numato Lab's kind: readable commands over a virtual serial port (Numato Lab's user
guides of its USB relay modules).

What is sent comes back as an echo; a command ends with CR, its answer follows in a line of its own, then the prompt
``>``::

    relay on 0          relay off 0          relay read 0 -> on or off
    relay readall -> 03 (a bit a relay, in as many hexadecimal digits as there are relays / 4)     relay writeall 0F
    ver -> 00000008     id get -> 00000000   id set 12345678    reset (all off)

Lines are divided by LF CR. Relays from 10 on are letters.

From memory, to be confirmed at a real module: that a command it does not know is answered by the bare prompt.

NOT modelled: GPIO and analogue inputs, editing of the line, the speed of USB.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from rig.sim.wire.line import SerialLine, WorldClock

BREAK = "\n\r"
DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUV"
LONGEST_COMMAND = 64


class SimulatedRelayModule:
    """The module. Plain attributes: ``on`` (relays), ``count``, ``module_id``, ``firmware``, ``stuck`` (relays that
    do not move, whatever the module says), ``moved``: told number and state of each relay that moves;
    ``processing_s``; faults of the line in ``line``.
    """

    def __init__(
        self,
        clock: WorldClock,
        *,
        moved: Callable[[int, bool], None] = lambda _relay, _on: None,
        count: int = 8,
        module_id: str = "51300000",
        baud: int = 19_200,
    ) -> None:
        self.line = SerialLine(clock, baud)
        self.on: set[int] = set()
        self.stuck: set[int] = set()
        self.count, self.module_id, self.firmware, self.moved = count, module_id, "00000008", moved
        self.processing_s = 0.002
        self._input = ""

    def attach(self, send: Callable[[int, bytes], None]) -> None:
        self.line.attach(send)

    def receive(self, data: bytes) -> None:
        data = self.line.heard(data)
        *commands, self._input = (self._input + data.decode("latin-1").replace("\n", "")).split("\r")
        for command in commands:
            answer = self._carry_out(command.strip().lower().split())
            told = f"{answer}{BREAK}" if answer else ""
            self.line.answer(f"{command}{BREAK}{told}>".encode("latin-1"), self.processing_s)
        self._input = self._input[:LONGEST_COMMAND]

    def _carry_out(self, words: list[str]) -> str:
        match words:
            case ["ver"]:
                return self.firmware
            case ["id", "get"]:
                return self.module_id
            case ["id", "set", text] if len(text) == 8:
                self.module_id = text
            case ["reset"]:
                self._write(0)
            case ["relay", "on" | "off" as state, number] if (relay := self._number(number)) is not None:
                self._set(relay, state == "on")
            case ["relay", "read", number] if (relay := self._number(number)) is not None:
                return "on" if relay in self.on else "off"
            case ["relay", "readall"]:
                return f"{sum(1 << relay for relay in self.on):0{max(2, self.count // 4)}x}"
            case ["relay", "writeall", text] if re.fullmatch(f"[0-9a-f]{{{max(2, self.count // 4)}}}", text):
                self._write(int(text, 16))
        return ""

    def _number(self, text: str) -> int | None:
        number = DIGITS.find(text.upper()) if len(text) == 1 else -1
        return number if 0 <= number < self.count else None

    def _write(self, bits: int) -> None:
        for relay in range(self.count):
            self._set(relay, bool(bits >> relay & 1))

    def _set(self, relay: int, on: bool) -> None:
        if (relay in self.on) == on:
            return
        self.on ^= {relay}
        if relay not in self.stuck:
            self.moved(relay, on)
