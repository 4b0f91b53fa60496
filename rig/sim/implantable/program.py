"""Programs and boluses of the simulated pump, and the rates they ask for (docs/reference/rpu-1.md, section 5)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

from rig.sim.wire.line import NS_PER_S

HOUR_NS = 3600 * NS_PER_S
DAY_S = 86_400
Steps = tuple[tuple[int, int], ...]  # (minute of the day, rate in nl/h), the first at minute 0


@dataclass(frozen=True)
class Program:
    """What is staged or active, in nl, nl/h and s.

    ``rate`` of SC and MIN; ``vol`` and ``dur`` of SB and PB; ``interval`` of PB; of FLEX ``week``, the group
    of Monday to Sunday, one digit each, and the steps of each group.
    """

    mode: str = "STOP"
    rate: int = 0
    vol: int = 0
    dur: int = 0
    interval: int = 0
    week: str = ""
    groups: Mapping[int, Steps] = field(default_factory=dict)
    conc: int = 0

    def with_group(self, group: int, steps: Steps) -> Program:
        """The same with this group added or replaced."""
        return replace(self, groups=dict(sorted({**self.groups, group: steps}.items())))

    @property
    def is_complete(self) -> bool:
        """Whether every group of the week has its steps."""
        return all(int(group) in self.groups for group in self.week)

    @property
    def highest_nl_h(self) -> Fraction:
        """The highest rate that it can ask for, which a bolus instead of it must not fall below."""
        if self.mode == "PB":
            return Fraction(self.vol * 3600, self.dur)
        rates = [rate for steps in self.groups.values() for _, rate in steps]
        return Fraction(max(rates, default=self.rate))

    def nl_per_ns(self, clock_s: int) -> Fraction:
        """The rate that is due at this time of the pump's clock; PB has none of its own, its boluses have."""
        rate = self.rate
        if self.mode == "FLEX":
            minute = clock_s % DAY_S // 60
            rate = next(rate for start, rate in reversed(self._steps(clock_s)) if start <= minute)
        return Fraction(rate, HOUR_NS)

    def next_step_s(self, clock_s: int) -> int:
        """Time of the pump's clock at which the next step of a FLEX program begins, midnight's included."""
        midnight_s = clock_s - clock_s % DAY_S
        starts = (midnight_s + 60 * minute for minute, _ in self._steps(clock_s))
        next_s = next((start for start in starts if start > clock_s), midnight_s + DAY_S)
        return min(next_s, 2**32)  # where the clock begins anew

    def _steps(self, clock_s: int) -> Steps:
        weekday = (clock_s // DAY_S + 5) % 7  # Monday is 0
        return self.groups[int(self.week[weekday])]

    def pairs(self) -> dict[str, object]:
        """As the PROG record tells it."""
        own: dict[str, dict[str, object]] = {
            "STOP": {},
            "SB": {"VOL": self.vol, "DUR": self.dur, "CONC": self.conc},
            "PB": {"VOL": self.vol, "DUR": self.dur, "INT": self.interval, "CONC": self.conc},
            "FLEX": {"MAP": self.week, "CONC": self.conc},
        }
        return {"MODE": self.mode, **own.get(self.mode, {"RATE": self.rate, "CONC": self.conc})}

    def told(self) -> dict[str, object]:
        """As GET PROGRAM and GET STAGED tell it."""
        groups = {"GROUPS": ",".join(map(str, self.groups)) or "NONE"} if self.mode == "FLEX" else {}
        return self.pairs() | groups


@dataclass(frozen=True)
class BolusOrder:
    """What is asked for: ``source`` is SB, PTM, PRIME, BRIDGE or PB; the volume is spread evenly over the time."""

    source: str
    vol: int
    length_s: Fraction

    @property
    def dur(self) -> int:
        """Rounded up to whole seconds."""
        return math.ceil(self.length_s)

    @property
    def nl_h(self) -> Fraction:
        return self.vol * 3600 / self.length_s


@dataclass(frozen=True)
class Bolus:
    """One that runs. It ends at a whole ns, by when exactly its volume has been given."""

    order: BolusOrder
    begin_ns: int
    believed_before: Fraction
    program: Program | None = None

    @property
    def end_ns(self) -> int:
        return self.begin_ns + math.floor(self.order.length_s * NS_PER_S)

    @property
    def nl_per_ns(self) -> Fraction:
        return Fraction(self.order.vol, self.end_ns - self.begin_ns)

    def left_s(self, now_ns: int) -> int:
        """Rounded up."""
        return math.ceil(self.order.length_s - Fraction(now_ns - self.begin_ns, NS_PER_S))
