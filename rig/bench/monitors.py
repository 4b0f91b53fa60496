"""A monitor as several units of a bench read it: one question serves all that ask at the same time."""

from __future__ import annotations

from threading import Lock

from rig.capabilities import Monitor
from rig.clock import NS_PER_S, Clock, ns_from_s
from rig.readings import ChannelReading

READ_EVERY_S = 60.0
FRESH_FOR_NS = 5 * NS_PER_S  # units of one bench begin their cases together; of a unit's own nobody else asks
LOOKED_AGAIN_AFTER_S = 0.05


class SharedReading:
    """Hands out the last reading while it is fresh, and lets one unit at a time ask for the next."""

    def __init__(self, monitor: Monitor, clock: Clock, fresh_for_ns: int = FRESH_FOR_NS) -> None:
        self.every_s: float | None = getattr(monitor, "READ_EVERY_S", READ_EVERY_S)
        self._monitor, self._clock, self._fresh_for_ns = monitor, clock, fresh_for_ns
        self._last: ChannelReading | None = None
        self._being_read = False
        self._lock = Lock()  # for the flag only: never held while the clock runs

    def read(self) -> ChannelReading:
        """All channels. Raises what the driver raises; then the next unit asks anew."""
        while not self._may_ask():
            self._clock.sleep_until_ns(self._clock.now_ns() + ns_from_s(LOOKED_AGAIN_AFTER_S))
        try:
            if self._last is None or self._clock.now_ns() - self._last.t_ns > self._fresh_for_ns:
                self._last = self._monitor.read()
            return self._last
        finally:
            self._being_read = False

    def _may_ask(self) -> bool:
        with self._lock:
            if self._being_read:
                return False
            self._being_read = True
            return True
