"""Files that are whole or not there, and on the disk before anybody relies on them. Readable by their owner alone."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from rig.errors import IntegrityError

OWNER_ONLY = 0o600
FULL = frozenset(
    {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
)  # the disk, or this user's share of it

# Windows and macOS have no fdatasync; fsync there does the same and a little more. (On macOS neither waits for the
# drive's own cache.)
sync_data = getattr(os, "fdatasync", os.fsync)


class Spare(Protocol):
    """Space that can be given back to a full disk."""

    released: bool

    def release(self) -> None:
        """Give it back; a second time does nothing."""


def write_all(descriptor: int, data: bytes, spare: Spare | None = None) -> None:
    """Write every byte, however many calls the system takes for it. Raises OSError.

    When the disk is full, ``spare`` is given back to it, and the rest written then.
    """
    rest = memoryview(data)
    while rest:
        was_released = spare is None or spare.released
        try:
            rest = rest[os.write(descriptor, rest) :]
        except OSError as error:
            if error.errno not in FULL or spare is None or was_released:
                raise
            spare.release()


def write_new(path: Path, data: bytes) -> None:
    """Put ``data`` at ``path``, where nothing may be yet, and bring it to the disk. Raises OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), OWNER_ONLY)
    try:
        write_all(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_atomically(path: Path, data: bytes, spare: Spare | None = None) -> None:
    """Put ``data`` at ``path`` so that a crash leaves the old file or the new one. Raises IntegrityError."""
    unfinished = path.with_name(path.name + ".unfinished")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(unfinished, flags, OWNER_ONLY)
        try:
            write_all(descriptor, data, spare)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        unfinished.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        with suppress(OSError):
            unfinished.unlink()  # the seal may need its room
        raise IntegrityError(f"{path}: cannot be written: {error.strerror or error}") from error


def sync_file(path: Path) -> None:
    """Bring a closed file's content to the disk. Raises OSError."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Bring a folder's list of names to the disk. Windows cannot be asked to, and needs no asking."""
    if os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
