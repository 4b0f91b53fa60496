"""Did the machine's clock jump? Times in a record come from the monotonic clock; this tells what the other one did."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

SMALLEST_STEP_NS = 500_000_000
MOST_SLEWING = 1e-3  # time services shift a clock by at most 500 ppm without a jump


class ClockStep(NamedTuple):
    """The clock of the day was set by ``step_ns`` (above 0: forward), or the machine slept for so long."""

    step_ns: int
    utc_ns: int  # since 1970, after the step


class ClockWatch:
    """Compares the clock of the day with the run's clock each time it is asked."""

    def __init__(self, utc_ns: Callable[[], int], now_ns: Callable[[], int]) -> None:
        self._utc_ns, self._now_ns = utc_ns, now_ns
        self._utc, self._now = utc_ns(), now_ns()

    def step(self) -> ClockStep | None:
        """The step since it was last asked, if there was one."""
        utc, now = self._utc_ns(), self._now_ns()
        passed_ns = now - self._now
        step_ns = utc - self._utc - passed_ns
        self._utc, self._now = utc, now
        if abs(step_ns) < SMALLEST_STEP_NS + MOST_SLEWING * passed_ns:
            return None
        return ClockStep(step_ns, utc)
