"""What went wrong with each unit, in plain words: refusals, errors, alarms, criteria that are not PASS."""

from __future__ import annotations

from rig.analysis.decision import Outcome
from rig.judge.witnesses import AlarmSeen, alarms_seen
from rig.record.case_data import CaseData
from rig.report import wording
from rig.report.numbers import duration, plus_minus
from rig.report.sources import Results, Sources

MOST_LINES = (
    12  # of all units together on the first page, and at least two of each; the rest is in the results
)


def what_went_wrong(sources: Sources, most: int = MOST_LINES) -> list[tuple[str, list[str]]]:
    """For each unit that has any: refusals, errors, alarms and criteria that are not PASS, in plain words.

    The gravest first: how a case ended, alarms, the mean error, other criteria from the worst to the mildest.
    """
    found = []
    for serial in sources.serials:
        cases_of: dict[tuple[int, str], list[str]] = {}  # what is said of several cases is said once
        for result in sources.of_unit(serial):
            for rank, words in _faults_of(sources, result):
                cases_of.setdefault((rank, words), []).append(str(result["id"]))
        ordered = sorted(cases_of.items(), key=lambda item: item[0][0])
        lines = [f"{wording.listed(names)}: {words}" for (_, words), names in ordered]
        if lines:
            found.append((serial, lines))
    each = max(2, most // max(1, len(found)))
    return [(serial, cut(lines, each)) for serial, lines in found]


def cut(lines: list[str], most: int) -> list[str]:
    """At most so many lines, the last of which says how many there are more."""
    if len(lines) <= most:
        return lines
    return [*lines[: most - 1], f"and {len(lines) - most + 1} more, in the results below"]


def _faults_of(sources: Sources, result: Results) -> list[tuple[int, str]]:
    """(rank, words) of each; a low rank is told first."""
    data = sources.data(result)
    told: list[tuple[int, str]] = []
    ended, message = str(result.get("ended") or ""), str(result.get("message") or "")
    if ended not in ("completed", ""):
        told.append((0, wording.ended(ended, message)))
    times = sum(
        1 for other in sources.run.cases if (other.case, other.unit) == (result["id"], result["unit"])
    )
    if times > 1:
        told.append((0, f"carried out {times} times in this run; the results are those of the last time"))
    alarms = [] if data is None else alarms_in_words(sources, data)
    told += [(1, words) for words in alarms]
    if ended not in ("completed", ""):
        return told  # its criteria are undecided for the reason just given
    for criterion in result.get("criteria") or []:
        verdict = str(criterion["verdict"])
        if verdict in ("PASS", "SKIPPED") or (criterion["name"] == "alarms" and alarms):
            continue
        told.append((_rank(criterion), _criterion_in_words(criterion)))
    return told


def _rank(criterion: Results) -> int:
    verdict = str(criterion["verdict"])
    severity = Outcome(verdict).severity if verdict in Outcome.__members__ else 0
    mean_fails = criterion["name"] == "mean_error" and severity > Outcome.INCONCLUSIVE.severity
    return 2 if mean_fails else 20 - severity


def _criterion_in_words(criterion: Results) -> str:
    name, unit, value = str(criterion["name"]), criterion.get("unit"), criterion.get("value")
    told = f"{str(criterion['verdict']).replace('_', ' ')}, {wording.criterion(name)}"
    if value is not None:
        shown = plus_minus(value, criterion.get("expanded_uncertainty"), unit, wording.signed(unit, name))
        told += f" {shown} (limit {wording.limit(criterion.get('limit'))}){_direction(name, criterion)}"
    reason = criterion.get("reason")
    return f"{told}: {reason}" if reason else told


def _direction(name: str, criterion: Results) -> str:
    value, high, low = criterion.get("value"), criterion.get("limit_high"), criterion.get("limit_low")
    if name != "mean_error" or value is None:
        return ""
    if high is not None and value > high:
        return ", delivers too much"
    if low is not None and value < low:
        return ", delivers too little"
    return ""


def alarms_in_words(sources: Sources, data: CaseData) -> list[str]:
    """Each alarm of a case: when it came, whether delivery stopped, and when it ended."""
    told = []
    for alarm in alarms_of(data):
        words = f"{wording.alarm(alarm.name)} at {sources.into_case(data, alarm.start_ns)}"
        words += f" ({sources.at(alarm.start_ns / 1e9)})"
        if _delivery_stopped(data, alarm.seen_ns or alarm.start_ns):
            words += ", delivery stopped"
        if alarm.over_ns is None:
            words += ", to the end of the case"
        else:
            words += f"; over after {duration((alarm.over_ns - alarm.start_ns) / 1e9)}"
        told.append(words)
    return told


def alarms_of(data: CaseData) -> list[AlarmSeen]:
    """The alarms of a case. A case without any is not searched: matching the pump's clock takes long."""
    logged = any(event["code"] == "ALARM_ON" for event in data.pump_events)
    return alarms_seen(data) if data.alarms or logged else []


def _delivery_stopped(data: CaseData, t_ns: int) -> bool:
    """Whether the pump itself says, when the alarm was seen or next, that it is on but does not deliver."""
    later = next((state for state in data.pump_states if state["t_ns"] >= t_ns), None)
    now = next(
        (state for state in reversed(data.pump_states) if state["t_ns"] <= t_ns and state["alarms"]), later
    )
    return now is not None and not now["running"] and str(now.get("mode")).upper() != "STOP"
