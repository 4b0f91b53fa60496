"""Reads a journal back, as far as its chain holds, and says exactly where and how it does not.

Only records before the first break are given: an exact prefix of what was written. What follows is left in the file
and named, with the byte at which it begins.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from rig.errors import IntegrityError

Record = dict[str, Any]
FIRST_PREV = "0" * 64  # what stands for the record before the first
MOST_PROBLEMS = 20  # more are counted, not listed


@dataclass(frozen=True)
class Problem:
    """Something wrong in a journal: the record's number and the byte of the file at which it begins, or neither."""

    message: str
    record: int | None
    byte: int | None

    def __str__(self) -> str:
        return (
            f"record {self.record}, byte {self.byte}: {self.message}"
            if self.byte is not None
            else self.message
        )


@dataclass(frozen=True)
class JournalContents:
    """A journal, read: its sound records, the SHA-256 of the last of them, and what is wrong with the rest."""

    records: list[Record]
    head: str
    problems: tuple[str, ...]


def read_journal(path: Path) -> JournalContents:
    """All sound records of a finished, torn or growing journal. Raises IntegrityError if it cannot be read."""
    reader = JournalReader(path)
    records = list(reader)
    return JournalContents(
        records, reader.head, tuple(f"{path.name}: {problem}" for problem in reader.problems)
    )


@dataclass(frozen=True)
class Chain:
    """Of a journal's sound records the first ({} if there is none), their number, and the SHA-256 of the last.

    ``broken``: where and how the chain breaks; "" if it holds to the end, or to a torn tail.
    """

    first: Record
    count: int
    head: str
    broken: str = ""


def follow_chain(path: Path) -> Chain:
    """For who needs no record of a journal but its chain. Raises IntegrityError if it cannot be read."""
    if (chain := _by_hashes(path)) is not None:
        return chain
    reader = JournalReader(path)
    first: Record = {}
    for record in reader:
        first = first or record
    return Chain(first, reader.count, reader.head, str(reader.problems[0]) if reader.breaks else "")


def _by_hashes(path: Path) -> Chain | None:
    """A chain that holds. Each line names the hash of the one before; altered bytes have another. None otherwise."""
    digest, count, first, last = FIRST_PREV, 0, b"", b""
    try:
        with path.open("rb") as file:
            for raw in file:
                if not raw.endswith(b"\n"):
                    break
                last = raw[:-1]
                if f'"prev":"{digest}",'.encode() not in last or f'"seq":{count},'.encode() not in last:
                    return None
                first = first or last
                digest, count = hashlib.sha256(last).hexdigest(), count + 1
    except OSError:
        return None
    if not count:
        return Chain({}, 0, FIRST_PREV)
    opened, closed = parsed_record(first)[0], parsed_record(last)[0]
    return None if opened is None or closed is None else Chain(opened, count, digest)


@dataclass
class _Line:
    """One line of the file; ``record`` is None, and ``trouble`` says why, when it is not a record."""

    number: int
    byte: int
    digest: str
    record: Record | None
    trouble: str
    suspect: bool = False  # blamed: that the next line does not follow it is known then
    stray: bool = False  # does not belong here: the next line is held against the one before


