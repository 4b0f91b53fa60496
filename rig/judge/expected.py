"""Before a run: how uncertain each criterion will be, by the same budget that will judge it.

The readings of a perfect case are put in: the planned volume, blanks without evaporation. What remains is what
balance, bench and plan make of it; a run can only come out wider (noisier blanks, evaporation that changes).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from rig.analysis.delivery import Difference, Weighing, delivery_error
from rig.analysis.gravimetry import Evaporation, Slope, slope
from rig.definitions.bench_file import BenchFile, UnitFile
from rig.definitions.cases import BolusCase, Case
from rig.definitions.limits import Criterion, Limit
from rig.definitions.plan_file import Plan
from rig.judge.weighing import weighing_on

SMALLEST_RATIO = 4.0  # tolerance to uncertainty, below which a measurement is called weak


@dataclass(frozen=True)
class Expected:
    """One criterion before the run; U in % as the criterion's limit."""

    case: str
    unit: str
    criterion: Criterion
    expanded_uncertainty_pct: float

    @property
    def ratio(self) -> float:
        """Test uncertainty ratio: half the width of the limit to the expanded uncertainty."""
        return _half_width(self.criterion.limit) / self.expanded_uncertainty_pct


def expected(plan: Plan, bench: BenchFile) -> list[Expected]:
    """Every criterion that is decided by weighing, for each case and unit with a balance."""
    return [
        Expected(case.id, unit.serial, criterion, uncertainty_pct)
        for case in plan.cases
        for unit in bench.units
        if unit.balance is not None
        for criterion, uncertainty_pct in _of_case(case, unit, bench, plan.reference_temperature_c)
    ]


def warnings_of(plan: Plan, bench: BenchFile) -> list[str]:
    """What cannot be decided, or only weakly, in words; units that are alike are told once."""
    said: dict[tuple[str, str], list[Expected]] = {}
    for item in expected(plan, bench):
        if item.ratio < SMALLEST_RATIO:
            said.setdefault((item.case, item.criterion.name), []).append(item)
    warnings = []
    for (case, name), items in said.items():
        worst = min(items, key=lambda item: item.ratio)
        where = plan.source.where(case, "accept")
        effect = "cannot be decided" if worst.ratio <= 1 else "is decided weakly (ratio below 4)"
        warnings.append(
            f"{where}: {name} {effect}: an expanded uncertainty of {worst.expanded_uncertainty_pct:.2g} % is expected "
            f"for the limit '{worst.criterion.limit.text}' on {', '.join(item.unit for item in items)} "
            "(weigh longer, blank longer, or use a finer balance)"
        )
    return warnings


def _of_case(
    case: Case, unit: UnitFile, bench: BenchFile, reference_temperature_c: float
) -> Iterator[tuple[Criterion, float]]:
    weighing = weighing_on(unit, bench, reference_temperature_c)
    evaporation = _perfect_blanks(case, weighing)
    for criterion in case.criteria:
        if isinstance(case, BolusCase):
            if criterion.name == "single_dose":
                elapsed_s = case.bolus_duration_s + case.settle_s
                yield criterion, _uncertainty_pct(case.bolus_ml, elapsed_s, None, case, evaporation, weighing)
        elif criterion.name == "mean_error" or criterion.window_s is not None:
            over_s = criterion.window_s or case.sample_for_s
            planned_ml = case.rate_ml_h * over_s / 3600
            yield criterion, _uncertainty_pct(planned_ml, over_s, over_s, case, evaporation, weighing)


def _uncertainty_pct(
    planned_ml: float,
    elapsed_s: float,
    timed_over_s: float | None,
    case: Case,
    evaporation: Evaporation,
    weighing: Weighing,
) -> float:
    """U of a delivery of ``planned_ml`` weighed over ``elapsed_s`` in the middle of the case, in %."""
    first_s = case.duration_s / 2 - elapsed_s / 2
    display_g = planned_ml / weighing.volume_per_display_ml_g
    difference = Difference.between(0.0, display_g, first_s, first_s + elapsed_s)
    budget = delivery_error(difference, planned_ml, evaporation, weighing, timed_over_s=timed_over_s)
    return budget.expanded_uncertainty


def _perfect_blanks(case: Case, weighing: Weighing) -> Evaporation:
    before_s, after_s = case.relax_s, case.duration_s - case.blank_s
    return Evaporation(_perfect_blank(before_s, case, weighing), _perfect_blank(after_s, case, weighing))


def _perfect_blank(begin_s: float, case: Case, weighing: Weighing) -> Slope:
    t_s = np.linspace(begin_s, begin_s + case.blank_s, round(case.blank_s / case.blank_every_s) + 1)
    return slope(t_s, np.zeros_like(t_s), weighing.balance)


def _half_width(limit: Limit) -> float:
    bounds = [bound for bound in (limit.low, limit.high) if bound is not None]
    return (bounds[1] - bounds[0]) / 2 if len(bounds) == 2 else abs(bounds[0])
