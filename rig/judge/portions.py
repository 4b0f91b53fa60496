"""Any delivery between two weighings against what should have flowed in between: the measure of all therapies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rig.analysis.delivery import Difference, Weighing, delivered_ml, delivery_error
from rig.analysis.gravimetry import Evaporation
from rig.analysis.uncertainty import Budget
from rig.judge.findings import NS_PER_S, Interval, Result, Value
from rig.judge.weighing import NotMeasuredError, touched
from rig.record.case_data import CaseData

LATE_NS = 120 * NS_PER_S  # a reading further from the instant it was planned for is none of it


@dataclass(frozen=True)
class Portion:
    """What was weighed between two readings: times in ns, volumes in mL, the error of the volume with its budget.

    ``first`` and ``last`` are the places of the readings in the series of masses.
    """

    name: str
    first: int
    last: int
    start_ns: int
    end_ns: int
    expected_ml: float
    volume_ml: float
    error: Budget


def weighed_portion(
    data: CaseData,
    name: str,
    span_ns: Interval,
    expected_ml: Callable[[int, int], float],
    evaporation: Evaporation,
    weighing: Weighing,
    *,
    timed: bool = True,
) -> Portion:
    """What was delivered in ``span_ns``, by the readings nearest to its ends.

    ``expected_ml`` tells the volume programmed between two instants: it is asked for those of the readings, so that a
    late reading is no error. ``timed``: that volume comes of a rate and the time between the readings.
    Raises NotMeasuredError without readings near the ends, or where nothing was to flow.
    """
    first, last = (_nearest(data, t_ns, name) for t_ns in span_ns)
    start_ns, end_ns = int(data.mass.t_ns[first]), int(data.mass.t_ns[last])
    programmed_ml = expected_ml(start_ns, end_ns)
    if last <= first or programmed_ml <= 0:
        raise NotMeasuredError(f"{name}: nothing was to flow between two readings")
    difference = Difference.between(
        float(data.mass.mass_g[first]),
        float(data.mass.mass_g[last]),
        start_ns / NS_PER_S,
        end_ns / NS_PER_S,
    )
    seconds = (end_ns - start_ns) / NS_PER_S if timed else None
    error = delivery_error(difference, programmed_ml, evaporation, weighing, timed_over_s=seconds)
    volume_ml = delivered_ml(difference, evaporation, weighing)
    return Portion(name, first, last, start_ns, end_ns, programmed_ml, volume_ml, error)


def furthest(portions: list[Portion], doubts: list[Interval]) -> Value | None:
    """The error (%) furthest from zero, the same without the portions that touch data in doubt; None without any."""
    if not portions:
        return None
    worst = max(portions, key=lambda portion: abs(portion.error.value))
    start = np.array([portion.start_ns for portion in portions], dtype=np.float64)
    end = np.array([portion.end_ns for portion in portions], dtype=np.float64)
    bad = touched(start, end, doubts)
    if not bad.any():
        return _named(worst, None)
    good = [portion for portion, is_bad in zip(portions, bad.tolist(), strict=True) if not is_bad]
    return _named(worst, furthest(good, []) or Value(float("nan"), ""))


def in_results(portions: list[Portion]) -> list[Result]:
    """Entries of ``portions`` in results.json."""
    return [
        {
            "name": portion.name,
            "start_s": portion.start_ns / NS_PER_S,
            "end_s": portion.end_ns / NS_PER_S,
            "expected_ml": portion.expected_ml,
            "volume_ml": portion.volume_ml,
            "error_pct": portion.error.value,
            "expanded_uncertainty_pct": portion.error.expanded_uncertainty,
        }
        for portion in portions
    ]


def _named(portion: Portion, without: Value | None) -> Value:
    value = Value.of(portion.error, without)
    return Value(
        value.value,
        value.unit,
        value.expanded_uncertainty,
        value.coverage_factor,
        value.degrees_of_freedom,
        without,
        reason=portion.name,
    )


def _nearest(data: CaseData, t_ns: int, name: str) -> int:
    if not len(data.mass.t_ns):
        raise NotMeasuredError(f"{name}: nothing was weighed")
    place = int(np.argmin(np.abs(data.mass.t_ns - t_ns)))
    if abs(int(data.mass.t_ns[place]) - t_ns) > LATE_NS:
        raise NotMeasuredError(f"{name}: no reading within {LATE_NS // NS_PER_S} s of one of its ends")
    return place
