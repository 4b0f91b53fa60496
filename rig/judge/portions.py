"""Any delivery between two weighings against what should have flowed in between: the measure of all therapies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from rig.analysis.delivery import delivery_error
from rig.analysis.evaporation import Evaporation
from rig.analysis.uncertainty import Budget
from rig.analysis.weighed_difference import Difference, Weighing, delivered_ml
from rig.judge.findings import NS_PER_S, Findings, Interval, Result, Value, doubted_intervals
from rig.judge.weighing import NotMeasuredError, touched
from rig.record.case_data import CaseData

LATE_NS = 120 * NS_PER_S  # a reading further from the instant it was planned for is none of it


@dataclass(frozen=True)
class Portion:
    """What was weighed between two readings: times in ns, volumes in mL, the error of the volume with its budget.

    ``first`` and ``last`` are the places of the readings in the series of masses. ``gaps``: where the rig was gone
    meanwhile; ``apart``: the error of what was weighed beside them, None if nothing was.
    """

    name: str
    first: int
    last: int
    start_ns: int
    end_ns: int
    expected_ml: float
    volume_ml: float
    error: Budget
    gaps: tuple[Interval, ...] = ()
    apart: Budget | None = None


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
    gaps = tuple(
        (gap.start_ns, gap.end_ns)
        for gap in data.interruptions
        if gap.start_ns < end_ns and gap.end_ns > start_ns
    )

    def measured(stretches: list[tuple[int, int]]) -> tuple[Difference, float]:
        spans = [(int(data.mass.t_ns[begin]), int(data.mass.t_ns[end])) for begin, end in stretches]
        differences = [
            Difference.between(
                float(data.mass.mass_g[begin]),
                float(data.mass.mass_g[end]),
                span[0] / NS_PER_S,
                span[1] / NS_PER_S,
            )
            for (begin, end), span in zip(stretches, spans, strict=True)
        ]
        return Difference.together(differences), sum(expected_ml(*span) for span in spans)

    def error_of(difference: Difference, due_ml: float) -> Budget:
        seconds = difference.evaporating_s if timed else None
        return delivery_error(difference, due_ml, evaporation, weighing, timed_over_s=seconds)

    whole, apart = measured([(first, last)]), None
    beside = _stretches_beside(data, first, last, gaps)
    if gaps and beside and (found := measured(beside))[1] > 0:
        apart = error_of(*found)
    volume_ml = delivered_ml(whole[0], evaporation, weighing)
    return Portion(
        name, first, last, start_ns, end_ns, programmed_ml, volume_ml, error_of(*whole), gaps, apart
    )


def _stretches_beside(
    data: CaseData, first: int, last: int, gaps: tuple[Interval, ...]
) -> list[tuple[int, int]]:
    """Places of the readings between which nothing is missing, from ``first`` to ``last``, without those in gaps."""
    stretches, begin = [], first
    for start_ns, end_ns in gaps:
        before = int(np.searchsorted(data.mass.t_ns, start_ns, "right")) - 1
        if before > begin:
            stretches.append((begin, before))
        begin = max(begin, int(np.searchsorted(data.mass.t_ns, end_ns, "left")))
    return [*stretches, (begin, last)] if last > begin else stretches


def weighed_instants(data: CaseData, instants_ns: Sequence[int]) -> list[int]:
    """Instants of a step, its beginning first; where the rig was gone just then, the next reading stands for it."""
    inside = data.mass.t_ns[data.mass.t_ns >= min(instants_ns)]
    found = []
    for t_ns in instants_ns:
        later = inside[inside >= t_ns]
        was_gone = any(
            gap.start_ns <= t_ns + LATE_NS and t_ns - LATE_NS <= gap.end_ns for gap in data.interruptions
        )
        is_far = not (np.abs(inside - t_ns) <= LATE_NS).any()
        found.append(int(later[0]) if was_gone and is_far and len(later) else t_ns)
    return sorted(set(found))


def put_furthest(found: Findings, name: str, portions: Sequence[Portion]) -> None:
    """What is judged by ``name``: the error furthest from zero, with its budget. Nothing, if there are no portions."""
    value = furthest(portions, doubted_intervals(found.flags))
    if value is not None:
        found.put(name, _worst(portions).error, value)
        found.compared[name] = tuple(portion.error for portion in portions)


def _worst(portions: Sequence[Portion]) -> Portion:
    return max(portions, key=lambda portion: abs(portion.error.value))


def furthest(portions: Sequence[Portion], doubts: list[Interval]) -> Value | None:
    """The error (%) furthest from zero, the same without the portions that touch data in doubt; None without any.

    Of a portion in which nothing is in doubt but that the rig was gone, the rest counts.
    """
    if not portions:
        return None
    worst = _worst(portions)
    start = np.array([portion.start_ns for portion in portions], dtype=np.float64)
    end = np.array([portion.end_ns for portion in portions], dtype=np.float64)
    bad = touched(start, end, doubts)
    if not bad.any():
        return _named(worst, None)
    good = [portion for portion, is_bad in zip(portions, bad.tolist(), strict=True) if not is_bad]
    good += [
        replace(portion, error=portion.apart)
        for portion, is_bad in zip(portions, bad.tolist(), strict=True)
        if is_bad and portion.apart is not None and not _in_other_doubt(portion, doubts)
    ]
    return _named(worst, furthest(good, []) or Value(float("nan"), ""))


def _in_other_doubt(portion: Portion, doubts: list[Interval]) -> bool:
    start, end = np.array([float(portion.start_ns)]), np.array([float(portion.end_ns)])
    return bool(touched(start, end, [interval for interval in doubts if interval not in portion.gaps])[0])


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
