"""Cases of the procedure ``endurance``: a daily schedule over months, the reservoir refilled in between."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from rig.definitions.cases.common import Accept
from rig.definitions.cases.flex_schedule import NS_PER_S, ScheduledCase
from rig.definitions.fields import DurationOrNoneS, DurationS, RelativeLimit, VolumeMl, WithinLimit
from rig.definitions.limits import Criterion, Limit, never
from rig.definitions.tables import Contradiction
from rig.definitions.written import one_of
from rig.quantities import whole_multiple
from rig.schedule import ClockCourse, scheduled_ml


class EnduranceAccept(Accept):
    """Criteria of ``endurance``. The rates shown are as scheduled or not, the log is as commanded or not."""

    portion_volume: WithinLimit | None = Field(
        None, description="deviation of the `portion` that is furthest off"
    )
    drift: WithinLimit | None = Field(None, description="error of the last portion less that of the first")
    rates: Annotated[str, one_of("as scheduled")] | None = Field(
        None, description="whenever the pump is asked, it shows the rate of the schedule"
    )
    log: Annotated[str, one_of("as commanded")] | None = Field(
        None, description="the pump's log holds what it was told, and nothing else"
    )

    clock_drift: RelativeLimit | None = Field(
        None, description="the pump's clock against the rig's, from its setting to the last answer"
    )

    def _between(self) -> dict[str, Limit | None]:
        return {
            "portion_volume": self.portion_volume,
            "drift": self.drift,
            "rates": never(self.rates) if self.rates else None,
            "log": never(self.log) if self.log else None,
            "clock_drift": self.clock_drift,
        }


class EnduranceCase(ScheduledCase):
    """A daily schedule over months, weighed from refill to refill; see rig.procedures.endurance."""

    procedure: Literal["endurance"]
    fill_ml: VolumeMl = Field(
        alias="fill", description="what the reservoir holds after each refill", examples=['"40 mL"']
    )
    refill_every_s: DurationS = Field(
        alias="refill_every", description="delivery from one refill to the next", examples=['"60 day"']
    )
    refill_takes_s: DurationOrNoneS = Field(
        0.0,
        alias="refill_takes",
        description="time in which, pump stopped, the reservoir is filled and the vessel may be emptied",
        examples=['"2 h"'],
    )
    portion_s: DurationS = Field(
        alias="portion",
        description="the delivery is also judged in portions of this length",
        examples=['"30 day"'],
    )
    accept: EnduranceAccept = Field(description="what is accepted", examples=['{ drift = "within 5 %" }'])

    @property
    def fillings(self) -> int:
        """How often the reservoir is filled, before the first delivery included."""
        return math.ceil(self.sample_for_s / self.refill_every_s - 1e-9)

    def filling_s(self, place: int) -> float:
        """How long the filling number ``place`` (from 0) is delivered."""
        return min(self.refill_every_s, self.sample_for_s - place * self.refill_every_s)

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        """What the case is judged by: mean error, portions, drift, rates, log, clock, claimed delivery, alarms."""
        return self.accept.criteria()

    @property
    def duration_s(self) -> float:
        """Planned time: a rest and a blank around each filling, all deliveries, all refills but the first."""
        blanks = (self.fillings + 1) * (self.relax_s + self.blank_s)
        return blanks + self.sample_for_s + (self.fillings - 1) * self.refill_takes_s

    @property
    def filling_volumes_ml(self) -> tuple[float, ...]:
        """Volume delivered by plan out of each filling."""
        course, volumes, begin_s = ClockCourse(((0, self.begin_clock_s),)), [], 0.0
        for place in range(self.fillings):
            end_s = begin_s + self.filling_s(place)
            span_ns = round(begin_s * NS_PER_S), round(end_s * NS_PER_S)
            volumes.append(scheduled_ml(self.schedule, course, *span_ns))
            begin_s = end_s + self.relax_s + self.blank_s + self.refill_takes_s
        return tuple(volumes)

    @property
    def volume_ml(self) -> float:
        """Volume delivered by plan, out of all fillings."""
        return sum(self.filling_volumes_ml)

    @property
    def drawn_ml(self) -> float:
        """Most that is drawn from one filling."""
        return max(self.filling_volumes_ml)

    def contradictions(self) -> Iterator[Contradiction]:
        """As of any schedule; fillings that last; portions and fillings of whole sample intervals."""
        problems = list(super().contradictions())
        yield from problems
        every = self.sample_every_s
        for key, value in (("refill_every", self.refill_every_s), ("portion", self.portion_s)):
            if whole_multiple(value, every) is None:
                yield (key,), "that is no whole multiple of 'every'", f"choose a multiple of {every:g} s"
        if not problems and self.drawn_ml >= self.fill_ml:
            message = f"{self.drawn_ml:.4g} mL would be drawn from a filling of {self.fill_ml:g} mL"
            yield ("refill_every",), message, "refill more often"
