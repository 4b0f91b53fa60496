"""Cases of the procedure ``bolus``: successive single boluses, each weighed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from rig.definitions.cases.common import Accept, Commanded, WeighedCase
from rig.definitions.fields import DurationOrNoneS, DurationS, ShareLimit, VolumeMl, WithinLimit
from rig.definitions.limits import Criterion, Limit
from rig.definitions.tables import Contradiction
from rig.definitions.written import whole

MOST_BOLUSES = 1000


class BolusAccept(Accept):
    """Criteria of ``bolus``."""

    single_dose: WithinLimit | None = Field(
        None, description="deviation of the worst single bolus from what was set"
    )
    share_inside: ShareLimit | None = Field(None, description="share of the boluses that are `inside`")

    def _between(self) -> dict[str, Limit | None]:
        return {"single_dose": self.single_dose, "share_inside": self.share_inside}


class BolusCase(WeighedCase):
    """Successive single boluses, each weighed; see rig.procedures.bolus."""

    volume_key = "count"

    procedure: Literal["bolus"]
    bolus_ml: VolumeMl = Field(alias="bolus", description="volume of one bolus", examples=['"50 uL"'])
    bolus_duration_s: DurationS = Field(
        alias="bolus_duration", description="time in which one bolus is delivered", examples=['"5 min"']
    )
    count: Annotated[int, whole(1, MOST_BOLUSES)] = Field(
        25, description="number of boluses", examples=["25"]
    )
    interval_s: DurationS = Field(
        alias="interval",
        description="from the start of one bolus to the start of the next",
        examples=['"15 min"'],
    )
    settle_s: DurationOrNoneS = Field(
        alias="settle", description="wait after a bolus before it is weighed", examples=['"5 min"']
    )
    inside: WithinLimit | None = Field(
        None, description="what counts as inside for share_inside", examples=['"within 10 %"']
    )
    accept: BolusAccept = Field(description="what is accepted", examples=['{ mean_error = "within 14.5 %" }'])

    @property
    def inside_limit(self) -> Limit | None:
        """The limit that ``share_inside`` counts by: ``inside``, or that of the criterion ``single_dose``."""
        return self.inside or self.accept.single_dose

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        """What the case is judged by: mean error, single dose, share inside, claimed delivery, alarms."""
        return self.accept.criteria()

    @property
    def duration_s(self) -> float:
        """Planned time: rest and blank, all boluses, rest and blank."""
        return self.blanks_s + self.count * self.interval_s

    @property
    def volume_ml(self) -> float:
        """Volume delivered by plan."""
        return self.count * self.bolus_ml

    def commanded(self) -> Iterator[Commanded]:
        """The bolus."""
        yield Commanded(("bolus",), bolus_ml=self.bolus_ml, bolus_duration_s=self.bolus_duration_s)

    def contradictions(self) -> Iterator[Contradiction]:
        """Whole seconds; room for a bolus and its weighing in the interval; at least one criterion."""
        if self.bolus_duration_s != round(self.bolus_duration_s):
            yield ("bolus_duration",), "a pump counts whole seconds", "choose a whole number of seconds"
        if self.interval_s <= self.bolus_duration_s + self.settle_s:
            busy_s = self.bolus_duration_s + self.settle_s
            hint = f"bolus and settling take {busy_s:g} s, and weighing some more"
            yield ("interval",), f"the next bolus would begin after {self.interval_s:g} s", hint
        if self.accept.share_inside is not None and self.inside_limit is None:
            hint = 'write inside = "within 10 %" in the case, or a limit for single_dose'
            yield ("accept", "share_inside"), "inside of what?", hint
        if self.inside is not None and self.accept.share_inside is None:
            yield (
                ("inside",),
                "this is used by the criterion share_inside only",
                "add it to 'accept' or leave this out",
            )
        if not self.criteria:
            yield (
                ("accept",),
                "nothing is accepted or refused here",
                'such as { mean_error = "within 14.5 %" }',
            )
