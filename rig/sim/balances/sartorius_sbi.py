"""Simulated analytical balance that speaks Sartorius SBI (Cubis MSE, Entris II and BP manuals, data interface).

Commands ``ESC c`` and ``ESC c#_``, acted on without waiting for the optional CR LF: P and kP_ print the
display, x1_ .. x5_ tell model, serial number, two software versions and a number given by the user; T, U and
V zero and tare, Z adjusts, s3_ cancels, K L M N O R Q and f#_ are taken and do nothing. Only P, kP_ and x#_
are answered.

A line has 16 characters (sign, value right-justified to position 10, space, unit in 12 to 14, CR LF) or 22
(an identity of six before the same); ``characters`` says which. The unit is blank while the reading is not
stable. In place of a weight stand, in the middle of the line and with identity ``Stat``: ``High``, ``Low``,
``Cal.Int.``, or what ``special`` is set to: ``Err 054``, ``--``, ``OFF``, ``APP.ERR`` .. What it weighs is in
:mod:`rig.sim.balances.weighing`.

From memory, to be confirmed at a real balance: T zeroes inside the zero range and tares beyond it; T, U and V
wait for a stable reading, and give up without a word; zero is shown with a plus sign; identity ``N`` whether
or not a tare is set; x#_ are answered with the bare text; P never waits (as with "print without stability").
Older balances write ``ERR`` for ``Err``.

NOT modelled: parity and handshake, commands without ESC, automatic printing, brackets around digits that are
not verified, units other than g, application data (``G#``, ``Qnt`` ..), a restart (S), external adjustment
(W), keys and menus, xBPI.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rig.sim.balances.weighing import Pan, PhysicalBalance, ZeroDrift
from rig.sim.wire.line import SerialLine, WorldClock

ESC = "\x1b"
WITH_PARAMETER = "fksxz"  # a command that begins so goes on to "_"
LONGEST_COMMAND = 5


class SimulatedSbiBalance(PhysicalBalance):
    """A balance with one host. Plain attributes: all without underscore, and those of the physical balance."""

    def __init__(
        self,
        clock: WorldClock,
        pan: Pan,
        random: np.random.Generator,
        drift: ZeroDrift,
        *,
        serial: str = "SIM-B",
        resolution_g: float = 0.00001,
        noise_g: float = 0.0,
        capacity_g: float = 220.0,
        baud: int = 9600,
    ) -> None:
        super().__init__(
            clock, pan, random, drift, resolution_g=resolution_g, noise_g=noise_g, capacity_g=capacity_g
        )
        self.line = SerialLine(clock, baud)
        self.serial, self.balance_id = serial, ""
        self.model = "infusion-rig simulated SBI balance"
        self.firmware = self.display_firmware = "1.00"
        self.characters = 22
        self.special = ""
        self.processing_s = 0.005
        self._command: str | None = None  # what came since ESC; None: nothing is expected
        self._task = 0  # number of the zeroing, taring or adjustment that goes on; changes when it is over
        self._is_adjusting = False
        self._commands: dict[str, Callable[[], None]] = {
            "P": self._print, "kP": self._print,
            "x1": lambda: self._say(self.model), "x2": lambda: self._say(self.serial),
            "x3": lambda: self._say(self.firmware), "x4": lambda: self._say(self.display_firmware),
            "x5": lambda: self._say(self.balance_id),
            "T": lambda: self._when_quiet(self._zero_or_tare), "U": lambda: self._when_quiet(self.set_tare),
            "V": lambda: self._when_quiet(self.set_zero), "Z": self._adjust, "s3": self._cancel,
        }  # fmt: skip

    # Commands in, lines out

    def attach(self, send: Callable[[int, bytes], None]) -> None:
        self.line.attach(send)

    def receive(self, data: bytes) -> None:
        data = self.line.heard(data)
        for character in data.decode("latin-1"):
            self._hear(character)

    def _hear(self, character: str) -> None:
        """Act as soon as a command is complete; all that is outside of one is passed over."""
        if character == ESC:
            self._command = ""
        elif self._command is not None:
            self._command += character
            if character == "_" or self._command[0] not in WITH_PARAMETER:
                command, self._command = self._command.removesuffix("_"), None
                if command in self._commands:
                    self._commands[command]()
            elif character in "\r\n" or len(self._command) >= LONGEST_COMMAND:
                self._command = None

    def _say(self, text: str) -> None:
        self.line.answer(text.encode("latin-1") + b"\r\n", self.processing_s)

    def _print(self) -> None:
        weight = f"{abs(self.net_g()):9.{self.decimals}f}"
        special = self._special_text(weight)
        if special:
            identity, text = "Stat", special.center(14)
        else:
            sign, unit = "-" if self.net_g() < 0 else "+", "g" if self.is_stable() else ""
            identity, text = "N", f"{sign}{weight} {unit:3}"
        self._say(text if self.characters == 16 else f"{identity:6}{text}")

    def _special_text(self, weight: str) -> str:
        """What is shown in place of a weight; empty if there is nothing of the kind."""
        if self.special:
            return self.special
        if self._is_adjusting:
            return "Cal.Int."
        beyond = self.out_of_range()
        if beyond == "-":
            return "Low"
        return "High" if beyond or len(weight) > 9 else ""

    # What takes its time, and tells nobody when it is over

    def _when_quiet(self, act: Callable[[], object]) -> None:
        if not self._is_adjusting:
            self._task += 1
            task = self._task
            self.when_stable(act, lambda: None, lambda: task == self._task)

    def _zero_or_tare(self) -> None:
        if self.set_zero():
            self.set_tare()

    def _adjust(self) -> None:
        """Internal adjustment: puts the sensitivity right."""
        self._task += 1
        self._is_adjusting = True
        task = self._task

        def finish() -> None:
            if task == self._task:
                self._is_adjusting, self.sensitivity_error = False, 0.0

        self.later(self.adjustment_s, finish)

    def _cancel(self) -> None:
        self._task += 1
        self._is_adjusting = False
