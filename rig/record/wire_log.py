r"""Raw bytes both ways on one instrument link: ``wire/<unit>-<role>.log``.

A line is ``t_ns > bytes`` (host to instrument) or ``t_ns < bytes``; printable ASCII stands as it is, every other byte
and the backslash as ``\xNN``. So the log can be read by eye, and read back to the byte.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Literal

from rig.errors import IntegrityError
from rig.record.durable_files import OWNER_ONLY, Spare, write_all

Direction = Literal[">", "<"]
SHORT = 32  # bytes
# What unicode_escape spells by a letter: the byte, so, and as it is to be.
_NAMED = ((b"\t", b"\\t", b"\\x09"), (b"\n", b"\\n", b"\\x0a"), (b"\r", b"\\r", b"\\x0d"))
_LINE = re.compile(rb"(-?[0-9]+) ([<>]) ((?:[ -\[\]-~]|\\x[0-9a-f]{2})*)\n")
_ESCAPED = re.compile(rb"\\x([0-9a-f]{2})")
_OPEN_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)


class WireLog:
    """Call it with (t_ns, direction, bytes) for every exchange; it never raises then.

    The line to a pump must stay usable to stop it when the disk is full: a log that cannot be written calls
    ``lost(reason)`` once and writes nothing more.
    """

    def __init__(
        self, path: Path, lost: Callable[[str], None], spare: Spare | None = None, anew: bool = True
    ) -> None:
        """Raises IntegrityError if there is a file already, unless it is to go on, or none can be made."""
        flags = _OPEN_FLAGS | os.O_EXCL if anew else _OPEN_FLAGS
        try:
            self._descriptor: int | None = os.open(path, flags, OWNER_ONLY)
        except OSError as error:
            raise IntegrityError(f"{path}: cannot be created: {error.strerror or error}") from error
        self._path, self._lost, self._spare = path, lost, spare

    def __call__(self, t_ns: int, direction: Direction, data: bytes) -> None:
        if self._descriptor is None:
            return
        spelled = _spelled_before(bytes(data)) if len(data) <= SHORT else shown(data)
        line = b"%d %s %s\n" % (t_ns, direction.encode(), spelled)
        try:
            write_all(self._descriptor, line, self._spare)
        except OSError as error:
            self.close()
            self._lost(f"the wire log {self._path.name} cannot be written: {error.strerror or error}")

    def close(self) -> None:
        """Write nothing more. A second close does nothing."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def shown(data: bytes) -> bytes:
    r"""Printable ASCII as it is, every other byte and the backslash as ``\xNN``."""
    # The codec does almost this, many times faster than a loop; doubled backslashes would hide what follows them.
    parts = [part.decode("latin-1").encode("unicode_escape") for part in data.split(b"\\")]
    spelled = b"\\x5c".join(parts)
    for byte, letter, number in _NAMED:
        if byte in data:
            spelled = spelled.replace(letter, number)
    return spelled


_spelled_before = lru_cache(maxsize=256)(shown)  # a request is the same most times


def read_wire_log(path: Path) -> Iterator[tuple[int, Direction, bytes]]:
    """(t_ns, direction, bytes) in order. Raises IntegrityError naming line and byte where it is not a wire log."""
    byte = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            match = _LINE.fullmatch(line)
            if match is None:
                torn = "" if line.endswith(b"\n") else " (it stops within the line)"
                raise IntegrityError(f"{path}: line {number}, byte {byte}: not a line of a wire log{torn}")
            t_ns, direction, shown = match.groups()
            data = _ESCAPED.sub(lambda code: bytes([int(code[1], 16)]), shown)
            yield int(t_ns), ">" if direction == b">" else "<", data
            byte += len(line)
