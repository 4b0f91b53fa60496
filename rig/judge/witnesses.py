"""What the other witnesses of a case say of themselves: the pump's alarms and its own log, the flow sensor.

They flag; the balance decides. How they compare with it is in :mod:`rig.judge.agreement`.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rig.judge.findings import NS_PER_S, Flag, Interval, Kind, time_text
from rig.record.case_data import CaseData, FlowSeries, Record, Step

Floats = NDArray[np.float64]
BUBBLE_NS = 60 * NS_PER_S  # samples of air closer together than that are one bubble
LOG_SLACK_NS = 2 * NS_PER_S  # the pump's clock counts whole seconds
NO_EFFECT = "none: the verdict is by weighing"


@dataclass(frozen=True)
class LoggedEvent:
    """One entry of the pump's log with its time on the run's clock (None if the clocks cannot be matched)."""

    record: Record
    t_ns: int | None

    @property
    def code(self) -> str:
        return str(self.record["code"])


def logged_events(data: CaseData) -> list[LoggedEvent]:
    """The entries of the pump's own log that lie in this case, by the pump's clock as it was read nearest
    to them.

    What the log held already when the case began is not of this case, though it may bear a time of it: the clock may
    have been set back since.
    """
    on_run_clock = _run_clock(data)
    asked_ns = sorted(int(state["t_ns"]) for state in data.pump_states)
    first_answers_until_ns = asked_ns[1] if asked_ns[1:] else data.finished_ns
    events = []
    for record in data.pump_events:
        t_ns = on_run_clock(int(record["clock_s"]))
        read_ns = int(record.get("t_ns", first_answers_until_ns))
        if read_ns < first_answers_until_ns and t_ns is not None and t_ns > read_ns + LOG_SLACK_NS:
            continue
        if t_ns is None or data.started_ns - LOG_SLACK_NS <= t_ns <= data.finished_ns + LOG_SLACK_NS:
            events.append(LoggedEvent(record, t_ns))
    return events


def _run_clock(data: CaseData) -> Callable[[int], int | None]:
    """From the pump's clock to the run's: sorted once, then one bisection for each question.

    Of several readings of the pump's clock that are equally near, the earliest on the run's counts.
    """
    told = sorted((int(s["clock_s"]), int(s["t_ns"])) for s in data.pump_states if s.get("clock_s"))
    clocks = [clock_s for clock_s, _ in told]

    def on_run_clock(clock_s: int) -> int | None:
        if not told:
            return None
        at = bisect.bisect_left(clocks, clock_s)
        # The first reading at or after it, and the first of those with the value just before it.
        near = [told[at]] if at < len(told) else []
        if at:
            near.append(told[bisect.bisect_left(clocks, clocks[at - 1])])
        shown_s, t_ns = min(near, key=lambda item: (abs(item[0] - clock_s), item[1]))
        return t_ns + (clock_s - shown_s) * NS_PER_S

    return on_run_clock


@dataclass(frozen=True)
class AlarmSeen:
    """An alarm that was on in this case: when the rig saw it, when the pump logged it, when it was over
    (ns).
    """

    name: str
    seen_ns: int | None
    logged_ns: int | None
    over_ns: int | None

    @property
    def start_ns(self) -> int:
        """The earliest time known."""
        return min(t_ns for t_ns in (self.seen_ns, self.logged_ns) if t_ns is not None)

    def in_words(self, case_started_ns: int) -> str:
        """ "motor stall at 7 h 02 min 10 s into the case by the pump's log, seen by the rig at ..." """
        parts = []
        if self.logged_ns is not None:
            parts.append(
                f"at {time_text(self.logged_ns - case_started_ns)} into the case by the pump's own log"
            )
        if self.seen_ns is not None:
            parts.append(f"seen by the rig at {time_text(self.seen_ns - case_started_ns)}")
        over = (
            f"over at {time_text(self.over_ns - case_started_ns)}"
            if self.over_ns is not None
            else "still on at the end of the case"
        )
        return f"{self.name.replace('_', ' ')} {', '.join([*parts, over])}"


def alarms_seen(data: CaseData) -> list[AlarmSeen]:
    """Every alarm that was on at any time of the case, in order: as polled, and as the pump logged it."""
    logged = [event for event in logged_events(data) if event.code in ("ALARM_ON", "ALARM_OFF")]
    on_ns = _by_name(logged, "ALARM_ON")
    off_ns = _by_name(logged, "ALARM_OFF")
    seen: list[AlarmSeen] = []
    used: set[tuple[str, int]] = set()
    for record in data.alarms:
        if record["state"] != "on":
            continue
        name, t_ns = str(record["name"]).lower(), int(record["t_ns"])
        # The pump logged it before the rig could see it; an earlier one of that name is another alarm.
        before = [t for t in on_ns.get(name, []) if t <= t_ns + LOG_SLACK_NS and (name, t) not in used]
        logged_ns = before[-1] if before else None
        if logged_ns is not None:
            used.add((name, logged_ns))
        ended = [
            int(later["t_ns"])
            for later in data.alarms
            if later["state"] == "off" and str(later["name"]).lower() == name and int(later["t_ns"]) >= t_ns
        ]
        # The pump knows better when it was over, if it logged that.
        logged_off = [t for t in off_ns.get(name, []) if logged_ns is not None and t >= logged_ns]
        over = [*logged_off, *ended]
        seen.append(AlarmSeen(name, t_ns, logged_ns, min(over) if over else None))
    for name, times in on_ns.items():
        for t_ns in times:
            if (name, t_ns) not in used:
                over = [t for t in off_ns.get(name, []) if t >= t_ns]
                seen.append(AlarmSeen(name, None, t_ns, over[0] if over else None))
    return sorted(seen, key=lambda alarm: alarm.start_ns)


def _by_name(events: list[LoggedEvent], code: str) -> dict[str, list[int]]:
    times: dict[str, list[int]] = {}
    for event in events:
        if event.code == code and event.t_ns is not None:
            name = str((event.record.get("arguments") or {}).get("ID", "")).lower()
            times.setdefault(name, []).append(event.t_ns)
    return times


def stall_flags(data: CaseData) -> list[Flag]:
    """Every standstill of the motor, with the times that the pump's log and the rig give it."""
    flags = []
    for alarm in alarms_seen(data):
        if alarm.name == "motor_stall":
            end_ns = data.finished_ns if alarm.over_ns is None else alarm.over_ns
            flags.append(
                Flag(
                    "motor_stall",
                    alarm.in_words(data.started_ns),
                    alarm.start_ns,
                    end_ns,
                    "a fault of the pump: the data stay in, the case fails",
                    Kind.PUMP,
                )
            )
    return flags


