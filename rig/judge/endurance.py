"""Judges months of a daily schedule: each portion, how the error drifts, and the pump's log step by step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise

from rig.analysis.uncertainty import Budget, Component
from rig.analysis.weighed_difference import Weighing
from rig.definitions.bench_file import BenchFile, UnitFile
from rig.definitions.cases import EnduranceCase
from rig.judge.findings import (
    NS_PER_S,
    Findings,
    interruption_flags,
    time_text,
)
from rig.judge.log_steps import Entry, entries_of_commands, log_breaches
from rig.judge.portions import Portion, in_results, put_furthest, weighed_instants, weighed_portion
from rig.judge.pump_claims import claimed_volumes
from rig.judge.pump_clock import put_clock_drift
from rig.judge.weighing import (
    NotMeasuredError,
    blank_flags,
    blank_measurements,
    evaporation_of,
    the_step,
    weighing_on,
)
from rig.judge.witnesses import stall_flags
from rig.record.case_data import CaseData, Step
from rig.schedule import ClockCourse, scheduled_ml

CLOCK_SLACK_S = 2  # whole seconds, and the time of an answer
MOST_TOLD = 3


def find_endurance(
    data: CaseData, case: EnduranceCase, unit: UnitFile, bench: BenchFile, reference_temperature_c: float
) -> Findings:
    """Everything that the record of one endurance case shows."""
    found = Findings(
        set={
            "begin": case.begin.isoformat(),
            "fill_ml": case.fill_ml,
            "fillings": case.fillings,
            "sample_for_s": case.sample_for_s,
            "sample_every_s": case.sample_every_s,
            "portion_s": case.portion_s,
            "blank_s": case.blank_s,
            "reference_temperature_c": reference_temperature_c,
        },
        flags=[*stall_flags(data), *interruption_flags(data)],
    )
    try:
        steps = [the_step(data, f"sample_{place + 1}") for place in range(case.fillings)]
        course = ClockCourse(tuple((int(r["set_t_ns"]), int(r["clock_s"])) for r in data.pump_clocks))
        if not course.settings:
            raise NotMeasuredError("the pump's clock was never set")
        shown = _rates_not_scheduled(data, case, steps)
        more = f" and {len(shown) - MOST_TOLD} more" if len(shown) > MOST_TOLD else ""
        found.counted["rates"] = (len(shown), "; ".join(shown[:MOST_TOLD]) + more)
        put_clock_drift(found, data)
        if case.accept.log:
            breaches = _log_breaches(data, steps)
            found.count("log", breaches)
        expected_ml = partial(scheduled_ml, case.schedule, course)
        found.put("claimed_delivery", claimed_volumes(data, steps, expected_ml))
        weighing = weighing_on(unit, bench, reference_temperature_c)
        fillings, portions = _weighed(found, data, case, steps, weighing, expected_ml)
    except NotMeasuredError as reason:
        found.unmeasured = str(reason)
        return found
    _judge(found, fillings, portions)
    return found


def _weighed(
    found: Findings,
    data: CaseData,
    case: EnduranceCase,
    steps: Sequence[Step],
    weighing: Weighing,
    expected_ml: Callable[[int, int], float],
) -> tuple[list[Portion], list[Portion]]:
    """Each filling, and each portion of it, weighed between its own blanks. Raises NotMeasuredError."""
    fillings: list[Portion] = []
    portions: list[Portion] = []
    for place, step in enumerate(steps):
        blanks = _blank_before(place), _blank_after(place, case)
        evaporation = evaporation_of(data, weighing.balance, blanks=blanks)
        if place == 0:
            found.measurements |= blank_measurements(evaporation)
        found.flags += blank_flags(data, evaporation, blanks)
        edges = weighed_instants(data, _edges(step, case))
        weighed = partial(
            weighed_portion, data, expected_ml=expected_ml, evaporation=evaporation, weighing=weighing
        )
        fillings.append(weighed(f"filling {place + 1}", (edges[0], edges[-1])))
        for span in pairwise(edges):
            name = f"portion from {time_text(span[0] - steps[0].start_ns)}"
            portions.append(weighed(name, span))
    return fillings, portions


def _judge(found: Findings, fillings: list[Portion], portions: list[Portion]) -> None:
    for name, judged in (("mean_error", fillings), ("portion_volume", portions)):
        put_furthest(found, name, judged)
    if len(portions) > 1:
        found.put("drift", _drift(portions[0], portions[-1]))
    found.portions = in_results([*portions, *fillings])


def _drift(first: Portion, last: Portion) -> Budget:
    """Error of the last portion less that of the first; what is common to both is counted twice: on the safe side."""

    def of(portion: Portion, sensitivity: float) -> Component:
        error = portion.error
        return Component(
            f"error of the {portion.name}",
            "its own budget",
            error.value,
            "%",
            error.combined_standard_uncertainty,
            sensitivity,
            error.effective_degrees_of_freedom,
        )

    return Budget(last.error.value - first.error.value, "%", (of(last, 1.0), of(first, -1.0)))


def _edges(step: Step, case: EnduranceCase) -> list[int]:
    """Where the portions of one filling begin, and the end of the last; what is left over belongs to the last."""
    length_ns = round(case.portion_s * NS_PER_S)
    filling_ns = round(case.filling_s(int(step.name.removeprefix("sample_")) - 1) * NS_PER_S)
    count = max(filling_ns // length_ns, 1)
    return [*(step.start_ns + place * length_ns for place in range(count)), step.start_ns + filling_ns]


def _blank_before(place: int) -> str:
    return f"blank_refill_{place + 1}" if place else "blank_before"


def _blank_after(place: int, case: EnduranceCase) -> str:
    return "blank_after" if place == case.fillings - 1 else _blank_before(place + 1)


def _rates_not_scheduled(data: CaseData, case: EnduranceCase, steps: list[Step]) -> list[str]:
    """Each answer of the pump, while it was to deliver, whose rate is not that of the schedule at the time it shows."""
    schedule, breaches = case.schedule, []
    for state in data.pump_states:
        if not any(step.start_ns <= int(state["t_ns"]) < step.end_ns for step in steps):
            continue
        clock_s, rate_nl_h = int(state["clock_s"]), int(state["rate_nl_h"])
        due = {schedule.rate_nl_h(clock_s + slack_s) for slack_s in (-CLOCK_SLACK_S, CLOCK_SLACK_S)}
        if rate_nl_h not in due or not state["running"]:
            told = f"{rate_nl_h} nL/h instead of {' or '.join(map(str, sorted(due)))} nL/h"
            breaches.append(f"{time_text(int(state['t_ns']) - data.started_ns)} into the case: {told}")
    return breaches


def _log_breaches(data: CaseData, steps: list[Step]) -> list[str]:
    """Log against commands, from the setting of the clock to the end of the last sampling: nothing else happens."""
    stops = [Entry("STOP", {"CAUSE": "CMD"}, step.end_ns) for step in steps]
    expected = sorted([*entries_of_commands(data), *stops], key=lambda entry: entry.t_ns or 0)
    return log_breaches(data, expected, (the_step(data, "refill_1").start_ns, steps[-1].end_ns))
