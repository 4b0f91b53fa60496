"""Bench infusion pumps set up as the bench file says: the syringe holds what the unit's reservoir holds at the start.

A syringe's diameter is what the driver tells the pump, as with a real one.
"""

from __future__ import annotations

import math

from rig.sim.bench_pumps.alaris import SimulatedAlaris
from rig.sim.bench_pumps.drive import InfusionDrive
from rig.sim.bench_pumps.fresenius import SimulatedFresenius
from rig.sim.bench_pumps.harvard_chain import PHD_2000, PUMP_11, SimulatedHarvardChain
from rig.sim.bench_pumps.harvard_ultra import SimulatedHarvardUltra
from rig.sim.bench_pumps.new_era import SimulatedNewEra
from rig.sim.place import Place

NL_PER_ML = 1_000_000
NS_PER_S = 1_000_000_000


def new_era(place: Place) -> SimulatedNewEra:
    pump = SimulatedNewEra(
        place.clock, place.fluid, capacity_nl=_fill_nl(place), address=place.file.device or 0
    )
    _set_up(pump.drive, place)
    return pump


def harvard_ultra(place: Place) -> SimulatedHarvardUltra:
    pump = SimulatedHarvardUltra(
        place.clock,
        place.fluid,
        serial=place.serial(),
        capacity_nl=_fill_nl(place),
        address=place.file.device or 0,
    )
    _set_up(pump.drive, place)
    return pump


def harvard_chain(place: Place) -> SimulatedHarvardChain:
    """A PHD 2000 if the driver is told that volumes are in ml, else a Pump 11."""
    pump = SimulatedHarvardChain(
        place.clock,
        place.fluid,
        capacity_nl=_fill_nl(place),
        address=place.file.device or 0,
        dialect=PHD_2000 if place.file.options.get("volumes_in_ml") is True else PUMP_11,
    )
    _set_up(pump.drive, place)
    return pump


def fresenius(place: Place) -> SimulatedFresenius:
    """Alone, or the module of a base that ``device`` says."""
    pump = SimulatedFresenius(
        place.clock,
        place.fluid,
        serial=place.serial(),
        capacity_nl=_fill_nl(place),
        module=place.file.device or None,
    )
    _set_up(pump.drive, place)
    return pump


def alaris(place: Place) -> SimulatedAlaris:
    pump = SimulatedAlaris(place.clock, place.fluid, serial=place.serial(), capacity_nl=_fill_nl(place))
    _set_up(pump.drive, place)
    return pump


def _fill_nl(place: Place) -> float:
    unit = place.world.unit
    return math.inf if unit is None else unit.reservoir_ml * NL_PER_ML


def _set_up(drive: InfusionDrive, place: Place) -> None:
    """Near end as the profile says; the pressure of its alarm, and the stall that is injected."""
    unit, injected = place.world.unit, place.world.injected
    if unit is not None:
        drive.near_end_nl = unit.profile.low_reservoir_ml * NL_PER_ML
    if injected.occlusion_kpa is not None:
        drive.occlusion_kpa = injected.occlusion_kpa
    if injected.stall_at_s is not None:
        for_ns = None if injected.stall_for_s is None else round(injected.stall_for_s * NS_PER_S)
        drive.jam_at(round(injected.stall_at_s * NS_PER_S), for_ns)
