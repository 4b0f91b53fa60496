"""Simulated source-meter Keithley 2450 in the place of the pump's battery (Model 2450 Reference Manual 2450-901-01,
section SCPI command reference). The dialect, and what is not modelled, is in :mod:`rig.sim.auxiliaries.keithley_meter`.

It gives a voltage and measures it and the current; where the load draws more than the limit, the current is the limit
and the voltage falls in proportion. While the output is on, the pump sees this voltage as its battery's; until it is
first switched on, the pump runs from a battery of its own.

From memory, to be confirmed at a real one: that a change of the source function switches the output off, that a
reading with the output off is 0 V and 0 A, the ranges' edges (210 V, 1.05 A).

NOT modelled besides: giving a current, sweeps, four wires, the ranges of the source (the voltage is exact),
overvoltage protection, how long the output takes to settle.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rig.sim.auxiliaries.keithley_meter import KeithleyMeter, written
from rig.sim.auxiliaries.metering import Load
from rig.sim.wire.line import WorldClock
from rig.sim.wire.scpi import ScpiError, number, truth

RANGES_A = (1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)
LARGEST_V, LEAST_LIMIT_A, LARGEST_LIMIT_A = 210.0, 1e-9, 1.05
VOLTAGE = "[:SOURce#]:VOLTage"


class SimulatedKeithley2450(KeithleyMeter):
    """The source-meter. Plain attributes: ``source`` ("VOLT" or "CURR"), ``level_v``, ``limit_a``, ``is_on``,
    ``draws``: the load, ``feeds``: told the voltage that the pump sees, or None when the output is off.
    """

    def __init__(
        self,
        clock: WorldClock,
        load: Load,
        random: np.random.Generator,
        *,
        feeds: Callable[[float | None], None] = lambda _volts: None,
        serial: str = "SIM-2450",
    ) -> None:
        super().__init__(
            clock,
            self.current_a,
            random,
            RANGES_A,
            model="MODEL 2450",
            serial=serial,
            firmware="1.7.12b",
            function="CURR:DC",
        )
        self.draws, self.feeds = load, feeds
        self.source, self.level_v, self.limit_a, self.is_on = "VOLT", 0.0, 1.05e-4, False
        self.understand("[:SOURce#]:FUNCtion[:MODE]", self._set_source, lambda _: self.source)
        self.understand(
            f"{VOLTAGE}[:LEVel][:IMMediate][:AMPLitude]", self._set_level, lambda _: written(self.level_v)
        )
        self.understand(f"{VOLTAGE}:ILIMit[:LEVel]", self._set_limit, lambda _: written(self.limit_a))
        self.understand(f"{VOLTAGE}:ILIMit[:LEVel]:TRIPped", ask=lambda _: str(int(self.is_limiting)))
        self.understand(":OUTPut#[:STATe]", self._set_output, lambda _: str(int(self.is_on)))

    def preset(self) -> None:
        super().preset()
        self.source, self.level_v, self.limit_a = "VOLT", 0.0, 1.05e-4
        self._switch(False)

    # What it gives

    @property
    def is_limiting(self) -> bool:
        """The load would draw more than the limit allows."""
        return self.is_on and abs(self.draws()) > self.limit_a

    def current_a(self) -> float:
        if not self.is_on:
            return 0.0
        return max(-self.limit_a, min(self.draws(), self.limit_a))

    def source_value(self) -> float:
        if not self.is_on:
            return 0.0
        return self.level_v * (self.limit_a / abs(self.draws()) if self.is_limiting else 1.0)

    def measured_v(self) -> float:
        return self.source_value()

    # Settings

    def _set_source(self, words: list[str]) -> None:
        name = words[0].upper() if words else ""
        if name not in ("VOLT", "VOLTAGE", "CURR", "CURRENT"):
            raise ScpiError(-224 if words else -109)
        if name[:4] != self.source:
            self.source = name[:4]
            self._switch(False)

    def _set_level(self, words: list[str]) -> None:
        self.level_v = number(words, -LARGEST_V, LARGEST_V, default=0.0)
        self._switch(self.is_on)

    def _set_limit(self, words: list[str]) -> None:
        self.limit_a = number(words, LEAST_LIMIT_A, LARGEST_LIMIT_A, default=1.05e-4)

    def _set_output(self, words: list[str]) -> None:
        is_on = truth(words)
        if is_on and self.source != "VOLT":
            raise ScpiError(-221)
        self._switch(is_on)

    def _switch(self, is_on: bool) -> None:
        self.is_on = is_on
        self.feeds(self.level_v if is_on else None)
