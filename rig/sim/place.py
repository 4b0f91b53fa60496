"""Where one simulated instrument stands: what the bench file says of it, and the world around it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from rig.definitions.bench_file import BenchFile, UnitFile
from rig.definitions.instruments import InstrumentFile, SimulatedUnit
from rig.sim.fluid.path import FluidPath
from rig.sim.seeds import generator
from rig.sim.wire.line import WorldClock
from rig.transport import WirePort


@dataclass
class Room:
    """The air of the laboratory. Plain attributes, effective at once."""

    temperature_c: float
    pressure_hpa: float
    humidity_pct: float


@dataclass
class World:
    """What surrounds the instruments of one unit; ``devices`` by role, those that stand already.

    ``unit`` and ``fluid`` are None for what all units of the bench share.
    """

    bench: BenchFile
    clock: WorldClock
    room: Room
    owner: str  # serial number of the unit, or SHARED
    unit: UnitFile | None = None
    fluid: FluidPath | None = None
    devices: dict[str, WirePort] = field(default_factory=dict)

    @property
    def injected(self) -> SimulatedUnit:
        """Errors and faults of the simulated instruments."""
        return (self.unit.simulated if self.unit is not None else None) or SimulatedUnit()


@dataclass(frozen=True)
class Place:
    """One instrument's place in its world."""

    world: World
    file: InstrumentFile

    @property
    def clock(self) -> WorldClock:
        return self.world.clock

    @property
    def fluid(self) -> FluidPath:
        """The unit's fluid. Raises ValueError for an instrument that the whole bench shares."""
        if self.world.fluid is None:
            raise ValueError(f"a shared {self.file.role} stands in no fluid path")
        return self.world.fluid

    def random(self, purpose: str) -> np.random.Generator:
        """Random numbers of this instrument's own."""
        return generator(self.world.bench.seed, self.world.owner, purpose)

    def serial(self, suffix: str = "", length: int = 16) -> str:
        """What it answers: what the bench file expects, if that says it is simulated; else one made from the unit's."""
        if self.file.serial is not None and self.file.serial.startswith("SIM"):
            return self.file.serial
        own = self.world.owner if self.world.owner.startswith("SIM") else f"SIM-{self.world.owner}"
        return own[: length - len(suffix)] + suffix
