"""Simulated analytical balance that speaks MT-SICS (Mettler-Toledo reference manuals 11780711 and 30324923).

Commands: @ I0 I1 I2 I3 I4 I10 I11 S SI SIR SIU SIRU SNR Z ZI T TI TA TAC C3 M28 WS UPD PWR; ASCII lines
ended CR LF. Errors: ``ES`` unknown command or wrong syntax, ``<id> L`` wrong parameter, ``<id> I`` not
executable now.

What it weighs and shows is in :mod:`rig.sim.balances.weighing`; an unstable reading is a dynamic one here.

NOT modelled: ``ET``, parity and handshake, units other than g, keys and menus, weight limits in ``SNR``'s
argument other than in g, the argument of ``I0`` lists of optional packages. ``I1``, ``M28``, ``UPD`` and
``PWR`` answers follow the manual's form from memory.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from rig.sim.balances.weighing import Pan, PhysicalBalance, ZeroDrift
from rig.sim.wire.line import SerialLine, WorldClock


class SimulatedBalance(PhysicalBalance):
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
        self.model = "infusion-rig simulated MT-SICS balance"
        self.firmware = "1.00"
        self.processing_s = 0.005
        self._buffer = b""
        self._waiting = ""  # a command that waits for a stable reading, or C3
        self._task = 0  # number of the waiting or repeating command; changes when it is over
        self._repeating = False
        self._commands: dict[str, tuple[int, Callable[[list[str]], None]]] = {
            "@": (0, self._cancel), "I0": (0, self._list_commands), "I1": (0, self._level),
            "I2": (0, self._data), "I3": (0, self._software), "I4": (0, self._serial_number),
            "S": (0, self._stable), "SI": (0, self._immediate), "SIR": (0, self._repeat), "Z": (0, self._zero),
            "ZI": (0, self._zero_now), "T": (1, self._tare), "TI": (1, self._tare_now),
            "TA": (1, self._tare_value), "TAC": (1, self._tare_clear),
            "SIU": (2, self._immediate), "SIRU": (2, self._repeat), "SNR": (2, self._on_change),
            "I10": (2, self._identification), "I11": (2, self._type), "C3": (2, self._adjust),
            "M28": (2, self._temperature), "WS": (2, self._draft_shield), "UPD": (2, self._update_rate),
            "PWR": (2, self._power),
        }  # fmt: skip

    # Lines

    def attach(self, send: Callable[[int, bytes], None]) -> None:
        self.line.attach(send)

    def receive(self, data: bytes) -> None:
        data = self.line.heard(data)
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        self._buffer = self._buffer[-256:]
        for line in lines:
            self._execute(line.rstrip(b"\r").decode("latin-1"))

    def _say(self, text: str) -> None:
        self.line.answer(text.encode("latin-1") + b"\r\n", self.processing_s)

    def _execute(self, text: str) -> None:
        name, *rest = text.split(" ", 1)
        arguments = rest[0].split(" ") if rest else []
        if name not in self._commands:
            self._say("ES")
        elif self._waiting and name != "@":
            self._say(f"{self._reply_id(name)} I")  # busy with another command
        else:
            if self._repeating and name[0] in "S@":  # SIR goes on until one of these
                self._repeating, self._task = False, self._task + 1
            self._commands[name][1](arguments)

    @staticmethod
    def _reply_id(name: str) -> str:
        return "S" if name in ("S", "SI", "SIR", "SIU", "SIRU", "SNR") else name

    def _weight(self, identity: str, value_g: float, *, stable: bool) -> str:
        return f"{identity} {'S' if stable else 'D'} {value_g + 0.0:10.{self.decimals}f} g"

    def _reading(self) -> str:
        if beyond := self.out_of_range():
            return f"S {beyond}"
        return self._weight("S", self.net_g(), stable=self.is_stable())

    # Waiting and repeating

    def _when_stable(self, name: str, act: Callable[[], None]) -> None:
        """Do ``act`` at the first stable reading, or answer I at the time-out."""
        self._task += 1
        self._waiting = name
        task = self._task

        def end_with(what: Callable[[], None]) -> Callable[[], None]:
            def end() -> None:
                self._waiting = ""
                what()

            return end

        give_up = end_with(lambda: self._say(f"{name} I"))
        self.when_stable(end_with(act), give_up, lambda: task == self._task)

    def _every_update(self, act: Callable[[], None]) -> None:
        self._task += 1
        self._repeating = True
        task = self._task

        def again() -> None:
            if task == self._task:
                act()
                self.later(self.update_s, again)

        again()

    # Commands

    def _cancel(self, arguments: list[str]) -> None:
        self._waiting, self._repeating, self._task = "", False, self._task + 1
        self._serial_number(arguments)

    def _list_commands(self, _arguments: list[str]) -> None:
        names = sorted(self._commands.items(), key=lambda item: (item[1][0], item[0]))
        for index, (name, (level, _)) in enumerate(names):
            self._say(f'I0 {"A" if index == len(names) - 1 else "B"} {level} "{name}"')

    def _level(self, _arguments: list[str]) -> None:
        self._say('I1 A "012" "2.30" "2.22" "2.33" ""')

    def _data(self, _arguments: list[str]) -> None:
        self._say(f'I2 A "{self.model} {self.capacity_g:.{self.decimals}f} g"')

    def _software(self, _arguments: list[str]) -> None:
        self._say(f'I3 A "{self.firmware} 0.0.0.0"')

    def _serial_number(self, _arguments: list[str]) -> None:
        self._say(f'I4 A "{self.serial}"')

    def _identification(self, arguments: list[str]) -> None:
        if not arguments:
            self._say(f'I10 A "{self.balance_id}"')
            return
        text = " ".join(arguments)
        if len(text) < 2 or text[0] != '"' or text[-1] != '"' or len(text) > 22:
            self._say("I10 L")
            return
        self.balance_id = text[1:-1]
        self._say("I10 A")

    def _type(self, _arguments: list[str]) -> None:
        self._say('I11 A "simulated"')

    def _stable(self, arguments: list[str]) -> None:
        if arguments:
            self._say("S L")
        else:
            self._when_stable("S", lambda: self._say(self._reading()))

    def _immediate(self, arguments: list[str]) -> None:
        self._say("S L" if arguments else self._reading())

    def _repeat(self, _arguments: list[str]) -> None:
        self._every_update(lambda: self._say(self._reading()))

    def _on_change(self, arguments: list[str]) -> None:
        try:
            threshold_g = float(arguments[0]) if arguments else 30 * self.resolution_g
        except ValueError:
            self._say("S L")
            return
        last_g = math.inf

        def look() -> None:
            nonlocal last_g
            if self.is_stable() and abs(self.net_g() - last_g) >= threshold_g:
                last_g = self.net_g()
                self._say(self._reading())

        self._every_update(look)

    def _zero(self, _arguments: list[str]) -> None:
        self._when_stable("Z", lambda: self._say(f"Z {self.set_zero() or 'A'}"))

    def _zero_now(self, _arguments: list[str]) -> None:
        self._say(f"ZI {self.set_zero() or ('S' if self.is_stable() else 'D')}")

    def _answer_tare(self, name: str) -> None:
        beyond = self.set_tare()
        reply = f"{name} {beyond}" if beyond else self._weight(name, self.tare_g, stable=self.is_stable())
        self._say(reply)

    def _tare(self, _arguments: list[str]) -> None:
        self._when_stable("T", lambda: self._answer_tare("T"))

    def _tare_now(self, _arguments: list[str]) -> None:
        self._answer_tare("TI")

    def _tare_value(self, arguments: list[str]) -> None:
        if arguments:
            try:
                value_g = float(arguments[0])
            except ValueError:
                value_g = math.nan
            if len(arguments) != 2 or arguments[1] != "g" or not 0 <= value_g <= self.capacity_g:
                self._say("TA L")
                return
            self.tare_g = value_g
        self._say(self._weight("TA", self.tare_g, stable=True).replace("TA S", "TA A", 1))

    def _tare_clear(self, _arguments: list[str]) -> None:
        self.tare_g = 0.0
        self._say("TAC A")

    def _adjust(self, _arguments: list[str]) -> None:
        """Internal adjustment: takes minutes, puts the sensitivity right."""
        self._task += 1
        self._waiting = "C3"
        task = self._task
        self._say("C3 B")

        def finish() -> None:
            if task == self._task:
                self._waiting, self.sensitivity_error = "", 0.0
                self._say("C3 A")

        self.later(self.adjustment_s, finish)

    def _temperature(self, _arguments: list[str]) -> None:
        self._say(f"M28 A 1 {self.temperature_c:.1f}")

    def _update_rate(self, arguments: list[str]) -> None:
        if not arguments:
            self._say(f"UPD A {1 / self.update_s:.3f}")
            return
        try:
            rate_hz = float(arguments[0])
        except ValueError:
            rate_hz = math.nan
        if not 0.1 <= rate_hz <= 92:
            self._say("UPD L")
            return
        self.update_s = 1 / rate_hz
        self._say("UPD A")

    def _draft_shield(self, arguments: list[str]) -> None:
        self._say("WS A" if arguments and arguments[0] in ("0", "1", "2", "3") else "WS L")

    def _power(self, arguments: list[str]) -> None:
        self._say("PWR A" if arguments and arguments[0] in ("0", "1") else "PWR L")
