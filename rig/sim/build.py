"""From a bench file to its simulated world: a fluid path for each unit, and the instruments around it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from rig.definitions.bench_file import BenchFile, UnitFile
from rig.definitions.instruments import InstrumentFile, SimulatedUnit
from rig.errors import DefinitionError, Where
from rig.sim.balance_mt_sics import SimulatedBalance
from rig.sim.balance_sartorius_sbi import SimulatedSbiBalance
from rig.sim.flow_bronkhorst_propar import SimulatedPropar
from rig.sim.flow_sensirion_scc1 import SimulatedFlowSensor
from rig.sim.fluid import FluidPath, Peristaltic, air_density_g_ml
from rig.sim.implantable import ImplantablePump
from rig.sim.line import WorldClock
from rig.sim.pump_rpu1 import SimulatedPump
from rig.sim.pump_words import Limits
from rig.sim.seeds import generator
from rig.sim.weighing import Pan, ZeroDrift
from rig.transport import WirePort

T = TypeVar("T")
NL_PER_ML = 1_000_000
# By the name of the driver that a bench file gives.
BALANCES: dict[str, type[SimulatedBalance] | type[SimulatedSbiBalance]] = {
    "balance_mt_sics": SimulatedBalance,
    "balance_sartorius_sbi": SimulatedSbiBalance,
}
FLOW_SENSORS: dict[str, type[SimulatedFlowSensor] | type[SimulatedPropar]] = {
    "flow_bronkhorst_propar": SimulatedPropar,
    "flow_sensirion_scc1": SimulatedFlowSensor,
}


@dataclass
class SimulatedChannel:
    """One unit with its instruments, for tests and the injection of faults."""

    serial: str
    fluid: FluidPath
    pump: SimulatedPump
    balance: SimulatedBalance | SimulatedSbiBalance | None
    flow: SimulatedFlowSensor | SimulatedPropar | None

    def port(self, role: str) -> WirePort:
        """The instrument's end of the line. Raises KeyError if the unit has none of that role."""
        ports: dict[str, WirePort | None] = {"pump": self.pump, "balance": self.balance, "flow": self.flow}
        port = ports[role]
        if port is None:
            raise KeyError(f"unit {self.serial} has no simulated {role}")
        return port


@dataclass
class SimulatedBench:
    """All units of a bench by serial number, in the order of the bench file."""

    units: dict[str, SimulatedChannel]

    def port(self, serial: str, role: str) -> WirePort:
        """The end of the line of one instrument. Raises KeyError."""
        return self.units[serial].port(role)


def simulate(bench: BenchFile, clock: WorldClock) -> SimulatedBench:
    """Build the simulated world of ``bench`` on ``clock``; time zero of the clock is when it is switched on.

    The same bench gives the same bytes; what one instrument is asked changes no other unit's numbers. Raises
    DefinitionError for a simulated balance or flow sensor whose driver nothing here answers to.
    """
    return SimulatedBench({unit.serial: _channel(bench, unit, clock) for unit in bench.units})


def _channel(bench: BenchFile, unit: UnitFile, clock: WorldClock) -> SimulatedChannel:
    injected = unit.simulated or SimulatedUnit()
    fluid = FluidPath(
        clock,
        Peristaltic(injected.ripple_pct / 100, injected.ripple_volume_nl),
        rate_error=injected.rate_error_pct / 100,
        compliance_time_s=injected.compliance_time_s,
        reservoir_nl=unit.reservoir_ml * NL_PER_ML,
        temperature_c=injected.temperature_c,
        temperature_swing_k=injected.temperature_swing_k,
        evaporation_g_h=injected.evaporation_g_h,
        day_phase_rad=float(generator(bench.seed, unit.serial, "day").uniform(0, 2 * math.pi)),
    )
    return SimulatedChannel(
        unit.serial,
        fluid,
        _pump(bench, unit, injected, fluid, clock),
        _balance(bench, unit, injected, fluid, clock),
        _flow(bench, unit, injected, fluid, clock),
    )


