"""Judges a filling that was run down: what was really left where the alarms came, and what the pump believed."""

from __future__ import annotations

from dataclasses import dataclass, replace

from rig.analysis.refill import refill
from rig.analysis.uncertainty import Budget
from rig.definitions.bench_file import BenchFile, UnitFile
from rig.definitions.cases import RefillCycleCase
from rig.judge.contents import Contents
from rig.judge.findings import (
    NS_PER_S,
    Findings,
    Value,
    interruption_flags,
    time_text,
)
from rig.judge.log_steps import Entry, entries_of_commands, log_breaches
from rig.judge.portions import in_results, put_furthest, weighed_portion
from rig.judge.pump_claims import NL_PER_ML, claimed_volume, programmed_rate_ml_h
from rig.judge.weighing import (
    NotMeasuredError,
    the_step,
    weigh_blanks,
)
from rig.judge.witnesses import alarms_seen, stall_flags
from rig.record.case_data import CaseData, Record, Step


def find_refill_cycle(
    data: CaseData, case: RefillCycleCase, unit: UnitFile, bench: BenchFile, reference_temperature_c: float
) -> Findings:
    """Everything that the record of one filling shows."""
    rate_ml_h, rate_flags = programmed_rate_ml_h(data, case.rate_ml_h)
    found = Findings(
        set={
            "rate_ml_h": case.rate_ml_h,
            "fill_ml": case.fill_ml,
            "fill_u_ml": case.fill_u_ml,
            "low_reservoir_ml": unit.profile.low_reservoir_ml,
            "sample_for_s": case.sample_for_s,
            "sample_every_s": case.sample_every_s,
            "blank_s": case.blank_s,
            "reference_temperature_c": reference_temperature_c,
        },
        flags=[*rate_flags, *stall_flags(data), *interruption_flags(data)],
    )
    try:
        step = the_step(data, "sample")
        weighing, evaporation = weigh_blanks(found, data, unit, bench, reference_temperature_c)
        inside = (data.mass.t_ns >= step.start_ns) & (data.mass.t_ns <= step.end_ns)
        if inside.sum() < 3:
            raise NotMeasuredError("fewer than three weighings")
        contents = Contents(
            data.mass.t_ns[inside],
            data.mass.mass_g[inside],
            evaporation,
            weighing,
            rate_ml_h,
            case.fill_ml,
            case.fill_u_ml,
        )
        course = _Course.of(data, step, contents)
        left = _Left(contents, data)
        _judge_alarms(found, case, left, course)
        _judge_residual(found, data, left, course)
        _judge_flow(found, data, contents, step, course)
    except NotMeasuredError as reason:
        found.unmeasured = str(reason)
        return found
    if case.accept.log:
        by_itself, by_command = {"CAUSE": "EMPTY"}, {"CAUSE": "CMD"}
        stopped = (
            Entry("STOP", by_command, step.end_ns)
            if course.empty_ns is None
            else Entry("STOP", by_itself, course.empty_ns)
        )
        expected = [*entries_of_commands(data), stopped]
        breaches = log_breaches(data, expected, (the_step(data, "program").start_ns, step.end_ns))
        found.count("log", breaches)
    return found


@dataclass(frozen=True)
class _Course:
    """When what came (ns; None: it did not): the low alarm, the empty alarm, the end of flow; and the last reading."""

    low_ns: int | None
    empty_ns: int | None
    flow_end_ns: int | None
    last_ns: int

    @classmethod
    def of(cls, data: CaseData, step: Step, contents: Contents) -> _Course:
        def came(name: str) -> int | None:
            times = [alarm.start_ns for alarm in alarms_seen(data) if alarm.name == name]
            return next((t_ns for t_ns in times if step.start_ns <= t_ns <= step.end_ns), None)

        end = contents.flow_end
        return cls(
            came("low_reservoir"),
            came("empty_reservoir"),
            None if end is None else int(contents.t_ns[end]),
            int(contents.t_ns[-1]),
        )

    @property
    def due_ns(self) -> int:
        """Where a refill would have been due: the low alarm, or else the end of what was weighed."""
        return self.last_ns if self.low_ns is None else self.low_ns


