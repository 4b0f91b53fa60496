"""Standard error as the run sees it: it may go away without harm."""

from __future__ import annotations

import io
import sys
from contextlib import suppress


class StandardError(io.TextIOBase):
    """Standard error, whose reader may go away: a closed terminal, a closed pipe."""

    def __init__(self) -> None:
        self._stream = sys.stderr  # this one: rich puts another in its place while it draws

    def write(self, text: str) -> int:
        with suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]  # typeshed has it writable
        return self._stream.encoding
