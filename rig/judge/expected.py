"""Before a run: how long each case takes, how uncertain each criterion will be, and what to change if too much.

The readings of a perfect case are put into the budget that will judge it: the planned volume, blanks without
evaporation. What remains is what balance, bench and plan make of it; a run can only come out wider (noisier
blanks, evaporation that changes).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from rig.analysis.decision import GOOD_TEST_UNCERTAINTY_RATIO
from rig.analysis.delivery import delivery_error
from rig.analysis.evaporation import Evaporation, Slope, slope
from rig.analysis.gravimetry import BalanceFigures
from rig.analysis.weighed_difference import Difference, Weighing
from rig.definitions.bench_file import BenchFile, UnitFile
from rig.definitions.cases import BolusCase, Case, FlowAccuracyCase
from rig.definitions.cases.python import PythonCase
from rig.definitions.limits import Criterion, Limit
from rig.definitions.plan_file import Plan
from rig.judge.weighing import weighing_on

S_PER_H = 3600.0
LONGEST_S = 60 * 86400.0  # of a sample or a blank that is proposed
FINEST = 1000.0  # times finer than the balance there is: no such one is proposed


Weighed = FlowAccuracyCase | BolusCase


@dataclass(frozen=True)
class Expected:
    """One criterion before the run; U in % as the criterion's limit. ``remedies`` if it is too large, best first."""

    case: str
    unit: str
    criterion: Criterion
    expanded_uncertainty_pct: float
    remedies: tuple[str, ...] = ()

    @property
    def ratio(self) -> float:
        """Test uncertainty ratio: half the width of the limit to the expanded uncertainty."""
        return half_width(self.criterion.limit) / self.expanded_uncertainty_pct

    @property
    def is_weak(self) -> bool:
        """Below the ratio of 4 that is asked for."""
        return self.ratio < GOOD_TEST_UNCERTAINTY_RATIO

    @property
    def is_decidable(self) -> bool:
        """Some value could PASS."""
        return self.ratio > 1


def expected(plan: Plan, bench: BenchFile) -> list[Expected]:
    """Every criterion that is decided by weighing, for each case and unit with a balance."""
    return [
        item
        for case in plan.cases
        for unit in bench.units
        if unit.balance is not None
        for item in _of_case(case, unit, weighing_on(unit, bench, plan.reference_temperature_c))
    ]


def summary_of(plan: Plan, bench: BenchFile) -> list[str]:
    """A line for each case: its time, how well each criterion will be known, the ratio of its limit to that."""
    worst: dict[tuple[str, str], Expected] = {}
    for item in expected(plan, bench):
        key = (item.case, item.criterion.name)
        if key not in worst or item.ratio < worst[key].ratio:
            worst[key] = item
    lines = []
    for case in plan.cases:
        told = [
            f"{name} to {item.expanded_uncertainty_pct:.2g} % (ratio {_ratio_text(item.ratio)})"
            for (case_id, name), item in worst.items()
            if case_id == case.id
        ]
        lasts = f"function {case.test}" if isinstance(case, PythonCase) else time_text(case.duration_s)
        lines.append(f"{case.id}: {lasts}" + (f"; {', '.join(told)}" if told else ""))
    return lines


def warnings_of(plan: Plan, bench: BenchFile) -> list[str]:
    """What cannot be decided, or only weakly, and what to change; units that are alike are told once."""
    said: dict[tuple[str, str], list[Expected]] = {}
    for item in expected(plan, bench):
        if item.is_weak:
            said.setdefault((item.case, item.criterion.name), []).append(item)
    warnings = []
    for (case, name), items in said.items():
        worst = min(items, key=lambda item: item.ratio)
        where = plan.source.where(case, "accept")
        effect = "is decided weakly (ratio below 4)" if worst.is_decidable else "cannot be decided"
        warnings.append(
            f"{where}: {name} {effect}: an expanded uncertainty of {worst.expanded_uncertainty_pct:.2g} % is expected "
            f"for the limit '{worst.criterion.limit.text}' on {', '.join(item.unit for item in items)}; "
            f"for a ratio of 4: {', or '.join(worst.remedies) or 'nothing here helps, only a wider limit'}"
        )
    return warnings


def time_text(seconds: float) -> str:
    """ "41.0 h", or minutes below an hour."""
    return f"{seconds / S_PER_H:.1f} h" if seconds >= S_PER_H else f"{seconds / 60:.1f} min"


def _ratio_text(ratio: float) -> str:
    """To two digits, as far as it matters."""
    return "over 100" if ratio > 100 else f"{ratio:.2g}"


def _of_case(case: Case, unit: UnitFile, weighing: Weighing) -> Iterator[Expected]:
    if not isinstance(case, FlowAccuracyCase | BolusCase):
        return
    for criterion in case.criteria:
        if criterion.quantity not in ("mean_error", "trumpet", "single_dose"):
            continue
        uncertainty_pct = _uncertainty_pct(criterion, case, weighing)
        item = Expected(case.id, unit.serial, criterion, uncertainty_pct)
        yield replace(item, remedies=_remedies(criterion, case, weighing)) if item.is_weak else item


