"""Simulated syringe pump as the public package infupy 2022.1.11 speaks to Alaris pumps, and the OpenICE demo devices.

This is an *infupy-compatible subset*, nothing more: the maker's document was not read. The form of answers is that
of exchanges noted in OpenICE's sources, where there is one; nothing here says what an Alaris pump does.

``!NAME[^field ..]|CRC CR`` both ways, CRC-16/CCITT-FALSE of what stands between ``!`` and ``|``, four hex digits;
ESC ends a line before its time. INST_SERIALNO tells the serial number, COMMS_PROTOCOL the protocol's version;
``REMOTE_CTRL^ENABLED^code`` allows control, the code being the CRC of the serial number, ``^DISABLED`` ends it, and
REMOTE_CFG likewise; INF_RATE tells the rate, ``INF_RATE^12.5^ml/h`` sets it, INF_RATE_MAX_SYRINGE tells the highest;
INF_VI tells the volume, INF_VI_CLEAR clears it; INF_START and INF_STOP are echoed.

The simulator's own: what was enabled lapses ``enabled_for_s`` after it was last enabled, and the infusion goes on;
a wrong code is answered ``DISABLED``; setting, starting, stopping and clearing need REMOTE_CTRL: without it a rate is
answered with the rate as it is (as it is when out of range), the others not at all; nor is a start without a rate,
nor a damaged or unknown line. NOT modelled: everything else, state and alarms among it (INF, ALARM: what their
fields mean is not known; a pump that stalls simply stops), boluses, volume limits.
"""

from __future__ import annotations

import math
import re
from binascii import crc_hqx
from collections.abc import Callable

from rig.sim.bench_pumps.drive import INFUSE, InfusionDrive
from rig.sim.fluid.path import NL_PER_ML, FluidPath
from rig.sim.wire.line import NS_PER_S, SerialLine, WorldClock

ESC = "\x1b"
LONGEST = 120
REMOTE = ("REMOTE_CTRL", "REMOTE_CFG")


def checksum(text: str) -> str:
    return f"{crc_hqx(text.encode('latin-1'), 0xFFFF):04X}"


def message(*fields: str) -> bytes:
    text = "^".join(fields)
    return f"!{text}|{checksum(text)}\r".encode("latin-1")


class SimulatedAlaris:
    """A pump with one host. Plain attributes: ``serial``, ``protocol``, ``rate_max_ml_h``, ``enabled_for_s``,
    ``processing_s``; faults of the line in ``line``, of the pump in ``drive``.
    """

    def __init__(
        self, clock: WorldClock, fluid: FluidPath, *, serial: str = "SIM-P", capacity_nl: float = math.inf
    ) -> None:
        self.clock = clock
        self.line = SerialLine(clock, 38_400)
        self.drive = InfusionDrive(clock, fluid, capacity_nl=capacity_nl)
        self.serial = serial
        self.rate_max_ml_h, self.rate_ml_h = 1200.0, 0.0
        self.protocol = "Asena Rev 2.1.5 simulated"
        self.enabled_for_s = 3.0
        self.processing_s = 0.005
        self._enabled_until_ns = dict.fromkeys(REMOTE, 0)
        self._line: str | None = None
        self._commands: dict[str, Callable[[list[str]], list[str] | None]] = {
            "INST_SERIALNO": lambda _: [self.serial], "COMMS_PROTOCOL": lambda _: [self.protocol],
            "INF_RATE": self._rate, "INF_RATE_MAX_SYRINGE": lambda _: [f"{self.rate_max_ml_h:.2f}", "ml/h"],
            "INF_VI": self._volume, "INF_VI_CLEAR": self._clear, "INF_START": self._start, "INF_STOP": self._stop,
            **{name: self._remote(name) for name in REMOTE},
        }  # fmt: skip

    # Lines

    def attach(self, send: Callable[[int, bytes], None]) -> None:
        self.line.attach(send)

    def receive(self, data: bytes) -> None:
        data = self.line.heard(data)
        for character in data.decode("latin-1"):
            if character == "!":
                self._line = ""
            elif character == ESC:
                self._line = None
            elif self._line is not None:
                if character == "\r":
                    line, self._line = self._line, None
                    self._obey(line)
                else:
                    self._line = self._line + character if len(self._line) < LONGEST else None

    def _obey(self, line: str) -> None:
        text, _, crc = line.rpartition("|")
        name, *fields = text.split("^")
        if crc.upper() != checksum(text) or name not in self._commands:
            return
        answer = self._commands[name](fields)
        if answer is not None:
            self.line.answer(message(name, *answer), self.processing_s)

    # Commands: the fields of the answer, or None for silence

    def _remote(self, name: str) -> Callable[[list[str]], list[str]]:
        def remote(fields: list[str]) -> list[str]:
            if fields == ["ENABLED", checksum(self.serial)]:
                self._enabled_until_ns[name] = self.clock.now_ns() + round(self.enabled_for_s * NS_PER_S)
            elif fields:
                self._enabled_until_ns[name] = 0
            return ["ENABLED", "****", "PERMIT", "0", "ms"] if self._is_enabled(name) else ["DISABLED"]

        return remote

    def _is_enabled(self, name: str) -> bool:
        return self.clock.now_ns() < self._enabled_until_ns[name]

    def _rate(self, fields: list[str]) -> list[str]:
        if fields and self._is_enabled("REMOTE_CTRL"):
            rate_ml_h = number(fields[0]) if fields[1:] == ["ml/h"] else None
            if rate_ml_h is not None and 0 < rate_ml_h <= self.rate_max_ml_h:
                self.rate_ml_h = rate_ml_h
                if self.drive.runs:
                    self.drive.change_rate(rate_ml_h * NL_PER_ML)
        return [f"{self.rate_ml_h:.2f}", "ml/h"]

    def _volume(self, _fields: list[str]) -> list[str]:
        return [f"{math.floor(self.drive.infused_nl / 1e3) / 1e3:.3f}", "ml"]

    def _clear(self, _fields: list[str]) -> list[str] | None:
        if not self._is_enabled("REMOTE_CTRL"):
            return None
        self.drive.clear()
        return []

    def _start(self, _fields: list[str]) -> list[str] | None:
        if not self._is_enabled("REMOTE_CTRL") or not self.rate_ml_h:
            return None
        self.drive.run(self.rate_ml_h * NL_PER_ML, INFUSE)
        return []

    def _stop(self, _fields: list[str]) -> list[str] | None:
        if not self._is_enabled("REMOTE_CTRL"):
            return None
        self.drive.stop()
        return []


def number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"[0-9]{1,5}(\.[0-9]{1,3})?", text) else None
