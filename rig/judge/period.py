"""The analysis period of a flow accuracy case: its readings on their grid, errors between any two, and doubts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from rig.analysis.delivery import delivery_error
from rig.analysis.evaporation import Evaporation, corrected_reading_g
from rig.analysis.gravimetry import improbable
from rig.analysis.uncertainty import Budget
from rig.analysis.weighed_difference import Difference, Weighing
from rig.definitions.cases import FlowAccuracyCase
from rig.judge.findings import NS_PER_S, Flag, Interval, Kind
from rig.judge.weighing import NotMeasuredError, readings_in, touched
from rig.record.case_data import CaseData, Step

Floats = NDArray[np.float64]
Booleans = NDArray[np.bool_]
S_PER_H = 3600.0
LATE_SHARE = 0.25  # of the sample interval: a reading further off its moment belongs to none
MATERIAL_CHANGE_PCT = 2.0  # of the set rate: a change from the first half to the second that matters


@dataclass(frozen=True)
class Samples:
    """Readings of the analysis period on its grid of n + 1 moments; NaN where there is none."""

    t_s: Floats
    mass_g: Floats
    every_s: float
    lateness_s: float  # standard deviation of the actual moments about the grid

    @property
    def known(self) -> NDArray[np.intp]:
        """Indices of the moments that have a reading; at least two."""
        return np.flatnonzero(np.isfinite(self.mass_g))


def samples_of(data: CaseData, case: FlowAccuracyCase, step: Step) -> Samples:
    """The readings of the analysis period by their moment. Raises NotMeasuredError with fewer than two."""
    t_s, mass_g, _ = readings_in(data, step)
    count = round(case.sample_for_s / case.sample_every_s) + 1
    on_grid_t, on_grid_g = np.full(count, math.nan), np.full(count, math.nan)
    start_s = step.start_ns / NS_PER_S
    for moment_s, reading_g in zip(t_s, mass_g, strict=True):
        index = round((moment_s - start_s) / case.sample_every_s)
        late_s = moment_s - start_s - index * case.sample_every_s
        free = 0 <= index < count and math.isnan(on_grid_g[index])
        if free and abs(late_s) <= LATE_SHARE * case.sample_every_s:
            on_grid_t[index], on_grid_g[index] = moment_s, reading_g
    known = np.isfinite(on_grid_g)
    if known.sum() < 2:
        raise NotMeasuredError(f"the analysis period holds {int(known.sum())} balance reading(s)")
    late = (on_grid_t - np.arange(count) * case.sample_every_s)[known]
    return Samples(on_grid_t, on_grid_g, case.sample_every_s, float(np.std(late)))


@dataclass(frozen=True)
class Period:
    """The analysis period with all that turns display into volume, and the set rate."""

    samples: Samples
    evaporation: Evaporation
    weighing: Weighing
    rate_ml_h: float

    @cached_property
    def volume_ml(self) -> Floats:
        """Cumulative volume at each moment of the grid, corrected for evaporation; NaN where no reading is."""
        known = self.samples.known
        volume = np.full(len(self.samples.mass_g), math.nan)
        corrected = corrected_reading_g(self.samples.t_s[known], self.samples.mass_g[known], self.evaporation)
        volume[known] = corrected * self.weighing.volume_per_display_ml_g
        return volume

    def error_between(self, first: int, last: int, nominal_s: float | None = None) -> Budget:
        """Error of the flow between two readings, in % of the set rate, over the actual or the nominal time."""
        t_s, mass_g = self.samples.t_s, self.samples.mass_g
        actual_s = float(t_s[last] - t_s[first])
        return delivery_error(
            Difference.between(
                float(mass_g[first]), float(mass_g[last]), float(t_s[first]), float(t_s[last])
            ),
            self.rate_ml_h * (actual_s if nominal_s is None else nominal_s) / S_PER_H,
            self.evaporation,
            self.weighing,
            timed_over_s=actual_s if nominal_s is None else nominal_s,
            lateness_s=0.0 if nominal_s is None else math.sqrt(2) * self.samples.lateness_s,
        )

    @cached_property
    def mean_error(self) -> Budget:
        """A, from the first and the last reading and the time between them."""
        return self.error_between(int(self.samples.known[0]), int(self.samples.known[-1]))

    @property
    def flow_ml_h(self) -> Floats:
        """Flow between successive readings over the actual times, shape (number of readings - 1,)."""
        known = self.samples.known
        return np.diff(self.volume_ml[known]) / np.diff(self.samples.t_s[known]) * S_PER_H

    @property
    def interval_u_ml_h(self) -> float:
        """Standard uncertainty of the flow in one sample interval, in the middle of the period."""
        known = self.samples.known
        middle = len(known) // 2
        budget = self.error_between(int(known[middle - 1]), int(known[middle]))
        return budget.combined_standard_uncertainty / 100 * self.rate_ml_h

    def doubted(self, doubts: Sequence[Interval]) -> Booleans:
        """Which sample intervals overlap one in doubt, shape (n,)."""
        samples = self.samples
        since_first = np.arange(len(samples.t_s)) - samples.known[0]
        grid_s = samples.t_s[samples.known[0]] + since_first * samples.every_s
        moments_ns = np.where(np.isfinite(samples.t_s), samples.t_s, grid_s) * NS_PER_S
        return touched(moments_ns[:-1], moments_ns[1:], doubts)

    def error_of(self, good: Booleans) -> Budget | None:
        """Error of the flow in the sample intervals that are good, with its budget; None if there is none.

        Each stretch of them counts from its first reading to its last. The walk of the zero point acts in
        them alone; each has two readings of its own.
        """
        t_s, mass_g = self.samples.t_s, self.samples.mass_g
        ends: list[tuple[int, int]] = []
        begin: int | None = None
        for index, is_good in enumerate([*good.tolist(), False]):
            if is_good and begin is None:
                begin = index
            elif not is_good and begin is not None:
                known = begin + np.flatnonzero(np.isfinite(mass_g[begin : index + 1]))
                if len(known) > 1:
                    ends.append((int(known[0]), int(known[-1])))
                begin = None
        if not ends:
            return None
        difference = Difference.together(
            [
                Difference.between(
                    float(mass_g[first]), float(mass_g[last]), float(t_s[first]), float(t_s[last])
                )
                for first, last in ends
            ]
        )
        total_s = difference.evaporating_s
        programmed_ml = self.rate_ml_h * total_s / S_PER_H
        return delivery_error(
            difference, programmed_ml, self.evaporation, self.weighing, timed_over_s=total_s
        )


def gap_flags(samples: Samples, step: Step) -> list[Flag]:
    """Balance readings that should be there and are not."""
    missing = np.flatnonzero(np.isnan(samples.mass_g))
    if not len(missing):
        return []
    every_ns = round(samples.every_s * NS_PER_S)
    words = f"{len(missing)} of {len(samples.mass_g)} balance readings are missing"
    effect = "windows that begin or end there are left out"
    if {0, len(samples.mass_g) - 1} & set(missing.tolist()):
        effect += "; the mean is over the time between the first and the last reading there is"
    start_ns, end_ns = step.start_ns + int(missing[0]) * every_ns, step.start_ns + int(missing[-1]) * every_ns
    return [Flag("balance_gap", words, start_ns, end_ns, effect)]


def trend_flags(period: Period, step: Step) -> list[Flag]:
    """Whether the flow of the second half differs from that of the first: then the mean is quoted on a slope.

    The first half is in doubt, as if the flow had not settled: the verdict must be the same without it.
    """
    known = period.samples.known
    if len(known) < 4:
        return []
    first, middle, last = int(known[0]), int(known[len(known) // 2]), int(known[-1])
    halves = period.error_between(first, middle), period.error_between(middle, last)
    change_pct = halves[1].value - halves[0].value
    # What is common to both halves (densities, evaporation, clock) cancels: this is on the safe side.
    u_pct = math.hypot(*(half.combined_standard_uncertainty for half in halves))
    if abs(change_pct) <= MATERIAL_CHANGE_PCT or not improbable(change_pct, u_pct):
        return []
    words = (
        f"the flow of the second half differs from that of the first by {change_pct:+.3g} % of the set rate: "
        "the mean error is quoted on a slope and holds for this period only"
    )
    middle_ns = round(float(period.samples.t_s[middle]) * NS_PER_S)
    first_half = ((step.start_ns, middle_ns),)
    return [
        Flag("not_stationary", words, step.start_ns, step.end_ns, kind=Kind.MEASUREMENT, within_ns=first_half)
    ]
