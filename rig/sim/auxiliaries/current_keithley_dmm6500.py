"""Simulated multimeter Keithley DMM6500 that measures direct current (DMM6500 Reference Manual DMM6500-901-01,
section SCPI command reference). The dialect, and what is not modelled, is in :mod:`rig.sim.auxiliaries.keithley_meter`.

*RST measures voltage. Ranges from 10 µA to 3 A: the front terminals.

NOT modelled besides: the 10 A range of the rear terminals, digitizing, scanner cards.
"""

from __future__ import annotations

import numpy as np

from rig.sim.auxiliaries.keithley_meter import KeithleyMeter
from rig.sim.auxiliaries.metering import Load
from rig.sim.wire.line import WorldClock

RANGES_A = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 3.0)


class SimulatedDmm6500(KeithleyMeter):
    """The meter; its plain attributes are those of :class:`rig.sim.auxiliaries.keithley_meter.KeithleyMeter`."""

    def __init__(
        self, clock: WorldClock, load: Load, random: np.random.Generator, *, serial: str = "SIM-DMM6500"
    ) -> None:
        super().__init__(
            clock,
            load,
            random,
            RANGES_A,
            model="MODEL DMM6500",
            serial=serial,
            firmware="1.7.12b",
            function="VOLT:DC",
        )
