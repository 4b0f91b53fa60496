"""The alarms of the simulated pump: which are on, which were acknowledged, what sounds."""

from __future__ import annotations

import math
from collections.abc import Mapping

from rig.sim.implantable.words import ALARM_BITS, alarm_class
from rig.sim.wire.line import NS_PER_S


class Alarms:
    """Faults are plain attributes, for alarms that come from then on: ``missing`` (never come, nor what follows
    of them), ``late_s`` (come so much after their condition), ``silent`` (come, but without a tone and without a
    line of their own).
    """

    def __init__(self) -> None:
        self.on: set[str] = set()
        self.acknowledged: set[str] = set()
        self.missing: set[str] = set()
        self.silent: set[str] = set()
        self.late_s: dict[str, float] = {}
        self._due_ns: dict[str, int] = {}  # those whose condition holds, but which are late

    def judge(self, conditions: Mapping[str, bool], now_ns: int) -> list[tuple[str, bool]]:
        """Which turn on (True) or off, in the order of ``conditions``."""
        changes = []
        for alarm, holds in conditions.items():
            is_on = (
                holds and alarm not in self.missing and (alarm in self.on or not self._is_late(alarm, now_ns))
            )
            if not holds:
                self._due_ns.pop(alarm, None)
            if is_on == (alarm in self.on):
                continue
            changes.append((alarm, is_on))
            if is_on:
                self.on.add(alarm)
            else:
                self.on.discard(alarm)
                self.acknowledged.discard(alarm)
        return changes

    def _is_late(self, alarm: str, now_ns: int) -> bool:
        late_ns = round(self.late_s.get(alarm, 0.0) * NS_PER_S)
        return late_ns > 0 and now_ns < self._due_ns.setdefault(alarm, now_ns + late_ns)

    def may_come(self, alarm: str) -> bool:
        """Whether it comes when its condition does: neither on, nor missing, nor late already."""
        return alarm not in self.on and alarm not in self.missing and alarm not in self._due_ns

    def next_ns(self) -> float:
        """When the next late one comes."""
        waiting = (alarm for alarm in self._due_ns if alarm not in self.on | self.missing)
        return min((self._due_ns[alarm] for alarm in waiting), default=math.inf)

    @property
    def tone(self) -> str:
        """What sounds now: NONE, SINGLE or DUAL."""
        loud = {alarm_class(alarm) for alarm in self.on - self.acknowledged - self.silent}
        return "DUAL" if "CRIT" in loud else "SINGLE" if loud else "NONE"

    def in_order(self) -> list[str]:
        return sorted(self.on, key=ALARM_BITS.__getitem__)

    @staticmethod
    def mask(alarms: set[str]) -> str:
        return f"{sum(1 << ALARM_BITS[alarm] for alarm in alarms):04X}"
