"""Cases of the procedure ``flex_schedule``: a daily schedule by the pump's own clock, weighed step by step."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Literal

from pydantic import Field

from rig.definitions.cases.common import Accept, Commanded, WeighedCase
from rig.definitions.fields import DurationS, TimeShiftS, TomlDateTime, Weekdays, WithinLimit
from rig.definitions.limits import Criterion, Limit
from rig.definitions.tables import Contradiction, Table
from rig.definitions.written import WEEKDAYS
from rig.errors import DefinitionError
from rig.quantities import nl_h_from_ml_h, parse, whole_multiple
from rig.readings import FlexStep, Prescription
from rig.schedule import ClockCourse, DaySchedule, scheduled_ml

EPOCH = datetime(2000, 1, 1)
MOST_STEPS, MOST_GROUPS = 13, 7
TIME_OF_DAY = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
NS_PER_S = 1_000_000_000


class DayGroup(Table):
    """Weekdays with the same steps. ``steps_written``: rate by time of the day from which it holds."""

    days: Weekdays = Field(description="weekdays", examples=['["mon", "tue"]'])
    steps_written: dict[str, str] = Field(
        alias="steps",
        description="rate by the time of the day from which it holds",
        examples=['{ "00:00" = "0.5 mL/day", "08:00" = "1 mL/day" }'],
    )

    def steps(self) -> tuple[FlexStep, ...]:
        """Minutes after midnight and rates, rising. Raises DefinitionError."""
        steps = []
        for time_text, rate_text in self.steps_written.items():
            match = TIME_OF_DAY.fullmatch(time_text)
            if match is None:
                raise DefinitionError(f"'{time_text}' is no time of the day", hint='write "08:00"')
            rate_nl_h = nl_h_from_ml_h(parse(rate_text, "rate"))
            steps.append(FlexStep(60 * int(match[1]) + int(match[2]), rate_nl_h))
        return tuple(sorted(steps, key=lambda step: step.start_min))

    def contradictions(self) -> Iterator[Contradiction]:
        """A first step at midnight, and not too many."""
        try:
            steps = self.steps()
        except DefinitionError as problem:
            yield ("steps",), problem.message, problem.hint
            return
        if not steps or steps[0].start_min != 0:
            yield ("steps",), "the day begins with no rate", 'the first step is "00:00"'
        if len(steps) > MOST_STEPS:
            yield ("steps",), f"{len(steps)} steps a day, a pump takes {MOST_STEPS}", "leave some out"
        if any(step.rate_nl_h <= 0 for step in steps):
            yield ("steps",), "a step without flow is no step", "a rate is above zero"


class ScheduledCase(WeighedCase):
    """A case in which the pump delivers a daily schedule by its own clock."""

    needs_therapy = True
    volume_key = "for"

    begin: TomlDateTime = Field(
        description="what the pump's clock is set to where delivery begins", examples=["2026-01-09T20:30:00"]
    )
    groups: list[DayGroup] = Field(
        description="groups of weekdays with their steps",
        examples=['[{ days = ["mon", "tue"], steps = { "00:00" = "0.5 mL/day" } }]'],
    )
    sample_for_s: DurationS = Field(alias="for", description="how long it is weighed", examples=['"60 h"'])
    sample_every_s: DurationS = Field(
        alias="every", description="time between weighings", examples=['"15 min"']
    )

    @property
    def begin_clock_s(self) -> int:
        """``begin`` on the pump's clock, s since 2000-01-01."""
        return round((self.begin - EPOCH).total_seconds())

    @property
    def schedule(self) -> DaySchedule:
        """The schedule in s and nL/h."""
        groups = tuple(
            tuple((60 * step.start_min, step.rate_nl_h) for step in group.steps()) for group in self.groups
        )
        return DaySchedule(tuple(day - 1 for day in self.prescription.days), groups)

    @property
    def prescription(self) -> Prescription:
        """What the pump is told."""
        of_day = {day: place for place, group in enumerate(self.groups, 1) for day in group.days}
        return Prescription(
            "flex",
            days=tuple(of_day[day] for day in WEEKDAYS),
            groups=tuple(group.steps() for group in self.groups),
        )

    @property
    def counted_ml(self) -> float:
        """The highest rate all the time: only the pump's own clock knows which step it is at."""
        return max(told.rate_ml_h or 0.0 for told in self.commanded()) * self.sample_for_s / 3600

    def commanded(self) -> Iterator[Commanded]:
        """Each rate of the schedule."""
        for place, group in enumerate(self.groups):
            for step in group.steps():
                yield Commanded(("groups", place, "steps"), rate_ml_h=step.rate_nl_h / 1e6)

    def contradictions(self) -> Iterator[Contradiction]:
        """What is wrong within each group; every weekday once; whole sample intervals; at least one criterion."""
        for place, group in enumerate(self.groups):
            for keys, message, hint in group.contradictions():
                yield ("groups", place, *keys), message, hint
        days = [day for group in self.groups for day in group.days]
        missing = [day for day in WEEKDAYS if day not in days]
        twice = sorted({day for day in days if days.count(day) > 1}, key=WEEKDAYS.index)
        if missing or twice or len(self.groups) > MOST_GROUPS:
            told = f"missing: {', '.join(missing)}" if missing else f"more than once: {', '.join(twice)}"
            yield ("groups",), f"each weekday belongs to one group; {told}", "write each of mon ... sun once"
        if whole_multiple(self.sample_for_s, self.sample_every_s) is None:
            hint = f"choose a multiple of {self.sample_every_s:g} s"
            yield ("for",), "the sampling time is no whole multiple of 'every'", hint
        if not self.criteria:
            yield (
                ("accept",),
                "nothing is accepted or refused here",
                'such as { mean_error = "within 14.5 %" }',
            )


