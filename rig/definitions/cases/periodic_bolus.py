"""Cases of the procedure ``periodic_bolus``: the pump gives a bolus by itself every so often, each weighed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from rig.definitions.cases.common import Accept, Commanded, WeighedCase
from rig.definitions.fields import DurationOrNoneS, DurationS, VolumeMl, WithinLimit
from rig.definitions.limits import Criterion, Limit
from rig.definitions.tables import Contradiction
from rig.definitions.written import whole
from rig.quantities import nl_from_ml
from rig.readings import Prescription

MOST_BOLUSES = 1000


class PeriodicAccept(Accept):
    """Criteria of ``periodic_bolus``."""

    single_dose: WithinLimit | None = Field(
        None, description="deviation of the worst bolus from what was set"
    )

    def _between(self) -> dict[str, Limit | None]:
        return {"single_dose": self.single_dose}


class PeriodicBolusCase(WeighedCase):
    """Boluses that the pump gives by itself, each weighed; see rig.procedures.periodic_bolus."""

    needs_therapy = True
    volume_key = "count"

    procedure: Literal["periodic_bolus"]
    bolus_ml: VolumeMl = Field(alias="bolus", description="volume of one bolus", examples=['"100 uL"'])
    bolus_duration_s: DurationS = Field(
        alias="bolus_duration", description="time in which one bolus is delivered", examples=['"10 min"']
    )
    interval_s: DurationS = Field(
        alias="interval",
        description="from the start of one bolus to the start of the next",
        examples=['"3 h"'],
    )
    count: Annotated[int, whole(2, MOST_BOLUSES)] = Field(description="number of boluses", examples=["12"])
    settle_s: DurationOrNoneS = Field(
        alias="settle", description="wait after a bolus before it is weighed", examples=['"5 min"']
    )
    accept: PeriodicAccept = Field(
        description="what is accepted", examples=['{ mean_error = "within 14.5 %" }']
    )

    @property
    def prescription(self) -> Prescription:
        """What the pump is told."""
        return Prescription(
            "periodic",
            bolus_nl=nl_from_ml(self.bolus_ml),
            bolus_duration_s=round(self.bolus_duration_s),
            interval_s=round(self.interval_s),
        )

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        """What the case is judged by: mean error, single dose, claimed delivery, alarms."""
        return self.accept.criteria()

    @property
    def sample_s(self) -> float:
        """From the commit to the weighing after the last bolus."""
        return (self.count - 1) * self.interval_s + self.bolus_duration_s + self.settle_s

    @property
    def duration_s(self) -> float:
        """Planned time: rest and blank, all boluses, rest and blank."""
        return self.blanks_s + self.sample_s

    @property
    def volume_ml(self) -> float:
        """Volume delivered by plan."""
        return self.count * self.bolus_ml

    def commanded(self) -> Iterator[Commanded]:
        """The bolus."""
        yield Commanded(("bolus",), bolus_ml=self.bolus_ml, bolus_duration_s=self.bolus_duration_s)

    def contradictions(self) -> Iterator[Contradiction]:
        """Whole seconds; room for a bolus and its weighing in the interval; at least one criterion."""
        for key, value in (("bolus_duration", self.bolus_duration_s), ("interval", self.interval_s)):
            if value != round(value):
                yield (key,), "a pump counts whole seconds", "choose a whole number of seconds"
        if self.interval_s <= self.bolus_duration_s + self.settle_s:
            busy_s = self.bolus_duration_s + self.settle_s
            hint = f"bolus and settling take {busy_s:g} s, and weighing some more"
            yield ("interval",), f"the next bolus would begin after {self.interval_s:g} s", hint
        if not self.criteria:
            yield (
                ("accept",),
                "nothing is accepted or refused here",
                'such as { mean_error = "within 14.5 %" }',
            )
