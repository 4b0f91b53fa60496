"""What the guard is told at its start: all that it needs to make the pumps safe, and nothing that could dose."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rig.readings import SafeState

Json = bool | int | float | str


@dataclass(frozen=True)
class InstrumentOrders:
    """One instrument as the bench file has it: driver, address, number on its line, what its driver must know."""

    driver: str
    address: str
    device: int | None
    arguments: Mapping[str, Json]


@dataclass(frozen=True)
class PumpOrders:
    """One pump and its safe state; ``switches`` by role, ``channel`` and ``safe_on`` for one that is switched.

    ``watched``: this run may command it. The others of the bench are there for what an earlier run left behind.
    ``taken_over``: it goes on with what an earlier run commanded, and is not made safe before.
    """

    serial: str
    instrument: InstrumentOrders
    safe_state: SafeState
    switches: Mapping[str, InstrumentOrders]
    channel: int | None
    safe_on: bool
    watched: bool
    taken_over: bool = False


@dataclass(frozen=True)
class Orders:
    """The whole."""

    bench_id: str
    locks_folder: str
    runs_dir: str
    runner_pid: int
    silence_max_s: float
    pumps: tuple[PumpOrders, ...]

    def to_line(self) -> bytes:
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> Orders:
        """Raises ValueError, TypeError, KeyError for what :meth:`to_line` did not make."""
        told = json.loads(line)
        return cls(**{**told, "pumps": tuple(_pump(pump) for pump in told["pumps"])})

    @property
    def lock_folder_path(self) -> Path:
        return Path(self.locks_folder)


def _pump(told: dict[str, Any]) -> PumpOrders:
    switches = {role: InstrumentOrders(**switch) for role, switch in told["switches"].items()}
    return PumpOrders(**{**told, "instrument": InstrumentOrders(**told["instrument"]), "switches": switches})
