"""Cases of the procedure ``refill_cycle``: one filling of the reservoir, run down, content by the balance."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from rig.definitions.cases.common import Accept, Commanded, WeighedCase
from rig.definitions.fields import DurationLimit, DurationS, RateMlH, VolumeLimit, VolumeMl, VolumeOrNoneMl
from rig.definitions.limits import Criterion, Limit, never
from rig.definitions.tables import Contradiction
from rig.definitions.written import one_of
from rig.quantities import nl_h_from_ml_h, whole_multiple
from rig.readings import Prescription


class RefillAccept(Accept):
    """Criteria of ``refill_cycle``: contents by weighing where the alarms come, and what is left at the end."""

    low_alarm_volume: VolumeLimit | None = Field(
        None, description="really left when the low-reservoir alarm comes"
    )
    empty_alarm_delay: DurationLimit | None = Field(
        None, description="from the end of the flow to the alarm of the empty reservoir"
    )
    residual_volume: VolumeLimit | None = Field(None, description="really left when nothing flows any more")
    refill_discrepancy: VolumeLimit | None = Field(
        None, description="the pump's count less what is really left, where a refill is due"
    )
    log: Annotated[str, one_of("as commanded")] | None = Field(
        None, description="the pump's log holds what it was told, the end of its reservoir, and nothing else"
    )

    def _between(self) -> dict[str, Limit | None]:
        return {
            "low_alarm_volume": self.low_alarm_volume,
            "empty_alarm_delay": self.empty_alarm_delay,
            "residual_volume": self.residual_volume,
            "refill_discrepancy": self.refill_discrepancy,
            "log": never(self.log) if self.log else None,
        }


class RefillCycleCase(WeighedCase):
    """One filling run down, the reservoir's content by the balance; see rig.procedures.refill_cycle."""

    needs_therapy = True
    volume_key = "fill"

    procedure: Literal["refill_cycle"]
    rate_ml_h: RateMlH = Field(alias="rate", description="rate that is set", examples=['"0.4444 mL/day"'])
    fill_ml: VolumeMl = Field(
        alias="fill", description="what the reservoir was filled with, just before", examples=['"40 mL"']
    )
    fill_u_ml: VolumeOrNoneMl = Field(
        alias="fill_u", description="its standard uncertainty", examples=['"0.05 mL"']
    )
    sample_for_s: DurationS = Field(alias="for", description="how long it is weighed", examples=['"94 day"'])
    sample_every_s: DurationS = Field(
        alias="every", description="time between weighings", examples=['"15 min"']
    )
    accept: RefillAccept = Field(
        description="what is accepted", examples=['{ low_alarm_volume = "between 1 mL and 3 mL" }']
    )

    @property
    def prescription(self) -> Prescription:
        """What the pump is told."""
        return Prescription("continuous", rate_nl_h=nl_h_from_ml_h(self.rate_ml_h))

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        """What the case is judged by."""
        return self.accept.criteria()

    @property
    def duration_s(self) -> float:
        """Planned time: rest and blank, sampling, rest and blank."""
        return 2 * (self.relax_s + self.blank_s) + self.sample_for_s

    @property
    def volume_ml(self) -> float:
        """Volume delivered by plan: no more than there is."""
        return min(self.fill_ml, self.rate_ml_h * self.sample_for_s / 3600)

    def commanded(self) -> Iterator[Commanded]:
        """The rate."""
        yield Commanded(("rate",), rate_ml_h=self.rate_ml_h)

    def contradictions(self) -> Iterator[Contradiction]:
        """Whole sample intervals; time enough to run empty; alarms where they are judged; a criterion."""
        if whole_multiple(self.sample_for_s, self.sample_every_s) is None:
            hint = f"choose a multiple of {self.sample_every_s:g} s"
            yield ("for",), "the sampling time is no whole multiple of 'every'", hint
        at_end = self.accept.empty_alarm_delay is not None or self.accept.residual_volume is not None
        if at_end and self.rate_ml_h * self.sample_for_s / 3600 <= self.fill_ml:
            empty_day = self.fill_ml / self.rate_ml_h / 24
            hint = f"at this rate it is after {empty_day:.4g} day; weigh some days longer"
            yield ("for",), "the reservoir is not empty by then", hint
        if self.accept.alarms and (at_end or self.accept.low_alarm_volume is not None):
            yield ("accept", "alarms"), "the low-reservoir alarm is to come here", "leave this criterion out"
        if not self.criteria:
            hint = 'such as { low_alarm_volume = "between 1 mL and 3 mL" }'
            yield ("accept",), "nothing is accepted or refused here", hint
