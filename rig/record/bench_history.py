"""What runs a bench has made: an append-only, hash-chained file beside the bench's key.

Each run names in its own record the run before it, and the hash of that one's manifest. So a run that is taken away,
or put back in an older state, is missed by its successor; and the last one by this file.
Evidence and rehearsals are two chains: a rehearsal may be thrown away without a gap among the evidence.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rig.errors import IntegrityError
from rig.record.journal import Journal
from rig.record.journal_reader import JournalReader
from rig.record.keys import keys_folder
from rig.record.lock import file_stem

OPENED, SEALED = "run_opened", "run_sealed"


@dataclass(frozen=True)
class PastRun:
    """One run of the history; ``manifest_sha256`` is None as long as it is not known to be sealed."""

    run_id: str
    rehearsal: bool
    folder: str
    manifest_sha256: str | None

    def as_previous(self) -> dict[str, Any]:
        """How the next run names it."""
        return {"run_id": self.run_id, "manifest_sha256": self.manifest_sha256}


class BenchHistory:
    """The history of one bench, as this user made it. All methods raise IntegrityError."""

    def __init__(self, bench_id: str, folder: Path | None = None) -> None:
        self.path = (folder or keys_folder()) / f"bench-{file_stem(bench_id)}.runs.jsonl"

    def runs(self) -> list[PastRun]:
        """All runs, in the order in which they were opened; empty if there was none."""
        if not self.path.exists():
            return []
        found: dict[str, PastRun] = {}
        reader = JournalReader(self.path)
        for record in reader:
            try:
                if record["kind"] == OPENED:
                    run = PastRun(record["run_id"], record["rehearsal"], record["folder"], None)
                else:
                    before = found[record["run_id"]]
                    run = PastRun(before.run_id, before.rehearsal, before.folder, record["manifest_sha256"])
            except LookupError as error:
                raise IntegrityError(f"{self.path}: record {record['seq']} lacks {error}") from error
            found[run.run_id] = run
        if reader.breaks:
            hint = "moved away, it is begun anew, and 'rig verify' will tell that"
            raise IntegrityError(f"{self.path}: {reader.problems[0]} ({hint})")
        return list(found.values())

    def open_run(self, run_id: str, rehearsal: bool, folder: Path) -> PastRun | None:
        """Enter a run that begins; the one before it of its kind, None if it is the first."""
        with self._alone():
            before = [run for run in self.runs() if run.rehearsal == rehearsal]
            self._append(OPENED, run_id=run_id, rehearsal=rehearsal, folder=str(folder.resolve()))
        return before[-1] if before else None

    def seal_run(self, run_id: str, manifest_sha256: str) -> None:
        """Enter that a run was sealed."""
        with self._alone():
            self._append(SEALED, run_id=run_id, manifest_sha256=manifest_sha256)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """A bench has one run at a time, but simulated ones of one name may be many, with locks of their own."""
        from filelock import FileLock, Timeout

        try:
            with FileLock(self.path.with_suffix(".lock"), timeout=10, mode=0o600):
                yield
        except (Timeout, OSError) as error:
            raise IntegrityError(f"{self.path}: cannot be locked: {error}") from error

    def _append(self, kind: str, **fields: object) -> None:
        make = Journal.reopen if self.path.exists() else Journal.create
        journal = make(self.path, time.time_ns)
        try:
            journal.append(kind, durable=True, **fields)
        finally:
            journal.close()
