"""What the criteria of cases that go on are so far: judged as if each had ended with its last reading.

What is weighed after the delivery is not there yet: the blank before it stands in for the one after, as if what
evaporates stayed as it was. The function that judges the run in the end does it, in a process of its own:
``python -m rig.watch.so_far RUN`` prints the rows as JSON. It reads the whole record each time, so it is asked again
only after twenty times as long as it took.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rig.record.case_data import CaseData

SHARE = 20  # of the time at most one part in so many is spent on it
NOT_WITHIN_S = 15.0
LARGEST = 200_000_000  # bytes of a journal; a longer one is not judged on the way


def judged_so_far(path: Path) -> list[dict[str, Any]]:
    """One row for each criterion of each case that goes on now, with ``serial``; none for what cannot be judged yet."""
    from rig.definitions.bench_file import bench_from_folder
    from rig.definitions.plan_file import plan_from_folder
    from rig.judge.case_result import judge_case
    from rig.record.load_run import load_run
    from rig.watch.standing import text, verdict_row

    run, plan, bench = load_run(path), plan_from_folder(path), bench_from_folder(path)
    units = {unit.serial: unit for unit in bench.units}
    cases = {case.id: case for case in plan.cases}
    rows = []
    for data in run.cases:
        if data.ended != "unfinished" or data.unit not in units or data.case not in cases:
            continue
        result = judge_case(as_if_ended(data), cases[data.case], units[data.unit], run, bench, plan)
        rows += [
            {**verdict_row(data.case, criterion, criterion["name"]), "serial": text(data.unit)}
            for criterion in result["criteria"]
        ]
    return rows


def as_if_ended(data: CaseData) -> CaseData:
    """The record of a case in its step "sample", with that step ended and its blank after it; any other as it is."""
    import numpy as np

    from rig.record.case_data import MassSeries, Step

    before, last = data.step("blank_before"), data.steps[-1] if data.steps else None
    ended = replace(data, ended="completed")
    if before is None or last is None or last.name != "sample" or not (data.mass.t_ns > last.start_ns).any():
        return ended
    inside = (data.mass.t_ns >= before.start_ns) & (data.mass.t_ns <= before.end_ns)
    if not inside.any():
        return ended
    end_ns = int(data.mass.t_ns[-1])
    begins_ns = end_ns + 1
    shift_ns = begins_ns + 1 - int(data.mass.t_ns[inside][0])
    shift_g = data.mass.mass_g[-1] - data.mass.mass_g[inside][0]
    blank = Step("blank_after", begins_ns, int(data.mass.t_ns[inside][-1]) + shift_ns)
    mass = MassSeries(
        np.concatenate([data.mass.t_ns, data.mass.t_ns[inside] + shift_ns]),
        np.concatenate([data.mass.mass_g, data.mass.mass_g[inside] + shift_g]),
        np.concatenate([data.mass.stable, data.mass.stable[inside]]),
    )
    steps = (*data.steps[:-1], replace(last, end_ns=end_ns), blank)
    return replace(ended, steps=steps, mass=mass, finished_ns=blank.end_ns)


class SoFar:
    """Asks for one run after the other; never waits."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._path: Path | None = None
        self._began_s = 0.0
        self._next_s: dict[Path, float] = {}

    def step(self, wanted: list[Path]) -> tuple[Path, list[dict[str, Any]]] | None:
        """Go on with it; a run's rows when they have come. ``wanted``: the runs that somebody looks at."""
        now_s = time.monotonic()
        if self._child is not None:
            return self._collected(now_s) if self._child.poll() is not None else None
        due = [path for path in wanted if self._next_s.get(path, 0.0) <= now_s and _is_short(path)]
        if due:
            self._path = min(due, key=lambda path: self._next_s.get(path, 0.0))
            self._began_s = now_s
            self._child = subprocess.Popen(
                [sys.executable, "-P", "-m", "rig.watch.so_far", str(self._path)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        return None

    def close(self) -> None:
        """End what goes on."""
        if self._child is not None:
            self._child.kill()
            self._child.communicate()
            self._child = None

    def _collected(self, now_s: float) -> tuple[Path, list[dict[str, Any]]] | None:
        assert self._child is not None
        assert self._path is not None
        child, path, self._child = self._child, self._path, None
        self._next_s[path] = now_s + max(NOT_WITHIN_S, SHARE * (now_s - self._began_s))
        printed, _ = child.communicate()
        try:
            return path, json.loads(printed)
        except ValueError:  # too early to judge, or it cannot be read at the moment
            return path, []


def _is_short(path: Path) -> bool:
    try:
        return (path / "journal.jsonl").stat().st_size <= LARGEST
    except OSError:
        return False


if __name__ == "__main__":
    if hasattr(os, "nice"):
        os.nice(10)
    with suppress(BrokenPipeError):
        sys.stdout.write(json.dumps(judged_so_far(Path(sys.argv[1]))))
