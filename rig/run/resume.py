"""``rig resume``: brings a run to its end whose process was killed, or whose machine went down.

Whatever it is interrupted at itself, it can be done again: finished cases stay finished, what was recorded counts, and
a run that is sealed is left alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rig.bench.open import Bench, clock_for, open_bench
from rig.clock.wall import WallClock
from rig.definitions.bench_file import BenchFile, bench_from_folder
from rig.definitions.cases.python import PYTHON
from rig.definitions.plan_file import Plan, plan_from_folder
from rig.errors import Aborted, DefinitionError, IntegrityError, Where
from rig.record.attestation import attest
from rig.record.bench_history import BenchHistory
from rig.record.case_data import RunRecord
from rig.record.keys import bench_key
from rig.record.layout import ATTESTATION, DAMAGED, MANIFEST, RESULTS
from rig.record.load_run import load_run
from rig.run.guarding import HeldBench
from rig.run.resumed_run import ResumedRun, Word, may_be_delivering, units_of
from rig.run.signals import abort_on_signals

Results = dict[str, Any]
UNTOUCHED = "closed without going on; no instrument was asked"


def resume(path: Path, operator: str, repeat: Collection[str], word: Word) -> Results:
    """Go on with a run, and close it; its results.

    ``repeat``: ids of cases that may begin again if they cannot go on; for the others ``word(question)`` is asked.
    Raises DefinitionError for what cannot be taken up, IntegrityError for a damaged record, RigError when the bench
    cannot be opened: then nothing is lost, and it can be tried again.
    """
    if (sealed := _sealed(path)) is not None:
        return sealed
    record, plan, bench_file = _read(path)
    unknown = sorted(set(repeat) - {case.id for case in plan.cases})
    if unknown:
        raise DefinitionError(
            f"the plan of this run has no case '{unknown[0]}'",
            Where(key="--repeat"),
            "it has " + ", ".join(case.id for case in plan.cases),
        )
    if record.closed is not None:
        return close(path, operator)
    if record.opened["clock"] == "virtual":
        raise DefinitionError(
            "this run was carried out in virtual time: its simulated world ended with its process",
            Where(str(path)),
            "close it: rig resume --close",
        )
    if any(case.procedure == PYTHON for case in plan.cases):
        raise DefinitionError(
            "this is the run of a Python plan: nobody can say what its function had done when it was interrupted",
            Where(str(path)),
            "close it: rig resume --close",
        )
    clock = clock_for(bench_file)
    serials = units_of(record, [unit.serial for unit in bench_file.units])
    taken_over = [serial for serial in may_be_delivering(record) if serial in serials]
    held = HeldBench(bench_file, clock, path.resolve().parent, serials, taken_over)
    try:
        bench = open_bench(bench_file, clock, serials)
    except BaseException:
        held.let_go(taken_over)
        raise
    with abort_on_signals(clock):
        return _go_on(ResumedRun(record, plan, bench, operator, held), held, repeat, word)


def _go_on(run: ResumedRun, held: HeldBench, repeat: Collection[str], word: Word) -> Results:
    """All cases, one after the other; then the end, in the order in which a session ends."""
    delivering = may_be_delivering(run.record)
    reason, is_met = "", False
    try:
        with held.watched():
            run.record_gap()
            run.meet_instruments()
            is_met = True
            for case, serials in run.cases():
                run.go_on(case, serials, _granted if case.id in repeat else word)
    except Aborted as aborted:
        reason = str(aborted)
    finally:
        unsafe = [serial for serial, safe in run.safe.items() if not safe]
        if not is_met:  # not one pump was spoken to: as it was found, for the next try
            unsafe = delivering
            run.folder.leave()
        elif unsafe:
            run.bench.close()
            unsafe = held.make_safe(unsafe)
        try:
            results = run.close(reason) if is_met else {}
        finally:
            run.bench.close()
            held.let_go(unsafe)
    return results


def _granted(question: str) -> bool:
    return True


def close(path: Path, operator: str) -> Results:
    """Close a run as it lies, judge and seal it, without speaking to any instrument; its results."""
    if (sealed := _sealed(path)) is not None:
        return sealed
    record, plan, bench_file = _read(path)
    run = ResumedRun(record, plan, Bench(bench_file, WallClock(), (), ()), operator)
    is_closed = record.closed is not None
    if not is_closed:
        run.record_gap()
        run.end_interrupted_cases(f"interrupted; {UNTOUCHED}")
    return run.close(f"interrupted; {UNTOUCHED}", is_closed)


def _read(path: Path) -> tuple[RunRecord, Plan, BenchFile]:
    record = load_run(path)
    where = Where(str(path))
    if (path / DAMAGED).exists():
        raise IntegrityError(f"{path}: its record could not be brought to its end ({DAMAGED} says why)")
    broken = [problem for problem in record.problems if "torn tail" not in problem]
    if not record.opened:
        raise DefinitionError("this run never began: its record does not say what was to be done", where)
    if broken:
        raise IntegrityError(f"{path}: nothing is built upon a damaged record: {broken[0]}")
    return record, plan_from_folder(path), bench_from_folder(path)


def _sealed(path: Path) -> Results | None:
    """The results of a run that has its seal; a signature that is missing to it is made. None if it has none."""
    if not (path / MANIFEST).exists():
        return None
    record = load_run(path)
    bench_id, run_id = str(record.opened["bench"]["id"]), str(record.opened["run_id"])
    if not (path / ATTESTATION).exists():
        attest(path, record.opened, bench_key(bench_id), datetime.now(UTC))
    history = BenchHistory(bench_id)
    if any(run.run_id == run_id and run.manifest_sha256 is None for run in history.runs()):
        history.seal_run(run_id, hashlib.sha256((path / MANIFEST).read_bytes()).hexdigest())
    results: Results = json.loads((path / RESULTS).read_bytes())
    return results