class ClockChange(Table):
    """The pump's clock is set while it delivers: daylight saving, a journey."""

    after_s: DurationS = Field(alias="after", description="into the sampling", examples=['"5 h"'])
    by_s: TimeShiftS = Field(alias="by", description="forward, or back if negative", examples=['"1 h"'])


class FlexAccept(Accept):
    """Criteria of ``flex_schedule``."""

    step_volume: WithinLimit | None = Field(
        None, description="deviation of the step of the schedule that is furthest off"
    )
    day_volume: WithinLimit | None = Field(
        None, description="deviation of the day, by the pump's clock, that is furthest off"
    )

    def _between(self) -> dict[str, Limit | None]:
        return {"step_volume": self.step_volume, "day_volume": self.day_volume}


class FlexScheduleCase(ScheduledCase):
    """A daily schedule by the pump's own clock, weighed step by step; see rig.procedures.flex_schedule."""

    procedure: Literal["flex_schedule"]
    clock_change: ClockChange | None = Field(
        None, description="the clock is set meanwhile", examples=['{ after = "5 h", by = "1 h" }']
    )
    accept: FlexAccept = Field(description="what is accepted", examples=['{ step_volume = "within 15 %" }'])

    def course(self, begin_ns: int) -> ClockCourse:
        """How the pump's clock is planned to go, from ``begin_ns`` on the clock of the run."""
        settings = [(begin_ns, self.begin_clock_s)]
        if self.clock_change is not None:
            at_ns = begin_ns + round(self.clock_change.after_s * NS_PER_S)
            shifted_s = self.begin_clock_s + round(self.clock_change.after_s + self.clock_change.by_s)
            settings.append((at_ns, shifted_s))
        return ClockCourse(tuple(settings))

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        """What the case is judged by: mean error, steps, days, claimed delivery, alarms."""
        return self.accept.criteria()

    @property
    def duration_s(self) -> float:
        """Planned time: rest and blank, sampling, rest and blank."""
        return self.blanks_s + self.sample_for_s

    @property
    def volume_ml(self) -> float:
        """Volume delivered by plan."""
        return scheduled_ml(self.schedule, self.course(0), 0, round(self.sample_for_s * NS_PER_S))

    def contradictions(self) -> Iterator[Contradiction]:
        """As of any schedule; a clock change while it is sampled."""
        yield from super().contradictions()
        change = self.clock_change
        if change is not None and not 0 < change.after_s < self.sample_for_s:
            yield ("clock_change", "after"), "that is not while it is sampled", "choose an earlier time"
