"""Are all runs of a bench there, each as it was sealed? Holds the runs in a folder against what they say of each other.

Each run names the run before it on its bench, and the hash of that one's manifest. Where the bench's own history is at
hand (on the machine, and for the user, that made the runs), the runs are held against that as well: it knows the last.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rig.errors import IntegrityError
from rig.record.bench_history import BenchHistory, PastRun
from rig.record.keys import bench_key, key_id
from rig.record.layout import JOURNAL, MANIFEST
from rig.record.verify import Examined, Finding


@dataclass
class Together:
    """What is wrong with the runs as a whole, and what is only worth saying: rehearsals may be thrown away."""

    findings: list[Finding] = field(default_factory=list)
    remarks: list[Finding] = field(default_factory=list)


@dataclass(frozen=True)
class _Run:
    folder: str
    run_id: str
    previous: dict[str, Any] | None
    manifest_sha256: str | None
    bench_id: str


def verify_together(examined: Sequence[Examined], keys: Path | None = None) -> Together:
    """Hold runs that were examined one by one against each other. ``keys``: the folder of keys and histories.

    Runs whose opening record is not sound belong to no chain: their successor misses them.
    """
    together = Together()
    chains: dict[tuple[str, bool], list[_Run]] = {}
    for each in examined:
        if each.opened is not None and each.bench_key_id:
            rehearsal = each.opened.get("rehearsal") is not False
            chains.setdefault((each.bench_key_id, rehearsal), []).append(_run(each))
    for (key, rehearsal), runs in sorted(chains.items()):
        together.findings += _replaced(runs)
        missing = [*_missing(runs), *_of_history(key, rehearsal, runs, keys)]
        (together.remarks if rehearsal else together.findings).extend(dict.fromkeys(missing))
    return together


def _run(each: Examined) -> _Run:
    opened = each.opened or {}
    previous, bench = opened.get("previous_run"), opened.get("bench")
    manifest = each.path / MANIFEST
    return _Run(
        folder=each.path.name,
        run_id=str(opened.get("run_id")),
        previous=previous if isinstance(previous, dict) and "run_id" in previous else None,
        manifest_sha256=hashlib.sha256(manifest.read_bytes()).hexdigest() if manifest.is_file() else None,
        bench_id=str(bench.get("id")) if isinstance(bench, dict) else "",
    )


def _replaced(runs: Sequence[_Run]) -> Iterator[Finding]:
    """Runs that are there twice, are not what their successor saw, or follow the same run as another."""
    seen: dict[str, str] = {}
    followed: dict[str, str] = {}
    sealed_as = {run.run_id: run.manifest_sha256 for run in runs}
    for run in runs:
        if run.run_id in seen:
            yield Finding(run.folder, f"a copy: run {run.run_id} lies in {seen[run.run_id]} too")
            continue
        seen[run.run_id] = run.folder
        before = str(run.previous["run_id"]) if run.previous else ""
        if before in followed:
            told = f"run {before}" if before else "no run"
            yield Finding(
                f"{run.folder}/{JOURNAL}",
                f"it follows {told}, as {followed[before]} does: the bench's history was put back or begun anew",
            )
        followed.setdefault(before, run.folder)
        was = run.previous.get("manifest_sha256") if run.previous else None
        if was is not None and before in sealed_as and sealed_as[before] != was:
            told = "is not sealed now" if sealed_as[before] is None else "has another seal now"
            yield Finding(before, f"replaced: it was sealed when {run.folder} began, and {told}")


def _missing(runs: Sequence[_Run]) -> Iterator[Finding]:
    there = {run.run_id for run in runs}
    for run in runs:
        if run.previous is not None and run.previous["run_id"] not in there:
            yield _gone(str(run.previous["run_id"]))


def _of_history(key: str, rehearsal: bool, runs: Sequence[_Run], keys: Path | None) -> Iterator[Finding]:
    """What the bench's own history knows besides, if it is here."""
    bench_id = runs[0].bench_id
    history = BenchHistory(bench_id, keys)
    try:
        if not history.path.exists() or key_id(bench_key(bench_id, keys).public_key()) != key:
            return
        past: list[PastRun] = [run for run in history.runs() if run.rehearsal == rehearsal]
    except IntegrityError as error:
        yield Finding(history.path.name, str(error).removeprefix(f"{history.path}: "))
        return
    here = {run.run_id: run for run in runs}
    for told in past:
        run = here.get(told.run_id)
        if run is None:
            yield _gone(told.run_id)
        elif told.manifest_sha256 is not None and told.manifest_sha256 != run.manifest_sha256:
            yield Finding(told.run_id, "replaced: the bench's history knows another seal")
    known = {told.run_id for told in past}
    for run in runs:
        if run.run_id not in known:
            yield Finding(run.folder, "foreign: the bench's history does not know this run")


def _gone(run_id: str) -> Finding:
    return Finding(run_id, "missing: this bench made that run, and it is not here")
