"""One run at a time on a bench: a lock per bench and machine, kept by the operating system, free when its holder dies.

A bench has two locks. A run on real ports holds one and its guard the other, so that the bench is held as long as one
of the two lives: until the pumps are safe. Whoever has no guard holds both. They lie in a folder that all users of the
machine share. Beside them a small file says who holds them, only for the message to the next one who asks; the locks
themselves never depend on it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from rig.errors import BenchBusy, RigError

RUNNER, GUARD = "runner", "guard"  # the two locks, in the order in which they are taken


def locks_folder() -> Path:
    """Where the locks of this machine lie: a place for temporary files that outlives a restart, if there is one."""
    usual = Path(tempfile.gettempdir())
    lasting = Path("/var/tmp")  # by the file system standard not emptied at a restart, as /tmp may be
    return (lasting if usual == Path("/tmp") and lasting.is_dir() else usual) / "infusion-rig-locks"


def file_stem(bench_id: str) -> str:
    """How the files of a bench begin. The hash keeps ids apart that file systems take for one ("Line-3", "line-3")."""
    readable = re.sub(r"[^A-Za-z0-9_-]", "_", bench_id)[:40]
    return f"{readable}-{hashlib.sha256(bench_id.encode()).hexdigest()[:12]}"


class Holder(NamedTuple):
    """Who says that it holds a bench: what it does, its process, since when (UTC)."""

    note: str
    pid: int
    since: str


def holder(bench_id: str, folder: Path | None = None) -> Holder | None:
    """What the small file says; None if it says nothing. Whether the lock is still held, only the lock knows."""
    try:
        told = json.loads(_holder_file(bench_id, folder or locks_folder()).read_text(encoding="utf-8"))
        return Holder(str(told["note"]), int(told["pid"]), str(told["since"]))
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _holder_file(bench_id: str, folder: Path) -> Path:
    return folder / f"{file_stem(bench_id)}.holder.json"


WHAT_TO_DO = (
    " (wait for it, or end it with rig stop; a rehearsal beside it takes a bench file with an id of its own)"
)


class BenchLock:
    """The right to use a bench: ``with BenchLock("line-3"):``, or :meth:`acquire` and :meth:`release`.

    ``parts``: the locks to take, :data:`RUNNER`, :data:`GUARD` or both.
    """

    def __init__(
        self, bench_id: str, folder: Path | None = None, parts: Sequence[str] = (RUNNER, GUARD)
    ) -> None:
        from filelock import FileLock

        stem = file_stem(bench_id)
        self.bench_id, self._folder = bench_id, folder or locks_folder()
        self._holder_file = _holder_file(bench_id, self._folder)
        # Readable and writable by every user, or a second one could not even ask. One lock for all threads: it may be
        # released by another than took it.
        self._locks = [
            FileLock(self._folder / f"{stem}.{part}.lock", mode=0o666, thread_local=False) for part in parts
        ]
        self._told = False  # the small file is ours

    def acquire(self, note: str | None = "") -> None:
        """Take the bench, at once or not at all; ``note`` (the run folder) is shown to others who ask.

        With None what the holder of the other part said of itself stays. Raises BenchBusy, which names the holder;
        RigError if this machine cannot keep locks here.
        """
        from filelock import Timeout

        if any(lock.is_locked for lock in self._locks):
            raise BenchBusy(self._busy())
        try:
            _make_shared(self._folder)
            for lock in self._locks:
                lock.acquire(timeout=0)
        except Timeout:
            self._let_go()
            raise BenchBusy(self._busy()) from None
        except OSError as error:
            self._let_go()
            raise RigError(f"bench '{self.bench_id}' cannot be locked in {self._folder}: {error}") from error
        if note is not None:
            self.tell(note)

    def tell(self, note: str) -> None:
        """From now on others who ask are told this, and that it is this process."""
        self._told = True
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
        if any(lock.is_locked for lock in self._locks):
            if self._told:
                with suppress(OSError):
                    self._holder_file.unlink()
            self._let_go()

    def _let_go(self) -> None:
        for lock in reversed(self._locks):
            lock.release()

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def _busy(self) -> str:
        held = holder(self.bench_id, self._folder)
        who = "by whom is not known" if held is None else f"process {held.pid}, since {held.since}"
        if held is not None and held.note:
            who += f", {held.note}"
        return f"bench '{self.bench_id}' is held by another run ({who}); nothing was sent{WHAT_TO_DO}"


def _make_shared(folder: Path) -> None:
    """Not sticky: in a sticky folder Linux refuses to open another user's file (fs.protected_regular)."""
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        return
    folder.chmod(0o777)
