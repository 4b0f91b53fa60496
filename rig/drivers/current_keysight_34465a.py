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

from rig.clock import NS_PER_S
from rig.drivers.scpi_wire import ScpiLine, format_value, parse_number
from rig.errors import DefinitionError, LinkLost
from rig.readings import ChannelReading, Identity
from rig.transport import Link

MODELS = ("34465A", "34460A", "34461A", "34470A")
RANGES_A = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0, 3.0)
PERIODS = (1, 10, 100)


class Keysight34465A:
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
            raise DefinitionError(f"{mains_periods} mains periods cannot be set", hint="1, 10 or 100")
        self._link, self._line = link, ScpiLine(link)
        self._range_a, self._periods = range_a, mains_periods
        self._within_ns = NS_PER_S * (2 + mains_periods // 10)  # twice (autozero) 100 periods are 4 s
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
        if not self._line.shows("SENS:FUNC", '"CURR"'):
            self._ready = False
            message = "the meter does not measure current any more (was it switched off?)"
            raise self._line.refused(message, "function")
        current_a, raw = self._line.ask("READ?", lambda line: (parse_number(line), line), self._within_ns)
        return ChannelReading(self._link.now_ns(), {"battery_current_a": current_a}, raw)

    def _configure(self) -> None:
        self._line.check_model(*MODELS)
        self._line.tell(f"CONF:CURR:DC {format_value(self._range_a)}")
        self._line.establish("SENS:CURR:DC:NPLC", self._periods)
        if not self._line.shows("SENS:CURR:DC:RANG", self._range_a):
            message = f"the meter did not take the range of {format_value(self._range_a)} A"
            raise self._line.refused(message, "read back")
        self._ready = True
