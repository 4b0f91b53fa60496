"""The patient's button of the simulated pump: what it may give, how soon again, how often in 24 hours."""

from __future__ import annotations

from dataclasses import dataclass

from rig.sim.implantable.words import RequestDenied
from rig.sim.wire.line import NS_PER_S

DAY_NS = 86_400 * NS_PER_S


@dataclass(frozen=True)
class PatientBolus:
    """The settings of the button, in nl and s; ``maximum`` in any 86400 s."""

    enabled: int = 0
    vol: int = 1
    dur: int = 1
    lock: int = 86_400
    maximum: int = 1

    def pairs(self) -> dict[str, object]:
        return {
            "EN": self.enabled, "VOL": self.vol, "DUR": self.dur, "LOCK": self.lock, "MAX": self.maximum,
        }  # fmt: skip


class PatientButton:
    """Settings and the grants of the last day. Faults are plain attributes: ``lockout_ignored``,
    ``lockout_short_s`` (over so much too early), ``maximum_ignored``.
    """

    def __init__(self) -> None:
        self.settings = PatientBolus()
        self.lockout_ignored = self.maximum_ignored = False
        self.lockout_short_s = 0.0
        self._grants_ns: list[int] = []

    def refuse_if_too_soon(self, now_ns: int) -> None:
        """Raises RequestDenied: the lock-out with its rest, then the maximum with the time to the next."""
        left_s = self.lockout_left_s(now_ns)
        if left_s > self.lockout_short_s and not self.lockout_ignored:
            raise RequestDenied("07", LEFT=left_s)
        if self.count(now_ns) >= self.settings.maximum and not self.maximum_ignored:
            must_pass_ns = self._grants_ns[-self.settings.maximum]
            raise RequestDenied("08", LEFT=_rest_s(must_pass_ns + DAY_NS - now_ns))

    def grant(self, now_ns: int) -> None:
        self._forget_before(now_ns)
        self._grants_ns.append(now_ns)

    def lockout_left_s(self, now_ns: int) -> int:
        """Rounded up; by the lock-out as it is set now."""
        if not self._grants_ns:
            return 0
        return max(0, _rest_s(self._grants_ns[-1] + self.settings.lock * NS_PER_S - now_ns))

    def count(self, now_ns: int) -> int:
        """Granted in the last 86400 s."""
        self._forget_before(now_ns)
        return len(self._grants_ns)

    def reset(self) -> None:
        """Off, and the history lost; the other settings stay."""
        given = self.settings
        self.settings = PatientBolus(0, given.vol, given.dur, given.lock, given.maximum)
        self._grants_ns.clear()

    def _forget_before(self, now_ns: int) -> None:
        self._grants_ns = [grant_ns for grant_ns in self._grants_ns if grant_ns > now_ns - DAY_NS]


def _rest_s(rest_ns: int) -> int:
    return -(-rest_ns // NS_PER_S)
