"""Judges a flex schedule: each step, each day and the whole against the schedule by the pump's own clock."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise

from rig.definitions.bench_file import BenchFile, UnitFile
from rig.definitions.cases import FlexScheduleCase
from rig.judge.findings import Findings, Interval, interruption_flags
from rig.judge.portions import (
    LATE_NS,
    Portion,
    in_results,
    put_furthest,
    weighed_instants,
    weighed_portion,
)
from rig.judge.pump_claims import claimed_volume
from rig.judge.weighing import (
    NotMeasuredError,
    the_step,
    weigh_blanks,
)
from rig.judge.witnesses import flow_flags, stall_flags
from rig.record.case_data import CaseData
from rig.schedule import DAY_S, ClockCourse, change_instants_ns, scheduled_ml

EPOCH = datetime(2000, 1, 1)
NS_PER_S = 1_000_000_000


def find_flex_schedule(
    data: CaseData, case: FlexScheduleCase, unit: UnitFile, bench: BenchFile, reference_temperature_c: float
) -> Findings:
    """Everything that the record of one flex schedule shows."""
    found = Findings(
        set={
            "begin": case.begin.isoformat(),
            "sample_for_s": case.sample_for_s,
            "sample_every_s": case.sample_every_s,
            "blank_s": case.blank_s,
            "reference_temperature_c": reference_temperature_c,
        },
        flags=[*stall_flags(data), *interruption_flags(data)],
    )
    try:
        step = the_step(data, "sample")
        found.flags += flow_flags(data, step)
        course = ClockCourse(tuple((int(r["set_t_ns"]), int(r["clock_s"])) for r in data.pump_clocks))
        if not course.settings:
            raise NotMeasuredError("the pump's clock was never set")
        expected_ml = partial(scheduled_ml, case.schedule, course)
        found.put("claimed_delivery", claimed_volume(data, step, expected_ml))
        weighing, evaporation = weigh_blanks(found, data, unit, bench, reference_temperature_c)
        first_ns, last_ns = _sampled(data, step.start_ns, step.end_ns)
        changes = change_instants_ns(case.schedule, course, first_ns, last_ns)
        midnights = _midnights(course, first_ns, last_ns)

        def weigh(edges: list[int], name: str) -> list[Portion]:
            ordered = _apart(weighed_instants(data, [first_ns, *edges]), last_ns)
            return [
                weighed_portion(
                    data,
                    f"{name} from {_clock_text(course, span[0])}",
                    span,
                    expected_ml,
                    evaporation,
                    weighing,
                )
                for span in pairwise(ordered)
            ]

        steps, days, whole = weigh(changes, "step"), weigh(midnights, "day"), weigh([], "all")
    except NotMeasuredError as reason:
        found.unmeasured = str(reason)
        return found
    for name, portions in (("step_volume", steps), ("day_volume", days), ("mean_error", whole)):
        put_furthest(found, name, portions)
    found.portions = in_results([*steps, *days, *whole])
    return found


def _sampled(data: CaseData, start_ns: int, end_ns: int) -> Interval:
    """The first and the last reading of the sampling."""
    inside = [int(t_ns) for t_ns in data.mass.t_ns.tolist() if start_ns <= t_ns <= end_ns]
    if len(inside) < 2:
        raise NotMeasuredError("fewer than two weighings")
    return inside[0], inside[-1]


def _apart(edges: list[int], last_ns: int) -> list[int]:
    """Rising instants, those left out that come too soon after another to be weighed apart, and ``last_ns``."""
    kept: list[int] = []
    for t_ns in edges:
        if (not kept or t_ns - kept[-1] > LATE_NS) and last_ns - t_ns > LATE_NS:
            kept.append(t_ns)
    return [*kept, last_ns]


def _midnights(course: ClockCourse, from_ns: int, to_ns: int) -> list[int]:
    """Instants of the run at which the pump's clock begins a day."""
    found = []
    for start_s, end_s, begin_ns in course.pieces(from_ns, to_ns):
        day = int(start_s // DAY_S) + 1
        while day * DAY_S < end_s:
            found.append(begin_ns + round((day * DAY_S - start_s) * NS_PER_S))
            day += 1
    return found


def _clock_text(course: ClockCourse, t_ns: int) -> str:
    """What the pump's clock shows at an instant: "Fri 2026-01-09 20:30"."""
    set_ns, clock_s = max(setting for setting in course.settings if setting[0] <= t_ns)
    shown = EPOCH + timedelta(seconds=clock_s + round((t_ns - set_ns) / NS_PER_S))
    return f"{shown:%a %Y-%m-%d %H:%M}"
