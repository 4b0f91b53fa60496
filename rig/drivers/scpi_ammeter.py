"""A multimeter that measures a direct current and speaks SCPI; how a maker spells it is in the file of each meter.

Before each reading the meter is asked what it measures, because after a loss of power it measures voltage.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Container
from typing import ClassVar

from rig.clock import NS_PER_S
from rig.drivers.scpi_wire import ScpiLine, format_value, parse_number
from rig.errors import DefinitionError, LinkLost
from rig.readings import ChannelReading, Identity
from rig.transport import Link


class ScpiAmmeter(ABC):
    """One multimeter. ``range_a`` full scale, ``mains_periods`` over which a reading is integrated."""

    ROLE = "current"
    DEFAULT_BAUD = 9600

    RANGES_A: ClassVar[tuple[float, ...]]
    PERIODS: ClassVar[Container[int]]
    PERIODS_IN_WORDS: ClassVar[str]
    FUNCTION: ClassVar[str]  # the header that says what is measured
    CURRENT: ClassVar[str]  # what it says while that is direct current
    QUESTION: ClassVar[str]  # for a reading

    def __init__(self, link: Link, *, range_a: float = 1e-3, mains_periods: int = 10) -> None:
        if range_a not in self.RANGES_A:
            known = ", ".join(format_value(each) for each in self.RANGES_A)
            raise DefinitionError(
                f"the meter has no range of {format_value(range_a)} A", hint=f"it has {known} A"
            )
        if mains_periods not in self.PERIODS:
            raise DefinitionError(f"{mains_periods} mains periods cannot be set", hint=self.PERIODS_IN_WORDS)
        self._link, self._line = link, ScpiLine(link)
        self._range_a, self._periods = range_a, mains_periods
        self._ready = False

    @property
    def _within_s(self) -> int:
        """How long a reading may take."""
        return 3

    @abstractmethod
    def _configure(self) -> None:
        """Set function, range and time, each read back. Raises DeviceError."""

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
            self._ready = True
        if not self._line.shows(self.FUNCTION, self.CURRENT):
            self._ready = False
            message = "the meter does not measure current any more (was it switched off?)"
            raise self._line.refused(message, "function")
        current_a, raw = self._line.ask(
            self.QUESTION, lambda line: (parse_number(line), line), self._within_s * NS_PER_S
        )
        return ChannelReading(self._link.now_ns(), {"battery_current_a": current_a}, raw)
