"""The clock of served instruments: simulated time that keeps pace with the machine's, at any speed."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable

from rig.sim.wire.line import NS_PER_S


class PacedClock:
    """Simulated time runs ``speed`` times as fast as the machine's monotonic clock; one logical thread.

    It moves only in :meth:`advance`, and while an action runs it shows the very moment the action was due, so
    that what happens in the simulated world does not depend on how late the machine came to it.
    """

    def __init__(self, speed: float = 1.0, machine_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self.speed, self._machine_ns = speed, machine_ns
        self._zero_ns = machine_ns()
        self._now_ns = 0
        self._due: list[tuple[int, int, Callable[[], None]]] = []
        self._sequence = 0

    def now_ns(self) -> int:
        return self._now_ns

    def call_at(self, t_ns: int, action: Callable[[], None]) -> None:
        self._sequence += 1
        heapq.heappush(self._due, (max(t_ns, self._now_ns), self._sequence, action))

    def advance(self) -> None:
        """Do all that is due by now, in order; then it is now."""
        target_ns = round((self._machine_ns() - self._zero_ns) * self.speed)
        while self._due and self._due[0][0] <= target_ns:
            due_ns, _, action = heapq.heappop(self._due)
            self._now_ns = max(self._now_ns, due_ns)
            action()
        self._now_ns = max(self._now_ns, target_ns)

    def seconds_to_next(self) -> float | None:
        """Seconds of real time until something is due; None if nothing is."""
        if not self._due:
            return None
        passed_ns = (self._machine_ns() - self._zero_ns) * self.speed
        return max(0.0, (self._due[0][0] - passed_ns) / self.speed / NS_PER_S)
