"""One case of a journal that is being read: its records as they come, and as arrays when they are asked for."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from rig.record.case_data import (
    CaseData,
    ChannelSeries,
    Dose,
    FlowSeries,
    Interruption,
    MassSeries,
    Record,
    Step,
)

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
    "measured",
    "failed_assertion",
)
AIR, HIGH = 1 << 0, 1 << 1  # bits of the flow sensor's flags


@dataclass
class _FlowBeingRead:
    """Samples of all blocks, one after the other; of each block what turns them into quantities."""

    counts: array[float] = field(default_factory=lambda: array("d"))
    temperatures: array[float] = field(default_factory=lambda: array("d"))
    flags: array[int] = field(default_factory=lambda: array("q"))
    lengths: array[int] = field(default_factory=lambda: array("q"))
    first_ns: array[int] = field(default_factory=lambda: array("q"))
    interval_ns: array[int] = field(default_factory=lambda: array("q"))
    factors: array[float] = field(default_factory=lambda: array("d"))  # numerator, divisor, divisor of °C
    gaps: list[tuple[int, int]] = field(default_factory=list)
    read: FlowSeries | None = None  # what was made of earlier blocks

    def take(self, record: Record) -> None:
        """One block."""
        flow, temperature, flags = record["flow"], record["temperature"], record["flags"]
        length = len(flow)
        if len(temperature) != length:
            raise ValueError(f"{length} flows, {len(temperature)} temperatures")
        numerator, denominator = ML_H_PER_UNIT[record["unit_of_flow"]]
        first, interval = record["first_t_ns"], record["interval_ns"]
        divisors = record["scale"] * denominator, record["temperature_scale"]
        if 0 in divisors:
            raise ValueError("a scale is 0")
        if isinstance(flags, list) and len(flags) != length:
            raise ValueError(f"{length} flows, {len(flags)} flags")
        if record["lost"]:
            self.gaps.append((first - record["lost"] * interval, first))
        self.counts.fromlist(flow)
        self.temperatures.fromlist(temperature)
        self.flags.extend(array("q", flags) if isinstance(flags, list) else array("q", [flags]) * length)
        self.lengths.append(length)
        self.first_ns.append(first)
        self.interval_ns.append(interval)
        self.factors.extend((numerator, *divisors))

    def series(self) -> FlowSeries:
        """All blocks so far as quantities; of those that are in it the counts are not kept."""
        if self.lengths or self.read is None:
            new = self._quantities()
            self.read = new if self.read is None else _joined(self.read, new)
            for column in (self.counts, self.temperatures, self.flags, self.lengths, self.first_ns):
                del column[:]
            del self.interval_ns[:], self.factors[:]
        return replace(self.read, gaps=tuple(self.gaps))

    def _quantities(self) -> FlowSeries:
        lengths = np.array(self.lengths, dtype=np.int64)
        starts = np.cumsum(lengths) - lengths
        index = np.arange(len(self.counts), dtype=np.int64) - np.repeat(starts, lengths)
        interval_ns = np.repeat(np.array(self.interval_ns, dtype=np.int64), lengths)
        factors = np.array(self.factors, dtype=np.float64).reshape(-1, 3)
        numerator, divisor, temperature_divisor = (np.repeat(column, lengths) for column in factors.T)
        flags = np.array(self.flags, dtype=np.int64)
        return FlowSeries(
            t_ns=np.repeat(np.array(self.first_ns, dtype=np.int64), lengths) + interval_ns * index,
            flow_ml_h=np.array(self.counts, dtype=np.float64) * numerator / divisor,
            temperature_c=np.array(self.temperatures, dtype=np.float64) / temperature_divisor,
            air=(flags & AIR) != 0,
            high=(flags & HIGH) != 0,
        )


def _joined(first: FlowSeries, then: FlowSeries) -> FlowSeries:
    return FlowSeries(
        np.concatenate([first.t_ns, then.t_ns]),
        np.concatenate([first.flow_ml_h, then.flow_ml_h]),
        np.concatenate([first.temperature_c, then.temperature_c]),
        np.concatenate([first.air, then.air]),
        np.concatenate([first.high, then.high]),
    )


@dataclass
class CaseBeingRead:
    started: Record
    procedure: str
    last_ns: int = 0
    end: Record | None = None
    ended: str = "unfinished"
    message: str = ""
    read_back: Record | None = None
    steps: list[tuple[str, int]] = field(default_factory=list)
    masses: list[tuple[int, float, bool]] = field(default_factory=list)
    flow: _FlowBeingRead = field(default_factory=_FlowBeingRead)
    doses: list[Dose] = field(default_factory=list)
    interruptions: list[Interruption] = field(default_factory=list)
    channels: dict[tuple[str, str], list[tuple[int, float]]] = field(default_factory=dict)
    lists: dict[str, list[Record]] = field(default_factory=lambda: {kind: [] for kind in LISTED})
    read: CaseData | None = None  # of all taken so far, if it was asked for

    def interrupted(self, record: Record) -> None:
        """The rig was gone for a while, and this case was not finished before."""
        if self.end is None:
            self.read = None
            gap = Interruption(
                _int64(record["gap_start_ns"]), _int64(record["gap_end_ns"]), record["message"]
            )
            self.interruptions.append(gap)

    def take(self, record: Record) -> bool:
        """Put a record where it belongs; False if its kind has no place here."""
        self.read = None
        self.last_ns = max(self.last_ns, _int64(record["t_ns"]))
        kind = record["kind"]
        if kind == "mass":
            self.masses.append((_int64(record["received_ns"]), _number(record["mass_g"]), record["stable"]))
        elif kind == "flow":
            self.flow.take(record)
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

    def as_far_as_read(self) -> CaseData:
        """What was taken so far, as arrays; the same again while nothing is added."""
        self.read = self.read or self._data()
        return self.read

    def _data(self) -> CaseData:
        started_ns: int = self.started["t_ns"]
        finished_ns: int = self.end["t_ns"] if self.end else max(self.last_ns, started_ns)
        ends = [start for _, start in self.steps[1:]] + [finished_ns]
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
            flow=self.flow.series(),
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
            measured=tuple(self.lists["measured"]),
            failed_assertions=tuple(self.lists["failed_assertion"]),
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
