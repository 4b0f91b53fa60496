"""What simulated meters of Keithley's newer kind (DMM6500, 2450, ...) have in common: Keithley's dialect of SCPI.

Sources: DMM6500 Reference Manual DMM6500-901-01 and Model 2450 Reference Manual 2450-901-01, sections SCPI command
reference, common commands and instrument messages. Numbers have no plus sign (``1E-05``, ``1.234500E-05``); an entry
of the error queue ends in its kind and time (``-113,"Undefined header;1;2026/01/01 00:00:07.250"``), the empty queue
is ``0,"No error;0;0 0"``. Readings go into ``defbuffer1``, which :READ?, :FETCh? and :TRACe:DATA? tell in the
elements asked for.

From memory, to be confirmed at a real meter: how many digits settings are told with.

NOT modelled: TSP (a meter set to it refuses SCPI with -285), buffers other than defbuffer1, functions other than
direct current, autozero, filters, limits, trigger models, configuration lists, mains of 60 Hz.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np

from rig.sim.auxiliaries.metering import CurrentInput, Load
from rig.sim.wire.line import NS_PER_S, WorldClock
from rig.sim.wire.scpi import ScpiError, ScpiInstrument, number, truth, unquoted

SWITCHED_ON = datetime(2026, 1, 1)  # by its own clock; nothing depends on it
BUFFER = "defbuffer1"
BUFFER_HOLDS = 100_000
CURRENT = "[:SENSe#]:CURRent[:DC]"
CURRENT_NAMES = ("CURR", "CURR:DC", "CURRENT", "CURRENT:DC")

ELEMENTS = {"READ": "READ", "READING": "READ", "SOUR": "SOUR", "SOURCE": "SOUR", "UNIT": "UNIT"}
ELEMENTS |= {"REL": "REL", "RELATIVE": "REL"}


class KeithleyMeter(ScpiInstrument):
    """A meter of direct current. Plain attributes: ``input``, ``function``, ``count`` (readings a measurement),
    ``language`` ("SCPI", "TSP", ...), ``buffer``: time in ns, source value and reading of each."""

    largest_periods = 15.0

    def __init__(
        self,
        clock: WorldClock,
        load: Load,
        random: np.random.Generator,
        ranges_a: tuple[float, ...],
        *,
        model: str,
        serial: str,
        firmware: str,
        function: str,
    ) -> None:
        super().__init__(
            clock, maker="KEITHLEY INSTRUMENTS (simulated)", model=model, serial=serial, firmware=firmware
        )
        self.input = CurrentInput(load, random, ranges_a)
        self.input.periods = 1.0
        self.function = self._first_function = function
        self.count, self.language = 1, "SCPI"
        self.buffer: list[tuple[int, float, float]] = []
        self._common["*LANG"] = (self._set_language, lambda _: self.language)
        self.understand(":SYSTem:CLEar", do=lambda _: self.errors.clear())
        self.understand(":SYSTem:ERRor:COUNt", ask=lambda _: str(len(self.errors)))
        self.understand("[:SENSe#]:FUNCtion[:ON]", self._set_function, lambda _: f'"{self.function}"')
        self.understand(f"{CURRENT}:RANGe[:UPPer]", self._set_range, lambda _: written(self.input.range_a))
        self.understand(f"{CURRENT}:RANGe:AUTO", self._set_auto, lambda _: str(int(self.input.auto)))
        self.understand(f"{CURRENT}:NPLCycles", self._set_periods, lambda _: written(self.input.periods))
        self.understand("[:SENSe#]:COUNt", self._set_count, lambda _: str(self.count))
        self.understand(":READ", ask=self._read)
        self.understand(":FETCh", ask=self._fetch)
        self.understand(":MEASure[:CURRent][:DC]", ask=self._measure)
        self.understand(":TRACe:DATA", ask=self._data)
        self.understand(":TRACe:ACTual", ask=lambda _: str(len(self.buffer)))
        self.understand(":TRACe:CLEar", do=lambda _: self.buffer.clear())

    def preset(self) -> None:
        self.function, self.count = self._first_function, 1
        self.input.auto, self.input.periods = True, 1.0
        self.buffer.clear()

    def error_line(self, code: int, text: str, at_ns: int) -> str:
        if code == 0:
            return '0,"No error;0;0 0"'
        moment = SWITCHED_ON + timedelta(microseconds=at_ns // 1000)
        return f'{code},"{text};1;{moment:%Y/%m/%d %H:%M:%S}.{moment.microsecond // 1000:03}"'

    def source_value(self) -> float:
        """What stands as SOUR beside a reading; a meter that gives nothing has none. Raises ScpiError."""
        raise ScpiError(-224)

    def _unit(self, header: str, words: list[str]) -> str | None:
        if self.language != "SCPI" and not header.startswith("*"):
            raise ScpiError(-285, "TSP Syntax error at line 1: unexpected symbol near `:'")
        return super()._unit(header, words)

    # Settings

    def _set_language(self, words: list[str]) -> None:
        if not words or words[0].upper() not in ("SCPI", "TSP"):
            raise ScpiError(-224 if words else -109)
        self.language = words[0].upper()

    def _set_function(self, words: list[str]) -> None:
        name = unquoted(words).upper()
        if name in CURRENT_NAMES:
            self.function = "CURR:DC"
        elif name in ("VOLT", "VOLT:DC", "VOLTAGE", "VOLTAGE:DC"):
            self.function = "VOLT:DC"
        else:
            raise ScpiError(-224)

    def _set_range(self, words: list[str]) -> None:
        largest = self.input.ranges_a[-1]
        self.input.choose(number(words, -largest, largest, default=largest))

    def _set_auto(self, words: list[str]) -> None:
        self.input.auto = truth(words)

    def _set_periods(self, words: list[str]) -> None:
        self.input.periods = number(words, 0.0005, self.largest_periods, default=1.0)

    def _set_count(self, words: list[str]) -> None:
        self.count = round(number(words, 1, 300_000, default=1))

    # Measurements

    def _take(self) -> None:
        for _ in range(self.count):
            reading = self.input.measure_a() if self.function == "CURR:DC" else self.measured_v()
            self.buffer.append((self.clock.now_ns(), self._source_or_zero(), reading))
        del self.buffer[:-BUFFER_HOLDS]
        self.takes(self.count * self.input.aperture_s)

    def measured_v(self) -> float:
        """What it measures as a voltage."""
        return 0.0

    def _source_or_zero(self) -> float:
        try:
            return self.source_value()
        except ScpiError:
            return 0.0

    def _read(self, words: list[str]) -> str:
        elements = self._elements(words)
        self._take()
        return self._told(self.buffer[-1], elements)

    def _measure(self, words: list[str]) -> str:
        self.function = "CURR:DC"
        return self._read(words)

    def _fetch(self, words: list[str]) -> str:
        elements = self._elements(words)
        if not self.buffer:
            raise ScpiError(-230)
        return self._told(self.buffer[-1], elements)

    def _data(self, words: list[str]) -> str:
        first, last = (round(number(words, 1, BUFFER_HOLDS, at=at)) for at in (0, 1))
        elements = self._elements(words[2:])
        if not first <= last <= len(self.buffer):
            raise ScpiError(-222)
        return ",".join(self._told(entry, elements) for entry in self.buffer[first - 1 : last])

    def _elements(self, words: list[str]) -> list[str]:
        if words and words[0][:1] in "\"'" and unquoted(words) != BUFFER:
            raise ScpiError(-224)
        asked = words[1:] if words and words[0][:1] in "\"'" else words
        if any(word.upper() not in ELEMENTS for word in asked):
            raise ScpiError(-224)
        elements = [ELEMENTS[word.upper()] for word in asked] or ["READ"]
        if "SOUR" in elements:
            self.source_value()
        return elements

    def _told(self, entry: tuple[int, float, float], elements: list[str]) -> str:
        at_ns, source, reading = entry
        told = {
            "READ": f"{reading:.6E}",
            "SOUR": f"{source:.6E}",
            "REL": f"{(at_ns - self.buffer[0][0]) / NS_PER_S:.6f}",
            "UNIT": "Amp DC" if self.function == "CURR:DC" else "Volt DC",
        }
        return ",".join(told[element] for element in elements)

    def fail(self, error: ScpiError) -> None:
        """Keithley words one entry differently."""
        text = "Parameter data out of range" if error.code == -222 and error.text is None else error.text
        super().fail(ScpiError(error.code, text))


def written(value: float) -> str:
    """A setting, in as many digits as it needs."""
    return f"{value:.7g}".replace("e", "E")