class JournalReader:
    """Iterate for the sound records; ``head``, ``count`` and ``problems`` are complete after that.

    A journal that grows can be iterated again: for the records since the last time, as long as there is no problem.
    ``last_byte`` is where the last sound record begins.

    ``expected_head``, if known (the manifest has it), tells whether the last record is the one that was written.
    """

    def __init__(self, path: Path, expected_head: str | None = None) -> None:
        self.path, self._expected_head = path, expected_head
        self.head, self.count, self.last_byte = FIRST_PREV, 0, 0
        self.problems: list[Problem] = []
        self._unlisted = 0
        self._read = 0  # bytes, of whole lines
        self._torn: tuple[int, int] | None = None  # its first byte, its length

    @property
    def breaks(self) -> bool:
        """Whether the chain is broken; a torn tail alone is what a crash leaves, and breaks nothing."""
        return len(self.problems) > (self._torn is not None)

    def __iter__(self) -> Iterator[Record]:
        held: _Line | None = (
            None  # follows rightly, but its own bytes are confirmed only by the line after it
        )
        before = _Line(self.count - 1, self.last_byte, self.head, None, "") if self.count else None
        for line, after in _with_next(self._lines()):
            culprit = self._examine(line, before, after)
            if held is not None:
                if culprit is not held:
                    yield self._accept(held)
                held = None
            if not self.problems:
                held = line
            if not line.stray:
                before = line
        if held is not None:
            yield self._accept(held)
        if self._torn is not None:
            byte, length = self._torn
            message = f"torn tail of {length} bytes, of a record that was never completed, set aside"
            self.problems.append(Problem(message, before.number + 1 if before else 0, byte))
        if self._unlisted:
            self.problems.append(Problem(f"{self._unlisted} more breaks after these", None, None))

    def _accept(self, line: _Line) -> Record:
        self.head, self.count, self.last_byte = line.digest, self.count + 1, line.byte
        assert line.record is not None
        return line.record

    def _lines(self) -> Iterator[_Line]:
        try:
            with self.path.open("rb") as file:
                file.seek(self._read)
                for raw in file:
                    byte = self._read
                    if not raw.endswith(b"\n"):
                        self._torn = (byte, len(raw))
                        return
                    self._read += len(raw)
                    content = raw[:-1]
                    record, trouble = parsed_record(content)
                    number = -1 if record is None else record["seq"]
                    yield _Line(number, byte, hashlib.sha256(content).hexdigest(), record, trouble)
        except OSError as error:
            raise IntegrityError(f"{self.path}: cannot be read: {error.strerror or error}") from error

    def _examine(self, line: _Line, before: _Line | None, after: _Line | None) -> _Line | None:
        """The line that is to blame if this one does not follow the one before; None if it does."""
        expected = before.number + 1 if before else 0
        if line.record is None:
            line.number = expected
            return self._blame(line, f"not a record: {line.trouble}")
        follows = line.record["prev"] == (before.digest if before else FIRST_PREV)
        if line.number != expected:
            return self._blame(line, _wrong_number(line, expected, follows))
        if follows or (before is not None and before.suspect):
            return None
        confirmed = self._confirmed(line, after)
        if before is None or confirmed is False:
            return self._blame(line, "altered: it does not follow the record before, nor the record after it")
        if confirmed:
            return self._blame(
                before, f"altered: record {line.number} was written after other bytes than these"
            )
        return self._blame(
            before, f"altered, or record {line.number} after it was: they do not follow each other"
        )

    def _confirmed(self, line: _Line, after: _Line | None) -> bool | None:
        """Whether the bytes of a line are what its successor, or the known head, says; None if nobody says."""
        if after is not None:
            return after.record is not None and bool(after.record["prev"] == line.digest)
        return None if self._expected_head is None else self._expected_head == line.digest

    def _blame(self, line: _Line, message: str) -> _Line:
        line.suspect = True
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(Problem(message, line.number, line.byte))
        else:
            self._unlisted += 1
        return line


def _wrong_number(line: _Line, expected: int, follows: bool) -> str:
    found = line.number
    if follows:
        line.number = expected
        return f"altered: it follows record {expected - 1} but calls itself {found}"
    if found > expected:
        missing = (
            f"record {expected} is" if found == expected + 1 else f"records {expected} to {found - 1} are"
        )
        return f"{missing} missing before it"
    line.stray = True
    return f"out of order or doubled: record {expected} should be here"


def _with_next(lines: Iterator[_Line]) -> Iterator[tuple[_Line, _Line | None]]:
    line = next(lines, None)
    while line is not None:
        after = next(lines, None)
        yield line, after
        line = after


def parsed_record(content: bytes) -> tuple[Record | None, str]:
    """The record in a line, or None and why there is none."""
    try:
        record = _decode(content.decode())
    except (ValueError, RecursionError) as error:
        return None, str(error)
    if not isinstance(record, dict):
        return None, "not a JSON object"
    for name, kind in (("seq", int), ("t_ns", int), ("kind", str), ("prev", str)):
        if type(record.get(name)) is not kind:
            return None, f"'{name}' is missing or of the wrong kind"
    return record, ""


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


_decode = json.JSONDecoder(parse_constant=_no_constant).decode
