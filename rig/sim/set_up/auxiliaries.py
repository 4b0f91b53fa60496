"""What stands beside pump, balance and flow sensor, set up as the bench file says.

Wiring: the meters are in the lead of the unit's battery, the pressure transmitter in its line. Of a board of the unit's
own the first relay closes its outlet, the second holds a magnet to the pump (which stands still), the third leads the
outlet to a vessel 100 mmHg above the pump, the fourth to one as far below, the fifth thins the air around the pump
to 75 kPa (a cabin, a mountain at 2400 m). The supply feeds the pump from when its output is first switched on: off
again, or below what the pump needs, it is without power. The bath warms all units.
Boards and meters that several units share are connected to nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from rig.sim.auxiliaries.bath_julabo import SimulatedJulabo
from rig.sim.auxiliaries.current_keithley_dmm6500 import SimulatedDmm6500
from rig.sim.auxiliaries.current_keysight_34465a import SimulatedKeysight34465A
from rig.sim.auxiliaries.environment_vaisala_ptu300 import SimulatedPtu300
from rig.sim.auxiliaries.metering import battery_load, pump_inside
from rig.sim.auxiliaries.pressure_keller import SimulatedKeller
from rig.sim.auxiliaries.supply_keithley_2450 import SimulatedKeithley2450
from rig.sim.auxiliaries.valves_gpio_serial import SimulatedRelayModule
from rig.sim.auxiliaries.valves_scpi import SimulatedSwitchUnit
from rig.sim.bench_pumps.drive import InfusionDrive
from rig.sim.implantable.rpu1 import SimulatedPump
from rig.sim.place import Place

FIRST_CHANNEL, FIRST_RELAY = 101, 0
HEAD_KPA = 13.3322  # 100 mmHg
CABIN_KPA, KPA_PER_HPA = 75.0, 0.1


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
        if inside is None or (volts is None and inside.battery.supplied_mv is None):
            return
        if volts is None or 1000 * volts < inside.battery.brown_out_mv:
            inside.lose_power()
        else:
            inside.battery.supplied_mv = 1000 * volts
            inside.regain_power()

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
    return SimulatedSwitchUnit(place.clock, moved=_moves(place, FIRST_CHANNEL), serial=place.serial("-R"))


def relay_module(place: Place) -> SimulatedRelayModule:
    return SimulatedRelayModule(place.clock, moved=_moves(place, FIRST_RELAY))


def _moves(place: Place, first: int) -> Callable[[int, bool], None]:
    """What the relays of a board do, ``first`` being the channel of the first."""
    fluid, room = place.world.fluid, place.world.room

    def moved(channel: int, is_on: bool) -> None:
        relay = channel - first
        if fluid is None or relay not in range(5):
            return
        if relay == 0:
            fluid.outlet_closed = is_on
        elif relay == 1:
            _hold(place.world.devices.get("pump"), is_on)
        elif relay == 4:
            fluid.thinner_air_kpa = room.pressure_hpa * KPA_PER_HPA - CABIN_KPA if is_on else 0.0
        else:
            pressure_kpa = HEAD_KPA if relay == 2 else -HEAD_KPA
            fluid.back_pressure_kpa = pressure_kpa if is_on else 0.0

    return moved


def _hold(pump: object, held: bool) -> None:
    """A magnet at the rotor of an implantable pump; the plunger of a bench pump held fast."""
    if isinstance(pump, SimulatedPump):
        pump.unit.rotor_held = held
    elif isinstance(drive := getattr(pump, "drive", None), InfusionDrive):
        drive.jammed = held