def flow_flags(data: CaseData, step: Step) -> list[Flag]:
    """What the flow sensor says of itself in a step: saturated, air in line, samples lost.

    A bubble pushes water aside without weighing anything: what the balance shows then is in doubt. The rest
    is about the sensor alone.
    """
    flow = data.flow
    inside = (flow.t_ns >= step.start_ns) & (flow.t_ns <= step.end_ns)
    total = int(inside.sum())
    flags = []
    if high := flow.t_ns[inside & flow.high].tolist():
        words = f"the flow was beyond the sensor's range in {len(high)} of {total} samples"
        flags.append(Flag("flow_saturated", words, high[0], high[-1], NO_EFFECT))
    if air := flow.t_ns[inside & flow.air].tolist():
        words = f"the flow sensor saw air in the line in {len(air)} of {total} samples"
        bubbles = _stretches(air)
        flags.append(Flag("air_in_line", words, air[0], air[-1], kind=Kind.MEASUREMENT, within_ns=bubbles))
    gaps = [gap for gap in flow.gaps if gap[1] >= step.start_ns and gap[0] <= step.end_ns]
    if gaps:
        lost_ns = sum(end - start for start, end in gaps)
        words = f"the flow sensor lost samples {len(gaps)} time(s), {time_text(lost_ns)} in all"
        flags.append(Flag("samples_lost", words, gaps[0][0], gaps[-1][1], NO_EFFECT))
    return flags


def _stretches(moments_ns: list[int]) -> tuple[Interval, ...]:
    """Moments that follow each other within BUBBLE_NS, as intervals."""
    found: list[Interval] = []
    for t_ns in moments_ns:
        if found and t_ns - found[-1][1] <= BUBBLE_NS:
            found[-1] = (found[-1][0], t_ns)
        else:
            found.append((t_ns, t_ns))
    return tuple(found)


def sensor_means_ml_h(data: CaseData, t_ns: NDArray[np.int64]) -> Floats:
    """Mean of the flow sensor between successive times, shape (n - 1,) for n times.

    NaN where there is no sample, where any of them is air or saturated, or where the rig was gone for a while.
    """
    means = means_between(data.flow, t_ns, data.flow.flow_ml_h)
    for gap in data.interruptions:  # a sample from before or after it says nothing of the time between
        means[(t_ns[:-1] < gap.end_ns) & (t_ns[1:] > gap.start_ns)] = np.nan
    return means


def means_between(flow: FlowSeries, t_ns: NDArray[np.int64], values: Floats) -> Floats:
    """Means of one value a sample between successive times; NaN as for :func:`sensor_means_ml_h`."""
    at = np.searchsorted(flow.t_ns, t_ns)
    count = np.diff(at)
    doubtful = np.concatenate([[0], np.cumsum(flow.high | flow.air)])
    total = np.concatenate([[0.0], np.cumsum(values)])
    usable = (count > 0) & (np.diff(doubtful[at]) == 0)
    return np.where(usable, np.diff(total[at]) / np.maximum(count, 1), np.nan)
