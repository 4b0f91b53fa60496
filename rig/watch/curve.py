"""What one channel showed, kept for drawing: the latest readings as they are, older ones as least and greatest of many.

Level 0 holds readings, each level above buckets of 8 of the level below, never across a gap. Each keeps its latest
:data:`KEPT`; what is older lives on in the levels above. So the whole of a run can be drawn at any time, a single high
reading in it too, in a memory that grows with the logarithm of its length.

A gap is where readings stayed away for more than :data:`GAP_FACTOR` times their usual distance: the second largest of
the last 8 distances, so that one gap does not hide the next and a slower pace is learned after two readings.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import deque
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

KEPT = 1 << 13  # at least so many, and at most twice: half a MB a level and channel
FANOUT = 8
GAP_FACTOR = 3
GAP_AT_LEAST_NS = 1_000_000_000
DISTANCES = 8
GAPS_KEPT = 1000


class Buckets(NamedTuple):
    """Number of each bucket that holds readings, with the least and the greatest of them; all of one length."""

    number: NDArray[np.int64]
    least: NDArray[np.float64]
    greatest: NDArray[np.float64]


class _Level:
    """Buckets in order of time: from, to (ns), least, greatest; and the one that is being filled above."""

    def __init__(self) -> None:
        self.first, self.last = array("q"), array("q")
        self.least, self.greatest = array("d"), array("d")
        self.dropped = False

    def add(self, first: int, last: int, least: float, greatest: float) -> None:
        self.first.append(first)
        self.last.append(last)
        self.least.append(least)
        self.greatest.append(greatest)
        if len(self.first) >= 2 * KEPT:
            for column in (self.first, self.last, self.least, self.greatest):
                del column[:KEPT]
            self.dropped = True


class _Filling:
    """A bucket that is not full yet."""

    def __init__(self, first: int, last: int, least: float, greatest: float) -> None:
        self.first, self.last, self.least, self.greatest, self.count = first, last, least, greatest, 1

    def add(self, last: int, least: float, greatest: float) -> None:
        self.last, self.count = last, self.count + 1
        self.least, self.greatest = min(self.least, least), max(self.greatest, greatest)


class Curve:
    """One channel. Readings come in order of time; one that does not is left out."""

    def __init__(self) -> None:
        self.count = 0
        self.latest: tuple[int, float] | None = None
        self.gaps: list[tuple[int, int]] = []
        self._levels = [_Level()]
        self._filling: list[_Filling | None] = [None]  # the bucket to come in level i + 1
        self._distances: deque[int] = deque(maxlen=DISTANCES)

    def add(self, t_ns: int, value: float) -> None:
        """One reading."""
        if self.latest is not None:
            distance = t_ns - self.latest[0]
            if distance <= 0:
                return
            usual = self._usual_ns()
            self._distances.append(distance)
            if usual is not None and distance > max(GAP_FACTOR * usual, GAP_AT_LEAST_NS):
                self.gap(self.latest[0], t_ns)
        self.count += 1
        self.latest = (t_ns, value)
        self._put(0, t_ns, t_ns, value, value)

    def gap(self, from_ns: int, to_ns: int) -> None:
        """Nothing is known between two times; no bucket spans them."""
        if self.gaps and self.gaps[-1][1] >= to_ns:
            return
        self.gaps.append((from_ns, to_ns))
        if len(self.gaps) > GAPS_KEPT:
            del self.gaps[0]
        for index in range(len(self._filling)):
            self._close(index)

    def _usual_ns(self) -> int | None:
        return sorted(self._distances)[-2] if len(self._distances) > 2 else None

    def _put(self, index: int, first: int, last: int, least: float, greatest: float) -> None:
        self._levels[index].add(first, last, least, greatest)
        filling = self._filling[index]
        if filling is None:
            self._filling[index] = filling = _Filling(first, last, least, greatest)
        else:
            filling.add(last, least, greatest)
        if filling.count == FANOUT:
            self._close(index)

    def _close(self, index: int) -> None:
        """The bucket that is being filled is full, or a gap comes: it goes to the level above."""
        filling, self._filling[index] = self._filling[index], None
        if filling is None:
            return
        if index + 1 == len(self._levels):
            self._levels.append(_Level())
            self._filling.append(None)
        self._put(index + 1, filling.first, filling.last, filling.least, filling.greatest)

    def drawn(self, from_ns: int, to_ns: int, buckets: int) -> Buckets:
        """Least and greatest in each of ``buckets`` equal parts of the time from ``from_ns`` to ``to_ns``."""
        finest = next(
            (i for i, level in enumerate(self._levels) if not level.dropped or level.first[0] <= from_ns),
            len(self._levels) - 1,
        )
        parts: list[tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]] = []
        since = from_ns
        for level in reversed(self._levels[: finest + 1]):
            begin, end = bisect_left(level.first, since), bisect_left(level.first, to_ns)
            if begin < end:
                parts.append(
                    (
                        np.array(level.first[begin:end], np.int64),
                        np.array(level.least[begin:end], np.float64),
                        np.array(level.greatest[begin:end], np.float64),
                    )
                )
                since = level.last[end - 1] + 1
        if not parts:
            return Buckets(np.zeros(0, np.int64), np.zeros(0), np.zeros(0))
        first, least, greatest = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        number = (first - from_ns) * buckets // (to_ns - from_ns)
        begins = np.flatnonzero(np.diff(number, prepend=-1))
        return Buckets(
            number[begins], np.minimum.reduceat(least, begins), np.maximum.reduceat(greatest, begins)
        )
