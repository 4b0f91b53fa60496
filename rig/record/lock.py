"""One run at a time on a bench: a lock per bench and machine, kept by the operating system, free when its holder dies.

The lock lies in a folder that all users of the machine share. Beside it a small file says who holds it, only for the
message to the next one who asks; the lock itself never depends on it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from rig.errors import BenchBusy, RigError


def locks_folder() -> Path:
    """Where the locks of this machine lie."""
    return Path(tempfile.gettempdir()) / "infusion-rig-locks"


class BenchLock:
    """The right to use a bench: ``with BenchLock("line-3"):``, or :meth:`acquire` and :meth:`release`."""

    def __init__(self, bench_id: str, folder: Path | None = None) -> None:
        from filelock import FileLock

        # The hash keeps ids apart that file systems take for one ("Line-3", "line-3").
        readable = re.sub(r"[^A-Za-z0-9_-]", "_", bench_id)[:40]
        name = f"{readable}-{hashlib.sha256(bench_id.encode()).hexdigest()[:12]}"
        self.bench_id, self._folder = bench_id, folder or locks_folder()
        self._holder_file = self._folder / f"{name}.holder.json"
        # Readable and writable by every user, or a second one could not even ask. One lock for all threads: it may be
        # released by another than took it.
        self._lock = FileLock(self._folder / f"{name}.lock", mode=0o666, thread_local=False)

    def acquire(self, note: str = "") -> None:
        """Take the bench, at once or not at all; ``note`` (the run folder) is shown to others who ask.

        Raises BenchBusy, which names the holder; RigError if this machine cannot keep locks here.
        """
        from filelock import Timeout

        if self._lock.is_locked:
            raise BenchBusy(self._busy())
        try:
            _make_shared(self._folder)
            self._lock.acquire(timeout=0)
        except Timeout:
            raise BenchBusy(self._busy()) from None
        except OSError as error:
            raise RigError(f"bench '{self.bench_id}' cannot be locked in {self._folder}: {error}") from error
        holder = {
            "note": note,
            "pid": os.getpid(),
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        with suppress(OSError):
            unfinished = self._holder_file.with_suffix(f".{os.getpid()}")
            unfinished.write_text(json.dumps(holder), encoding="utf-8")
            unfinished.replace(self._holder_file)

    def release(self) -> None:
        """Let the bench go; without the lock it does nothing."""
        if self._lock.is_locked:
            with suppress(OSError):
                self._holder_file.unlink(missing_ok=True)
            self._lock.release()

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def _busy(self) -> str:
        try:
            holder = json.loads(self._holder_file.read_text(encoding="utf-8"))
            who = f"process {holder['pid']}, since {holder['since']}"
            if holder["note"]:
                who += f", {holder['note']}"
        except (OSError, ValueError, LookupError, TypeError):
            who = "by whom is not known"
        return f"bench '{self.bench_id}' is held by another run ({who}); nothing was sent"


def _make_shared(folder: Path) -> None:
    """Not sticky: in a sticky folder Linux refuses to open another user's file (fs.protected_regular)."""
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        return
    folder.chmod(0o777)
