"""The other witnesses of a case: the pump's alarms and its own log, and the flow sensor. They flag; the
balance decides.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rig.definitions.instruments import FlowInstrument
from rig.judge.findings import NS_PER_S, Flag, Kind, time_text
from rig.record.case_data import CaseData, Record, Step

Floats = NDArray[np.float64]
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
    """
    events = []
    for record in data.pump_events:
        t_ns = _on_run_clock(data, int(record["clock_s"]))
        if t_ns is None or data.started_ns - LOG_SLACK_NS <= t_ns <= data.finished_ns + LOG_SLACK_NS:
            events.append(LoggedEvent(record, t_ns))
    return events


def _on_run_clock(data: CaseData, clock_s: int) -> int | None:
    states = [state for state in data.pump_states if state.get("clock_s")]
    if not states:
        return None
    nearest = min(states, key=lambda state: abs(int(state["clock_s"]) - clock_s))
    return int(nearest["t_ns"]) + (clock_s - int(nearest["clock_s"])) * NS_PER_S


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
    """What the flow sensor says of itself in a step: saturated, air in line, samples lost."""
    flow = data.flow
    inside = (flow.t_ns >= step.start_ns) & (flow.t_ns <= step.end_ns)
    total = int(inside.sum())
    told = {
        "flow_saturated": (flow.high, "the flow was beyond the sensor's range in {} of {} samples"),
        "air_in_line": (flow.air, "the flow sensor saw air in the line in {} of {} samples"),
    }
    flags = []
    for name, (marks, words) in told.items():
        times = flow.t_ns[inside & marks]
        if len(times):
            flags.append(
                Flag(name, words.format(len(times), total), int(times[0]), int(times[-1]), NO_EFFECT)
            )
    gaps = [gap for gap in flow.gaps if gap[1] >= step.start_ns and gap[0] <= step.end_ns]
    if gaps:
        lost_ns = sum(end - start for start, end in gaps)
        words = f"the flow sensor lost samples {len(gaps)} time(s), {time_text(lost_ns)} in all"
        flags.append(Flag("samples_lost", words, gaps[0][0], gaps[-1][1], NO_EFFECT))
    return flags


def sensor_means_ml_h(data: CaseData, t_ns: NDArray[np.int64]) -> Floats:
    """Mean of the flow sensor between successive times, shape (n - 1,) for n times.

    NaN where there is no sample, or where any of them is air or saturated.
    """
    flow = data.flow
    at = np.searchsorted(flow.t_ns, t_ns)
    count = np.diff(at)
    doubtful = np.concatenate([[0], np.cumsum(flow.high | flow.air)])
    total = np.concatenate([[0.0], np.cumsum(flow.flow_ml_h)])
    usable = (count > 0) & (np.diff(doubtful[at]) == 0)
    return np.where(usable, np.diff(total[at]) / np.maximum(count, 1), np.nan)


def sensor_tolerance_ml_h(sensor: FlowInstrument, flow_ml_h: float) -> float:
    """What the sensor may be off: the larger of its share of the value and of full scale."""
    of_value = sensor.accuracy_of_value_pct / 100 * abs(flow_ml_h)
    return max(of_value, sensor.accuracy_of_full_scale_pct / 100 * sensor.full_scale_ml_h)


def mean_disagreement(
    data: CaseData, step: Step, sensor: FlowInstrument | None, mean_flow_ml_h: float, expanded_ml_h: float
) -> list[Flag]:
    """A flag if balance and flow sensor contradict each other about the mean flow."""
    seen_ml_h = float(sensor_means_ml_h(data, np.array([step.start_ns, step.end_ns]))[0])
    if sensor is None or math.isnan(seen_ml_h):
        return []
    allowed = math.hypot(sensor_tolerance_ml_h(sensor, mean_flow_ml_h), expanded_ml_h)
    if abs(seen_ml_h - mean_flow_ml_h) <= allowed:
        return []
    return [
        Flag(
            "sensor_disagrees",
            f"mean flow {seen_ml_h:.5g} mL/h by the flow sensor, {mean_flow_ml_h:.5g} mL/h by weighing: further "
            f"apart than their accuracies explain ({allowed:.2g} mL/h)",
            step.start_ns,
            step.end_ns,
            NO_EFFECT,
        )
    ]


def interval_disagreement(
    data: CaseData, t_ns: NDArray[np.int64], flow_ml_h: Floats, u_ml_h: float, sensor: FlowInstrument | None
) -> list[Flag]:
    """Intervals in which the balance saw a flow that the sensor did not: a bump, a draught, a touched
    vessel.

    ``t_ns`` of n + 1 readings, ``flow_ml_h`` between them, ``u_ml_h`` the standard uncertainty of one of
    them. What both witnesses see is the pump's; a constant difference between them is calibration and taken
    off. So little counts as agreement that a sensor as good as stated, on a steady balance, does not raise
    it.
    """
    if sensor is None or len(flow_ml_h) < 4:
        return []
    seen = sensor_means_ml_h(data, t_ns)
    apart = flow_ml_h - seen
    known = np.isfinite(apart)
    if known.sum() < 4:
        return []
    apart = apart - np.median(apart[known])
    typical = float(np.median(flow_ml_h[known]))
    allowed = 6 * u_ml_h + sensor_tolerance_ml_h(sensor, max(typical, float(np.max(seen[known]))))
    flags = []
    for index in np.flatnonzero(known & (np.abs(apart) > allowed)):
        flags.append(
            Flag(
                "balance_disturbed",
                f"the balance saw {flow_ml_h[index]:.4g} mL/h in this interval, the flow sensor {seen[index]:.4g} "
                "mL/h: the balance was touched, or something fell on or off it",
                int(t_ns[index]),
                int(t_ns[index + 1]),
                kind=Kind.MEASUREMENT,
            )
        )
    return flags
