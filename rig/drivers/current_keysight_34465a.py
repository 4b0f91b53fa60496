"""Keysight Truevolt multimeter (34465A; 34460A, 34461A and 34470A alike) measuring the current from the pump's battery.

Manual: Truevolt Series Operating and Service Guide, chapter SCPI Programming Reference (CONFigure, SENSe:CURRent,
READ?). Wire format: SCPI (:mod:`rig.drivers.scpi_wire`), TCP port 5025; or a serial line where one is put before it::

    CONF:CURR:DC 0.001           direct current in this range, one reading a trigger, trigger at once
    SENS:CURR:DC:NPLC 10         integration time in periods of the mains
    SENS:FUNC?            ->     "CURR"
    READ?                 ->     +1.23450000E-05      in A; +9.9E37 at overload

The range is fixed: searching for a range would put another shunt into the supply of the pump. All readings are taken on
the 3 A terminals. Before each reading the meter is asked what it measures, because after a loss of power it measures
voltage. From memory, not from the manual: that the two lowest ranges are those of the 34465A and 34470A only.
"""

from __future__ import annotations

from rig.drivers.scpi_ammeter import ScpiAmmeter
from rig.drivers.scpi_wire import format_value

MODELS = ("34465A", "34460A", "34461A", "34470A")


class Keysight34465A(ScpiAmmeter):
    """One multimeter. ``range_a`` full scale, ``mains_periods`` over which a reading is integrated."""

    RANGES_A = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0, 3.0)
    PERIODS, PERIODS_IN_WORDS = (1, 10, 100), "1, 10 or 100"
    FUNCTION, CURRENT = "SENS:FUNC", '"CURR"'
    QUESTION = "READ?"

    @property
    def _within_s(self) -> int:
        return 2 + self._periods // 10  # twice (autozero) 100 periods are 4 s

    def _configure(self) -> None:
        self._line.check_model(*MODELS)
        self._line.tell(f"CONF:CURR:DC {format_value(self._range_a)}")
        self._line.establish("SENS:CURR:DC:NPLC", self._periods)
        if not self._line.shows("SENS:CURR:DC:RANG", self._range_a):
            message = f"the meter did not take the range of {format_value(self._range_a)} A"
            raise self._line.refused(message, "read back")
