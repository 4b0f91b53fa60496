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

from rig.clock import NS_PER_S
from rig.drivers.scpi_wire import ScpiLine, format_value, parse_number
from rig.errors import DefinitionError, LinkLost
from rig.readings import ChannelReading, Identity
from rig.transport import Link

RANGES_A = (1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0, 3.0)
PERIODS = range(1, 13)  # 12 at 50 Hz, 15 at 60 Hz


class KeithleyDmm6500:
    """One multimeter. ``range_a`` full scale, ``mains_periods`` over which a reading is integrated."""

    ROLE = "current"
    DEFAULT_BAUD = 9600

    def __init__(self, link: Link, *, range_a: float = 1e-3, mains_periods: int = 10) -> None:
        if range_a not in RANGES_A:
            known = ", ".join(format_value(each) for each in RANGES_A)
            raise DefinitionError(
                f"the meter has no range of {format_value(range_a)} A", hint=f"it has {known} A"
            )
        if mains_periods not in PERIODS:
            raise DefinitionError(f"{mains_periods} mains periods cannot be set", hint="1 to 12")
        self._link, self._line = link, ScpiLine(link)
        self._range_a, self._periods = range_a, mains_periods
        self._ready = False

    def identify(self) -> Identity:
        return self._line.identify()

    def read(self) -> ChannelReading:
        """One reading. After a loss of power DeviceError once; the next call configures the meter anew."""
        try:
            return self._reading()
        except LinkLost:
            self._ready = False  # whoever answers when the line is back is configured anew
            raise

    def close(self) -> None:
        self._link.close()

    def _reading(self) -> ChannelReading:
        if not self._ready:
            self._configure()
        if not self._line.shows(":SENS:FUNC", '"CURR:DC"'):
            self._ready = False
            message = "the meter does not measure current any more (was it switched off?)"
            raise self._line.refused(message, "function")
        current_a, raw = self._line.ask(":READ?", lambda line: (parse_number(line), line), 3 * NS_PER_S)
        return ChannelReading(self._link.now_ns(), {"battery_current_a": current_a}, raw)

    def _configure(self) -> None:
        self._line.check_model("DMM6500")
        self._line.check_language()
        self._line.establish(":SENS:FUNC", '"CURR:DC"')
        self._line.establish(":SENS:CURR:RANG", self._range_a)
        self._line.establish(":SENS:CURR:NPLC", self._periods)
        self._ready = True
