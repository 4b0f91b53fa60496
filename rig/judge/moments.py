"""When something was first seen in the record, and how well that is known: by questions, or by the pump's log."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from rig.analysis.uncertainty import Budget, Component
from rig.judge.findings import NS_PER_S, Interval, Value
from rig.judge.witnesses import AlarmSeen, alarms_seen
from rig.record.case_data import CaseData, Record

LOGGED_TO_NS = NS_PER_S  # a pump's clock counts whole seconds
SWITCHED_IN_S = 0.2  # half width: from the record of a step to the relay that moved


def states_in(data: CaseData, span_ns: Interval) -> Iterator[Record]:
    """The pump's states that were read in an interval."""
    return (state for state in data.pump_states if span_ns[0] <= int(state["t_ns"]) <= span_ns[1])


def for_good(data: CaseData, span_ns: Interval, wanted: Callable[[Record], bool]) -> Interval | None:
    """Between which two questions something began that lasted to the end of the interval."""
    since: Interval | None = None
    before_ns = span_ns[0]
    for state in states_in(data, span_ns):
        t_ns = int(state["t_ns"])
        since = (since or (before_ns, t_ns)) if wanted(state) else None
        before_ns = t_ns
    return since


def first_alarm(
    data: CaseData, span_ns: Interval, names: frozenset[str] | None = None
) -> tuple[AlarmSeen, Interval] | None:
    """The first alarm (of these names) that came in an interval, and between which moments it came."""
    for alarm in alarms_seen(data):
        is_inside = span_ns[0] - LOGGED_TO_NS <= alarm.start_ns <= span_ns[1]
        if not is_inside or (names is not None and alarm.name not in names):
            continue
        if alarm.logged_ns is not None:
            return alarm, (max(span_ns[0], alarm.logged_ns - LOGGED_TO_NS), alarm.logged_ns + LOGGED_TO_NS)
        asked = [int(state["t_ns"]) for state in states_in(data, (span_ns[0], alarm.start_ns - 1))]
        return alarm, (asked[-1] if asked else span_ns[0], alarm.start_ns)
    return None


def time_budget(since_ns: int, between_ns: Interval) -> Budget:
    """From ``since_ns`` to what began between two moments, in s: the middle, rectangular (GUM 4.3.7)."""
    early_s, late_s = ((t_ns - since_ns) / NS_PER_S for t_ns in between_ns)
    middle_s = (early_s + late_s) / 2
    components = (
        Component(
            "moments of the questions", "half the time between the last question without it and the first with it",
            middle_s, "s", (late_s - early_s) / 2 / math.sqrt(3), 1.0, distribution="rectangular",
        ),
        Component(
            "moment of the deed", "half width: until the relay moved", 0.0, "s", SWITCHED_IN_S / math.sqrt(3), -1.0,
            distribution="rectangular",
        ),
    )  # fmt: skip
    return Budget(middle_s, "s", components)


def never_seen(waited_ns: int, words: str) -> Value:
    """For a time that would have to be longer than what was waited: it is judged as that."""
    return Value(waited_ns / NS_PER_S, "s", 0.0, 2.0, reason=words)
