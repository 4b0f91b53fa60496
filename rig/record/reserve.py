"""Space kept on the disk while a run goes on, so that on a full disk its end can still be recorded and sealed."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from rig.record.durable_files import OWNER_ONLY, sync_folder, write_all

RESERVE_BYTES = 4 << 20  # tear-down of 8 units, results of some hundred cases, manifest and signature
CHUNK = 1 << 20


class Reserve:
    """A file that is there only to be removed. ``released`` is true as soon as it is."""

    def __init__(self, path: Path, full: Callable[[str], None], size: int = RESERVE_BYTES) -> None:
        """Take the space. ``full(reason)`` is called once, by whatever thread finds the disk full. Raises OSError."""
        self.path, self.released = path, False
        self._full, self._lock = full, threading.Lock()
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
        try:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(descriptor, 0, size)
            else:
                for _ in range(0, size, CHUNK):  # random: a disk that compresses would keep no room for zeros
                    write_all(descriptor, os.urandom(CHUNK))
            os.fsync(descriptor)
        except OSError:
            path.unlink()
            raise
        finally:
            os.close(descriptor)

    def release(self) -> None:
        """Give the space back because the disk is full, and say so; a second time does nothing."""
        with self._lock:
            if self.released:
                return
            self.released = True
            self._remove()
        self._full("the disk is full")

    def remove(self) -> None:
        """Give the space back because the run is over."""
        with self._lock:
            if not self.released:
                self._remove()

    def _remove(self) -> None:
        with suppress(OSError):  # whatever is still in the way is found by who writes next
            self.path.unlink(missing_ok=True)
            sync_folder(self.path.parent)
