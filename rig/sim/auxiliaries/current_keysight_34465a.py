"""Simulated multimeter Keysight 34465A that measures direct current (Truevolt Series Operating and Service Guide,
chapter SCPI Programming Reference: CONFigure, MEASure, SENSe:CURRent, SAMPle, TRIGger, INITiate, FETCh?, READ?, R?,
DATA:POINts?).

SCPI as in :mod:`rig.sim.wire.scpi`; numbers are written ``+1.23450000E-05``, whole ones ``+4``, the empty queue
``+0,"No error"``, overload ``+9.90000000E+37``. *RST measures voltage, so that a current must be configured. A reading
takes ``NPLC`` periods of mains of 50 Hz; its value is that of the moment it is asked for.

From memory, to be confirmed at a real meter: that a number of periods between two possible ones becomes the next, that
CONFigure puts NPLC to 10, the wording of ``CONF?``.

NOT modelled: other functions than direct current (voltage is measured as 0), autozero (doubles the time), accuracy,
the burden voltage, statistics, digitizing, triggers other than immediate and by command, delays, the display.
"""

from __future__ import annotations

import bisect

import numpy as np

from rig.sim.auxiliaries.metering import CurrentInput, Load
from rig.sim.wire.line import WorldClock
from rig.sim.wire.scpi import ScpiError, ScpiInstrument, number, unquoted

RANGES_A = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 3.0, 10.0)
PERIODS = (0.001, 0.002, 0.006, 0.02, 0.06, 0.2, 1.0, 10.0, 100.0)
CURRENT = "[:SENSe]:CURRent[:DC]"
FUNCTIONS = {"CURR": "CURR", "CURR:DC": "CURR", "CURRENT": "CURR", "CURRENT:DC": "CURR"}
FUNCTIONS |= {"VOLT": "VOLT", "VOLT:DC": "VOLT", "VOLTAGE": "VOLT", "VOLTAGE:DC": "VOLT"}
MOST_READINGS = 50_000


