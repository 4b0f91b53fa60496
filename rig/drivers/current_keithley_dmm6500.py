"""Keithley DMM6500 multimeter measuring the current from the pump's battery.

Manual: DMM6500 Reference Manual DMM6500-901-01, section SCPI command reference. Wire format: SCPI
(:mod:`rig.drivers.scpi_wire`), TCP port 5025; or a serial line where one is put in front of it::

    *LANG?                  ->   SCPI                 the command set; TSP is another
    :SENS:FUNC "CURR:DC"
    :SENS:CURR:RANG 0.001        a fixed range, so that no other shunt comes into the supply of the pump
    :SENS:CURR:NPLC 10           integration time in periods of the mains
    :READ?                  ->   1.2345E-05           in A; 9.9E37 at overload

The dialect: commands begin with a colon, numbers have no plus sign, the entries of the error queue end in kind and time
of the event (``-113,"Undefined header;1;2026/05/06 12:55:33.648"``). Before each reading the meter is asked what it
measures, because after a loss of power it measures voltage.
"""

from __future__ import annotations

from rig.drivers.scpi_ammeter import ScpiAmmeter


class KeithleyDmm6500(ScpiAmmeter):
    """One multimeter. ``range_a`` full scale, ``mains_periods`` over which a reading is integrated."""

    RANGES_A = (1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0, 3.0)
    PERIODS, PERIODS_IN_WORDS = range(1, 13), "1 to 12"  # 12 at 50 Hz, 15 at 60 Hz
    FUNCTION, CURRENT = ":SENS:FUNC", '"CURR:DC"'
    QUESTION = ":READ?"

    def _configure(self) -> None:
        self._line.check_model("DMM6500")
        self._line.check_language()
        self._line.establish(self.FUNCTION, self.CURRENT)
        self._line.establish(":SENS:CURR:RANG", self._range_a)
        self._line.establish(":SENS:CURR:NPLC", self._periods)
