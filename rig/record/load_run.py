"""Reads the journal of a run folder into arrays: of a finished run, an aborted one, a torn one, one still going on."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rig.errors import IntegrityError
from rig.record.case_data import (
    CaseData,
    ChannelSeries,
    Dose,
    FlowSeries,
    Interruption,
    MassSeries,
    Record,
    RunRecord,
    Step,
)
from rig.record.journal_reader import JournalReader
from rig.record.layout import JOURNAL, check_is_run_folder

# mL/h = counts / scale * numerator / denominator; both exact, so that no factor is rounded before it is used
ML_H_PER_UNIT = {
    "nl/min": (60.0, 1e6),
    "ul/min": (60.0, 1e3),
    "ml/min": (60.0, 1.0),
    "ul/h": (1.0, 1e3),
    "ml/h": (1.0, 1.0),
}
# Kinds of records that a case keeps as they are.
LISTED = (
    "pump_state",
    "pump_event",
    "pump_clock",
    "patient_request",
    "command",
    "dose_begun",
    "alarm",
    "flag",
    "note",
)
AIR, HIGH = 1 << 0, 1 << 1  # bits of the flow sensor's flags

_NO_COUNTS, _NO_VALUES = np.zeros(0, np.int64), np.zeros(0, np.float64)


def load_run(path: Path) -> RunRecord:
    """Everything in the journal up to the first break of its chain; ``problems`` says what is wrong with the rest.

    Raises DefinitionError if ``path`` is no run folder, IntegrityError if the journal cannot be read or a record of
    a known kind lacks what it must have.
    """
    path = Path(path)
    check_is_run_folder(path)
    reader = JournalReader(path / JOURNAL)
    opened: Record = {}
    closed: Record | None = None
    instruments: list[Record] = []
    verdicts: list[Record] = []
    other: list[Record] = []
    begun: list[_CaseBeingRead] = []
    current: dict[tuple[str, str], _CaseBeingRead] = {}  # the latest of each case and unit
    for record in reader:
        try:
            match record["kind"]:
                case "run_opened":
                    opened = record
                case "run_closed":
                    closed = record
                case "instrument":
                    instruments.append(record)
                case "verdict":
                    verdicts.append(record)
                case "case_started":
                    case = _CaseBeingRead(record, record["procedure"])
                    begun.append(case)
                    current[record["case"], record["unit"]] = case
                case "resumed":
                    other.append(record)
                    for case in current.values():
                        case.interrupted(record)
                case _:
                    of_case = current.get((record.get("case", ""), record.get("unit", "")))
                    if of_case is None or not of_case.take(record):
                        other.append(record)
        except (LookupError, TypeError, ValueError, OverflowError) as error:
            what = f"record {record['seq']} ({record['kind']})"
            raise IntegrityError(f"{path / JOURNAL}: {what}: {type(error).__name__} {error}") from error
    problems = [f"{JOURNAL}: {problem}" for problem in reader.problems]
    if not opened:
        problems.append(f"{JOURNAL}: no run_opened record")
    return RunRecord(
        path=path,
        opened=opened,
        instruments=tuple(instruments),
        cases=tuple(case.finished() for case in begun),
        closed=closed,
        verdicts=tuple(verdicts),
        problems=tuple(problems),
        head=reader.head,
        other=tuple(other),
    )


@dataclass
class _CaseBeingRead:
    started: Record
    procedure: str
    last_ns: int = 0
    end: Record | None = None
    ended: str = "unfinished"
    message: str = ""
    read_back: Record | None = None
    steps: list[tuple[str, int]] = field(default_factory=list)
    masses: list[tuple[int, float, bool]] = field(default_factory=list)
    flow_t_ns: list[NDArray[np.int64]] = field(default_factory=list)
    flow_flags: list[NDArray[np.int64]] = field(default_factory=list)
    flow_ml_h: list[NDArray[np.float64]] = field(default_factory=list)
    temperature_c: list[NDArray[np.float64]] = field(default_factory=list)
    gaps: list[tuple[int, int]] = field(default_factory=list)
    doses: list[Dose] = field(default_factory=list)
    interruptions: list[Interruption] = field(default_factory=list)
    channels: dict[tuple[str, str], list[tuple[int, float]]] = field(default_factory=dict)
    lists: dict[str, list[Record]] = field(default_factory=lambda: {kind: [] for kind in LISTED})

    def interrupted(self, record: Record) -> None:
        """The rig was gone for a while, and this case was not finished before."""
        if self.end is None:
            gap = Interruption(
                _int64(record["gap_start_ns"]), _int64(record["gap_end_ns"]), record["message"]
            )
            self.interruptions.append(gap)

    def take(self, record: Record) -> bool:
        """Put a record where it belongs; False if its kind has no place here."""
        self.last_ns = max(self.last_ns, _int64(record["t_ns"]))
        kind = record["kind"]
        if kind == "mass":
            self.masses.append((_int64(record["received_ns"]), _number(record["mass_g"]), record["stable"]))
        elif kind == "flow":
            self._take_flow(record)
        elif kind == "channels":
            for channel, value in record["values"].items():
                series = self.channels.setdefault((record["role"], channel), [])
                series.append((_int64(record["received_ns"]), float(_number(value))))
        elif kind == "dose":
            self.doses.append(Dose(**{name: _number(record[name]) for name in Dose.__dataclass_fields__}))
        elif kind == "step":
            self.steps.append((record["name"], record["t_ns"]))
        elif kind == "read_back":
            self.read_back = record
        elif kind == "case_finished":
            self.end = record
            self.ended, self.message = record["ended"], record["message"]
        elif kind in self.lists:
            self.lists[kind].append(record)
        else:
            return False
        return True

    def _take_flow(self, record: Record) -> None:
        flow = np.array(record["flow"], dtype=np.float64)
        temperature = np.array(record["temperature"], dtype=np.float64)
        flags = np.broadcast_to(np.array(record["flags"], dtype=np.int64), flow.shape)
        if temperature.shape != flow.shape:
            raise ValueError(f"{flow.size} flows, {temperature.size} temperatures")
        numerator, denominator = ML_H_PER_UNIT[record["unit_of_flow"]]
        first, interval = record["first_t_ns"], record["interval_ns"]
        if record["lost"]:
            self.gaps.append((first - record["lost"] * interval, first))
        self.flow_t_ns.append(first + interval * np.arange(flow.size, dtype=np.int64))
        self.flow_flags.append(flags)
        self.flow_ml_h.append(flow * numerator / (record["scale"] * denominator))
        self.temperature_c.append(temperature / record["temperature_scale"])

    def finished(self) -> CaseData:
        started_ns: int = self.started["t_ns"]
        finished_ns: int = self.end["t_ns"] if self.end else max(self.last_ns, started_ns)
        ends = [start for _, start in self.steps[1:]] + [finished_ns]
        flags = np.concatenate([_NO_COUNTS, *self.flow_flags])
        return CaseData(
            case=self.started["case"],
            unit=self.started["unit"],
            procedure=self.procedure,
            started_ns=started_ns,
            finished_ns=finished_ns,
            ended=self.ended,
            message=self.message,
            steps=tuple(Step(name, start, end) for (name, start), end in zip(self.steps, ends, strict=False)),
            mass=MassSeries(
                np.array([t for t, _, _ in self.masses], dtype=np.int64),
                np.array([mass for _, mass, _ in self.masses], dtype=np.float64),
                np.array([stable for _, _, stable in self.masses], dtype=np.bool_),
            ),
            flow=FlowSeries(
                t_ns=np.concatenate([_NO_COUNTS, *self.flow_t_ns]),
                flow_ml_h=np.concatenate([_NO_VALUES, *self.flow_ml_h]),
                temperature_c=np.concatenate([_NO_VALUES, *self.temperature_c]),
                air=(flags & AIR) != 0,
                high=(flags & HIGH) != 0,
                gaps=tuple(self.gaps),
            ),
            doses=tuple(self.doses),
            read_back=self.read_back,
            pump_states=tuple(self.lists["pump_state"]),
            pump_events=tuple(self.lists["pump_event"]),
            alarms=tuple(self.lists["alarm"]),
            doses_begun=tuple(self.lists["dose_begun"]),
            interruptions=tuple(self.interruptions),
            flags=tuple(self.lists["flag"]),
            notes=tuple(self.lists["note"]),
            pump_clocks=tuple(self.lists["pump_clock"]),
            patient_requests=tuple(self.lists["patient_request"]),
            commands=tuple(self.lists["command"]),
            channels=tuple(
                ChannelSeries(
                    role,
                    channel,
                    np.array([t for t, _ in series], dtype=np.int64),
                    np.array([value for _, value in series], dtype=np.float64),
                )
                for (role, channel), series in self.channels.items()
            ),
        )


def _number(value: object) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    raise TypeError(f"{value!r} is no number")


def _int64(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 63:
        return value
    raise TypeError(f"{value!r} is no time in ns")
