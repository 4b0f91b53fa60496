"""Cases of the procedure ``flow_accuracy``: continuous delivery at one rate, weighed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from rig.definitions.cases.common import Accept, Commanded, WeighedCase
from rig.definitions.cases.flow_presets import IMPLANTABLE
from rig.definitions.fields import (
    AnyLimit,
    ConcentrationOrNoneUgMl,
    ConcentrationUgMl,
    DrugRateLimit,
    DrugRateUgH,
    DurationOrNoneS,
    DurationS,
    LineOfText,
    RateMlH,
    WindowsS,
)
from rig.definitions.limits import Criterion, Limit, trumpet_name
from rig.definitions.tables import Contradiction, Table
from rig.errors import DefinitionError
from rig.quantities import parse, rate_ml_h_from_dose, whole_multiple

# Observation windows that a plan gets which names none.
USUAL_WINDOWS_S = IMPLANTABLE.windows_s
MOST_SAMPLES = 1_000_000


class Drug(Table):
    """What is, or is thought to be, in the reservoir."""

    name: LineOfText = Field(description="name of the drug", examples=['"baclofen"'])
    concentration_ug_ml: ConcentrationUgMl = Field(
        alias="concentration", description="its concentration", examples=['"2000 ug/mL"']
    )
    concentration_u_ug_ml: ConcentrationOrNoneUgMl = Field(
        0.0, alias="concentration_u", description="its standard uncertainty", examples=['"20 ug/mL"']
    )


class Sample(Table):
    """``sample = { every = "15 min", for = "26 h" }``"""

    every_s: DurationS = Field(alias="every", description="time between two weighings", examples=['"15 min"'])
    for_s: DurationS = Field(alias="for", description="analysis period", examples=['"26 h"'])


class FlowAccuracyAccept(Accept):
    """Criteria of ``flow_accuracy``. ``trumpet`` has a limit for each observation window it names."""

    delivered_drug: DrugRateLimit | None = Field(None, description="drug delivered in a time; needs `drug`")
    trumpet: dict[str, AnyLimit] = Field(
        {}, description="limits by window", examples=['{ "930 min" = "within 16 %" }']
    )

    def _between(self) -> dict[str, Limit | None]:
        return {"delivered_drug": _a_day(self.delivered_drug) if self.delivered_drug else None}


def _a_day(limit: Limit) -> Limit:
    """The same limit in µg a day, as doses are told."""
    low, high = (None if end is None else 24 * end for end in (limit.low, limit.high))
    return Limit(low, high, "ug/day", limit.text)


class FlowAccuracyCase(WeighedCase):
    """Continuous delivery at one rate, weighed; see rig.procedures.flow_accuracy."""

    volume_key = "sample"

    procedure: Literal["flow_accuracy"]
    rate_written_ml_h: RateMlH | None = Field(
        None, alias="rate", description="rate that is set", examples=['"0.5 mL/day"']
    )
    dose_ug_h: DrugRateUgH | None = Field(
        None, alias="dose", description="dose that is set instead of a rate", examples=['"200 ug/day"']
    )
    drug: Drug | None = Field(None, description="what is in the reservoir, for a case written as a dose")
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
    def concentration_u_ug_ml(self) -> float:
        return self.drug.concentration_u_ug_ml if self.drug is not None else 0.0

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
        """Observation windows P, rising: those written (else the usual that fit), and any with a limit."""
        windows = set(self.windows_written_s or ())
        if self.windows_written_s is None:
            windows = {window_s for window_s in USUAL_WINDOWS_S if self._misfit(window_s) is None}
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
        return self.blanks_s + self.settle_s + self.sample_for_s

    @property
    def volume_ml(self) -> float:
        """Volume delivered by plan."""
        return self.rate_ml_h * (self.settle_s + self.sample_for_s) / 3600

    def commanded(self) -> Iterator[Commanded]:
        """The rate."""
        yield Commanded(
            ("rate",) if self.rate_written_ml_h is not None else ("dose",), rate_ml_h=self.rate_ml_h
        )

    def contradictions(self) -> Iterator[Contradiction]:
        """Rate or dose; whole sample intervals; windows that fit; at least one criterion."""
        yield from self._rate_contradictions()
        if self.accept.delivered_drug is not None and self.drug is None:
            hint = 'write drug = { name = "baclofen", concentration = "2000 ug/mL" }'
            yield ("accept", "delivered_drug"), "this needs the drug and its concentration", hint
        every, whole_period = self.sample_every_s, self.sample_for_s
        if whole_multiple(whole_period, every) is None:
            hint = f"choose a multiple of {every:g} s"
            yield ("sample", "for"), "the analysis period is no whole multiple of the sample interval", hint
        elif whole_period / every > MOST_SAMPLES:
            yield ("sample", "every"), f"that makes more than {MOST_SAMPLES} samples", "sample less often"
        if self.settle_s and whole_multiple(self.settle_s, every) is None:
            hint = f"choose a multiple of {every:g} s"
            yield ("settle",), "the settling time is no whole multiple of the sample interval", hint
        if whole_multiple(whole_period, every) is not None:
            yield from self._windows_contradictions()
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
