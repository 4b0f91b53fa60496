"""The event log of the simulated pump (docs/reference/rpu-1.md, section 9)."""

from __future__ import annotations

from collections import deque

from rig.sim.implantable.words import RECORD_ORDER, LogRecord


class EventLog:
    """The newest ``capacity`` records in ``kept``, numbered from 1; ``last`` is the newest one's number.

    What happens in one moment is noted in any order, and written together, in the order of section 9. A log
    that lies: records of a code in ``omits`` are not written; ``claims`` has other arguments for those of a code.
    """

    def __init__(self, capacity: int) -> None:
        self.kept: deque[LogRecord] = deque(maxlen=capacity)
        self.last = 0
        self.omits: set[str] = set()
        self.claims: dict[str, dict[str, object]] = {}
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
        """End the moment; its records, with those left out, which bear the number of the one before."""
        assert self._noted is not None
        noted, self._noted = self._noted, None
        records = []
        for code, arguments in sorted(noted, key=lambda record: RECORD_ORDER.index(record[0])):
            is_kept = code not in self.omits
            self.last += is_kept
            records.append(LogRecord(self.last, clock_s, code, arguments | self.claims.get(code, {})))
            if is_kept:
                self.kept.append(records[-1])
        return records

    def newest(self, code: str) -> int:
        """Number of the newest record of this code; of the newest at all if it was left out."""
        return next((record.number for record in reversed(self.kept) if record.code == code), self.last)
