"""The journal: one append-only file of hash-chained records, the evidence from which everything else is made.

A record is one line of canonical JSON (UTF-8, keys sorted, no spaces, floats in their shortest exact form), ended by
one newline byte. Each has ``seq`` (from 0), ``t_ns`` (the run's clock), ``kind`` and ``prev``, the SHA-256 of the line
before without its newline (64 zeros in the first), and what its kind adds. An altered, removed, doubled or moved record
breaks the chain at a place that can be named. :mod:`rig.record.journal_reader` reads it.

Every record is with the operating system when :meth:`Journal.append` returns, so the death of this process loses none;
a durable one is on the disk as well, any other at most 100 ms later, against the loss of power.

Two things it records by itself: ``clock_step`` when the clock of the day jumped, ``disk_full`` when the reserve had to
be given back.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Callable
from math import isfinite
from pathlib import Path

from rig.errors import IntegrityError
from rig.record.clock_watch import ClockWatch
from rig.record.durable_files import OWNER_ONLY, Spare, sync_data, sync_folder, write_all
from rig.record.journal_reader import FIRST_PREV, JournalReader

RESERVED = frozenset({"seq", "t_ns", "kind", "prev"})
GROUP_SYNC_S = 0.05  # at most this long after a record its sync begins; the other half is for the disk

_PLAIN = frozenset({str, int, float, bool, type(None)})
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode
_OPEN_FLAGS = os.O_WRONLY | os.O_APPEND | getattr(os, "O_BINARY", 0)


class Journal:
    """The writing end. Safe to use from several threads.

    The first write or sync that fails raises IntegrityError, and so does every append after it: what may not be on
    the disk is never built upon. A value that cannot be recorded is refused alone, with IntegrityError, before
    anything is written; the journal goes on.
    """

    def __init__(
        self,
        descriptor: int,
        path: Path,
        now_ns: Callable[[], int],
        count: int = 0,
        head: str = FIRST_PREV,
        spare: Spare | None = None,
        watch: ClockWatch | None = None,
    ) -> None:
        """Takes over an open file with ``count`` records; :meth:`create` and :meth:`reopen` are the usual ways."""
        self.path, self._descriptor, self._now_ns = path, descriptor, now_ns
        self._count, self._head = count, head
        self._spare, self._watch, self._full_told = spare, watch, False
        self._synced = 0  # so many records are known to be on the disk
        self._failure = ""  # why nothing more is taken
        self._told = False  # somebody was told of the failure
        self._closed = False
        self._append_lock, self._sync_lock = threading.Lock(), threading.Lock()
        self._unsynced, self._stop = threading.Event(), threading.Event()
        self._flusher = threading.Thread(target=self._sync_in_groups, name="journal-sync", daemon=True)
        self._flusher.start()

    @classmethod
    def create(
        cls,
        path: Path,
        now_ns: Callable[[], int],
        spare: Spare | None = None,
        watch: ClockWatch | None = None,
    ) -> Journal:
        """A new journal at ``path``. ``now_ns`` is the run's clock. Raises IntegrityError if there is a file."""
        try:
            descriptor = os.open(path, _OPEN_FLAGS | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
            sync_folder(path.parent)
        except OSError as error:
            raise IntegrityError(f"{path}: cannot be created: {error.strerror or error}") from error
        return cls(descriptor, path, now_ns, spare=spare, watch=watch)

    @classmethod
    def reopen(
        cls,
        path: Path,
        now_ns: Callable[[], int],
        spare: Spare | None = None,
        watch: ClockWatch | None = None,
    ) -> Journal:
        """Go on with a journal; a torn tail is set aside first. ``now_ns`` must not be before its last record.

        Raises IntegrityError if there is none, or its chain is broken: nothing is built upon that.
        """
        from rig.record.torn_tail import set_torn_tail_aside

        set_torn_tail_aside(path)
        reader = JournalReader(path)
        for _ in reader:
            pass
        if reader.problems:
            raise IntegrityError(f"{path}: not continued: {reader.problems[0]}")
        try:
            descriptor = os.open(path, _OPEN_FLAGS)
        except OSError as error:
            raise IntegrityError(f"{path}: cannot be written: {error.strerror or error}") from error
        return cls(descriptor, path, now_ns, reader.count, reader.head, spare, watch)

    @property
    def head(self) -> str:
        """SHA-256 (hex) of the last record; 64 zeros while there is none."""
        return self._head

    @property
    def count(self) -> int:
        """How many records there are."""
        return self._count

    def append(self, kind: str, /, *, durable: bool = False, **fields: object) -> int:
        """Add a record and return its ``seq``; with ``durable`` it is on the disk by then.

        Fields are str, int, float (finite), bool, None, and lists and dicts (str keys) of these.
        """
        with self._append_lock:
            if self._failure or self._closed:
                raise self._refusal()
            line = self._line(kind, fields)  # refused, if it must be, before anything is written
            if self._tell_circumstances():
                line = self._line(kind, fields)
            seq = self._write(kind, line)
        if durable:
            self._await_sync(seq + 1)
        elif not self._unsynced.is_set():
            self._unsynced.set()
        return seq

    def _tell_circumstances(self) -> bool:
        """Record a step of the clock, or that the disk was full, before the record that comes next."""
        before = self._count
        if self._watch is not None and (step := self._watch.step()) is not None:
            self._write("clock_step", self._line("clock_step", step._asdict()))
        if self._spare is not None and self._spare.released and not self._full_told:
            self._full_told = True
            self._write("disk_full", self._line("disk_full", {}))
        return self._count > before

    def _write(self, kind: str, line: bytes) -> int:
        """Add one line; its number."""
        seq = self._count
        try:
            write_all(self._descriptor, line + b"\n", self._spare)
            self._head = hashlib.sha256(line).hexdigest()
            self._count = seq + 1
        except OSError as error:
            self._fail(f"record {seq} ({kind}) cannot be written: {error.strerror or error}")
            raise self._refusal() from error
        except BaseException:  # interrupted between the write and its count: the chain's end is unknown
            self._fail(f"interrupted while record {seq} ({kind}) was written")
            raise
        return seq

    def sync(self) -> None:
        """Return when all records so far are on the disk."""
        self._await_sync(self._count)

    @property
    def failure(self) -> str:
        """Why no further record is taken; empty while all is well."""
        return self._failure

    def refuse_because(self, reason: str) -> None:
        """Take no further record: something that belongs to this record of the run was lost."""
        self._fail(reason)

    def close(self) -> None:
        """Sync and close; a second close does nothing. Raises IntegrityError for a failure not yet told of."""
        with self._append_lock:
            if self._closed:
                return
            self._closed = True
        self._stop.set()
        self._unsynced.set()
        self._flusher.join()
        synced = self._sync_up_to(self._count)
        os.close(self._descriptor)
        if (self._failure or not synced) and not self._told:
            raise self._refusal()

    def _line(self, kind: str, fields: dict[str, object]) -> bytes:
        seq = self._count
        if not RESERVED.isdisjoint(fields):
            raise IntegrityError(
                f"record {seq} ({kind}): {sorted(RESERVED & fields.keys())} are the journal's own"
            )
        record = {"kind": kind, "prev": self._head, "seq": seq, "t_ns": self._now_ns(), **fields}
        try:
            for name, value in fields.items():
                if type(value) not in _PLAIN:
                    _check(value, f"record {seq} ({kind}): '{name}'")
            return _utf8(_encode(record))
        except RecursionError as error:
            raise IntegrityError(f"record {seq} ({kind}): nested too deeply; not recorded") from error
        except ValueError as error:
            name = next((name for name, value in fields.items() if _has_non_finite(value)), "")
            why = f"'{name}' has a number that is not finite" if name else str(error)
            raise IntegrityError(f"record {seq} ({kind}): {why}; not recorded") from error

    def _await_sync(self, count: int) -> None:
        if not self._sync_up_to(count) or self._failure:
            raise self._refusal()

    def _sync_up_to(self, count: int) -> bool:
        """Whether so many records are on the disk; whoever comes first syncs for all who wait."""
        with self._sync_lock:
            if self._synced < count:
                reached = self._count
                try:
                    sync_data(self._descriptor)
                    self._synced = reached
                except OSError as error:  # for good: a second try may succeed though the data was dropped
                    self._fail(f"cannot be brought to the disk: {error.strerror or error}")
            return self._synced >= count

    def _sync_in_groups(self) -> None:
        while not self._stop.is_set():
            self._unsynced.wait()
            self._stop.wait(GROUP_SYNC_S)
            self._unsynced.clear()
            if not self._sync_up_to(self._count):
                return  # the next append, or the close, tells

    def _fail(self, why: str) -> None:
        self._failure = self._failure or f"{self.path}: {why}; no further record is taken"

    def _refusal(self) -> IntegrityError:
        self._told = True
        return IntegrityError(self._failure or f"{self.path}: closed; no further record is taken")


def _check(value: object, place: str) -> None:
    """Refuse what would not be read back as it is. Subclasses of the plain types are written by their value."""
    if isinstance(value, list):
        if not _PLAIN.issuperset(map(type, value)):
            for item in value:
                _check(item, place)
    elif isinstance(value, dict):
        for key, item in value.items():
            if type(key) is not str:
                raise IntegrityError(f"{place} has the key {key!r}, which is no text; not recorded")
            _check(item, f"{place}.{key}")
    elif not isinstance(value, str | int | float | None):
        raise IntegrityError(f"{place} is a {type(value).__name__}, which JSON does not know; not recorded")


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except (
        UnicodeEncodeError
    ):  # lone surrogates: JSON's own escape (\udc80) keeps them; pairs become the character
        joined = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
        return joined.encode("utf-8", "backslashreplace")


def _has_non_finite(value: object) -> bool:
    if isinstance(value, float):
        return not isfinite(value)
    if isinstance(value, dict):
        return any(map(_has_non_finite, value.values()))
    return isinstance(value, list) and any(map(_has_non_finite, value))
