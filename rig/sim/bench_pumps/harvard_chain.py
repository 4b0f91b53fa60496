"""Simulated Harvard Apparatus syringe pump on the older "pump chain" (Pump 11, PHD 22/2000; Pump 33 manual, pages
16 to 20, Model 22 protocol).

``[nn]CMD[value] CR``, spaces optional, numbers of at most five digits. The answer is ``CR LF data CR LF nnP``, or
``CR LF nnP`` when there is nothing to tell; P is ``:`` stopped, ``>`` infusing, ``<`` withdrawing, ``*`` stalled.
In place of data: ``?`` not understood, ``OOR`` out of range, ``NA`` not applicable now. VER DIA RAT VOL TAR and,
but for the Pump 11, RNG (unit of the rate) ask; MMD (diameter), ULM MLM ULH MLH (rate), MLT (target), CLV and CLT
(clear volume, target) set; RUN REV STP.

A :class:`Dialect` says how models differ: the PHD 22/2000 tells its address without a leading zero and with one CR
more, answers STP with ``*``, takes targets in ml and longer numbers; the Pump 11 takes targets in microlitres.

From memory or from what public programs read, to be confirmed at a real pump: numbers are right-justified in eight
characters; the words of RNG; where the PHD's CR stands; volume delivered is told in the unit of the target;
diameter and target are ``NA`` while it runs, RUN without a rate too; REV while it stands turns the next run; limits
of the plunger's speed.

NOT modelled: 8N2 framing, the Microliter commands (RUNW, ULMW ..), modes and direction of the Pump 33, SAV, the
keypad; a serial number (the protocol tells none).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

from rig.sim.bench_pumps.drive import INFUSE, InfusionDrive
from rig.sim.fluid.path import FluidPath
from rig.sim.wire.line import SerialLine, WorldClock

SLOWEST_MM_H, FASTEST_MM_H = 0.0084, 2844.0  # of the plunger
NARROWEST_MM, WIDEST_MM = 0.1, 35.0
RATES = {"ULM": (60e3, "UL/M"), "MLM": (60e6, "ML/M"), "ULH": (1e3, "UL/H"), "MLH": (1e6, "ML/H")}
LINE = re.compile(r"([0-9]{1,2})?([A-Z]*)([0-9.]*)")
LONGEST_LINE = 40


@dataclass(frozen=True)
class Dialect:
    """How one model differs from another."""

    version: str
    address_digits: int
    before_prompt: str
    target_nl: float  # of one unit of target and volume
    stopped_by_command: str
    tells_range: bool
    longest_number: int


PUMP_11 = Dialect("SIM11V1.00", 2, "\r\n", 1e3, ":", False, 5)
PHD_2000 = Dialect("PHDSIM1.00", 1, "\r\r\n", 1e6, "*", True, 8)


class Refused(Exception):
    """Its text is the answer."""


class SimulatedHarvardChain:
    """A pump on a chain. Plain attributes: ``address``, ``dialect``, ``processing_s``; faults of the line in
    ``line``, of the pump in ``drive``.
    """

    def __init__(
        self,
        clock: WorldClock,
        fluid: FluidPath,
        *,
        capacity_nl: float = math.inf,
        address: int = 0,
        dialect: Dialect = PUMP_11,
        baud: int = 9600,
    ) -> None:
        self.clock = clock
        self.line = SerialLine(clock, baud, "8N2")
        self.drive = InfusionDrive(clock, fluid, capacity_nl=capacity_nl)
        self.drive.happened = self._happened
        self.address, self.dialect = address, dialect
        self.processing_s = 0.01
        self.prompt = ":"
        self._way = INFUSE
        self._rate: tuple[float, str] | None = None
        self._target_nl = 0.0
        self._line = ""
        self._asks: dict[str, Callable[[], str]] = {
            "": lambda: "", "VER": lambda: self.dialect.version, "DIA": lambda: justified(self.drive.diameter_mm),
            "RAT": self._rat, "RNG": self._rng, "VOL": lambda: justified(self._volume_nl() / self.dialect.target_nl),
            "TAR": lambda: justified(self._target_nl / self.dialect.target_nl),
            "CLV": self._clv, "CLT": self._clt, "RUN": self._run, "REV": self._rev, "STP": self._stp,
        }  # fmt: skip
        self._sets: dict[str, Callable[[float], None]] = {
            "MMD": self._mmd, "MLT": self._mlt,
            **{name: self._rate_in(name) for name in RATES},
        }  # fmt: skip

    # Lines

    def attach(self, send: Callable[[int, bytes], None]) -> None:
        self.line.attach(send)

    def receive(self, data: bytes) -> None:
        data = self.line.heard(data)
        for character in data.decode("latin-1"):
            if character == "\r":
                line, self._line = self._line, ""
                self._obey(line.replace(" ", "").upper())
            elif character != "\n" and len(self._line) < LONGEST_LINE:
                self._line += character

    def _obey(self, line: str) -> None:
        address = re.match(r"[0-9]{1,2}", line)
        if (int(address[0]) if address else 0) != self.address:
            return
        parts = LINE.fullmatch(line)
        try:
            if parts is None:
                raise Refused("?")
            answer = self._answer(parts[2], parts[3])
        except Refused as refused:
            answer = str(refused)
        shown = f"{self.address:0{self.dialect.address_digits}}"
        said = (f"\r\n{answer}" if answer else "") + self.dialect.before_prompt + shown + self.prompt
        self.line.answer(said.encode("ascii"), self.processing_s)

    def _answer(self, name: str, value: str) -> str:
        if name in self._asks and not value:
            return self._asks[name]()
        if name not in self._sets or not re.fullmatch(r"[0-9]*\.?[0-9]*", value):
            raise Refused("?")
        if not 1 <= len(value.replace(".", "")) <= self.dialect.longest_number:
            raise Refused("?")
        self._sets[name](float(value))
        return ""

    # The pump

    def _happened(self, what: str) -> None:
        if what != "near_end":
            self.prompt = ":" if what == "target" else "*"

    def _volume_nl(self) -> float:
        return self.drive.infused_nl if self._way == INFUSE else self.drive.withdrawn_nl

    def _rat(self) -> str:
        return justified(self._rate[0] if self._rate else 0.0)

    def _rng(self) -> str:
        if not self.dialect.tells_range:
            raise Refused("?")
        return RATES[self._rate[1] if self._rate else "ULM"][1]

    def _rate_in(self, name: str) -> Callable[[float], None]:
        def set_rate(value: float) -> None:
            rate_nl_h = value * RATES[name][0]
            if not self.drive.barrel_nl_h(SLOWEST_MM_H) <= rate_nl_h <= self.drive.barrel_nl_h(FASTEST_MM_H):
                raise Refused("OOR")
            self._rate = value, name
            if self.drive.runs:
                self.drive.change_rate(rate_nl_h)

        return set_rate

    def _mmd(self, value: float) -> None:
        self._only_when_stopped()
        if not NARROWEST_MM <= value <= WIDEST_MM:
            raise Refused("OOR")
        self.drive.diameter_mm = value

    def _mlt(self, value: float) -> None:
        self._only_when_stopped()
        self._target_nl = value * self.dialect.target_nl

    def _clv(self) -> str:
        self.drive.clear()
        return ""

    def _clt(self) -> str:
        self._target_nl = 0.0
        return ""

    def _run(self) -> str:
        if self._rate is None:
            raise Refused("NA")
        if not self.drive.runs:
            self._start()
        return ""

    def _rev(self) -> str:
        self._way = -self._way
        if self.drive.runs:
            self._start()
        return ""

    def _start(self) -> None:
        if self._rate is None:
            return
        to_go_nl = self._target_nl - self._volume_nl() if self._target_nl else math.inf
        if to_go_nl <= 0:
            self.drive.stop()
            self.prompt = ":"
            return
        self.drive.run(self._rate[0] * RATES[self._rate[1]][0], self._way, to_go_nl)
        self.prompt = ">" if self._way == INFUSE else "<"

    def _stp(self) -> str:
        self.drive.stop()
        self.prompt = self.dialect.stopped_by_command
        return ""

    def _only_when_stopped(self) -> None:
        if self.drive.runs:
            raise Refused("NA")


def justified(value: float) -> str:
    """At most five digits, at most three decimals, in eight characters."""
    shown = (f"{value:.{decimals}f}" for decimals in (3, 2, 1))
    return next((text for text in shown if len(text) <= 6), f"{value:.0f}").rjust(8)
