"""From a bench file to its simulated world: a fluid path for each unit, and the instruments around it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from rig.definitions.bench_file import BenchFile, UnitFile
from rig.definitions.instruments import SHARED, InstrumentFile, SimulatedUnit
from rig.errors import DefinitionError
from rig.sim.auxiliaries.bath_julabo import SimulatedJulabo
from rig.sim.fluid.mechanisms import mechanism_named
from rig.sim.fluid.path import FluidPath
from rig.sim.place import Place, Room, World
from rig.sim.seeds import generator
from rig.sim.wire.line import WorldClock
from rig.transport import WirePort
from rig.transport.address import parse_address

NL_PER_ML = 1_000_000
ENTRY_POINT_GROUP = "rig.simulated"
# What answers to a driver, by the name of the driver that a bench file gives: "module:function" of a Place. Packages of
# others add theirs under the entry-point group; a name of the rig's own cannot be taken.
SIMULATED = {
    "balance_manual": "rig.sim.operator:balance",
    "balance_mt_sics": "rig.sim.set_up.unit_instruments:mt_sics",
    "balance_sartorius_sbi": "rig.sim.set_up.unit_instruments:sbi",
    "bath_julabo": "rig.sim.set_up.auxiliaries:julabo",
    "current_keithley_dmm6500": "rig.sim.set_up.auxiliaries:keithley_dmm6500",
    "current_keysight_34465a": "rig.sim.set_up.auxiliaries:keysight_34465a",
    "environment_manual": "rig.sim.operator:environment",
    "environment_vaisala_ptu300": "rig.sim.set_up.auxiliaries:vaisala_ptu300",
    "flow_bronkhorst_propar": "rig.sim.set_up.unit_instruments:propar",
    "flow_sensirion_scc1": "rig.sim.set_up.unit_instruments:scc1",
    "pressure_keller": "rig.sim.set_up.auxiliaries:keller",
    "pump_alaris": "rig.sim.set_up.bench_pumps:alaris",
    "pump_fresenius": "rig.sim.set_up.bench_pumps:fresenius",
    "pump_harvard_chain": "rig.sim.set_up.bench_pumps:harvard_chain",
    "pump_harvard_ultra": "rig.sim.set_up.bench_pumps:harvard_ultra",
    "pump_manual": "rig.sim.operator:pump",
    "pump_new_era": "rig.sim.set_up.bench_pumps:new_era",
    "pump_rpu1": "rig.sim.set_up.unit_instruments:rpu1",
    "supply_keithley_2450": "rig.sim.set_up.auxiliaries:keithley_2450",
    "valves_gpio_serial": "rig.sim.set_up.auxiliaries:relay_module",
    "valves_manual": "rig.sim.operator:valves",
    "valves_scpi": "rig.sim.set_up.auxiliaries:switch_unit",
}


@dataclass
class SimulatedChannel:
    """One unit with its instruments, for tests and the injection of faults; those not simulated are missing."""

    serial: str
    fluid: FluidPath
    devices: dict[str, WirePort]

    @property
    def pump(self) -> Any:
        return self.devices["pump"]

    @property
    def balance(self) -> Any:
        return self.devices.get("balance")

    @property
    def flow(self) -> Any:
        return self.devices.get("flow")


@dataclass
class SimulatedBench:
    """All units of a bench by serial number, in the order of the bench file, and what they share by role."""

    units: dict[str, SimulatedChannel]
    shared: dict[str, WirePort]
    room: Room

    def port(self, owner: str, role: str) -> WirePort:
        """The end of the line of one instrument; ``owner`` is a unit or :data:`SHARED`. Raises KeyError."""
        devices = self.shared if owner == SHARED else self.units[owner].devices
        if role not in devices:
            raise KeyError(f"{owner} has no simulated {role}")
        return devices[role]


def simulate(bench: BenchFile, clock: WorldClock) -> SimulatedBench:
    """Build the simulated world of ``bench`` on ``clock``; time zero of the clock is when it is switched on.

    The same bench gives the same bytes; what one instrument is asked changes no other unit's numbers. Raises
    DefinitionError for a simulated instrument whose driver nothing here answers to.
    """
    room = Room(bench.air_temperature_c, bench.air_pressure_hpa, bench.air_humidity_pct)
    units = {}
    for unit in bench.units:
        fluid = _fluid(bench, unit, clock)
        world = World(bench, clock, room, unit.serial, unit, fluid)
        for file in unit.instruments:
            _stand(world, file)
        units[unit.serial] = SimulatedChannel(unit.serial, fluid, world.devices)
    shared = World(bench, clock, room, SHARED)
    for file in bench.shared.auxiliaries:
        _stand(shared, file)
    if isinstance(bath := shared.devices.get("bath"), SimulatedJulabo):
        bath.warms = partial(_warm, [unit.fluid for unit in units.values()])
    return SimulatedBench(units, shared.devices, room)


def _warm(fluids: list[FluidPath], temperature_c: float) -> None:
    for fluid in fluids:
        fluid.warm_to(temperature_c)


def _fluid(bench: BenchFile, unit: UnitFile, clock: WorldClock) -> FluidPath:
    injected = unit.simulated or SimulatedUnit()
    fluid = FluidPath(
        clock,
        mechanism_named(unit.profile.mechanism, injected.ripple_pct / 100, injected.ripple_volume_nl),
        rate_error=injected.rate_error_pct / 100,
        compliance_time_s=injected.compliance_time_s,
        reservoir_nl=unit.reservoir_ml * NL_PER_ML,
        temperature_c=injected.temperature_c,
        temperature_swing_k=injected.temperature_swing_k,
        evaporation_g_h=injected.evaporation_g_h,
        day_phase_rad=float(generator(bench.seed, unit.serial, "day").uniform(0, 2 * math.pi)),
    )
    fluid.compliance_nl_kpa = injected.line_compliance_ml_kpa * NL_PER_ML
    return fluid


def _stand(world: World, file: InstrumentFile) -> None:
    """Put what answers to the driver of ``file`` in its place; nothing, if it is a real one that nothing answers to."""
    if (found := _simulated_place(file.driver)) is not None:
        module, _, function = found.partition(":")
        device = world.devices[file.role] = getattr(import_module(module), function)(Place(world, file))
        if file.is_in_process and (address := parse_address(file.address)).options:
            device.line.framing = address.framing(device.line.framing)
    elif file.is_simulated:
        message = f"no simulated {file.role} answers to driver '{file.driver}'"
        where = world.bench.where(world.owner, file.role, "driver")
        raise DefinitionError(message, where, hint=f"there are {', '.join(SIMULATED)}")


def _simulated_place(driver: str) -> str | None:
    """Where the simulated device for a driver is, of the rig or of another package."""
    if driver in SIMULATED:
        return SIMULATED[driver]
    others = {point.name: point.value for point in entry_points(group=ENTRY_POINT_GROUP)}
    return others.get(driver)
