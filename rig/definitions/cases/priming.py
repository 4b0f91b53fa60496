"""Cases of the procedure ``priming``: tubing and catheter primed, then a bridge from one concentration to another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from rig.definitions.cases.common import Accept, Commanded, WeighedCase
from rig.definitions.fields import (
    ConcentrationUgMl,
    DurationOrNoneS,
    DurationS,
    LengthMm,
    Percent,
    RateMlH,
    TwoSidedLimit,
    VolumeNl,
    VolumeOrNoneMl,
    WithinLimit,
)
from rig.definitions.limits import Criterion, Limit, never
from rig.definitions.tables import Contradiction, Table
from rig.definitions.written import one_of
from rig.quantities import nl_from_ml, nl_h_from_ml_h, whole_multiple
from rig.readings import Bridge, Prescription

MM_PER_CM = 10.0
NG_PER_UG = 1000


class Catheter(Table):
    """``catheter = { length = "60 cm", per_cm = "2.6 uL" }``"""

    length_mm: LengthMm = Field(alias="length", description="length as implanted", examples=['"60 cm"'])
    per_cm_nl: VolumeNl = Field(
        alias="per_cm", description="volume of a centimetre of it", examples=['"2.6 uL"']
    )

    @property
    def volume_ml(self) -> float:
        """Length times volume for a length."""
        return self.length_mm / MM_PER_CM * self.per_cm_nl / 1e6


class PrimingAccept(Accept):
    """Criteria of ``priming``. The program resumes by itself or not, the log is as commanded or not."""

    prime_volume: WithinLimit | None = Field(
        None, description="deviation of the primed volume from that of tubing and catheter"
    )
    bridge_volume: WithinLimit | None = Field(
        None, description="deviation of the volume of the bridge from what was set"
    )
    bridge_drug: TwoSidedLimit | None = Field(
        None, description="deviation of the drug that leaves the line in the bridge from the old drug in it"
    )
    resumed: Annotated[str, one_of("by itself")] | None = Field(
        None, description="after the bridge the pump returns to its program"
    )
    log: Annotated[str, one_of("as commanded")] | None = Field(
        None, description="the pump's log holds what it was told, and nothing else"
    )

    def _between(self) -> dict[str, Limit | None]:
        return {
            "prime_volume": self.prime_volume,
            "bridge_volume": self.bridge_volume,
            "bridge_drug": self.bridge_drug,
            "resumed": never(self.resumed) if self.resumed else None,
            "log": never(self.log) if self.log else None,
        }


class PrimingCase(WeighedCase):
    """Tubing and catheter primed, then a bridge bolus and the program; see rig.procedures.priming."""

    needs_therapy = True
    volume_key = "for"

    procedure: Literal["priming"]
    catheter: Catheter = Field(description="the catheter, whose volume is primed and bridged")
    tubing_ml: VolumeOrNoneMl = Field(
        0.0, alias="tubing", description="volume from the reservoir to the catheter", examples=['"0.2 mL"']
    )
    prime_rate_ml_h: RateMlH = Field(
        alias="prime_rate", description="rate of priming", examples=['"0.5 mL/h"']
    )
    settle_s: DurationOrNoneS = Field(
        alias="settle", description="wait after priming, and after the bridge", examples=['"10 min"']
    )
    old_ug_ml: ConcentrationUgMl = Field(
        alias="old_concentration", description="of the drug that fills the line", examples=['"500 ug/mL"']
    )
    new_ug_ml: ConcentrationUgMl = Field(
        alias="new_concentration", description="of the drug in the reservoir", examples=['"1000 ug/mL"']
    )
    concentration_u_pct: Percent = Field(
        0.0, alias="concentration_u", description="relative standard uncertainty of each", examples=['"1 %"']
    )
    bridge_duration_s: DurationS = Field(
        alias="bridge_duration", description="time in which the old drug is pushed out", examples=['"24 h"']
    )
    rate_ml_h: RateMlH = Field(
        alias="rate", description="rate of the program that follows", examples=['"0.5 mL/day"']
    )
    sample_for_s: DurationS = Field(
        alias="for", description="how long the program is weighed afterwards", examples=['"12 h"']
    )
    sample_every_s: DurationS = Field(
        alias="every", description="time between weighings", examples=['"15 min"']
    )
    accept: PrimingAccept = Field(
        description="what is accepted", examples=['{ prime_volume = "within 14.5 %" }']
    )

    @property
    def line_ml(self) -> float:
        """Volume of tubing and catheter: what is primed, and what is left of the old drug."""
        return self.tubing_ml + self.catheter.volume_ml

    @property
    def prime_s(self) -> float:
        """How long priming takes."""
        return nl_from_ml(self.line_ml) / nl_h_from_ml_h(self.prime_rate_ml_h) * 3600

    @property
    def prescription(self) -> Prescription:
        """The program that follows, with the new concentration."""
        return Prescription(
            "continuous",
            rate_nl_h=nl_h_from_ml_h(self.rate_ml_h),
            concentration_ng_ml=round(self.new_ug_ml * NG_PER_UG),
        )

    @property
    def bridge(self) -> Bridge:
        """What the pump is told of the bridge."""
        return Bridge(
            round(self.old_ug_ml * NG_PER_UG),
            round(self.new_ug_ml * NG_PER_UG),
            nl_from_ml(self.line_ml),
            round(self.bridge_duration_s),
        )

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        """What the case is judged by."""
        return self.accept.criteria()

    @property
    def duration_s(self) -> float:
        """Planned time: rest and blank, priming, bridge, sampling, rest and blank."""
        delivering = self.prime_s + self.bridge_duration_s + 2 * self.settle_s + self.sample_for_s
        return 2 * (self.relax_s + self.blank_s) + delivering

    @property
    def volume_ml(self) -> float:
        """Volume delivered by plan."""
        return 2 * self.line_ml + self.rate_ml_h * (self.settle_s + self.sample_for_s) / 3600

    def commanded(self) -> Iterator[Commanded]:
        """The rates of priming and of the program; the bridge."""
        yield Commanded(("prime_rate",), rate_ml_h=self.prime_rate_ml_h)
        yield Commanded(("rate",), rate_ml_h=self.rate_ml_h)
        yield Commanded(("bridge",), bolus_ml=self.line_ml, bolus_duration_s=self.bridge_duration_s)

    def contradictions(self) -> Iterator[Contradiction]:
        """Whole seconds and sample intervals; two concentrations; at least one criterion."""
        if self.bridge_duration_s != round(self.bridge_duration_s):
            yield ("bridge_duration",), "a pump counts whole seconds", "choose a whole number of seconds"
        for key, value in (("for", self.sample_for_s), ("bridge_duration", self.bridge_duration_s)):
            if whole_multiple(value, self.sample_every_s) is None:
                hint = f"choose a multiple of {self.sample_every_s:g} s"
                yield (key,), "that is no whole multiple of 'every'", hint
        if self.old_ug_ml == self.new_ug_ml:
            yield ("new_concentration",), "a bridge leads from one concentration to another", "change one"
        if not self.criteria:
            hint = 'such as { prime_volume = "within 14.5 %" }'
            yield ("accept",), "nothing is accepted or refused here", hint