def _pump(
    bench: BenchFile, unit: UnitFile, injected: SimulatedUnit, fluid: FluidPath, clock: WorldClock
) -> SimulatedPump:
    limits = _limits(unit)
    inside = ImplantablePump(
        clock,
        fluid,
        limits,
        reservoir_nl=min(round(unit.reservoir_ml * NL_PER_ML), limits.reservoir_max),
        low_nl=min(round(unit.profile.low_reservoir_ml * NL_PER_ML), limits.low_max),
    )
    if injected.stall_at_s is not None:
        for_ns = None if injected.stall_for_s is None else round(injected.stall_for_s * 1e9)
        inside.hold_rotor(round(injected.stall_at_s * 1e9), for_ns)
    return SimulatedPump(
        clock,
        inside,
        generator(bench.seed, unit.serial, "pump"),
        serial=_serial(unit.pump, unit.serial),
        address=1 if unit.pump.device is None else unit.pump.device,
    )


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


def _balance(
    bench: BenchFile, unit: UnitFile, injected: SimulatedUnit, fluid: FluidPath, clock: WorldClock
) -> SimulatedBalance | SimulatedSbiBalance | None:
    if unit.balance is None or (device := _device(BALANCES, unit.balance, bench)) is None:
        return None
    air = air_density_g_ml(bench.air_temperature_c, bench.air_pressure_hpa, bench.air_humidity_pct)
    immersed = 0.0
    if unit.outlet_diameter_mm is not None and unit.vessel_diameter_mm is not None:
        immersed = unit.outlet_diameter_mm / unit.vessel_diameter_mm
    balance = device(
        clock,
        Pan(fluid, air, immersed),
        generator(bench.seed, unit.serial, "balance noise"),
        ZeroDrift(injected.balance_drift_24h_g, generator(bench.seed, unit.serial, "balance drift")),
        serial=_serial(unit.balance, unit.serial, "-B"),
        resolution_g=unit.balance.resolution_g,
        noise_g=injected.balance_noise_g,
    )
    balance.temperature_c = bench.air_temperature_c
    return balance


def _flow(
    bench: BenchFile, unit: UnitFile, injected: SimulatedUnit, fluid: FluidPath, clock: WorldClock
) -> SimulatedFlowSensor | SimulatedPropar | None:
    if unit.flow is None or (device := _device(FLOW_SENSORS, unit.flow, bench)) is None:
        return None
    sensor = device(
        clock,
        fluid,
        generator(bench.seed, unit.serial, "flow"),
        serial=_serial(unit.flow, unit.serial, "-F"),
        noise_nl_min=injected.flow_noise_nl_min,
        offset_nl_min=injected.flow_offset_nl_min,
    )
    if isinstance(sensor, SimulatedPropar):
        sensor.set_capacity(1000 * unit.flow.full_scale_ml_h, "ul/h")
    if unit.flow.device is not None:
        sensor.address = unit.flow.device
    return sensor


def _device(devices: Mapping[str, type[T]], file: InstrumentFile, bench: BenchFile) -> type[T] | None:
    """What answers to the driver of ``file``; None if nothing does, and the instrument is a real one anyway.

    Raises DefinitionError for a simulated instrument whose driver none answers to.
    """
    if file.driver not in devices and file.is_simulated:
        message = f"no simulated {file.role} answers to driver '{file.driver}'"
        raise DefinitionError(message, Where(bench.source.name), hint=f"there are {', '.join(devices)}")
    return devices.get(file.driver)


def _serial(file: InstrumentFile, unit: str, suffix: str = "") -> str:
    """What the bench file expects, if that says it is simulated; else one made from the unit's."""
    if file.serial is not None and file.serial.startswith("SIM"):
        return file.serial
    own = unit if unit.startswith("SIM") else f"SIM-{unit}"
    return own[: 16 - len(suffix)] + suffix