def _uncertainty_pct(criterion: Criterion, case: Weighed, weighing: Weighing) -> float:
    """U of what the criterion is about, delivered as planned in the middle of the case, in %."""
    evaporation = _perfect_blanks(case, weighing)
    middle_s = case.duration_s / 2
    if isinstance(case, BolusCase):
        elapsed_s, planned_ml, timed_over_s = case.bolus_duration_s + case.settle_s, case.bolus_ml, None
        share = case.count if criterion.quantity == "mean_error" else 1
    else:
        elapsed_s = timed_over_s = criterion.window_s or case.sample_for_s
        planned_ml, share = case.rate_ml_h * elapsed_s / S_PER_H, 1
    difference = Difference(
        display_g=planned_ml / weighing.volume_per_display_ml_g,
        noise_weight=math.sqrt(2 / share),
        drift_s=elapsed_s / share,
        evaporating_s=elapsed_s,
        middle_s=middle_s,
    )
    budget = delivery_error(difference, planned_ml, evaporation, weighing, timed_over_s=timed_over_s)
    return budget.expanded_uncertainty


def _perfect_blanks(case: Weighed, weighing: Weighing) -> Evaporation:
    before_s, after_s = case.relax_s, case.duration_s - case.blank_s
    return Evaporation(_perfect_blank(before_s, case, weighing), _perfect_blank(after_s, case, weighing))


def _perfect_blank(begin_s: float, case: Weighed, weighing: Weighing) -> Slope:
    t_s = np.linspace(begin_s, begin_s + case.blank_s, round(case.blank_s / case.blank_every_s) + 1)
    return slope(t_s, np.zeros_like(t_s), weighing.balance)


def half_width(limit: Limit) -> float:
    """Half the width of a limit to both sides; the distance from zero of one to one side."""
    bounds = [bound for bound in (limit.low, limit.high) if bound is not None]
    return (bounds[1] - bounds[0]) / 2 if len(bounds) == 2 else abs(bounds[0])


def _remedies(criterion: Criterion, case: Weighed, weighing: Weighing) -> tuple[str, ...]:
    """What would by itself bring the ratio to 4: a longer sample or window, longer blanks, a finer balance."""
    wanted_pct = half_width(criterion.limit) / GOOD_TEST_UNCERTAINTY_RATIO
    found: list[str] = []

    def is_enough(case: Weighed, weighing: Weighing = weighing) -> bool:
        return _uncertainty_pct(criterion, case, weighing) <= wanted_pct

    if isinstance(case, FlowAccuracyCase) and criterion.quantity == "mean_error":
        every_s = case.sample_every_s
        sample_s = _least(
            lambda length_s: is_enough(_sampled_for(case, length_s)), case.sample_for_s, LONGEST_S
        )
        if sample_s is not None:
            found.append(f"sample for {time_text(math.ceil(sample_s / every_s) * every_s)}")
    if criterion.window_s is not None:
        window_s = _least(
            lambda length_s: (
                _uncertainty_pct(replace(criterion, window_s=length_s), case, weighing) <= wanted_pct
            ),
            criterion.window_s,
            case.duration_s,
        )
        if window_s is not None:
            found.append(f"a window of {time_text(window_s)} or more")
    blank_s = _least(
        lambda length_s: is_enough(case.model_copy(update={"blank_s": length_s})), case.blank_s, LONGEST_S
    )
    if blank_s is not None:
        found.append(f"blank for {time_text(blank_s)}")
    times = _least(lambda times: is_enough(case, _finer(weighing, times)), 1.0, FINEST)
    if times is not None:
        finer = _finer(weighing, times).balance
        found.append(
            f"a balance {times:.2g} times finer (repeatability {1000 * finer.repeatability_g:.2g} mg, "
            f"drift_24h {1000 * finer.drift_24h_g:.2g} mg)"
        )
    return tuple(found)


def _sampled_for(case: FlowAccuracyCase, length_s: float) -> FlowAccuracyCase:
    return case.model_copy(update={"sample": case.sample.model_copy(update={"for_s": length_s})})


def _finer(weighing: Weighing, times: float) -> Weighing:
    old = weighing.balance
    figures = BalanceFigures(
        resolution_g=old.resolution_g / times,
        repeatability_g=old.repeatability_g / times,
        linearity_g=old.linearity_g / times,
        drift_24h_g=old.drift_24h_g / times,
        sensitivity_ppm=old.sensitivity_ppm,
    )
    return replace(weighing, balance=figures)


def _least(is_enough: Callable[[float], bool], start: float, most: float) -> float | None:
    """The least value above ``start`` that is enough, to 1 % upwards; None if not even ``most`` is."""
    if not is_enough(most):
        return None
    low, high = start, most
    while high > 1.01 * low:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    return high
