"""Simulated air transmitter Vaisala PTU300 (User's Guide M210796EN, chapter Operation: serial line commands).

4800 baud 7E1, commands ended by CR, lines by CR LF. ``SEND`` tells a line in the default output format, ``?`` the
settings (``??`` does so in mode POLL too), ``VERS`` the software, ``ECHO ON|OFF`` and ``SMODE STOP|POLL`` change
settings and tell them; anything else is ``Unknown command``. With the echo on (the default) what is sent comes back
and a prompt ``>`` follows each answer. In mode POLL only ``SEND`` with its address, and ``??``, are answered, without
echo or prompt. A quantity whose probe has failed is told as asterisks.

From memory, to be confirmed at a real one: the line for an unknown command, the lines of ``?`` after the first two,
that in mode POLL nothing is echoed.

NOT modelled: mode RUN, other output formats and units, averaging, heating of the probe, drift, parity and seven bits,
the passwords.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from rig.sim.wire.line import SerialLine, WorldClock

LINE_END = "\r\n"
LONGEST_COMMAND = 100


class Air(Protocol):
    """What the transmitter stands in."""

    temperature_c: float
    pressure_hpa: float
    humidity_pct: float


class SimulatedPtu300:
    """The transmitter. Plain attributes: ``air``, ``serial``, ``version``, ``address``, ``mode`` ("STOP" or "POLL"),
    ``echo``, ``noise_hpa``, ``noise_k``, ``noise_pct`` (standard deviations), ``failed`` (of "P", "T", "RH"),
    ``processing_s``, ``silent``; faults of the line in ``line``.
    """

    def __init__(
        self,
        clock: WorldClock,
        air: Air,
        random: np.random.Generator,
        *,
        serial: str = "SIM-PTU",
        address: int = 0,
        baud: int = 4800,
    ) -> None:
        self.line = SerialLine(clock, baud, "7E1")
        self.air, self.serial, self.address, self.version = air, serial, address, "PTU300 / 1.01"
        self.mode, self.echo, self.silent = "STOP", True, False
        self.noise_hpa, self.noise_k, self.noise_pct = 0.03, 0.02, 0.1
        self.failed: set[str] = set()
        self.processing_s = 0.05
        self._random = random
        self._input = ""
        self._commands: dict[str, Callable[[list[str]], list[str]]] = {
            "SEND": lambda _: [self._reading()],
            "?": lambda _: self._settings(),
            "VERS": lambda _: [self.version],
            "ECHO": self._set_echo,
            "SMODE": self._set_mode,
        }

    def attach(self, send: Callable[[int, bytes], None]) -> None:
        self.line.attach(send)

    def receive(self, data: bytes) -> None:
        data = self.line.heard(data)
        if self.silent:
            return
        *commands, self._input = (self._input + data.decode("latin-1").replace("\n", "")).split("\r")
        self._input = self._input[-LONGEST_COMMAND:]
        for command in commands:
            lines = self._carry_out(command.strip().upper().split())
            if self.mode == "POLL":
                said = "".join(f"{line}{LINE_END}" for line in lines)
            else:
                before = f"{command}{LINE_END}" if self.echo else ""
                said = before + "".join(f"{line}{LINE_END}" for line in lines) + (">" if self.echo else "")
            if said:
                self.line.answer(said.encode("latin-1"), self.processing_s)

    def _carry_out(self, words: list[str]) -> list[str]:
        """The lines of the answer."""
        if words == ["??"]:
            return self._settings()
        if words[:1] == ["SEND"] and len(words) == 2:
            return [self._reading()] if words[1] == str(self.address) else []
        if self.mode == "POLL" or not words:
            return []
        if words[0] not in self._commands:
            return ["Unknown command"]
        return self._commands[words[0]](words[1:])

    def _set_echo(self, words: list[str]) -> list[str]:
        if words in (["ON"], ["OFF"]):
            self.echo = words == ["ON"]
        return [f"Echo           : {'ON' if self.echo else 'OFF'}"]

    def _set_mode(self, words: list[str]) -> list[str]:
        if words in (["STOP"], ["POLL"]):
            self.mode = words[0]
        return [f"Serial mode    : {self.mode}"]

    def _reading(self) -> str:
        pressure = self._shown("P", self.air.pressure_hpa, self.noise_hpa, 8)
        temperature = self._shown("T", self.air.temperature_c, self.noise_k, 5)
        humidity = self._shown("RH", min(100.0, self.air.humidity_pct), self.noise_pct, 5)
        return f"P={pressure} hPa   T={temperature} 'C RH={humidity} %RH"

    def _shown(self, quantity: str, value: float, noise: float, width: int) -> str:
        value += noise * float(self._random.standard_normal())
        return "*" * width if quantity in self.failed else f"{value:{width}.1f}"

    def _settings(self) -> list[str]:
        return [
            self.version,
            f"Serial number  : {self.serial}",
            "Batch number   : SIMULATED",
            'Output format  : 6.1 "P=" P " " U6 3.1 "T=" T " " U3 3.1 "RH=" RH " " U4 \\r \\n',
            "Adjust. date   : 2026-01-01",
            "Adjust. info   : simulated",
            "Date           : 2026-01-01",
            "Time           : 00:00:00",
            f"Serial mode    : {self.mode}",
            "Baud P D S     : 4800 E 7 1",
            "Output interval: 1 s",
            f"Address        : {self.address}",
            f"Echo           : {'ON' if self.echo else 'OFF'}",
            "Pressure       : 1013.25 hPa",
            "Filter         : 1.0000",
            "Module 1       : BARO-1",
            "Module 2       : EMPTY",
        ]