class SimulatedKeysight34465A(ScpiInstrument):
    """The meter. Plain attributes: ``input`` (:class:`rig.sim.auxiliaries.metering.CurrentInput`), ``function``
    ("VOLT" or "CURR"), ``samples``, ``trigger``, ``readings``."""

    def __init__(
        self, clock: WorldClock, load: Load, random: np.random.Generator, *, serial: str = "SIM-34465A"
    ) -> None:
        super().__init__(
            clock,
            maker="Keysight Technologies (simulated)",
            model="34465A",
            serial=serial,
            firmware="A.03.03-03.15-03.03-00.52-05-02",
        )
        self.input = CurrentInput(load, random, RANGES_A)
        self.function, self.samples, self.trigger = "VOLT", 1, "IMM"
        self.readings: list[float] = []
        self._is_waiting = False  # initiated, and waits for its trigger
        self.understand(":CONFigure:CURRent[:DC]", do=self._configure)
        self.understand(":CONFigure", ask=lambda _: self._configuration())
        self.understand(":MEASure:CURRent[:DC]", ask=self._measure)
        self.understand("[:SENSe]:FUNCtion[:ON]", self._set_function, lambda _: f'"{self.function}"')
        self.understand(f"{CURRENT}:RANGe[:UPPer]", self._set_range, self._range)
        self.understand(f"{CURRENT}:RANGe:AUTO", self._set_auto, lambda _: str(int(self.input.auto)))
        self.understand(f"{CURRENT}:NPLCycles", self._set_periods, lambda _: written(self.input.periods))
        self.understand(":SAMPle:COUNt", self._set_samples, lambda _: self.whole(self.samples))
        self.understand(":TRIGger:SOURce", self._set_trigger, lambda _: self.trigger)
        self.understand(":INITiate[:IMMediate]", do=lambda _: self._initiate())
        self.understand(":ABORt", do=lambda _: self._abort())
        self.understand(":FETCh", ask=lambda _: self._fetch())
        self.understand(":READ", ask=lambda _: self._read())
        self.understand(":R", ask=self._remove)
        self.understand(":DATA:POINts", ask=lambda _: self.whole(len(self.readings)))
        self._common["*TRG"] = (lambda _: self._triggered(), None)

    def preset(self) -> None:
        self.function, self.samples, self.trigger = "VOLT", 1, "IMM"
        self.input.auto, self.input.periods = True, 10.0
        self._abort()
        self.readings.clear()

    def whole(self, value: int) -> str:
        return f"{value:+d}"

    # Settings

    def _configure(self, words: list[str]) -> None:
        self.samples, self.trigger = 1, "IMM"
        self._set_range([words[0]] if words and words[0].upper() not in ("AUTO", "DEF") else ["AUTO"])
        self.function, self.input.periods = "CURR", 10.0
        self._abort()
        self.readings.clear()

    def _configuration(self) -> str:
        if self.function != "CURR":
            return '"VOLT +1.000000E+01,+1.000000E-06"'
        return f'"CURR {self.input.range_a:+.6E},{self.input.range_a * 3e-7:+.6E}"'

    def _set_function(self, words: list[str]) -> None:
        try:
            self.function = FUNCTIONS[unquoted(words).upper()]
        except KeyError:
            raise ScpiError(-224) from None
        self._abort()
        self.readings.clear()

    def _set_range(self, words: list[str]) -> None:
        if words and words[0].upper() == "AUTO":
            self.input.auto = True
        else:
            self.input.choose(number(words, 0.0, RANGES_A[-1], default=1.0))

    def _range(self, words: list[str]) -> str:
        if words:
            return written(number(words, RANGES_A[0], RANGES_A[-1], default=1.0))
        return written(self.input.range_a)

    def _set_auto(self, words: list[str]) -> None:
        if words and words[0].upper() == "ONCE":
            self.input.choose(abs(self.input.load()))
            return
        if not words or words[0].upper() not in ("ON", "OFF", "1", "0"):
            raise ScpiError(-224 if words else -109)
        self.input.auto = words[0].upper() in ("ON", "1")

    def _set_periods(self, words: list[str]) -> None:
        wanted = number(words, PERIODS[0], PERIODS[-1], default=10.0)
        self.input.periods = PERIODS[bisect.bisect_left(PERIODS, wanted)]

    def _set_samples(self, words: list[str]) -> None:
        self.samples = round(number(words, 1, 1e6, default=1))

    def _set_trigger(self, words: list[str]) -> None:
        if not words or words[0].upper() not in ("IMM", "IMMEDIATE", "BUS"):
            raise ScpiError(-224 if words else -109)
        self.trigger = words[0].upper()[:3]

    # Measurements

    def _measure(self, words: list[str]) -> str:
        self._configure(words)
        return self._read()

    def _read(self) -> str:
        if self.trigger == "BUS":
            raise ScpiError(-214)
        self._initiate()
        return self._fetch()

    def _initiate(self) -> None:
        if self._is_waiting:
            raise ScpiError(-213)
        self.readings.clear()
        if self.trigger == "BUS":
            self._is_waiting = True
        else:
            self._take()

    def _triggered(self) -> None:
        if not self._is_waiting:
            raise ScpiError(-211, "Trigger ignored")
        self._is_waiting = False
        self._take()

    def _take(self) -> None:
        for _ in range(min(self.samples, MOST_READINGS)):
            self.readings.append(self.input.measure_a() if self.function == "CURR" else 0.0)
        self.takes(self.samples * self.input.aperture_s)

    def _abort(self) -> None:
        self._is_waiting = False

    def _fetch(self) -> str:
        if not self.readings:
            raise ScpiError(-230)
        return ",".join(written(value) for value in self.readings)

    def _remove(self, words: list[str]) -> str:
        """Some or all readings, the oldest first, as a block of known length; they leave the memory."""
        count = round(number(words, 1, MOST_READINGS)) if words else len(self.readings)
        taken, self.readings = self.readings[:count], self.readings[count:]
        text = ",".join(written(value) for value in taken)
        return f"#{len(str(len(text)))}{len(text)}{text}"


def written(value: float) -> str:
    return f"{value:+.8E}"
