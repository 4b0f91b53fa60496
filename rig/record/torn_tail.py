"""What a crash left of a last line, moved out of the way before a journal is continued; never deleted."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from rig.errors import IntegrityError
from rig.record.durable_files import sync_folder, write_atomically

CHUNK = 1 << 16


def set_torn_tail_aside(journal: Path) -> Path | None:
    """Move the bytes after the last newline into ``<journal>.torn-at-<byte>``; its path, or None if there are none.

    The copy is on the disk before the journal is cut, so that a crash in between loses nothing; done again it comes to
    the same. Raises IntegrityError.
    """
    try:
        with journal.open("rb+") as file:
            begins = _after_last_newline(file.seek(0, os.SEEK_END), file.fileno())
            file.seek(begins)
            tail = file.read()
            if not tail:
                return None
            aside = next(name for name in _names(journal, begins) if _is_free_for(name, tail))
            write_atomically(aside, tail)
            file.truncate(begins)
            os.fsync(file.fileno())
        sync_folder(journal.parent)
    except OSError as error:
        raise IntegrityError(
            f"{journal}: its torn tail cannot be set aside: {error.strerror or error}"
        ) from error
    return aside


def _names(journal: Path, byte: int) -> Iterator[Path]:
    """Where a tail may lie. A second one at the same byte is torn when the first record after a recovery is."""
    yield journal.with_name(f"{journal.name}.torn-at-{byte}")
    yield from (journal.with_name(f"{journal.name}.torn-at-{byte}-{number}") for number in count(2))


def _is_free_for(aside: Path, tail: bytes) -> bool:
    return not aside.exists() or aside.read_bytes() == tail


def _after_last_newline(size: int, descriptor: int) -> int:
    end = size
    while end > 0:
        begin = max(0, end - CHUNK)
        os.lseek(descriptor, begin, os.SEEK_SET)
        newline = os.read(descriptor, end - begin).rfind(b"\n")
        if newline >= 0:
            return begin + newline + 1
        end = begin
    return 0
