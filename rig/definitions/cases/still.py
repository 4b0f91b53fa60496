"""Cases of the procedure ``still``: nothing may flow, forward or back, while the pump is stopped."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from rig.definitions.cases.common import Commanded, PlainAccept, WeighedCase
from rig.definitions.fields import Channel, DurationS, FlowLimit, RateMlH
from rig.definitions.limits import Criterion, Limit
from rig.definitions.tables import Contradiction
from rig.quantities import whole_multiple


class StillAccept(PlainAccept):
    """Criteria of ``still``."""

    flow_at_rest: FlowLimit | None = Field(
        None, description="mean flow of the stopped pump, line open; backwards is negative"
    )

    def _own(self) -> dict[str, Limit | None]:
        return {"flow_at_rest": self.flow_at_rest}


class StillCase(WeighedCase):
    """The line open, the pump stopped; see rig.procedures.still."""

    needs = ("balance", "valves")
    volume_key = "run_for"

    procedure: Literal["still"]
    line_valve: Channel = Field(description="channel of the valve that closes the line", examples=["101"])
    rate_ml_h: RateMlH = Field(
        alias="rate", description="rate the pump delivers at before it is stopped", examples=['"0.5 mL/day"']
    )
    run_for_s: DurationS = Field(
        alias="run_for", description="how long it delivers, before and after", examples=['"30 min"']
    )
    sample_for_s: DurationS = Field(
        alias="for", description="how long it is weighed, pump stopped, line open", examples=['"8 h"']
    )
    sample_every_s: DurationS = Field(
        alias="every", description="time between weighings", examples=['"15 min"']
    )
    accept: StillAccept = Field(
        description="what is accepted", examples=['{ flow_at_rest = "within 0.1 uL/h" }']
    )

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        """What the case is judged by: flow at rest, alarms."""
        return self.accept.criteria()

    @property
    def duration_s(self) -> float:
        """Planned time: blanks with their rests, two deliveries with a rest each, the line open."""
        return self.blanks_s + 2 * (self.run_for_s + self.relax_s) + self.sample_for_s

    @property
    def volume_ml(self) -> float:
        """Volume delivered by plan."""
        return 2 * self.rate_ml_h * self.run_for_s / 3600

    def commanded(self) -> Iterator[Commanded]:
        """The rate."""
        yield Commanded(("rate",), rate_ml_h=self.rate_ml_h)

    def contradictions(self) -> Iterator[Contradiction]:
        """Whole sample intervals; a criterion."""
        if whole_multiple(self.sample_for_s, self.sample_every_s) is None:
            hint = f"choose a multiple of {self.sample_every_s:g} s"
            yield ("for",), "the sampling time is no whole multiple of 'every'", hint
        if not self.criteria:
            hint = 'such as { flow_at_rest = "within 0.1 uL/h" }'
            yield ("accept",), "nothing is accepted or refused here", hint
