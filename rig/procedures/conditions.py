"""The conditions a weighed case asks for: temperature of the bath, valves that stay on, the line closed in blanks."""

from __future__ import annotations

from rig.capabilities import Thermostat, UnitUnderTest, Valves
from rig.definitions.cases.common import WeighedCase
from rig.errors import DeviceError, LimitRefused

BATH_WITHIN_K = 0.5


def valves_of(unit: UnitUnderTest) -> Valves:
    """The unit's valves. Raises LimitRefused."""
    if unit.valves is None:
        raise LimitRefused(f"refused, nothing was delivered: unit {unit.serial} has no valves")
    return unit.valves


def bath_of(unit: UnitUnderTest) -> Thermostat:
    """The unit's bath. Raises LimitRefused."""
    if unit.bath is None:
        raise LimitRefused(f"refused, nothing was delivered: unit {unit.serial} stands in no bath")
    return unit.bath


def set_channels(unit: UnitUnderTest, case: WeighedCase, on: bool) -> None:
    """Valves that stay on through a case; the line is open."""
    for channel in case.channels_on:
        valves_of(unit).switch(channel, on)
    close_line(unit, case, False)


def close_line(unit: UnitUnderTest, case: WeighedCase, closed: bool) -> None:
    """Close or open the line where the case names a valve for that."""
    if case.line_valve is not None:
        valves_of(unit).switch(case.line_valve, closed)


def refuse_unless_warm(unit: UnitUnderTest, temperature_c: float) -> None:
    """Raises DeviceError when the bath is not at its temperature."""
    shown_c = bath_of(unit).read().values["bath_temperature_c"]
    if abs(shown_c - temperature_c) > BATH_WITHIN_K:
        raise DeviceError(
            f"the bath is at {shown_c:g} degC, the case asks for {temperature_c:g} degC: give it more 'warm_up'",
            code="not-warm",
        )
