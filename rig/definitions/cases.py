"""The cases of a plan: one model a procedure. A case is data; what is done with it is in rig.procedures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from rig.definitions.fields import (
    AnyLimit,
    ConcentrationUgMl,
    DrugRateUgH,
    DurationOrNoneS,
    DurationS,
    Ident,
    Idents,
    LineOfText,
    LinesOfText,
    NoAlarms,
    RateMlH,
    ShareLimit,
    Text,
    TwoSidedLimit,
    VolumeMl,
    WindowsS,
    WithinLimit,
    whole,
)
from rig.definitions.limits import NO_ALARMS, Criterion, Limit, trumpet_name
from rig.definitions.tables import Contradiction, Table
from rig.errors import DefinitionError
from rig.quantities import parse, rate_ml_h_from_dose, whole_multiple

# Observation windows of IEC 60601-2-24 for ambulatory pumps, in minutes: what a plan gets that names none.
USUAL_WINDOWS_MIN = (15, 60, 150, 330, 570, 930)
USUAL_RELAX_S = 1800.0
MOST_SAMPLES = 1_000_000


class Drug(Table):
    """What is, or is thought to be, in the reservoir."""

    name: LineOfText = Field(description="name of the drug", examples=['"baclofen"'])
    concentration_ug_ml: ConcentrationUgMl = Field(
        alias="concentration", description="its concentration", examples=['"2000 ug/mL"']
    )


class Accept(Table):
    """Criteria that any case can have. The order of the fields is the order in tables and reports."""

    mean_error: AnyLimit | None = None
    claimed_delivery: TwoSidedLimit | None = None
    alarms: NoAlarms | None = None

    def criteria(self) -> tuple[Criterion, ...]:
        """The criteria in a fixed order."""
        named: dict[str, Limit | None] = {
            "mean_error": self.mean_error,
            **self._own(),
            "claimed_delivery": self.claimed_delivery,
            "alarms": NO_ALARMS if self.alarms else None,
        }
        plain = [Criterion(name, name, None, limit) for name, limit in named.items() if limit is not None]
        return tuple(plain)

    def _own(self) -> dict[str, Limit | None]:
        return {}


class CommonCase(Table):
    """What every case has, whatever its procedure."""

    id: Ident = Field(description="short name of the case", examples=['"lowest-rate"'])
    procedure: str
    title: LineOfText = Field("", description="what the case shows, in one line")
    verifies: Idents = Field((), description="ids of the requirements it verifies", examples=['["SRS-017"]'])
    clauses: LinesOfText = Field((), description="clauses of standards it follows")
    rationale: Text = Field("", description="why it is tested so, and at these values")

    relax_s: DurationOrNoneS = Field(
        USUAL_RELAX_S,
        alias="relax",
        description="rest after a stop before the blank is weighed",
        examples=['"30 min"'],
    )
    blank_s: DurationS = Field(
        alias="blank",
        description="time in which the evaporation is weighed, pump stopped, before and after",
        examples=['"4 h"'],
    )
    flow_every_s: DurationS = Field(
        1.0, alias="flow_every", description="sample interval of the flow sensor", examples=['"1 s"']
    )

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        """What the case is judged by."""
        raise NotImplementedError

    @property
    def duration_s(self) -> float:
        """Planned time of the whole case."""
        raise NotImplementedError

    @property
    def volume_ml(self) -> float:
        """Volume the case delivers by plan."""
        raise NotImplementedError


class Sample(Table):
    """``sample = { every = "15 min", for = "26 h" }``"""

    every_s: DurationS = Field(alias="every", description="time between two weighings", examples=['"15 min"'])
    for_s: DurationS = Field(alias="for", description="analysis period", examples=['"26 h"'])


class FlowAccuracyAccept(Accept):
    """Criteria of ``flow_accuracy``. ``trumpet`` has a limit for each observation window it names."""

    trumpet: dict[str, AnyLimit] = Field(
        {}, description="limits by window", examples=['{ "930 min" = "within 16 %" }']
    )


class FlowAccuracyCase(CommonCase):
    """Continuous delivery at one rate, weighed; see rig.procedures.flow_accuracy."""

    procedure: Literal["flow_accuracy"]
    rate_written_ml_h: RateMlH | None = Field(
        None, alias="rate", description="rate that is set", examples=['"0.5 mL/day"']
    )
    dose_ug_h: DrugRateUgH | None = Field(
        None, alias="dose", description="dose that is set instead of a rate", examples=['"200 ug/day"']
    )
    drug: Drug | None = None
    settle_s: DurationOrNoneS = Field(
        alias="settle", description="time the flow settles before it is sampled", examples=['"6 h"']
    )
    sample: Sample = Field(
        description="how often and how long it is weighed", examples=['{ every = "15 min", for = "26 h" }']
    )
    windows_written_s: WindowsS | None = Field(
        None, alias="windows", description="observation windows", examples=['["15 min", "60 min"]']
    )
    accept: FlowAccuracyAccept = Field(
        description="what is accepted", examples=['{ mean_error = "within 14.5 %" }']
    )

    @property
    def rate_ml_h(self) -> float:
        """The rate that is set, written as such or computed from the dose."""
        if self.rate_written_ml_h is not None:
            return self.rate_written_ml_h
        if self.dose_ug_h is None or self.drug is None:
            raise ValueError("a case without rate and dose was let through")
        return rate_ml_h_from_dose(self.dose_ug_h, self.drug.concentration_ug_ml)

    @property
    def drug_name(self) -> str | None:
        return self.drug.name if self.drug is not None else None

    @property
    def concentration_ug_ml(self) -> float | None:
        return self.drug.concentration_ug_ml if self.drug is not None else None

    @property
    def sample_every_s(self) -> float:
        """Sample interval S."""
        return self.sample.every_s

    @property
    def sample_for_s(self) -> float:
        """Analysis period Tx."""
        return self.sample.for_s

    @property
    def windows_s(self) -> tuple[float, ...]:
        """Observation windows P, rising: those written (else the usual ones that fit), and any with a limit"""
        windows = set(self.windows_written_s or ())
        if self.windows_written_s is None:
            windows = {
                60.0 * minutes for minutes in USUAL_WINDOWS_MIN if self._misfit(60.0 * minutes) is None
            }
        return tuple(sorted(windows | {window_s for window_s, _ in self._trumpet()}))

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        """What the case is judged by: mean error, trumpet by rising window, claimed delivery, alarms."""
        trumpet = [
            Criterion(trumpet_name(window_s), "trumpet", window_s, limit)
            for window_s, limit in sorted(self._trumpet(), key=lambda item: item[0])
        ]
        plain = self.accept.criteria()
        first = [criterion for criterion in plain if criterion.name == "mean_error"]
        return (*first, *trumpet, *(criterion for criterion in plain if criterion.name != "mean_error"))

    @property
    def duration_s(self) -> float:
        """Planned time: rest and blank, settling, analysis period, rest and blank."""
        return 2 * (self.relax_s + self.blank_s) + self.settle_s + self.sample_for_s

    @property
    def volume_ml(self) -> float:
        """Volume delivered by plan."""
        return self.rate_ml_h * (self.settle_s + self.sample_for_s) / 3600

    def contradictions(self) -> Iterator[Contradiction]:
        """Rate or dose; whole sample intervals; windows that fit; at least one criterion."""
        yield from self._rate_contradictions()
        every, whole_period = self.sample_every_s, self.sample_for_s
        if whole_multiple(whole_period, every) is None:
            hint = f"choose a multiple of {every:g} s"
            yield ("sample", "for"), "the analysis period is no whole multiple of the sample interval", hint
        elif whole_period / every > MOST_SAMPLES:
            yield ("sample", "every"), f"that makes more than {MOST_SAMPLES} samples", "sample less often"
        if self.settle_s and whole_multiple(self.settle_s, every) is None:
            hint = f"choose a multiple of {every:g} s"
            yield ("settle",), "the settling time is no whole multiple of the sample interval", hint
        windows = list(self._windows_contradictions())
        yield from windows
        if not self.accept.criteria() and not self.accept.trumpet:
            yield (
                ("accept",),
                "nothing is accepted or refused here",
                'such as { mean_error = "within 14.5 %" }',
            )

    def _rate_contradictions(self) -> Iterator[Contradiction]:
        if self.rate_written_ml_h is None and self.dose_ug_h is None:
            yield (), "neither 'rate' nor 'dose' is given", 'write rate = "0.5 mL/day", or a dose and a drug'
        if self.rate_written_ml_h is not None and self.dose_ug_h is not None:
            yield ("dose",), "both 'rate' and 'dose' are given", "one follows from the other; keep one"
        if self.dose_ug_h is not None and self.drug is None:
            hint = 'write drug = { name = "baclofen", concentration = "2000 ug/mL" }'
            yield ("dose",), "a dose needs the drug and its concentration", hint

    def _windows_contradictions(self) -> Iterator[Contradiction]:
        for position, window_s in enumerate(self.windows_written_s or ()):
            if misfit := self._misfit(window_s):
                yield (
                    ("windows", position),
                    f"window of {window_s:g} s: {misfit}",
                    "change the window or the samples",
                )
        seen: dict[float, str] = {}
        for written in self.accept.trumpet:
            path = ("accept", "trumpet", written)
            try:
                window_s = parse(written, "duration")
            except DefinitionError as problem:
                yield path, problem.message, problem.hint
                continue
            if window_s <= 0:
                yield path, f"a window of '{written}' is not above zero", ""
            elif misfit := self._misfit(window_s):
                yield path, f"window of '{written}': {misfit}", "change the window or the samples"
            elif window_s in seen:
                yield path, f"this is the same window as '{seen[window_s]}'", "keep one of them"
            seen[window_s] = written
        if self.windows_written_s == () or (
            self.windows_written_s is None and not seen and not self.windows_s
        ):
            hint = 'write windows = ["15 min", "60 min"], each a whole multiple of the sample interval'
            yield ("windows",), "there is no observation window that fits the samples", hint

    def _misfit(self, window_s: float) -> str | None:
        """Why a window cannot be used with these samples; None if it can."""
        if window_s > self.sample_for_s * (1 + 1e-9):
            return f"it is longer than the analysis period of {self.sample_for_s:g} s"
        if whole_multiple(window_s, self.sample_every_s) is None:
            return f"it is no whole multiple of the sample interval of {self.sample_every_s:g} s"
        return None

    def _trumpet(self) -> list[tuple[float, Limit]]:
        return [(parse(window, "duration"), limit) for window, limit in self.accept.trumpet.items()]


class BolusAccept(Accept):
    """Criteria of ``bolus``."""

    single_dose: WithinLimit | None = None
    share_inside: ShareLimit | None = None

    def _own(self) -> dict[str, Limit | None]:
        return {"single_dose": self.single_dose, "share_inside": self.share_inside}


class BolusCase(CommonCase):
    """Successive single boluses, each weighed; see rig.procedures.bolus."""

    procedure: Literal["bolus"]
    bolus_ml: VolumeMl = Field(alias="bolus", description="volume of one bolus", examples=['"50 uL"'])
    bolus_duration_s: DurationS = Field(
        alias="bolus_duration", description="time in which one bolus is delivered", examples=['"5 min"']
    )
    count: Annotated[int, whole(1, 1000)] = Field(25, description="number of boluses", examples=["25"])
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
        return 2 * (self.relax_s + self.blank_s) + self.count * self.interval_s

    @property
    def volume_ml(self) -> float:
        """Volume delivered by plan."""
        return self.count * self.bolus_ml

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


Case = FlowAccuracyCase | BolusCase

PROCEDURES: dict[str, type[FlowAccuracyCase] | type[BolusCase]] = {
    "flow_accuracy": FlowAccuracyCase,
    "bolus": BolusCase,
}
