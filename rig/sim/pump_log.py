"""The event log of the simulated pump (docs/reference/rpu-1.md, section 9)."""

from __future__ import annotations

from collections import deque

from rig.sim.pump_words import RECORD_ORDER, LogRecord


class EventLog:
    """The newest ``capacity`` records in ``kept``, numbered from 1; ``last`` is the newest one's number.

    What happens in one moment is noted in any order, and written together, in the order of section 9.
    """

    def __init__(self, capacity: int) -> None:
        self.kept: deque[LogRecord] = deque(maxlen=capacity)
        self.last = 0
        self._noted: list[tuple[str, dict[str, object]]] | None = None

    @property
    def in_a_moment(self) -> bool:
        return self._noted is not None

    def begin(self) -> None:
        self._noted = []

    def abandon(self) -> None:
        """The moment came to nothing."""
        self._noted = None

    def note(self, code: str, **arguments: object) -> None:
        assert self._noted is not None
        self._noted.append((code, arguments))

    def write(self, clock_s: int) -> list[LogRecord]:
        """End the moment; its records."""
        assert self._noted is not None
        noted, self._noted = self._noted, None
        written = []
        for code, arguments in sorted(noted, key=lambda record: RECORD_ORDER.index(record[0])):
            self.last += 1
            written.append(LogRecord(self.last, clock_s, code, arguments))
        self.kept.extend(written)
        return written

    def newest(self, code: str) -> int:
        """Number of the newest record of this code."""
        return next(record.number for record in reversed(self.kept) if record.code == code)
