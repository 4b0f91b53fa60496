"""What the guard did, written down: ``guard.jsonl`` in the folder of the run, chained and synced as its journal is.

A run that was sealed already, or never began, keeps what is its own: then the file lies beside the run folders. The
pumps come first: writing has a thread of its own, and a disk that takes nothing keeps no pump from its safe state.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rig.clock import Clock
from rig.errors import RigError
from rig.guard.orders import Orders
from rig.record.journal import Journal
from rig.record.layout import MANIFEST
from rig.record.lock import file_stem

GUARD_FILE = "guard.jsonl"


class Deeds:
    """One intervention. :meth:`note` from any thread, :meth:`close` when it is over."""

    def __init__(self, orders: Orders, run_folder: str, clock: Clock) -> None:
        self.path: Path | None = None  # where it was written, when it was
        self.complaint = ""  # the last pump's that did not obey
        self._orders, self._run_folder, self._clock = orders, run_folder, clock
        self._notes: queue.SimpleQueue[tuple[int, str, dict[str, Any]] | None] = queue.SimpleQueue()
        self._t_ns = 0
        self._writer = threading.Thread(target=self._write, name="deeds", daemon=True)
        self._writer.start()

    def note(self, kind: str, fields: dict[str, Any]) -> None:
        """Something happened now."""
        self.complaint = fields.get("because", "") if kind == "pump_unsafe" else self.complaint
        self._notes.put((self._clock.now_ns(), kind, fields))

    def close(self) -> None:
        """All is on the disk, or standard error says why not."""
        self._notes.put(None)
        self._writer.join()

    def _write(self) -> None:
        journal: Journal | None = None
        while (note := self._notes.get()) is not None:
            self._t_ns, kind, fields = note
            try:
                if journal is None:
                    journal = self._begin()
                journal.append(kind, durable=True, **fields)
            except RigError as error:
                with suppress(OSError):
                    print(f"guard: {kind} {fields} is not written down: {error}", file=sys.stderr)
        if journal is not None:
            with suppress(RigError):
                journal.close()

    def _begin(self) -> Journal:
        """Never into a file that is there: what was written stays."""
        folder, stem = Path(self._run_folder), "guard"
        if not (self._run_folder and folder.is_dir() and not (folder / MANIFEST).exists()):
            stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
            folder = Path(self._orders.runs_dir)
            stem = f"guard-{stamp}-{file_stem(self._orders.bench_id)}-{os.getpid()}"
        places = [
            folder / f"{stem}{more}.jsonl" for more in ("", *(f"-{number}" for number in range(2, 100)))
        ]
        self.path = next((place for place in places if not place.exists()), places[-1])
        journal = Journal.create(self.path, lambda: self._t_ns)
        journal.append(
            "guard",
            bench=self._orders.bench_id,
            run_process=self._orders.runner_pid,
            at_utc=datetime.now(UTC).isoformat(timespec="milliseconds"),
        )
        return journal
