"""Samples of 64 flow sensors to the disk, synced every 100 ms: the journal beside a binary file and SQLite.

A block is what a sensor's buffer gives at once: 41 samples of flow, temperature and flags. The binary file gets
16 bytes a sample (time, channel, flow, temperature, flags), each packed as it comes, and fdatasync every 100 ms;
SQLite a row a sample, committed every 100 ms with ``synchronous=FULL``. All write for the same time, all they can.
"""

from __future__ import annotations

import os
import sqlite3
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.findings import Finding, in_turn, main, scratch, seconds

CHANNELS, SAMPLES, GROUP_S = 64, 41, 0.1
INTERVAL_NS = 100_000_000
ROWS_TO_PANDAS = 10_000_000


def blocks() -> list[Any]:
    """One block a channel: what an SLF3S sees of about 1 mL/day, with its noise."""
    from rig.readings import FlowBlock

    random = np.random.default_rng(1)
    return [
        FlowBlock(
            first_t_ns=0,
            interval_ns=INTERVAL_NS,
            flow_counts=np.rint(700 + 20 * random.standard_normal(SAMPLES)).astype(np.int16),
            temperature_counts=np.rint(7400 + 2 * random.standard_normal(SAMPLES)).astype(np.int16),
            flags=np.zeros(SAMPLES, np.uint16),
            flow_scale=1.0,
            flow_unit="nl/min",
            lost=0,
        )
        for _ in range(CHANNELS)
    ]


def through_journal(folder: Path, given: list[Any], for_s: float) -> tuple[float, float]:
    """Samples a second, and bytes a sample."""
    from rig.record.case_recorder import CaseRecorder
    from rig.record.journal import Journal

    path = folder / "journal.jsonl"
    path.unlink(missing_ok=True)
    journal = Journal.create(path, time.monotonic_ns)
    recorders = [CaseRecorder(journal, "case", f"SN{channel:04d}", 0) for channel in range(CHANNELS)]
    count = 0
    start = time.perf_counter()
    while time.perf_counter() - start < for_s:
        for recorder, block in zip(recorders, given, strict=True):
            recorder.flow(block)
        count += CHANNELS * SAMPLES
    journal.close()
    return count / (time.perf_counter() - start), path.stat().st_size / count


