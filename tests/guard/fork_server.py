"""Runs that can be killed at little cost: everything is loaded once, each run is a fork.

Reads orders from standard input, a line of JSON each; answers ``{"pid": ...}``, and ``{"status": ...}`` when it was
asked to wait for the end of one. A run is what a child of ``rig run`` does between its collection and its end:
Session and Run, signals noted, no report. It counts in a small file what its journal acknowledged. With ``close`` it is
what ``rig resume --close`` does with a run folder, again but for the report.
"""

from __future__ import annotations

import json
import mmap
import os
import struct
import sys
import time
from pathlib import Path

import pandas  # noqa: F401  # loaded once, for the close of every run
import pyarrow.parquet  # noqa: F401

import rig.report.hand_over
from rig.definitions.bench_file import load_bench
from rig.definitions.plan_file import load_plan
from rig.errors import Aborted, RigError
from rig.procedures.watching import Watch
from rig.record.journal import Journal
from rig.run.resume import close
from rig.run.session import Session
from rig.run.signals import end_with_parent, note_signals


def count_acknowledged(path):
    """After each append that returned, how many records there are: in memory that outlives this process."""
    with open(path, "wb") as file:  # noqa: PTH123
        file.write(bytes(8))
    with open(path, "r+b") as file:  # noqa: PTH123
        shared = mmap.mmap(file.fileno(), 8)
    append = Journal.append

    def counted(self, kind, /, **fields):
        seq = append(self, kind, **fields)
        if self.path.name == "journal.jsonl":
            struct.pack_into("<q", shared, 0, max(seq + 1, struct.unpack_from("<q", shared, 0)[0]))
        return seq

    Journal.append = counted


def loop_after(readings, looped):
    """The procedure hangs in a computation that never ends, while the pump delivers; the file says since when."""
    weigh = Watch.weigh
    seen = [0]

    def weigh_and_hang(self):
        reading = weigh(self)
        seen[0] += self.unit.pump.interrogate().running
        if seen[0] >= readings:
            unfinished = Path(f"{looped}.unfinished")
            unfinished.write_text(str(time.monotonic()))
            unfinished.rename(looped)
        while seen[0] >= readings:
            pass
        return reading

    Watch.weigh = weigh_and_hang


def closed(order):
    """Close a run as it lies."""
    try:
        close(Path(order["close"]), "campaign")
    except RigError as error:
        print(error)
        return error.exit_status
    return 0


def carry_out(order):
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.setsid()
    if "close" in order:
        return closed(order)
    note_signals()
    os.dup2(os.open(order.get("parent_pipe", os.devnull), os.O_RDONLY), 0)
    if "parent_pipe" in order:
        end_with_parent()
    count_acknowledged(order["acknowledged"])
    if order.get("loop_after"):
        loop_after(order["loop_after"], order["looped"])
    bench, plan = load_bench(order["bench"]), load_plan(order["plan"])
    serials = [unit.serial for unit in bench.units]
    session = Session(bench, Path(order["runs"]), "campaign", serials, planned=None)
    status = 0
    try:
        for case in plan.cases:
            session.result(plan, case, serials[0], serials)
    except Aborted:
        status = 2
    except RigError as error:
        print(error)
        status = error.exit_status
    session.finish()
    return status


def main():
    rig.report.hand_over.build_report = lambda folder, record: (
        None
    )  # it takes most of the time, and is not what is tried
    for line in sys.stdin:
        order = json.loads(line)
        if "wait" in order:
            _, status = os.waitpid(order["wait"], 0)
            print(json.dumps({"status": os.waitstatus_to_exitcode(status)}), flush=True)
            continue
        pid = os.fork()
        if pid == 0:
            status = 70
            try:
                status = carry_out(order)
            except BaseException:
                import traceback

                traceback.print_exc()
            finally:
                sys.stdout.flush()
                os._exit(status)
        print(json.dumps({"pid": pid}), flush=True)


main()
