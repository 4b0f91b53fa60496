"""What stands beside pump, balance and flow sensor, set up as the bench file says.

Wiring: the meters are in the lead of the unit's battery, the pressure transmitter in its line, and the first relay of
a board of the unit's own closes its outlet. Boards and meters that several units share are connected to nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from rig.sim.bath_julabo import SimulatedJulabo
from rig.sim.current_keithley_dmm6500 import SimulatedDmm6500
from rig.sim.current_keysight_34465a import SimulatedKeysight34465A
from rig.sim.environment_vaisala_ptu300 import SimulatedPtu300
from rig.sim.metering import battery_load, pump_inside
from rig.sim.place import Place
from rig.sim.pressure_keller import SimulatedKeller
from rig.sim.supply_keithley_2450 import SimulatedKeithley2450
from rig.sim.valves_gpio_serial import SimulatedRelayModule
from rig.sim.valves_scpi import SimulatedSwitchUnit

FIRST_CHANNEL, FIRST_RELAY = 101, 0


def keysight_34465a(place: Place) -> SimulatedKeysight34465A:
    return SimulatedKeysight34465A(
        place.clock, battery_load(place), place.random("current"), serial=place.serial("-C")
    )


def keithley_dmm6500(place: Place) -> SimulatedDmm6500:
    return SimulatedDmm6500(
        place.clock, battery_load(place), place.random("current"), serial=place.serial("-C")
    )


def keithley_2450(place: Place) -> SimulatedKeithley2450:
    """In the place of the pump's battery."""
    inside = pump_inside(place)

    def feeds(volts: float | None) -> None:
        if inside is not None:
            inside.battery.supplied_mv = None if volts is None else 1000 * volts

    return SimulatedKeithley2450(
        place.clock, battery_load(place), place.random("supply"), feeds=feeds, serial=place.serial("-V")
    )


def keller(place: Place) -> SimulatedKeller:
    """Its serial number is a number: that of the bench file, else the digits of the unit's."""
    serial = place.file.serial if (place.file.serial or "").isdigit() else place.world.owner
    digits = re.sub(r"\D", "", serial or "")
    fluid, clock = place.world.fluid, place.clock
    return SimulatedKeller(
        clock,
        lambda: 0.0 if fluid is None else float(fluid.pressure_kpa([clock.now_ns()])[0]),
        lambda: (
            place.world.room.temperature_c
            if fluid is None
            else float(fluid.temperature_at_c([clock.now_ns()])[0])
        ),
        serial=int(digits or "1") % 2**32,
        address=1 if place.file.device is None else place.file.device,
    )


def julabo(place: Place) -> SimulatedJulabo:
    """Met at the temperature that the bench file states for the fluid, if it does."""
    stated_c, room = place.world.bench.fluid_temperature_c, place.world.room
    return SimulatedJulabo(
        place.clock, lambda: room.temperature_c, setpoint_c=20.0 if stated_c is None else stated_c
    )


def vaisala_ptu300(place: Place) -> SimulatedPtu300:
    return SimulatedPtu300(
        place.clock, place.world.room, place.random("environment"), serial=place.serial("-E")
    )


def switch_unit(place: Place) -> SimulatedSwitchUnit:
    return SimulatedSwitchUnit(
        place.clock, moved=_closes_outlet(place, FIRST_CHANNEL), serial=place.serial("-R")
    )


def relay_module(place: Place) -> SimulatedRelayModule:
    return SimulatedRelayModule(place.clock, moved=_closes_outlet(place, FIRST_RELAY))


def _closes_outlet(place: Place, channel: int) -> Callable[[int, bool], None]:
    fluid = place.world.fluid

    def moved(which: int, is_on: bool) -> None:
        if which == channel and fluid is not None:
            fluid.outlet_closed = is_on

    return moved
