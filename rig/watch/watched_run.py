"""One run folder as it is watched: its journal read to the end, where it stands, its curves."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rig.definitions.bench_file import bench_from_folder
from rig.definitions.plan_file import plan_from_folder
from rig.errors import DefinitionError
from rig.guard.deeds import GUARD_FILE
from rig.record.layout import DAMAGED, JOURNAL, MANIFEST
from rig.record.lock import holder
from rig.transport.private_folder import process_lives
from rig.watch.channels import Reading, Readings, density_g_ml, kind_of
from rig.watch.curve import Curve
from rig.watch.standing import NS_PER_S, Standing, text
from rig.watch.tail import JournalTail

Message = dict[str, Any]
READINGS_IN_A_TICK = (
    60  # of one channel; a run in virtual time has more, and its page asks for the curve anew
)
EVENTS_AT_FIRST = 200
DIGITS = 7


@dataclass
class _Channel:
    number: int
    told: dict[str, Any]
    curve: Curve


class WatchedRun:
    """Not safe to use from several threads: whoever does holds a lock."""

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, path.name
        self.standing = Standing()
        self.so_far: list[dict[str, Any]] = []
        self.trouble = ""
        self._tail = JournalTail(path / JOURNAL)
        self._readings = Readings()
        self._channels: dict[tuple[str, str], _Channel] = {}
        self._cases: list[dict[str, Any]] = []
        self._chosen: dict[str, Any] | None = None
        self._told_channels = 0
        self._new_points: dict[int, list[float]] = {}
        self._too_many = False
        self._so_far_changed = False
        self._told_state: tuple[Any, ...] = ()

    # Reading

    def take_in(self) -> bool:
        """What the journal has more, up to 1 MiB of it; whether there is more still."""
        try:
            records = self._tail.read()
        except OSError as error:
            self.trouble = f"the journal cannot be read: {error.strerror or error}"
            return False
        self.trouble = text(self._tail.problem)
        for record in records:
            try:
                self.standing.take(record)
                if record["kind"] == "run_opened":
                    self._read_definitions(record)
                elif record["kind"] == "resumed":
                    self._was_gone(record)
                for reading in self._readings.of(record):
                    self._keep(reading)
            except (LookupError, TypeError, ValueError, OverflowError) as error:
                self.trouble = text(f"record {record['seq']} ({record['kind']}) is not understood: {error}")
        return self._tail.is_behind

    def _read_definitions(self, opened: dict[str, Any]) -> None:
        self._chosen = opened.get("chosen")
        try:
            plan, bench = plan_from_folder(self.path), bench_from_folder(self.path)
        except (DefinitionError, OSError) as error:
            self.trouble = text(f"the definitions cannot be read: {error}")
            return
        self._readings.density_g_ml = density_g_ml(bench.fluid_temperature_c)
        self._cases = [
            {"id": text(case.id), "title": text(case.title), "duration_s": case.duration_s}
            for case in plan.cases
            if self._chosen is None or self._chosen.get(case.id)
        ]

    def _was_gone(self, resumed: dict[str, Any]) -> None:
        for channel in self._channels.values():
            channel.curve.gap(resumed["gap_start_ns"], resumed["gap_end_ns"])

    def _keep(self, reading: Reading) -> None:
        key = (reading.unit, reading.name)
        if key not in self._channels:
            kind, number = kind_of(reading.name), len(self._channels)
            told = {
                "number": number,
                "serial": text(reading.unit),
                "chart": kind.chart,
                "title": text(kind.title),
                "unit": kind.unit,
            }
            self._channels[key] = _Channel(number, told, Curve())
        channel = self._channels[key]
        if reading.lost_ns:
            channel.curve.gap(reading.t_ns - reading.lost_ns, reading.t_ns)
        channel.curve.add(reading.t_ns, reading.value)
        points = self._new_points.setdefault(channel.number, [])
        if len(points) < 2 * READINGS_IN_A_TICK:
            points += (round(reading.t_ns / NS_PER_S, 3), _short(reading.value))
        else:
            self._too_many = True

    # Where it stands

    def state(self) -> tuple[str, str]:
        """One word, and the words that explain it: "running", "closing", "closed", "left", "guard", "damaged"."""
        run = self.standing.run
        if (self.path / MANIFEST).exists():
            return "closed", run.get("reason", "")
        if (self.path / DAMAGED).exists():
            return "damaged", "the record could not be brought to its end (damaged.json)"
        held = holder(self.standing.bench_id)
        lives = held is not None and process_lives(held.pid)
        if (self.path / GUARD_FILE).exists() and not (lives and run["state"] == "closed"):
            note = held.note if lives and held is not None else "see guard.jsonl"
            return "guard", f"the run is gone, and its guard acted: {note}"
        if run["state"] == "closed":
            return (
                "closing",
                "judged, reported and sealed now" if lives else "not sealed: rig resume seals it",
            )
        if not lives and run["state"] == "running":
            return "left", "its process is gone: rig resume goes on with it"
        return run["state"], ""

    @property
    def is_over(self) -> bool:
        """Nothing more is to be expected of its record, unless somebody resumes it."""
        return self.state()[0] in ("closed", "damaged")

    @property
    def is_behind(self) -> bool:
        """Its record is still being caught up with."""
        return self._tail.is_behind

    def set_so_far(self, rows: list[dict[str, Any]]) -> None:
        """What the criteria of the cases that go on are so far."""
        if rows != self.so_far:
            self.so_far, self._so_far_changed = rows, True

    def _run(self) -> Message:
        state, words = self.state()
        run = self.standing.run
        return {
            **{key: value for key, value in run.items() if key != "state"},
            "name": self.name,
            "state": state,
            "words": text(words),
            "trouble": self.trouble,
            "cases": self._cases,
            "case_ends_s": self._ends()[0],
            "run_ends_s": self._ends()[1],
            "reading": round(self._tail.taken / max(1, self._tail.size), 2) if self.is_behind else 1,
        }

    def _ends(self) -> tuple[float | None, float | None]:
        """When the case that goes on, and the whole run, will end as planned; None without a plan."""
        begun = self.standing.begun()
        if not self._cases:
            return None, None
        at_s, case_ends_s = 0.0, None
        for case in self._cases:
            if case["id"] in begun:
                at_s = case_ends_s = begun[case["id"]] + case["duration_s"]
            else:
                at_s = max(at_s, self.standing.last_s if case_ends_s is None else at_s) + case["duration_s"]
        return case_ends_s, at_s

    def _units(self) -> list[Message]:
        return list(self.standing.units.values())

    # Telling

    def whole(self) -> Message:
        """The message ``run``: everything but the curves."""
        return {
            "type": "run",
            "run": self._run(),
            "t_s": self.standing.last_s,
            "utc_s": time.time(),
            "units": self._units(),
            "channels": [channel.told for channel in self._channels.values()],
            "events": list(self.standing.events)[-EVENTS_AT_FIRST:],
            "so_far": self.so_far,
            "latest": {
                str(channel.number): [
                    round(channel.curve.latest[0] / NS_PER_S, 3),
                    _short(channel.curve.latest[1]),
                ]
                for channel in self._channels.values()
                if channel.curve.latest is not None
            },
        }

    def news(self) -> Message:
        """The message ``tick``: what is new since it was asked last."""
        standing = self.standing
        told: Message = {
            "type": "tick",
            "name": self.name,
            "t_s": round(standing.last_s, 3),
            "utc_s": time.time(),
        }
        state = (*self.state(), self.trouble, self.is_behind)
        if standing.changed or state != self._told_state:
            told |= {"run": self._run(), "units": self._units()}
        if len(self._channels) > self._told_channels:
            told["channels"] = [channel.told for channel in self._channels.values()]
        if standing.new_events:
            told["events"] = standing.new_events[-EVENTS_AT_FIRST:]
        if self._new_points:
            told["points"] = self._new_points
        if self._too_many:
            told["draw_anew"] = True
        if self._so_far_changed:
            told["so_far"] = self.so_far
        self._told_state, self._told_channels = state, len(self._channels)
        standing.changed, standing.new_events = set(), []
        self._new_points, self._too_many, self._so_far_changed = {}, False, False
        return told

    def curves(self, numbers: list[int], from_s: float, to_s: float, buckets: int) -> Message:
        """The body of the message ``curve``. Channels that are not there are left out."""
        from_ns, to_ns = round(from_s * NS_PER_S), round(to_s * NS_PER_S)
        told, gaps = {}, {}
        for channel in self._channels.values():
            if channel.number in numbers:
                drawn = channel.curve.drawn(from_ns, to_ns, buckets)
                told[str(channel.number)] = [
                    drawn.number.tolist(),
                    _all_short(drawn.least),
                    _all_short(drawn.greatest),
                ]
                gaps[str(channel.number)] = [
                    [round(start / NS_PER_S, 3), round(end / NS_PER_S, 3)]
                    for start, end in channel.curve.gaps
                    if end > from_ns and start < to_ns
                ]
        return {"from_s": from_s, "width_s": (to_s - from_s) / buckets, "curves": told, "gaps": gaps}


def _short(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")


def _all_short(values: NDArray[np.float64]) -> list[float]:
    """As :func:`_short`, of many at once: others wait for the lock meanwhile."""
    sizes = np.abs(np.where(np.isfinite(values) & (values != 0), values, 1.0))
    factors = 10.0 ** (DIGITS - 1 - np.floor(np.log10(sizes)))
    rounded: list[float] = (np.round(values * factors) / factors).tolist()
    return rounded
