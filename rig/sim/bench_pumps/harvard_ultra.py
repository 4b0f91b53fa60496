"""Simulated Harvard Apparatus PHD Ultra, Legato or 11 Elite syringe pump (PHD Ultra guide 5419-002, pages 83 to 88;
Pump 33 DDS guide 5419-013 for the form of answers), its "Ultra" command set.

A line ends with CR or LF: ``[nn:]command [arguments]``, the first four letters of a command suffice, ``@`` before
it leaves the screen alone. The answer: ``LF text CR`` for each line of it, then ``LF prompt``; with an address
other than zero, ``nn:`` stands before each text and ``nn`` before the prompt. Prompts: ``:`` idle, ``>`` infusing,
``<`` withdrawing, ``*`` stalled, ``T*`` target reached, ``>*`` and ``<*`` limit switches (only with
``has_limit_switches``; the PHD Ultra has none and stalls). After ``poll on`` XON follows each prompt, and nothing
is said unasked.

Errors are two lines: ``Command error: ..`` or ``Argument error: ..``, then the reason, three spaces in.

From memory, to be confirmed at a real pump: the wording of all answers that are neither number nor prompt (crate,
version, poll, address, targets not set, reasons of errors); with ``poll off`` the prompt is sent unasked when a
target is reached or the motor stalls; a target already reached is answered ``T*`` and nothing moves; limits of
the plunger's speed; six digits in numbers.

NOT modelled: ramps, methods and their memory (cat, load of a method), gang, digital inputs and outputs, date and
screen, a change of baud rate, echo.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from rig.sim.bench_pumps.drive import INFUSE, WITHDRAW, InfusionDrive
from rig.sim.bench_pumps.harvard_ultra_words import (
    CommandFailed,
    best_unit,
    parse_number,
    parse_rate,
    parse_time,
    parse_volume,
    parse_whole,
    plain,
    rate_text,
    volume_text,
)
from rig.sim.fluid.path import S_PER_H, FluidPath
from rig.sim.wire.line import NS_PER_S, SerialLine, WorldClock

XON = b"\x11"
SLOWEST_MM_H, FASTEST_MM_H = 0.0108, 11_448.0  # of the plunger: 0.18 um/min to 190.8 mm/min
LINE = re.compile(r"@?(?:([0-9]{1,2}):?)?@?\s*([A-Za-z]*)\s*(.*)")
FL_PER_NL = 1e6
QUICK_STARTS = ("i", "w", "iw", "wi")


class SimulatedHarvardUltra:
    """A pump with one host. Plain attributes: ``address``, ``model``, ``firmware``, ``serial``,
    ``has_limit_switches``, ``polled``, ``force_pct``, ``processing_s``; faults of the line in ``line``, of the
    pump in ``drive``.
    """

    def __init__(
        self,
        clock: WorldClock,
        fluid: FluidPath,
        *,
        serial: str = "SIM-P",
        capacity_nl: float = math.inf,
        address: int = 0,
        baud: int = 115_200,
    ) -> None:
        self.clock = clock
        self.line = SerialLine(clock, baud)
        self.drive = InfusionDrive(clock, fluid, capacity_nl=capacity_nl)
        self.drive.happened = self._happened
        self.address, self.serial = address, serial
        self.model, self.firmware = "PHD ULTRA simulated", "1.0.0"
        self.has_limit_switches = self.polled = False
        self.force_pct, self.quick_start, self.brightness = 100, "iw", 100
        self.syringe_nl = capacity_nl if math.isfinite(capacity_nl) else 50e6
        self.processing_s = 0.005
        self.prompt = ":"
        self._rates = dict.fromkeys((INFUSE, WITHDRAW), (60e6, "ml/min"))  # (nl/h, unit) for each way
        self._target_nl: float | None = None
        self._target_s: float | None = None
        self._ran_s = {INFUSE: 0.0, WITHDRAW: 0.0}
        self._ran_since_ns = clock.now_ns()
        self._timer = 0
        self._line, self._last = "", ""
        self._commands: dict[str, Callable[[str], list[str]]] = {
            "address": self._address, "baud": lambda _: [str(self.line.baud)], "crate": self._crate,
            "civolume": lambda _: self._clear(INFUSE), "cwvolume": lambda _: self._clear(WITHDRAW),
            "cvolume": lambda _: self._clear(INFUSE, WITHDRAW), "ctvolume": self._ctvolume, "cttime": self._cttime,
            "diameter": self._diameter, "dim": self._dim, "force": self._force,
            "irate": lambda words: self._rate(INFUSE, words), "wrate": lambda words: self._rate(WITHDRAW, words),
            "irun": lambda _: self._run(INFUSE), "wrun": lambda _: self._run(WITHDRAW),
            "rrun": lambda _: self._run(-self.drive.way), "run": lambda _: self._run(self.drive.way),
            "ivolume": lambda _: [volume_text(self.drive.infused_nl)],
            "wvolume": lambda _: [volume_text(self.drive.withdrawn_nl)],
            "itime": lambda _: self._time(INFUSE), "wtime": lambda _: self._time(WITHDRAW),
            "load": self._load, "nvram": lambda _: [], "poll": self._poll, "status": self._status,
            "stp": self._stop, "stop": self._stop, "svolume": self._svolume, "tvolume": self._tvolume,
            "ttime": self._ttime, "ver": lambda _: [f"{self.model} {self.firmware}"], "version": self._version,
        }  # fmt: skip

    # Lines

    def attach(self, send: Callable[[int, bytes], None]) -> None:
        self.line.attach(send)

    def receive(self, data: bytes) -> None:
        data = self.line.heard(data)
        for character in data.decode("latin-1"):
            if character not in "\r\n":
                self._line += character
            elif (self._last, character) != ("\r", "\n"):  # CR LF is one end
                line, self._line = self._line, ""
                self._obey(line)
            self._last = character

    def _obey(self, line: str) -> None:
        parts = LINE.fullmatch(line.strip())
        if parts is None:
            self._say(["Command error: " + line, "   Unknown command"])
            return
        if int(parts[1] or 0) != self.address:
            return
        try:
            self._say(self._command(parts[2].lower())(parts[3].strip().lower()) if parts[2] else [])
        except CommandFailed as failed:
            self._say([str(each) for each in failed.args])

    def _command(self, word: str) -> Callable[[str], list[str]]:
        if word in self._commands:
            return self._commands[word]
        for name, command in self._commands.items():
            if len(word) >= 4 and name.startswith(word):
                return command
        raise CommandFailed(f"Command error: {word}", "   Unknown command")

    def _say(self, lines: list[str]) -> None:
        self._settle_time()
        before, marked = (f"{self.address:02}:", f"{self.address:02}") if self.address else ("", "")
        text = "".join(f"\n{before}{line}\r" for line in lines) + f"\n{marked}{self.prompt}"
        self.line.answer(text.encode("latin-1") + (XON if self.polled else b""), self.processing_s)

    # The pump

    def _happened(self, what: str) -> None:
        ends = {"target": "T*", "end": {INFUSE: ">*", WITHDRAW: "<*"}[self.drive.way]}
        if what == "near_end":
            return
        self._settle_time(was_running=True)
        self._timer += 1
        self.prompt = "*" if what == "end" and not self.has_limit_switches else ends.get(what, "*")
        if not self.polled:
            self._say([])

    def _run(self, way: int) -> list[str]:
        if (way == INFUSE and self.quick_start == "w") or (way == WITHDRAW and self.quick_start == "i"):
            raise CommandFailed("Command error: run", "   Not in this mode")
        if not self._in_range(self._rates[way][0]):
            raise CommandFailed("Command error: run", "   Out of range")
        self._settle_time()
        self._timer += 1
        to_go_nl = math.inf
        if self._target_nl is not None:
            counted_nl = self.drive.infused_nl if way == INFUSE else self.drive.withdrawn_nl
            to_go_nl = self._target_nl - counted_nl
        to_go_s = math.inf if self._target_s is None else self._target_s - self._ran_s[way]
        if to_go_nl <= 0 or to_go_s <= 0:
            self.drive.stop()
            self.prompt = "T*"
            return []
        self.drive.run(self._rates[way][0], way, to_go_nl)
        self.prompt = ">" if way == INFUSE else "<"
        if math.isfinite(to_go_s):
            self._stop_after(to_go_s)
        return []

    def _stop_after(self, seconds: float) -> None:
        timer = self._timer

        def over() -> None:
            if timer == self._timer and self.drive.runs:
                self.drive.stop()
                self._happened("target")

        self.clock.call_at(self.clock.now_ns() + math.ceil(seconds * NS_PER_S), over)

    def _stop(self, _words: str) -> list[str]:
        self._settle_time()
        self._timer += 1
        self.drive.stop()
        self.prompt = ":"
        return []

    def _settle_time(self, was_running: bool = False) -> None:
        now_ns = self.clock.now_ns()
        if self.drive.runs or was_running:
            self._ran_s[self.drive.way] += (now_ns - self._ran_since_ns) / NS_PER_S
        self._ran_since_ns = now_ns

    # Rates and volumes

    def _rate(self, way: int, words: str) -> list[str]:
        lowest, highest = self._range_nl_h()
        if not words:
            return [rate_text(*self._rates[way])]
        if words == "lim":
            return [f"{rate_text(lowest, best_unit(lowest))} to {rate_text(highest, best_unit(highest))}"]
        if words in ("min", "max"):
            rate_nl_h = lowest if words == "min" else highest
            unit = best_unit(rate_nl_h)
        else:
            rate_nl_h, unit = parse_rate(words)
        if not self._in_range(rate_nl_h):
            raise CommandFailed(f"Argument error: {words}", "   Out of range")
        self._rates[way] = rate_nl_h, unit
        if self.drive.runs and self.drive.way == way:
            self.drive.change_rate(rate_nl_h)
        return []

    def _range_nl_h(self) -> tuple[float, float]:
        return self.drive.barrel_nl_h(SLOWEST_MM_H), self.drive.barrel_nl_h(FASTEST_MM_H)

    def _in_range(self, rate_nl_h: float) -> bool:
        lowest, highest = self._range_nl_h()
        return lowest <= rate_nl_h <= highest

    def _crate(self, _words: str) -> list[str]:
        if not self.drive.runs:
            return ["The pump is not running"]
        doing = "Infusing" if self.drive.way == INFUSE else "Withdrawing"
        return [f"{doing} at {rate_text(*self._rates[self.drive.way])}"]

    def _diameter(self, words: str) -> list[str]:
        if not words:
            return [f"{plain(self.drive.diameter_mm)} mm"]
        diameter_mm = parse_number(words.removesuffix("mm").strip())
        self._only_when_stopped("diameter")
        if not 0.1 <= diameter_mm <= 60:
            raise CommandFailed(f"Argument error: {words}", "   Out of range")
        self.drive.diameter_mm = diameter_mm
        return []

    def _svolume(self, words: str) -> list[str]:
        if not words:
            return [volume_text(self.syringe_nl)]
        self.syringe_nl = parse_volume(words)
        return []

    def _tvolume(self, words: str) -> list[str]:
        if not words:
            return ["Target volume not set" if self._target_nl is None else volume_text(self._target_nl)]
        self._only_when_stopped("tvolume")
        self._target_nl = parse_volume(words)
        return []

    def _ttime(self, words: str) -> list[str]:
        if not words:
            return ["Target time not set" if self._target_s is None else f"{plain(self._target_s)} seconds"]
        self._only_when_stopped("ttime")
        self._target_s = parse_time(words)
        return []

    def _ctvolume(self, _words: str) -> list[str]:
        self._only_when_stopped("ctvolume")
        self._target_nl = None
        return []

    def _cttime(self, _words: str) -> list[str]:
        self._only_when_stopped("cttime")
        self._target_s = None
        return []

    def _clear(self, *ways: int) -> list[str]:
        self._settle_time()
        self.drive.clear(*ways)
        for way in ways:
            self._ran_s[way] = 0.0
        return []

    def _time(self, way: int) -> list[str]:
        self._settle_time()
        return [f"{plain(self._ran_s[way])} seconds"]

    # The rest

    def _address(self, words: str) -> list[str]:
        if not words:
            return [f"Pump address is {self.address}"]
        self.address = parse_whole(words, 0, 99)
        return []

    def _dim(self, words: str) -> list[str]:
        if not words:
            return [f"{self.brightness}%"]
        self.brightness = parse_whole(words, 0, 100)
        return []

    def _force(self, words: str) -> list[str]:
        if not words:
            return [f"{self.force_pct}%"]
        self.force_pct = parse_whole(words, 1, 100)
        return []

    def _load(self, words: str) -> list[str]:
        mode = words.removeprefix("qs").strip()
        if not words.startswith("qs") or mode not in QUICK_STARTS:
            raise CommandFailed(f"Argument error: {words}", "   Not a method")
        self._stop("")
        self.quick_start = mode
        return []

    def _poll(self, words: str) -> list[str]:
        if not words:
            return [f"Polling mode is {'ON' if self.polled else 'OFF'}"]
        if words not in ("on", "off"):
            raise CommandFailed(f"Argument error: {words}", "   Neither on nor off")
        self.polled = words == "on"
        return []

    def _status(self, _words: str) -> list[str]:
        """Rate in fl/s, time in s and volume in fl of the present direction, then five flags."""
        self._settle_time()
        way = self.drive.way
        rate_fl_s = round(self.drive.rate_nl_h / S_PER_H * FL_PER_NL)
        counted_nl = self.drive.infused_nl if way == INFUSE else self.drive.withdrawn_nl
        limit = {">*": "I", "<*": "W"}.get(self.prompt, ".")
        flags = ("i" if way == INFUSE else "w") + limit + ("S" if self.prompt == "*" else ".") + ".I"
        return [f"{rate_fl_s} {int(self._ran_s[way])} {int(counted_nl * FL_PER_NL)} {flags}"]

    def _version(self, _words: str) -> list[str]:
        return [
            f"Firmware:      v{self.firmware}", f"Pump type:     {self.model}",
            f"Pump address:  {self.address}", f"Serial number: {self.serial}",
        ]  # fmt: skip

    def _only_when_stopped(self, command: str) -> None:
        if self.drive.runs:
            raise CommandFailed(f"Command error: {command}", "   Not while the pump runs")
