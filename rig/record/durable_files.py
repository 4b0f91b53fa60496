"""Files that are whole or not there, and on the disk before anybody relies on them."""

from __future__ import annotations

import os
from pathlib import Path

from rig.errors import IntegrityError

# Windows and macOS have no fdatasync; fsync there does the same and a little more. (On macOS neither waits for the
# drive's own cache.)
sync_data = getattr(os, "fdatasync", os.fsync)


def write_all(descriptor: int, data: bytes) -> None:
    """Write every byte, however many calls the system takes for it. Raises OSError."""
    written = os.write(descriptor, data)
    while written < len(data):
        written += os.write(descriptor, data[written:])


def write_atomically(path: Path, data: bytes) -> None:
    """Put ``data`` at ``path`` so that a crash leaves the old file or the new one. Raises IntegrityError."""
    unfinished = path.with_name(path.name + ".unfinished")
    try:
        with unfinished.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
        sync_folder(path.parent)
    except OSError as error:
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