class _Left:
    """What is left at an instant; where the rig was gone before it, also as if the set rate had flowed meanwhile."""

    def __init__(self, contents: Contents, data: CaseData) -> None:
        gaps = [(gap.start_ns, gap.end_ns) for gap in data.interruptions]
        self.contents = contents
        self._undoubted = contents.at_set_rate_in(gaps) if gaps else None

    def at(self, t_ns: int) -> Budget:
        return self.contents.left(t_ns)

    def value_at(self, t_ns: int) -> Value:
        without = Value.of(self._undoubted.left(t_ns)) if self._undoubted is not None else None
        return Value.of(self.at(t_ns), without)


def _judge_alarms(found: Findings, case: RefillCycleCase, left: _Left, course: _Course) -> None:
    contents = left.contents
    found.budgets["low_alarm_volume"] = left.at(course.due_ns)
    value = left.value_at(course.due_ns)
    if course.low_ns is None:
        limit = case.accept.low_alarm_volume
        below = limit is not None and limit.low is not None and value.value < limit.low
        never = "the low-reservoir alarm did not come; this is what was left at the end"
        value = replace(value, reason=never, undecided="" if below else never)
    found.values["low_alarm_volume"] = found.measurements["low_alarm_volume"] = value
    if course.flow_end_ns is None:
        return
    limit = case.accept.empty_alarm_delay
    until_ns = course.last_ns if course.empty_ns is None else course.empty_ns
    seen_to_s = max(case.sample_every_s, contents.seconds_around(course.flow_end_ns))
    delay = Value((until_ns - course.flow_end_ns) / NS_PER_S, "s", seen_to_s, 2.0)
    if course.empty_ns is None:
        never = (
            f"the alarm did not come up to the end, {time_text(until_ns - course.flow_end_ns)} after the flow"
        )
        above = limit is not None and limit.high is not None and delay.value > limit.high
        delay = replace(delay, reason=never, undecided="" if above else never)
    found.values["empty_alarm_delay"] = found.measurements["empty_alarm_delay"] = delay


def _judge_residual(found: Findings, data: CaseData, kept: _Left, course: _Course) -> None:
    """What is left in the end, and the discrepancy that a refill would have found where it was due."""
    contents = kept.contents
    if course.flow_end_ns is not None:
        found.put("residual_volume", kept.at(course.last_ns), kept.value_at(course.last_ns))
    state = _state_at(data, course.due_ns)
    if state is None or state.get("reservoir_nl") is None:
        return
    asked_ns, counted_ml = int(state["t_ns"]), int(state["reservoir_nl"]) / NL_PER_ML
    left, weighed = kept.at(asked_ns), kept.value_at(asked_ns)
    programmed_ml = contents.fill_ml - counted_ml
    found.measurements["residual_by_pump"] = Value(counted_ml, "mL")
    found.measurements["residual_by_weighing"] = weighed
    if programmed_ml > 0:
        checked = refill(
            contents.fill_ml,
            programmed_ml,
            max(left.value, 0.0),
            measured_u_ml=left.combined_standard_uncertainty,
        )
        ratio_u = 2 * checked.error_u_pct
        found.measurements["accuracy_ratio"] = Value(checked.accuracy_ratio_pct, "%", ratio_u, 2.0)
    discrepancy = replace(
        left,
        value=counted_ml - left.value,
        components=tuple(replace(item, sensitivity=-item.sensitivity) for item in left.components),
    )
    without = weighed.without and replace(weighed.without, value=counted_ml - weighed.without.value)
    found.put("refill_discrepancy", discrepancy, Value.of(discrepancy, without))


def _state_at(data: CaseData, t_ns: int) -> Record | None:
    return min(data.pump_states, key=lambda state: abs(int(state["t_ns"]) - t_ns), default=None)


def _judge_flow(found: Findings, data: CaseData, contents: Contents, step: Step, course: _Course) -> None:
    """Mean error and claimed volume, up to where a refill would have been due."""

    def expected_ml(from_ns: int, to_ns: int) -> float:
        return contents.rate_ml_h * (to_ns - from_ns) / NS_PER_S / 3600

    found.put("claimed_delivery", claimed_volume(data, replace(step, end_ns=course.due_ns), expected_ml))
    until_ns = min(course.due_ns, course.flow_end_ns or course.due_ns)
    place = max(contents.nearest(until_ns), 1)
    span = (int(contents.t_ns[0]), int(contents.t_ns[place]))
    whole = weighed_portion(
        data, "up to the refill that is due", span, expected_ml, contents.evaporation, contents.weighing
    )
    put_furthest(found, "mean_error", [whole])
    found.portions = in_results([whole])
