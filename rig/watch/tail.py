"""Reads a journal while it grows: each byte once, each line held against the chain."""

from __future__ import annotations

import hashlib
from pathlib import Path

from rig.record.journal_reader import FIRST_PREV, Record, parsed_record

AT_ONCE = 1 << 20  # bytes taken in one go: a long record is caught up with in steps


class JournalTail:
    """``read()`` gives the records that are new. ``problem`` says why no more come, if the chain is broken.

    A last line without its end is left until it is whole. ``size`` is what the file had at the last look, ``taken`` how
    many bytes of it were read; it ``is_behind`` while there was more than it reads at once.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problem = ""
        self.size = self.taken = self.count = 0
        self.is_behind = False
        self._head = FIRST_PREV

    def read(self) -> list[Record]:
        """The new whole records, from at most 1 MiB. Raises OSError if the file cannot be read."""
        if self.problem:
            return []
        with self.path.open("rb") as file:
            self.size = file.seek(0, 2)
            if self.size < self.taken:
                self.problem = f"the journal became shorter: {self.size} bytes, {self.taken} were read"
                return []
            file.seek(self.taken)
            data = file.read(AT_ONCE)
        self.is_behind = len(data) == AT_ONCE
        lines = data.split(b"\n")
        if self.is_behind and len(lines) == 1:
            self.problem, self.is_behind = f"record {self.count} is longer than {AT_ONCE} bytes", False
        lines.pop()  # not ended yet
        records = []
        for line in lines:
            record, trouble = parsed_record(line)
            if record is None:
                self.problem = f"record {self.count} is not a record: {trouble}"
            elif record["seq"] != self.count or record["prev"] != self._head:
                self.problem = f"the chain is broken at record {self.count}: what follows is not shown"
            if record is None or self.problem:
                self.is_behind = False
                break
            self.taken += len(line) + 1
            self.count += 1
            self._head = hashlib.sha256(line).hexdigest()
            records.append(record)
        return records
