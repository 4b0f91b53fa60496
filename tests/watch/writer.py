"""A run that a test makes record by record: a real run folder and journal, in a process that holds the bench.

``python writer.py RUNS BENCH_ID SERIAL...``; then on standard input JSON lines: ``[kind, fields]`` appends a durable
record, ``"seal"`` closes and seals the run, ``"end"`` lets go of it. Each is answered by a line. The first line says
the run's name.
"""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from rig.record.bench_history import BenchHistory
from rig.record.keys import bench_key, key_id, spelled
from rig.record.load_run import load_run
from rig.record.lock import BenchLock
from rig.record.run_folder import RunFolder, new_run_id

ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    runs, bench_id, *serials = sys.argv[1:]
    lock = BenchLock(bench_id)
    lock.acquire(f"session writing to {runs}")
    opened = datetime.now(UTC)
    zero_ns = time.monotonic_ns()
    plan_id = "watched"
    run_id = new_run_id(opened, plan_id, bench_id)
    plan = (ROOT / "test_plans/smoke.plan.toml").read_text("utf-8")
    folder = RunFolder.create(
        Path(runs), run_id, plan, "[bench]\n", {}, lambda: time.monotonic_ns() - zero_ns
    )
    key = bench_key(bench_id)
    previous = BenchHistory(bench_id).open_run(run_id, True, folder.path)
    folder.journal.append(
        "run_opened", durable=True, run_id=run_id, started_utc=opened.isoformat(timespec="seconds"),
        today=opened.date().isoformat(), clock="wall", rehearsal=True, rehearsal_because=["a test"],
        zero={"boot": "", "monotonic_ns": zero_ns, "utc_ns": time.time_ns() - (time.monotonic_ns() - zero_ns)},
        chosen=None, operator="Ada Lovelace", software={},
        bench_key={"id": key_id(key.public_key()), "public": spelled(key.public_key())},
        previous_run=previous.as_previous() if previous else None,
        plan={"id": plan_id, "revision": "A", "title": "Watched", "file": "x.plan.toml", "sha256": "0" * 64},
        bench={"id": bench_id, "site": "here", "file": "x.bench.toml", "sha256": "0" * 64},
    )  # fmt: skip
    for serial in serials:
        folder.journal.append(
            "case_started", durable=True, case="flow", unit=serial, procedure="flow_accuracy"
        )
        folder.journal.append("step", durable=True, case="flow", unit=serial, name="sample", planned_s=600.0)
    print(run_id, flush=True)
    for line in sys.stdin:
        told = json.loads(line)
        if told == "end":
            break
        if told == "seal":
            folder.journal.append("run_closed", durable=True, outcome="COMPLETED", reason="")
            folder.journal.sync()
            folder.seal(load_run(folder.path), key, BenchHistory(bench_id))
        else:
            kind, fields = told
            folder.journal.append(kind, durable=True, **fields)
        print("done", flush=True)
    lock.release()


main()
