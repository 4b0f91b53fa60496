"""What a daily schedule should deliver, by the pump's own clock: exact, in whole nanolitres an hour.

Source: docs/reference/rpu-1.md, sections 5 and 7.2: each step holds from its minute of the day to the next step's; the
last of a day holds until midnight; the group of a day is that of its weekday.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

DAY_S = 86_400
MONDAY_OF_EPOCH = 5  # 2000-01-01 was a Saturday: (days since + 5) mod 7 is 0 on Mondays
NS_PER_S = 1_000_000_000


@dataclass(frozen=True)
class DaySchedule:
    """``groups``: for each, steps (start in s after midnight, rate in nL/h), the first at 0, rising.

    ``days``: place of the group of each weekday, Monday first.
    """

    days: tuple[int, ...]
    groups: tuple[tuple[tuple[int, int], ...], ...]

    def steps_of(self, day: int) -> tuple[tuple[int, int], ...]:
        """The steps of the day number ``day`` since 2000-01-01: (start in s after midnight, rate in nL/h)."""
        return self.groups[self.days[(day + MONDAY_OF_EPOCH) % 7]]

    def rate_nl_h(self, clock_s: int) -> int:
        """The rate of the step that holds at a time of the pump's clock (s since 2000-01-01)."""
        day, second = divmod(clock_s, DAY_S)
        return next(rate for start, rate in reversed(self.steps_of(day)) if start <= second)

    def volume_nl(self, from_s: Fraction, to_s: Fraction) -> Fraction:
        """What flows while the pump's clock goes from ``from_s`` to ``to_s`` (s since 2000-01-01), in nL.

        The sum of rate times time over the steps in between. Raises ValueError if the clock runs back.
        """
        if to_s < from_s:
            raise ValueError("the clock runs back within a stretch")
        total = Fraction(0)
        for start_s, end_s, rate_nl_h in self._stretches(from_s, to_s):
            total += Fraction(rate_nl_h) * (end_s - start_s) / 3600
        return total

    def changes_s(self, from_s: Fraction, to_s: Fraction) -> list[Fraction]:
        """Times of the pump's clock between the two, both left out, at which another step begins, in s."""
        return [start_s for start_s, _, _ in self._stretches(from_s, to_s) if start_s > from_s]

    def _stretches(self, from_s: Fraction, to_s: Fraction) -> Iterator[tuple[Fraction, Fraction, int]]:
        for day in range(int(from_s // DAY_S), int(to_s // DAY_S) + 1):
            steps = self.steps_of(day)
            ends = [*(start for start, _ in steps[1:]), DAY_S]
            for (start, rate_nl_h), end in zip(steps, ends, strict=True):
                begin_s = max(Fraction(day * DAY_S + start), from_s)
                stop_s = min(Fraction(day * DAY_S + end), to_s)
                if stop_s > begin_s:
                    yield begin_s, stop_s, rate_nl_h


@dataclass(frozen=True)
class ClockCourse:
    """How the pump's clock went: from each (t in ns, clock in s since 2000-01-01) on, at the pace of the run's."""

    settings: tuple[tuple[int, int], ...]

    def pieces(self, from_ns: int, to_ns: int) -> Iterator[tuple[Fraction, Fraction, int]]:
        """Stretches between two settings that lie in ``from_ns`` to ``to_ns``: clock at begin and end (s), begin (ns).

        Raises ValueError for an instant before the first setting.
        """
        if from_ns < self.settings[0][0]:
            raise ValueError("the clock is not known so early")
        ends: Sequence[int] = [*(t_ns for t_ns, _ in self.settings[1:]), max(to_ns, self.settings[-1][0])]
        for (set_ns, clock_s), end_ns in zip(self.settings, ends, strict=True):
            begin_ns, stop_ns = max(set_ns, from_ns), min(end_ns, to_ns)
            if stop_ns > begin_ns:
                start_s = clock_s + Fraction(begin_ns - set_ns, NS_PER_S)
                yield start_s, start_s + Fraction(stop_ns - begin_ns, NS_PER_S), begin_ns


def scheduled_ml(schedule: DaySchedule, course: ClockCourse, from_ns: int, to_ns: int) -> float:
    """What flows by ``schedule`` between two instants of the run (ns), in mL: the sum over the pieces of ``course``.

    Raises ValueError for an instant before the clock was set.
    """
    pieces = course.pieces(from_ns, to_ns)
    return float(
        sum((schedule.volume_nl(start_s, end_s) for start_s, end_s, _ in pieces), Fraction(0)) / 10**6
    )


def change_instants_ns(schedule: DaySchedule, course: ClockCourse, from_ns: int, to_ns: int) -> list[int]:
    """Instants of the run (ns) between the two at which another step begins, or at which the clock was set."""
    found: list[int] = []
    for start_s, end_s, begin_ns in course.pieces(from_ns, to_ns):
        if begin_ns > from_ns:
            found.append(begin_ns)
        found += [
            begin_ns + round((change_s - start_s) * NS_PER_S)
            for change_s in schedule.changes_s(start_s, end_s)
        ]
    return found
