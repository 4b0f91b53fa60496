"""Cases of the procedure ``patient_bolus``: the patient's button at planned times, lock-out and daily maximum."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from rig.definitions.cases.common import Accept, Commanded, WeighedCase
from rig.definitions.fields import DurationS, RateMlH, RequestsS, VolumeMl
from rig.definitions.limits import Criterion, Limit, never
from rig.definitions.tables import Contradiction
from rig.definitions.written import one_of, whole
from rig.quantities import nl_from_ml, nl_h_from_ml_h
from rig.readings import PatientBolus, Prescription

DAY_S = 86_400.0


class PatientAccept(Accept):
    """Criteria of ``patient_bolus``. Lock-out and daily maximum are respected or not, the log is complete or not."""

    lockout: Annotated[str, one_of("respected")] | None = Field(
        None, description="no bolus is granted before the lock-out has passed"
    )
    daily_maximum: Annotated[str, one_of("respected")] | None = Field(
        None, description="no bolus is granted beyond the maximum in 24 h"
    )
    requests_granted: Annotated[str, one_of("as allowed")] | None = Field(
        None, description="no request is refused that lock-out and maximum allow"
    )
    log: Annotated[str, one_of("complete")] | None = Field(
        None, description="the pump's log holds every request, grant and denial"
    )

    def _between(self) -> dict[str, Limit | None]:
        words = ("lockout", "daily_maximum", "requests_granted", "log")
        return {name: never(word) if (word := getattr(self, name)) else None for name in words}


class PatientBolusCase(WeighedCase):
    """The patient's button at planned times; see rig.procedures.patient_bolus."""

    needs_therapy = True
    volume_key = "requests"

    procedure: Literal["patient_bolus"]
    rate_ml_h: RateMlH = Field(
        alias="rate", description="rate between the boluses", examples=['"0.5 mL/day"']
    )
    bolus_ml: VolumeMl = Field(alias="bolus", description="volume of one bolus", examples=['"20 uL"'])
    bolus_duration_s: DurationS = Field(
        alias="bolus_duration", description="time in which one bolus is delivered", examples=['"5 min"']
    )
    lockout_s: DurationS = Field(
        alias="lockout", description="from a bolus to the next that is allowed", examples=['"1 h"']
    )
    max_per_day: Annotated[int, whole(1, 100)] = Field(
        description="boluses allowed in any 24 h", examples=["6"]
    )
    requests_s: RequestsS = Field(
        alias="requests",
        description="when the button is pressed, from the start of delivery, rising",
        examples=['["10 min", "20 min", "80 min"]'],
    )
    sample_for_s: DurationS = Field(alias="for", description="how long it is weighed", examples=['"30 h"'])
    sample_every_s: DurationS = Field(
        alias="every", description="time between weighings", examples=['"30 min"']
    )
    accept: PatientAccept = Field(description="what is accepted", examples=['{ lockout = "respected" }'])

    @property
    def prescription(self) -> Prescription:
        """What the pump delivers between the boluses."""
        return Prescription("continuous", rate_nl_h=nl_h_from_ml_h(self.rate_ml_h))

    @property
    def patient_bolus(self) -> PatientBolus:
        """What the patient may ask for."""
        return PatientBolus(
            enabled=True,
            bolus_nl=nl_from_ml(self.bolus_ml),
            duration_s=round(self.bolus_duration_s),
            lockout_s=round(self.lockout_s),
            max_per_day=self.max_per_day,
        )

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        """What the case is judged by."""
        return self.accept.criteria()

    @property
    def duration_s(self) -> float:
        """Planned time: rest and blank, sampling, rest and blank."""
        return self.blanks_s + self.sample_for_s

    @property
    def volume_ml(self) -> float:
        """Most that can be delivered by plan: the rate all the time, and a bolus for each request."""
        return self.rate_ml_h * self.sample_for_s / 3600 + len(self.requests_s) * self.bolus_ml

    def commanded(self) -> Iterator[Commanded]:
        """The rate and the bolus."""
        yield Commanded(("rate",), rate_ml_h=self.rate_ml_h)
        yield Commanded(("bolus",), bolus_ml=self.bolus_ml, bolus_duration_s=self.bolus_duration_s)

    def contradictions(self) -> Iterator[Contradiction]:
        """Whole seconds; requests while it is sampled, rising; a bolus no slower than the rate; a criterion."""
        for key, value in (("bolus_duration", self.bolus_duration_s), ("lockout", self.lockout_s)):
            if value != round(value):
                yield (key,), "a pump counts whole seconds", "choose a whole number of seconds"
        rising = all(a < b for a, b in zip(self.requests_s, self.requests_s[1:], strict=False))
        if not rising or self.requests_s[-1] + self.bolus_duration_s >= self.sample_for_s:
            hint = "rising, and the last bolus ends before the sampling does"
            yield ("requests",), "these times cannot be kept", hint
        if self.bolus_ml / self.bolus_duration_s * 3600 < self.rate_ml_h:
            yield ("bolus_duration",), "the bolus would be slower than the rate", "it takes the rate's place"
        if not self.criteria:
            yield ("accept",), "nothing is accepted or refused here", 'such as { lockout = "respected" }'
