"""From a bench file to units that can be tested."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any, cast

from rig.bench.interlock import BenchLimits, Interlock, Watchman
from rig.bench.interlocked import interlocked
from rig.bench.monitors import SharedReading
from rig.bench.options import driver_arguments
from rig.capabilities import (
    Balance,
    FlowSensor,
    InfusionPump,
    Instrument,
    PowerSupply,
    Thermostat,
    UnitUnderTest,
    Valves,
)
from rig.clock import Clock
from rig.clock.virtual import VirtualClock
from rig.clock.wall import WallClock
from rig.definitions.bench_file import BenchFile, UnitFile
from rig.definitions.instruments import SHARED, InstrumentFile
from rig.drivers import driver_class, driver_places
from rig.drivers.opening import open_driver
from rig.errors import DefinitionError, DeviceError, RigError
from rig.quantities import nl_from_ml
from rig.readings import Identity
from rig.safe_state import safety_switch
from rig.transport import Direction, WirePort, WireSink
from rig.transport.address import check_address

if TYPE_CHECKING:
    from rig.sim.build import SimulatedBench

MONITORS = ("pressure", "current", "supply", "bath", "environment")  # roles that are read now and then
PUMP_ASKED_EVERY_S = 300.0  # the pump's own log names the second of an alarm; this is how soon the rig knows
SIMULATED_SERIAL_PREFIX = "SIM"  # every simulated instrument of this project says so itself


@dataclass
class WireTap:
    """Hands every byte of one instrument to the run that is open now, if one is."""

    sink: WireSink | None = None

    def __call__(self, t_ns: int, direction: Direction, data: bytes) -> None:
        if self.sink is not None:
            self.sink(t_ns, direction, data)


@dataclass
class InstrumentOnBench:
    """One opened instrument: what the bench file says, the driver, its wire tap, and who it said it is."""

    unit: str
    file: InstrumentFile
    driver: Instrument
    tap: WireTap
    identity: Identity = field(default_factory=Identity)

    @property
    def simulated(self) -> bool:
        """Declared by the bench file, or told by the instrument itself."""
        return self.file.is_simulated or self.identity.serial.startswith(SIMULATED_SERIAL_PREFIX)

    def identify(self) -> Identity:
        """Ask the instrument who it is; refuse a stranger in the place of the declared one.

        Raises DeviceError when its serial number is not the one in the bench file.
        """
        self.identity = self.driver.identify()
        if self.file.serial is not None and self.identity.serial != self.file.serial:
            raise DeviceError(
                f"the {self.file.role} of unit {self.unit} says it is serial number '{self.identity.serial}', the "
                f"bench file says '{self.file.serial}': put the declared instrument back, or mend the bench file",
                code="stranger",
                address=self.file.address,
            )
        return self.identity


@dataclass
class Bench:
    """A bench that is open. Close it, or use it as a context."""

    file: BenchFile
    clock: Clock
    units: tuple[UnitUnderTest, ...]
    instruments: tuple[InstrumentOnBench, ...]
    interlocks: Mapping[str, Interlock] = field(default_factory=dict)  # by serial number of the unit
    watchman: Watchman | None = None  # looks after them where time is real

    def unit(self, serial: str) -> UnitUnderTest:
        """The unit with that serial number. Raises DefinitionError when the bench has none such."""
        for unit in self.units:
            if unit.serial == serial:
                return unit
        raise DefinitionError(
            f"no unit '{serial}' is open on bench '{self.file.id}'",
            hint="open units: " + ", ".join(unit.serial for unit in self.units),
        )

    def close(self) -> None:
        """Give all links back. Never raises."""
        if self.watchman is not None:
            self.watchman.stop()
        for instrument in self.instruments:
            instrument.driver.close()

    def __enter__(self) -> Bench:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def clock_for(bench: BenchFile) -> Clock:
    """Virtual time where the instruments are simulated in this process, real time otherwise."""
    return VirtualClock() if bench.is_in_process else WallClock()


def check_instruments(bench: BenchFile) -> None:
    """Refuse unknown drivers, options they do not have, malformed addresses. Opens nothing. Raises DefinitionError."""
    problems: list[DefinitionError] = []
    for owner, instrument in bench.instruments:
        for key, check in (
            ("address", _check_address),
            ("driver", _check_driver),
            ("options", _check_options),
        ):
            try:
                check(instrument)
            except DefinitionError as error:
                problems.append(
                    DefinitionError(error.message, bench.where(owner, instrument.role, key), error.hint)
                )
                break
    if len(problems) == 1:
        raise problems[0]
    if problems:
        raise DefinitionError("several problems", more=tuple(problems))


def _check_address(file: InstrumentFile) -> None:
    check_address(file.address)


def _check_driver(file: InstrumentFile) -> None:
    role = driver_class(file.driver).ROLE
    if file.role != role:
        fitting = ", ".join(name for name in driver_places() if name.startswith(f"{file.role}_"))
        hint = f"there are {fitting}" if fitting else ""
        raise DefinitionError(f"driver '{file.driver}' drives a {role}, not a {file.role}", hint=hint)


def _check_options(file: InstrumentFile) -> None:
    driver_arguments(driver_class(file.driver), file)


def open_bench(
    bench: BenchFile,
    clock: Clock,
    serials: Sequence[str] | None = None,
    world: SimulatedBench | None = None,
) -> Bench:
    """Open the links of the named units (default all); sends nothing.

    ``world`` is the simulated world of ``bench`` on ``clock`` if the caller has built it already. Raises
    DefinitionError, LinkLost (a port that is not there); whatever was opened is closed again.
    """
    check_instruments(bench)
    chosen = [unit for unit in bench.units if serials is None or unit.serial in serials]
    ports = simulated_ports(bench, clock, world)
    opened: list[InstrumentOnBench] = []

    def opened_driver(owner: str, file: InstrumentFile) -> Any:
        opened.append(open_instrument(bench, owner, file, clock, ports))
        return opened[-1].driver

    try:
        shared = {file.role: opened_driver(SHARED, file) for file in bench.shared.auxiliaries}
        watched = {role: SharedReading(shared[role], clock) for role in MONITORS if role in shared}
        units = []
        interlocks: dict[str, Interlock] = {}
        for unit in chosen:
            own = {file.role: opened_driver(unit.serial, file) for file in unit.instruments}
            own_watched = {role: SharedReading(own[role], clock, 0) for role in MONITORS if role in own}
            bare = _unit(unit, {**shared, **own}, {**watched, **own_watched})
            interlocks[unit.serial] = Interlock(unit.serial, BenchLimits.of(bench), clock)
            units.append(interlocked(bare, interlocks[unit.serial]))
            for on_bench in opened:  # nobody is handed the driver itself
                if on_bench.unit == unit.serial and on_bench.file.role in ("pump", "balance"):
                    on_bench.driver = getattr(units[-1], on_bench.file.role)
    except RigError:
        for on_bench in opened:
            on_bench.driver.close()
        raise
    watchman = Watchman(tuple(interlocks.values())) if clock.kind == "wall" else None
    return Bench(bench, clock, tuple(units), tuple(opened), interlocks, watchman)


def _unit(unit: UnitFile, drivers: dict[str, Any], monitors: dict[str, SharedReading]) -> UnitUnderTest:
    """The unit with the instruments of its own and those it shares; of one role its own count."""
    return UnitUnderTest(
        serial=unit.serial,
        pump=cast(InfusionPump, drivers["pump"]),
        balance=cast(Balance | None, drivers.get("balance")),
        flow=cast(FlowSensor | None, drivers.get("flow")),
        safe_state=unit.profile.safe_state,
        low_reservoir_nl=nl_from_ml(unit.profile.low_reservoir_ml),
        monitors=monitors,
        valves=cast(Valves | None, drivers.get("valves")),
        supply=cast(PowerSupply | None, drivers.get("supply")),
        bath=cast(Thermostat | None, drivers.get("bath")),
        switched=safety_switch(unit.profile.safe_state, drivers, unit.safe_channel, unit.safe_on),
        flow_buffered=getattr(drivers.get("flow"), "BUFFERED", True),
        pump_asked_every_s=getattr(drivers["pump"], "ASK_EVERY_S", PUMP_ASKED_EVERY_S),
    )


def simulated_ports(
    bench: BenchFile, clock: Clock, world: SimulatedBench | None = None
) -> dict[tuple[str, str], WirePort]:
    """The instruments' ends of all lines, where the clock is virtual; else none."""
    if not isinstance(clock, VirtualClock):
        return {}
    from rig.sim.build import simulate

    simulation = world or simulate(bench, clock)
    return {(owner, file.role): simulation.port(owner, file.role) for owner, file in bench.instruments}


def open_instrument(
    bench: BenchFile,
    owner: str,
    file: InstrumentFile,
    clock: Clock,
    ports: dict[tuple[str, str], WirePort],
) -> InstrumentOnBench:
    """Open the link of one instrument; sends nothing. Raises DefinitionError, LinkLost."""
    arguments = driver_arguments(driver_class(file.driver), file)
    tap = WireTap()
    port = ports.get((owner, file.role))
    try:
        driver = open_driver(file.driver, file.address, file.device, arguments, clock, tap, port)
        return InstrumentOnBench(owner, file, driver, tap)
    except DefinitionError as error:  # options that are each right, and do not go together
        raise DefinitionError(error.message, bench.where(owner, file.role, "options"), error.hint) from error
