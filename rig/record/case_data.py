"""What a run folder holds, as plain arrays: the one way by which judge, report and history read a record.

Times are nanoseconds since the run started, on the run's own clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Record = dict[str, Any]  # one line of the journal


@dataclass(frozen=True)
class Step:
    """One step of a case ("settle", "blank_before", "sample" …); it ends where the next begins."""

    name: str
    start_ns: int
    end_ns: int


@dataclass(frozen=True)
class MassSeries:
    """Balance readings in the order they came: int64 ns, g, bool; all of one length."""

    t_ns: NDArray[np.int64]
    mass_g: NDArray[np.float64]
    stable: NDArray[np.bool_]


@dataclass(frozen=True)
class FlowSeries:
    """Flow sensor samples in order: int64 ns, mL/h, °C, air in line, saturated; all of one length.

    ``gaps`` are intervals (start_ns, end_ns) in which the sensor says it lost samples.
    """

    t_ns: NDArray[np.int64]
    flow_ml_h: NDArray[np.float64]
    temperature_c: NDArray[np.float64]
    air: NDArray[np.bool_]
    high: NDArray[np.bool_]
    gaps: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class ChannelSeries:
    """What one channel of one monitor showed, in order: int64 ns, values in the unit that ``channel`` ends in."""

    role: str
    channel: str
    t_ns: NDArray[np.int64]
    values: NDArray[np.float64]


@dataclass(frozen=True)
class Dose:
    """One bolus: what was commanded, and the balance before and after it (g, ns)."""

    index: int
    commanded_ml: float
    before_g: float
    after_g: float
    started_t_ns: int
    ended_t_ns: int
    weighed_before_t_ns: int
    weighed_after_t_ns: int


@dataclass(frozen=True)
class Interruption:
    """The rig was gone from ``start_ns`` to ``end_ns``; ``message`` says how that is known and how it went on."""

    start_ns: int
    end_ns: int
    message: str


@dataclass(frozen=True)
class CaseData:
    """All that was recorded of one case on one unit. The lists of records are as journalled."""

    case: str
    unit: str
    procedure: str
    started_ns: int
    finished_ns: int
    ended: str  # "completed", "error", "aborted", "refused", "skipped"; "unfinished" when the record stops before
    message: str
    steps: tuple[Step, ...]
    mass: MassSeries
    flow: FlowSeries
    doses: tuple[Dose, ...]
    read_back: Record | None
    pump_states: tuple[Record, ...] = ()
    pump_events: tuple[Record, ...] = ()
    alarms: tuple[Record, ...] = ()
    flags: tuple[Record, ...] = ()
    notes: tuple[Record, ...] = ()
    channels: tuple[ChannelSeries, ...] = ()
    doses_begun: tuple[Record, ...] = ()
    interruptions: tuple[Interruption, ...] = ()
    pump_clocks: tuple[Record, ...] = ()
    patient_requests: tuple[Record, ...] = ()
    commands: tuple[Record, ...] = ()
    measured: tuple[Record, ...] = ()
    failed_assertions: tuple[Record, ...] = ()

    def step(self, name: str) -> Step | None:
        """The step of that name, if the case came that far."""
        return next((step for step in self.steps if step.name == name), None)


@dataclass(frozen=True)
class RunRecord:
    """One run folder, read: the opening record, the instruments, every case on every unit, the closing record."""

    path: Path
    opened: Record
    instruments: tuple[Record, ...]
    cases: tuple[CaseData, ...]
    closed: Record | None
    verdicts: tuple[Record, ...] = ()
    problems: tuple[str, ...] = ()
    head: str = ""
    other: tuple[Record, ...] = field(default=())

    def case(self, case: str, unit: str) -> CaseData | None:
        """The record of one case on one unit, if it was begun; of one that was begun again, the last."""
        begun = [data for data in self.cases if (data.case, data.unit) == (case, unit)]
        return begun[-1] if begun else None

    @property
    def resumptions(self) -> tuple[Record, ...]:
        """How often the run was taken up again after the rig was gone, and how."""
        return tuple(record for record in self.other if record["kind"] == "resumed")
