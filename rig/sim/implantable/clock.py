"""The simulated pump's own clock: local time in s since 2000, set by hand, off by its drift."""

from __future__ import annotations

from collections.abc import Callable

from rig.sim.wire.line import NS_PER_S, WorldClock

WRAP_S = 2**32


class PumpClock:
    """Counts whole seconds from 0. ``drift_ppm`` can be set at any time, effective from then on."""

    def __init__(self, clock: WorldClock, changed: Callable[[], None]) -> None:
        self.clock = clock
        self._changed = changed
        self._set_ns, self._own_ns = clock.now_ns(), 0  # its own time when it was set
        self._drift_ppb = 0

    def _own_now_ns(self) -> int:
        passed_ns = self.clock.now_ns() - self._set_ns
        return self._own_ns + passed_ns * (10**9 + self._drift_ppb) // 10**9

    @property
    def now_s(self) -> int:
        return self._own_now_ns() // NS_PER_S % WRAP_S

    def set(self, time_s: int) -> None:
        self._set_ns, self._own_ns = self.clock.now_ns(), time_s * NS_PER_S

    @property
    def drift_ppm(self) -> float:
        return self._drift_ppb / 1000

    @drift_ppm.setter
    def drift_ppm(self, drift_ppm: float) -> None:
        self._own_ns, self._set_ns = self._own_now_ns(), self.clock.now_ns()
        self._drift_ppb = round(drift_ppm * 1000)
        self._changed()

    def reaches_ns(self, time_s: int) -> int:
        """When it will show this time, which is later than now by less than the clock's range."""
        ahead_s = time_s - self._own_now_ns() // NS_PER_S % WRAP_S
        target_ns = (self._own_now_ns() // NS_PER_S + ahead_s) * NS_PER_S
        return self._set_ns - (target_ns - self._own_ns) * 10**9 // -(10**9 + self._drift_ppb)
