"""Judges a bolus case: IEC 60601-2-24:2012, 201.12.1 (25 successive boluses), each between two weighings."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rig.analysis.bolus import DoseStatistics, dose_statistics
from rig.analysis.delivery import delivery_error
from rig.analysis.evaporation import Evaporation
from rig.analysis.uncertainty import Budget
from rig.analysis.weighed_difference import Difference, Weighing, delivered_ml
from rig.definitions.bench_file import BenchFile, UnitFile
from rig.definitions.cases import BolusCase
from rig.judge.agreement import disturbed_doses
from rig.judge.findings import (
    NOTHING,
    NS_PER_S,
    Findings,
    Flag,
    Interval,
    Value,
    doubted_intervals,
    interruption_flags,
)
from rig.judge.pump_claims import claimed_boluses
from rig.judge.weighing import (
    NotMeasuredError,
    blank_flags,
    blank_measurements,
    evaporation_of,
    flat_flags,
    the_step,
    touched,
    weighing_on,
)
from rig.judge.witnesses import flow_flags, stall_flags
from rig.record.case_data import CaseData, Dose

Floats = NDArray[np.float64]


def find_bolus(
    data: CaseData, case: BolusCase, unit: UnitFile, bench: BenchFile, reference_temperature_c: float
) -> Findings:
    """Everything that the record of one bolus case shows."""
    found = Findings(
        set={
            "bolus_ml": case.bolus_ml,
            "bolus_duration_s": case.bolus_duration_s,
            "count": case.count,
            "interval_s": case.interval_s,
            "settle_s": case.settle_s,
            "blank_s": case.blank_s,
            "reference_temperature_c": reference_temperature_c,
        },
        flags=[*stall_flags(data), *interruption_flags(data)],
    )
    try:
        found.flags += flow_flags(data, the_step(data, "sample"))
        found.put("claimed_delivery", claimed_boluses(data, case.bolus_ml))
        _weigh(found, data, case, unit, weighing_on(unit, bench, reference_temperature_c))
    except NotMeasuredError as reason:
        found.unmeasured = str(reason)
    return found


def _weigh(found: Findings, data: CaseData, case: BolusCase, unit: UnitFile, weighing: Weighing) -> None:
    if len(data.doses) < case.count:
        raise NotMeasuredError(f"{len(data.doses)} of {case.count} boluses were weighed")
    evaporation = evaporation_of(data, weighing.balance)
    found.measurements |= blank_measurements(evaporation)
    found.flags += blank_flags(data, evaporation)
    # Whatever looks for data in doubt adds its flags here: doses that overlap one of the kind MEASUREMENT are left
    # out of a second judgement, readings in the blanks too.
    found.flags += _stood_still(data.doses, case, weighing)
    weighed = _judged(data.doses, case, evaporation, weighing)
    if unit.flow is not None:
        u_pct = np.array([budget.combined_standard_uncertainty for budget in weighed.singles])
        found.flags += disturbed_doses(data, weighed.volume_ml, u_pct / 100 * case.bolus_ml, unit.flow)

    doubts = doubted_intervals(found.flags)
    without: dict[str, Value] = {}
    if doubts:
        good = _good_doses(data.doses, doubts)
        try:
            sound = evaporation_of(data, weighing.balance, doubts)
            without = _judged(good, case, sound, weighing).values if good else {}
        except NotMeasuredError:  # too little of a blank is left
            without = {}
    found.values |= {
        name: replace(value, without=without.get(name, NOTHING) if doubts else None)
        for name, value in weighed.values.items()
    }
    found.budgets |= {"mean_error": weighed.mean, "single_dose": weighed.furthest}
    if "share_inside" in weighed.values:
        found.measurements["share_inside"] = weighed.values["share_inside"]
    found.measurements |= _measurements(weighed, case.bolus_ml)
    found.doses = [
        {
            "index": dose.index,
            "commanded_ml": dose.commanded_ml,
            "volume_ml": float(volume),
            "deviation_pct": budget.value,
            "expanded_uncertainty_pct": budget.expanded_uncertainty,
            "expanded_uncertainty_ml": budget.expanded_uncertainty / 100 * case.bolus_ml,
            "started_s": dose.started_t_ns / NS_PER_S,
        }
        for dose, volume, budget in zip(data.doses, weighed.volume_ml, weighed.singles, strict=True)
    ]


@dataclass(frozen=True)
class _Judged:
    """What some doses show: each of them, their statistics, the mean, the one furthest off; and what they answer."""

    singles: list[Budget]
    volume_ml: Floats
    statistics: DoseStatistics
    mean: Budget
    furthest: Budget

    @property
    def values(self) -> dict[str, Value]:
        """By the name of the criterion."""
        values = {"mean_error": Value.of(self.mean), "single_dose": Value.of(self.furthest)}
        share = _share_inside(self.statistics)
        return values if share is None else {**values, "share_inside": share}


def _judged(
    doses: tuple[Dose, ...], case: BolusCase, evaporation: Evaporation, weighing: Weighing
) -> _Judged:
    singles = [delivery_error(_weighed(dose), case.bolus_ml, evaporation, weighing) for dose in doses]
    volumes = np.array([delivered_ml(_weighed(dose), evaporation, weighing) for dose in doses])
    widest = max(singles, key=lambda budget: budget.expanded_uncertainty)
    limit = case.inside_limit
    statistics = dose_statistics(
        volumes,
        case.bolus_ml,
        None if limit is None else limit.low,
        None if limit is None else limit.high,
        widest.expanded_uncertainty,
    )
    furthest = singles[
        statistics.largest_index
        if statistics.furthest_pct == statistics.largest_pct
        else statistics.smallest_index
    ]
    mean = _mean_error(doses, volumes, case.bolus_ml, evaporation, weighing)
    return _Judged(singles, volumes, statistics, mean, furthest)


def _good_doses(doses: tuple[Dose, ...], doubts: list[Interval]) -> tuple[Dose, ...]:
    """The doses between whose weighings nothing is in doubt."""
    before = np.array([dose.weighed_before_t_ns for dose in doses], dtype=np.float64)
    after = np.array([dose.weighed_after_t_ns for dose in doses], dtype=np.float64)
    bad = touched(before, after, doubts)
    return tuple(dose for dose, is_bad in zip(doses, bad.tolist(), strict=True) if not is_bad)


def _stood_still(doses: tuple[Dose, ...], case: BolusCase, weighing: Weighing) -> list[Flag]:
    """Two successive doses that the display did not show at all."""
    t_s = np.array([dose.weighed_before_t_ns for dose in doses] + [doses[-1].weighed_after_t_ns]) / NS_PER_S
    mass_g = np.array([dose.before_g for dose in doses] + [doses[-1].after_g])
    expected_g = np.full(len(doses), case.bolus_ml / weighing.volume_per_display_ml_g)
    return flat_flags(t_s, mass_g, expected_g, weighing.balance)


def _weighed(dose: Dose) -> Difference:
    return Difference.between(
        dose.before_g,
        dose.after_g,
        dose.weighed_before_t_ns / NS_PER_S,
        dose.weighed_after_t_ns / NS_PER_S,
    )


def _mean_error(
    doses: tuple[Dose, ...],
    volume_ml: Floats,
    commanded_ml: float,
    evaporation: Evaporation,
    weighing: Weighing,
) -> Budget:
    """Error of the mean dose with its budget.

    Noise of the readings averages out over the doses, and so do the steps of the walk of the zero point,
    which do not overlap; a common error of evaporation, density or linearity does not. A reading that ends
    one dose and begins the next (the same moment) cancels.
    """
    weights: dict[int, float] = {}
    for dose in doses:
        weights[dose.weighed_after_t_ns] = weights.get(dose.weighed_after_t_ns, 0.0) + 1 / len(doses)
        weights[dose.weighed_before_t_ns] = weights.get(dose.weighed_before_t_ns, 0.0) - 1 / len(doses)
    times_s = [(dose.weighed_after_t_ns - dose.weighed_before_t_ns) / NS_PER_S for dose in doses]
    middles_s = [(dose.weighed_after_t_ns + dose.weighed_before_t_ns) / 2 / NS_PER_S for dose in doses]
    mean = Difference(
        display_g=float(np.mean([dose.after_g - dose.before_g for dose in doses])),
        noise_weight=math.sqrt(math.fsum(weight**2 for weight in weights.values())),
        drift_s=math.fsum(times_s) / len(doses) ** 2,
        evaporating_s=math.fsum(times_s) / len(doses),
        middle_s=math.fsum(middles_s) / len(doses),
    )
    budget = delivery_error(mean, commanded_ml, evaporation, weighing)
    return Budget(100 * (float(volume_ml.mean()) / commanded_ml - 1), "%", budget.components)


def _share_inside(statistics: DoseStatistics) -> Value | None:
    """Share of the doses inside the limit in %; how small and how large it may be, each dose being
    uncertain.
    """
    inside, surely, possibly = statistics.inside, statistics.inside_surely, statistics.inside_possibly
    if inside is None or surely is None or possibly is None:
        return None
    least, most = 100 * surely / statistics.count, 100 * possibly / statistics.count
    reason = ""
    if least != most:
        reason = f"between {least:.3g} % and {most:.3g} % with the uncertainty of a single dose"
    return Value(100 * inside / statistics.count, "%", possible=(least, most), reason=reason)


def _measurements(weighed: _Judged, commanded_ml: float) -> dict[str, Value]:
    statistics, mean, single = weighed.statistics, weighed.mean, weighed.furthest
    u_single, k_single = single.expanded_uncertainty, single.coverage_factor
    told = {
        "mean_dose": Value(
            statistics.mean_ml,
            "mL",
            mean.expanded_uncertainty / 100 * commanded_ml,
            mean.coverage_factor,
        ),
        "mean_error": Value.of(mean),
        "largest_deviation": Value(statistics.largest_pct, "%", u_single, k_single),
        "smallest_deviation": Value(statistics.smallest_pct, "%", u_single, k_single),
    }
    if statistics.standard_deviation_pct is not None:
        told["standard_deviation_of_doses"] = Value(statistics.standard_deviation_pct, "%")
    return told
