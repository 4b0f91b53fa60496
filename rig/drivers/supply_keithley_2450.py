"""Keithley 2450 source-meter in the place of the pump's battery: gives a voltage, measures the current.

Manual: Model 2450 Reference Manual 2450-901-01, section SCPI command reference. Wire format: SCPI in Keithley's dialect
(:mod:`rig.drivers.scpi_wire`, :mod:`rig.drivers.current_keithley_dmm6500`), TCP port 5025::

    :SOUR:FUNC VOLT              would switch the output off: sent only when it is not VOLT already
    :SENS:FUNC "CURR:DC"
    :SOUR:VOLT:ILIM 0.001        current limit in A, set before the voltage
    :SOUR:VOLT:LEV 3             voltage in V
    :OUTP ON
    :READ? "defbuffer1",SOUR,READ  ->  2.99998E+00,1.2345E-05     measured voltage in V, current in A
    :SOUR:VOLT:ILIM:TRIP?          ->  1                          the limit holds the voltage back

After each reading the source-meter is asked whether the limit holds: such a reading is not what the pump draws at the
voltage set, and is told as a DeviceError. From memory, not from the manual: the steps in which the voltage can be set
(0.5 mV up to 20 V; the driver takes whole millivolts), the smallest limit.
"""

from __future__ import annotations

import math

from rig.clock import NS_PER_S
from rig.drivers.scpi_wire import ScpiLine, format_value, parse_flag, parse_numbers
from rig.errors import DefinitionError, LimitRefused, LinkLost
from rig.readings import ChannelReading, Identity
from rig.transport import Link

LARGEST_V = 20.0
LIMITS_A = (1e-9, 1.0)
READ_WITHIN_NS = 5 * NS_PER_S  # a change of the measuring range included


class Keithley2450:
    """One source-meter. It never gives more than ``voltage_max_v``, nor lets more than ``current_max_a`` flow."""

    ROLE = "supply"
    DEFAULT_BAUD = 9600

    def __init__(self, link: Link, *, voltage_max_v: float = 5.0, current_max_a: float = 0.1) -> None:
        if not 0 < voltage_max_v <= LARGEST_V:
            raise DefinitionError(
                f"{format_value(voltage_max_v)} V is no voltage of a battery", hint="at most 20 V"
            )
        if not LIMITS_A[0] <= current_max_a <= LIMITS_A[1]:
            raise DefinitionError(f"no current limit of {format_value(current_max_a)} A", hint="1 nA to 1 A")
        self._link, self._line = link, ScpiLine(link)
        self._voltage_max_v, self._current_max_a = voltage_max_v, current_max_a
        self._ready = False

    def identify(self) -> Identity:
        return self._line.identify()

    def set_voltage(self, voltage_v: float, limit_a: float) -> None:
        """Set limit and voltage; the output stays as it is. LimitRefused for what cannot be set exactly."""
        check_voltage(voltage_v, self._voltage_max_v)
        check_limit(limit_a, self._current_max_a)
        self._configure()
        self._line.establish(":SOUR:VOLT:ILIM", limit_a)
        self._line.establish(":SOUR:VOLT:LEV", voltage_v)

    def switch(self, on: bool) -> None:
        self._configure()
        self._line.establish(":OUTP", on)

    def read(self) -> ChannelReading:
        """Voltage and current. DeviceError while the output is off, and when the current limit holds."""
        try:
            return self._reading()
        except LinkLost:
            self._ready = False  # whoever answers when the line is back is configured anew
            raise

    def close(self) -> None:
        """The output stays as it is: whether the pump may lose its supply is not for a driver to say."""
        self._link.close()

    def _reading(self) -> ChannelReading:
        self._configure()
        if not self._line.shows(":OUTP", True):
            raise self._line.refused("the output is off", "output off")
        (voltage_v, current_a), raw = self._line.ask(
            ':READ? "defbuffer1",SOUR,READ', lambda line: (parse_numbers(line, 2), line), READ_WITHIN_NS
        )
        t_ns = self._link.now_ns()
        if self._line.ask(":SOUR:VOLT:ILIM:TRIP?", parse_flag):
            message = f"the current limit holds: {format_value(current_a)} A at {format_value(voltage_v)} V"
            refusal = self._line.refused(message, "limit")
            refusal.received = raw
            raise refusal
        return ChannelReading(t_ns, {"battery_voltage_v": voltage_v, "battery_current_a": current_a}, raw)

    def _configure(self) -> None:
        if self._ready:
            return
        self._line.check_model("2450")
        self._line.check_language()
        if not self._line.shows(":SOUR:FUNC", "VOLT"):
            self._line.establish(":SOUR:FUNC", "VOLT")
        if not self._line.shows(":SENS:FUNC", '"CURR:DC"'):
            self._line.establish(":SENS:FUNC", '"CURR:DC"')
        self._ready = True


def check_voltage(voltage_v: float, largest_v: float) -> None:
    """LimitRefused unless it is a whole number of millivolts from 0 to the largest."""
    if not 0 <= voltage_v <= largest_v:
        raise LimitRefused(f"{voltage_v} V is not within 0 and {format_value(largest_v)} V; nothing was sent")
    nearest_v = round(voltage_v * 1000) / 1000
    if not math.isclose(voltage_v, nearest_v, rel_tol=1e-9):
        raise LimitRefused(f"{voltage_v} V cannot be set, the nearest is {nearest_v} V; nothing was sent")


def check_limit(limit_a: float, largest_a: float) -> None:
    """LimitRefused unless it has at most three digits and is within the limits."""
    if not LIMITS_A[0] <= limit_a <= largest_a:
        raise LimitRefused(
            f"limit of {limit_a} A is not within 1 nA and {format_value(largest_a)} A; nothing was sent"
        )
    nearest_a = float(f"{limit_a:.3g}")
    if not math.isclose(limit_a, nearest_a, rel_tol=1e-9):
        raise LimitRefused(
            f"limit of {limit_a} A cannot be set, the nearest is {nearest_a} A; nothing was sent"
        )