def binary(folder: Path, given: list[Any], for_s: float) -> float:
    """Samples a second."""
    record = struct.Struct("<qHhhH")
    file = os.open(folder / "samples.bin", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    count = 0
    start = synced = time.perf_counter()
    while time.perf_counter() - start < for_s:
        for channel, block in enumerate(given):
            flow, temperature = block.flow_counts.tolist(), block.temperature_counts.tolist()
            packed = [
                record.pack(block.first_t_ns + k * INTERVAL_NS, channel, flow[k], temperature[k], flag)
                for k, flag in enumerate(block.flags.tolist())
            ]
            os.write(file, b"".join(packed))
        count += CHANNELS * SAMPLES
        if time.perf_counter() - synced > GROUP_S:
            os.fdatasync(file)
            synced = time.perf_counter()
    os.fdatasync(file)
    os.close(file)
    return count / (time.perf_counter() - start)


def sqlite(folder: Path, given: list[Any], for_s: float) -> float:
    """Samples a second."""
    path = folder / "samples.sqlite"
    path.unlink(missing_ok=True)
    base = sqlite3.connect(path, isolation_level=None)
    base.execute("PRAGMA journal_mode=WAL")
    base.execute("PRAGMA synchronous=FULL")
    base.execute(
        "CREATE TABLE sample (t_ns INTEGER, channel INTEGER, flow INTEGER, temperature INTEGER, flags INTEGER)"
    )
    count = 0
    start = committed = time.perf_counter()
    base.execute("BEGIN")
    while time.perf_counter() - start < for_s:
        for channel, block in enumerate(given):
            times = range(block.first_t_ns, block.first_t_ns + SAMPLES * INTERVAL_NS, INTERVAL_NS)
            columns = (block.flow_counts.tolist(), block.temperature_counts.tolist(), block.flags.tolist())
            base.executemany(
                "INSERT INTO sample VALUES (?,?,?,?,?)",
                zip(times, [channel] * SAMPLES, *columns, strict=True),
            )
        count += CHANNELS * SAMPLES
        if time.perf_counter() - committed > GROUP_S:
            base.execute("COMMIT")
            base.execute("BEGIN")
            committed = time.perf_counter()
    base.execute("COMMIT")
    base.close()
    return count / (time.perf_counter() - start)


def archived(folder: Path, rows: int) -> tuple[float, Callable[[], object]]:
    """Bytes a sample in samples.parquet, and how it is read into pandas."""
    from rig.record.case_data import CaseData, FlowSeries, MassSeries, RunRecord, Step
    from rig.record.layout import SAMPLES as PARQUET
    from rig.record.samples import samples_bytes, samples_frame

    random = np.random.default_rng(2)
    t_ns = np.arange(rows, dtype=np.int64) * INTERVAL_NS
    nothing = np.zeros(0)
    flow = FlowSeries(
        t_ns=t_ns,
        flow_ml_h=np.rint(700 + 20 * random.standard_normal(rows)) * 60.0 / 1e6,
        temperature_c=np.rint(7400 + 20 * np.sin(t_ns / 1.4e13) + 0.3 * random.standard_normal(rows)) / 200,
        air=np.zeros(rows, np.bool_),
        high=np.zeros(rows, np.bool_),
    )
    case = CaseData(
        case="case", unit="SN0001", procedure="flow_accuracy", started_ns=0, finished_ns=int(t_ns[-1]),
        ended="completed", message="", steps=(Step("sample", 0, int(t_ns[-1]) + 1),),
        mass=MassSeries(nothing.astype(np.int64), nothing, nothing.astype(np.bool_)), flow=flow, doses=(),
        read_back=None,
    )  # fmt: skip
    content = samples_bytes(RunRecord(folder, {}, (), (case,), None))
    (folder / PARQUET).write_bytes(content)
    return len(content) / rows, lambda: samples_frame(folder)


def measure(rounds: int, tiny: bool) -> list[Finding]:
    for_s, rows = (0.05, 10_000) if tiny else (1.5, ROWS_TO_PANDAS)
    given = blocks()
    with scratch() as folder:
        found = in_turn(
            {
                "ours": lambda: through_journal(folder, given, for_s)[0],
                "binary": lambda: binary(folder, given, for_s),
                "sqlite": lambda: sqlite(folder, given, for_s),
            },
            rounds,
        )
        live = through_journal(folder, given, 0.05)[1]
        parquet, read = archived(folder, rows)
        read()
        to_pandas = in_turn({"ours": lambda: seconds(read)}, rounds)["ours"]
    of_binary = found["ours"] / found["binary"]
    return [
        Finding(
            "durable samples a second, 64 channels, synced every 100 ms", f"{found['ours'] / 1e6:.2f} million",
            f"binary + fdatasync {found['binary'] / 1e6:.2f} million, SQLite FULL {found['sqlite'] / 1e6:.2f} million",
            f"{of_binary:.2f} of binary", "≥ 0.5 of binary", of_binary >= 0.5,
        ),
        Finding("a sample in the live record", f"{live:.1f} bytes", "binary 16 bytes", f"{live:.1f} bytes",
                "≤ 25 bytes", live <= 25),
        Finding("a sample archived (samples.parquet)", f"{parquet:.1f} bytes", "", f"{parquet:.1f} bytes",
                "≤ 5 bytes", parquet <= 5),
        Finding(f"{rows:.0e} samples into pandas", f"{to_pandas:.2f} s", "", f"{to_pandas:.2f} s",
                "≤ 0.5 s", to_pandas <= 0.5),
    ]  # fmt: skip


if __name__ == "__main__":
    main(measure)
