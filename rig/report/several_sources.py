"""What a summary over several runs is made from: their folders, each examined first."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rig.errors import DefinitionError, IntegrityError, Where
from rig.judge.several_runs import together
from rig.record.layout import MANIFEST, RESULTS, check_is_run_folder, is_run_folder
from rig.record.run_folder import run_folders_in
from rig.record.signatures import Signature
from rig.record.verify import Examined, examine_run
from rig.record.verify_runs import verify_together

Results = dict[str, Any]


@dataclass(frozen=True)
class OneRun:
    """A run folder, examined. ``left_out`` says why it does not count, and is empty if it does."""

    run_id: str
    folder: str
    manifest_sha256: str
    bench_key_id: str
    signatures: tuple[Signature, ...]
    results: Results
    left_out: str = ""


@dataclass(frozen=True)
class SummarySources:
    """Runs in order of time, what they show together, and what is wrong with them as a whole."""

    runs: tuple[OneRun, ...]
    found: Results
    missing: tuple[str, ...]
    rehearsal: bool

    @property
    def counted(self) -> list[OneRun]:
        """The runs that count."""
        return [run for run in self.runs if not run.left_out]

    @property
    def identity(self) -> str:
        """Unique identification: of the same sealed runs it is the same."""
        told = "\n".join(f"{run.run_id} {run.manifest_sha256}" for run in self.runs)
        return f"summary-{hashlib.sha256(told.encode()).hexdigest()[:16]}"

    @property
    def started_utc(self) -> str:
        """The start of the latest run."""
        return max((str(run.results.get("started_utc") or "") for run in self.runs), default="")


def read_summary_sources(paths: Sequence[Path]) -> SummarySources:
    """Examine and read run folders, or folders of such. A run named twice counts once.

    A run counts if its record is whole, sealed and unaltered. Rehearsals count only where no run is evidence. Raises
    DefinitionError for a path that is no run folder and holds none.
    """
    folders: dict[Path, None] = {}
    for path in paths:
        inside = [path] if is_run_folder(path) else run_folders_in(path) if path.is_dir() else []
        if not inside:
            check_is_run_folder(path)
        folders |= dict.fromkeys(folder.resolve() for folder in inside)
    examined = [examine_run(folder) for folder in folders]
    runs = [_one(each) for each in examined]
    if not runs:
        raise DefinitionError("no run is named", Where(key="RUN"))
    evidence = any(not run.left_out and not run.results["rehearsal"] for run in runs)
    runs = [_as_counted(run, evidence) for run in _each_once(runs)]
    runs.sort(key=lambda run: (str(run.results.get("started_utc") or ""), run.run_id))
    chain = verify_together(examined)
    return SummarySources(
        tuple(runs),
        together(run.results for run in runs if not run.left_out),
        tuple(str(finding) for finding in (*chain.findings, *chain.remarks)),
        not evidence,
    )


def _one(examined: Examined) -> OneRun:
    """A run as it lies; without a seal, or with one that does not hold, it is read for its name only."""
    manifest = examined.path / MANIFEST
    trouble = str(examined.findings[0]) if examined.findings else ""
    results: Any = {}
    try:
        results = json.loads((examined.path / RESULTS).read_bytes())
    except (OSError, ValueError) as problem:
        trouble = trouble or f"{RESULTS}: cannot be read: {problem}"
    if not isinstance(results, dict) or not results.get("run_id"):
        results, trouble = {}, trouble or f"{RESULTS}: holds no results"
    if not manifest.is_file():
        trouble = trouble or "never sealed"
    return OneRun(
        run_id=str(results.get("run_id") or (examined.opened or {}).get("run_id") or examined.path.name),
        folder=examined.path.name,
        manifest_sha256=hashlib.sha256(manifest.read_bytes()).hexdigest() if manifest.is_file() else "",
        bench_key_id=examined.bench_key_id,
        signatures=tuple(examined.signatures),
        results=results if not trouble else {},
        left_out=f"its record does not verify: {trouble}" if trouble else "",
    )


def _each_once(runs: list[OneRun]) -> list[OneRun]:
    """Copies of the same sealed run count once; two records of one name are refused."""
    by_id: dict[str, OneRun] = {}
    for run in runs:
        same = by_id.setdefault(run.run_id, run)
        if same.manifest_sha256 != run.manifest_sha256:
            raise IntegrityError(
                f"two different records are called {run.run_id}: {same.folder} and {run.folder}"
            )
        if same.left_out and not run.left_out:
            by_id[run.run_id] = run
    return list(by_id.values())


def _as_counted(run: OneRun, evidence: bool) -> OneRun:
    if not run.left_out and evidence and run.results["rehearsal"]:
        return replace(run, left_out="a rehearsal: simulated instruments took part")
    return run
