"""Past runs and the course of their criteria, from the ``results.json`` of each run folder.

Nothing is verified here (``rig verify`` does) and nothing is judged anew: values are those the runs were judged by.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rig.errors import IntegrityError
from rig.record.layout import RESULTS


@dataclass(frozen=True)
class PastRun:
    """One judged run. ``cases`` as in results.json."""

    folder: Path
    run_id: str
    started_utc: str
    plan: str
    revision: str
    bench: str
    rehearsal: bool
    outcome: str
    cases: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Point:
    """A criterion in one run: ``value`` with the expanded uncertainty ``expanded``, both None if there is none."""

    run_id: str
    started_utc: str
    value: float | None
    expanded: float | None
    verdict: str
    limit: str


@dataclass(frozen=True)
class Course:
    """One criterion of a case on a unit over the runs, the oldest first. Rehearsals have courses of their own."""

    plan: str
    case: str
    serial: str
    criterion: str
    unit: str
    rehearsal: bool
    points: tuple[Point, ...]

    @property
    def change(self) -> float | None:
        """Newest value less oldest; None if fewer than two runs have one."""
        ends = self._ends()
        return None if ends is None else _value(ends[1]) - _value(ends[0])

    @property
    def normalized_change(self) -> float | None:
        """E_n of newest and oldest: the change over the root of the sum of both expanded uncertainties squared.

        None if there is no change to be told, or no uncertainty. What both measurements share (the same balance, the
        same water) is counted twice, so that E_n is rather too small. Source: ISO 13528:2022, 9.7.
        """
        ends, change = self._ends(), self.change
        if ends is None or change is None:
            return None
        scale = math.hypot(*(point.expanded or 0.0 for point in ends))
        return change / scale if scale > 0 else None

    @property
    def drifted(self) -> bool:
        """The change is larger than the uncertainties explain: E_n beyond 1."""
        normalized = self.normalized_change
        return normalized is not None and abs(normalized) > 1

    def _ends(self) -> tuple[Point, Point] | None:
        measured = [point for point in self.points if point.value is not None]
        return (measured[0], measured[-1]) if len(measured) > 1 else None


def _value(point: Point) -> float:
    if point.value is None:
        raise ValueError("a point without value was let through")
    return point.value


def read_run(folder: Path) -> PastRun:
    """The judged run in a folder. Raises IntegrityError if its results cannot be read."""
    path = folder / RESULTS
    try:
        told = json.loads(path.read_bytes())
        return PastRun(
            folder,
            str(told["run_id"]),
            str(told["started_utc"]),
            str(told["plan"]["id"]),
            str(told["plan"]["revision"]),
            str(told["bench"]["id"]),
            bool(told["rehearsal"]),
            str(told["outcome"]),
            tuple(told["cases"]),
        )
    except FileNotFoundError:
        raise IntegrityError(f"{path}: there is none; the run was never judged: rig report") from None
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise IntegrityError(f"{path}: cannot be read: {error}") from error


def courses(runs: Sequence[PastRun]) -> list[Course]:
    """The course of every criterion, in the order in which they first came up."""
    found: dict[tuple[str, str, str, str, str, bool], list[Point]] = {}
    for run in sorted(runs, key=lambda run: (run.started_utc, run.run_id)):
        for case in run.cases:
            for told in case["criteria"]:
                key = (run.plan, case["id"], case["unit"], told["name"], told["unit"] or "", run.rehearsal)
                point = Point(
                    run.run_id,
                    run.started_utc,
                    told["value"],
                    told["expanded_uncertainty"],
                    told["verdict"],
                    told["limit"],
                )
                found.setdefault(key, []).append(point)
    return [Course(*key, tuple(points)) for key, points in found.items()]
