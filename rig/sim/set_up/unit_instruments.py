"""The implantable pump, the balances and the flow sensors of a unit, set up as the bench file says."""

from __future__ import annotations

from typing import TypeVar

from rig.definitions.instruments import BalanceInstrument, FlowInstrument
from rig.definitions.unit_file import UnitFile
from rig.sim.balances.mt_sics import SimulatedBalance
from rig.sim.balances.sartorius_sbi import SimulatedSbiBalance
from rig.sim.balances.weighing import Pan, ZeroDrift
from rig.sim.flow_meters.bronkhorst_propar import SimulatedPropar
from rig.sim.flow_meters.sensirion_scc1 import SimulatedFlowSensor
from rig.sim.fluid.densities import air_density_g_ml
from rig.sim.implantable.pump import ImplantablePump
from rig.sim.implantable.rpu1 import SimulatedPump
from rig.sim.implantable.words import Limits
from rig.sim.place import Place

NL_PER_ML = 1_000_000
BalanceT = TypeVar("BalanceT", SimulatedBalance, SimulatedSbiBalance)
FlowT = TypeVar("FlowT", SimulatedFlowSensor, SimulatedPropar)


def rpu1(place: Place) -> SimulatedPump:
    """An implantable pump with the limits of its profile."""
    unit, injected = _unit(place), place.world.injected
    limits = _limits(unit)
    inside = ImplantablePump(
        place.clock,
        place.fluid,
        limits,
        reservoir_nl=min(round(unit.reservoir_ml * NL_PER_ML), limits.reservoir_max),
        low_nl=min(round(unit.profile.low_reservoir_ml * NL_PER_ML), limits.low_max),
    )
    if injected.stall_at_s is not None:
        for_ns = None if injected.stall_for_s is None else round(injected.stall_for_s * 1e9)
        inside.hold_rotor(round(injected.stall_at_s * 1e9), for_ns)
    address = 1 if place.file.device is None else place.file.device
    return SimulatedPump(place.clock, inside, place.random("pump"), serial=place.serial(), address=address)


def mt_sics(place: Place) -> SimulatedBalance:
    return _balance(place, SimulatedBalance)


def sbi(place: Place) -> SimulatedSbiBalance:
    return _balance(place, SimulatedSbiBalance)


def scc1(place: Place) -> SimulatedFlowSensor:
    return _flow(place, SimulatedFlowSensor)


def propar(place: Place) -> SimulatedPropar:
    """A meter with the full scale that the bench file states."""
    sensor = _flow(place, SimulatedPropar)
    if isinstance(place.file, FlowInstrument):
        sensor.set_capacity(1000 * place.file.full_scale_ml_h, "ul/h")
    return sensor


def _balance(place: Place, device: type[BalanceT]) -> BalanceT:
    unit, room, injected = _unit(place), place.world.room, place.world.injected
    if not isinstance(place.file, BalanceInstrument):
        raise TypeError(f"the {place.file.role} of {unit.serial} is no balance")
    air = air_density_g_ml(room.temperature_c, room.pressure_hpa, room.humidity_pct)
    immersed = 0.0
    if unit.outlet_diameter_mm is not None and unit.vessel_diameter_mm is not None:
        immersed = unit.outlet_diameter_mm / unit.vessel_diameter_mm
    balance = device(
        place.clock,
        Pan(place.fluid, air, immersed),
        place.random("balance noise"),
        ZeroDrift(injected.balance_drift_24h_g, place.random("balance drift")),
        serial=place.serial("-B"),
        resolution_g=place.file.resolution_g,
        noise_g=injected.balance_noise_g,
    )
    balance.temperature_c = room.temperature_c
    return balance


def _flow(place: Place, device: type[FlowT]) -> FlowT:
    injected = place.world.injected
    sensor = device(
        place.clock,
        place.fluid,
        place.random("flow"),
        serial=place.serial("-F"),
        noise_nl_min=injected.flow_noise_nl_min,
        offset_nl_min=injected.flow_offset_nl_min,
    )
    if place.file.device is not None:
        sensor.address = place.file.device
    return sensor


def _unit(place: Place) -> UnitFile:
    if place.world.unit is None:
        raise ValueError(f"a {place.file.role} belongs to a unit")
    return place.world.unit


def _limits(unit: UnitFile) -> Limits:
    """What the profile claims, inside the widest that the protocol allows."""
    widest, profile = Limits(), unit.profile

    def inside(value_ml: float | None, low: int, high: int) -> int:
        return high if value_ml is None else min(max(round(value_ml * NL_PER_ML), low), high)

    return Limits(
        rate_min=inside(profile.rate_min_ml_h, widest.rate_min, widest.rate_max),
        rate_max=inside(profile.rate_max_ml_h, widest.rate_min, widest.rate_max),
        bolus_min=inside(profile.bolus_min_ml, widest.bolus_min, widest.bolus_max),
        bolus_max=inside(profile.bolus_max_ml, widest.bolus_min, widest.bolus_max),
        bolus_rate_max=inside(profile.bolus_rate_max_ml_h, 1, widest.bolus_rate_max),
        reservoir_max=inside(profile.reservoir_ml, 1, widest.reservoir_max),
    )
