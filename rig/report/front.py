"""The first page: what was tested on which units, with what outcome, and what went wrong."""

from __future__ import annotations

from collections.abc import Sequence

from rig.analysis.decision import Outcome, worst
from rig.judge.witnesses import AlarmSeen, alarms_seen
from rig.record.case_data import CaseData
from rig.report import blocks, wording
from rig.report.blocks import Block, Cell
from rig.report.numbers import duration, plus_minus
from rig.report.sample_size import in_short
from rig.report.sources import Results, Sources
from rig.report.traceability import TOLD, has_set, requirements_of

MOST_LINES = (
    12  # of all units together on the first page, and at least two of each; the rest is in the results
)
UNITS_A_TABLE = 4  # columns of units that fit on a page
LONGEST_TITLE = 80  # characters of a requirement's title on the first page


def front(sources: Sources) -> list[Block]:
    """Identification, outcome, verdict by requirement and unit, faults."""
    results = sources.results
    page: list[Block] = []
    if results.get("rehearsal"):
        reasons = wording.listed([str(reason) for reason in results.get("rehearsal_because") or []], 12)
        page.append(
            blocks.banner(
                "REHEARSAL",
                "Simulated instruments took part. Nothing in this report is evidence about a real pump, and it cannot "
                "be approved." + (f" Why: {reasons}." if reasons else ""),
                "rehearsal",
            )
        )
    page += [_identity(sources), *_by_requirement(sources), *_mean_errors(sources)]
    page += _in_quarantine(sources)
    found = what_went_wrong(sources)
    if found:
        page.append(blocks.section("faults", "What went wrong", [blocks.faults(found)], level=3))
    elif sources.cases:
        page.append(
            blocks.section(
                "faults",
                "What went wrong",
                [
                    blocks.paragraph(
                        "Nothing: every criterion is PASS, no alarm was raised, no case ended early."
                    )
                ],
                level=3,
            )
        )
    return page


def _in_quarantine(sources: Sources) -> list[Block]:
    """Failures that somebody answers for: they stay failures, here and in the record."""
    rows: list[list[Cell]] = [
        [
            blocks.text(name.split("::", 1)[1].replace("::", " / ")),
            blocks.text(entry["owner"]),
            blocks.text(entry["reason"]),
            blocks.text(f"until {entry['expires']}"),
        ]
        for entry in sources.results.get("quarantine") or []
        for name in entry["covers"]
    ]
    if not rows:
        return []
    words = "These criteria did not pass. They were put in quarantine before the run; no verdict is changed by it."
    table = blocks.table(
        "Failures in quarantine", ["Criterion", "Owner", "Reason", "Quarantine"], rows, [2.2, 1, 2, 1]
    )
    return [blocks.section("quarantine", "In quarantine", [blocks.paragraph(words), table], level=3)]


def _identity(sources: Sources) -> Block:
    results, plan, bench = (
        sources.results,
        sources.results.get("plan") or {},
        sources.results.get("bench") or {},
    )
    finished_s = results.get("finished_s")
    software = results.get("software") or {}
    pairs: list[tuple[str, Cell]] = [
        ("Outcome of the run", blocks.verdict(results.get("outcome"))),
        ("Run and report", blocks.code(sources.run_id)),
        (
            "Test plan",
            blocks.text(
                f"{plan.get('title') or plan.get('id')} ({plan.get('id')}, revision {plan.get('revision')})"
            ),
        ),
        ("Purpose", blocks.text(getattr(sources.plan, "purpose", ""))),
        ("Bench", blocks.text(", ".join(str(part) for part in (bench.get("id"), bench.get("site")) if part))),
        ("Units under test", blocks.text(_units_in_words(sources.units))),
        (
            "Carried out",
            blocks.text(
                f"{sources.at(0.0)} to {sources.at(finished_s)}, {duration(finished_s)}"
                + (" of simulated time" if results.get("clock") == "virtual" else "")
            ),
        ),
        ("Carried out by", blocks.text(results.get("operator") or "not stated")),
        ("Units that passed", blocks.text(in_short(results.get("population")))),
        ("Signed", blocks.text(_signed(sources))),
        (
            "Software",
            blocks.text(
                f"infusion-rig {software.get('infusion-rig') or software.get('version') or ''}".strip()
            ),
        ),
    ]
    closed = sources.run.closed
    if closed is None:
        pairs.insert(
            1, ("Attention", blocks.strong("The record has no closing entry: the run did not end in order."))
        )
    elif closed.get("reason"):
        pairs.insert(1, ("Ended because", blocks.strong(closed["reason"])))
    return blocks.facts([pair for pair in pairs if pair[1]["text"] != "–"])


def _signed(sources: Sources) -> str:
    """Who signed, with the meaning; signatures that do not count are left to the section on them."""
    told = [f"{each.meaning}: {each.name}" for each in sources.signatures if not each.trouble]
    if told:
        return "; ".join(told)
    return "" if sources.results.get("rehearsal") else "not signed electronically when this report was made"


def _units_in_words(units: Sequence[Results]) -> str:
    if not units:
        return "none"
    models: dict[str, list[str]] = {}
    for unit in units:
        name = " ".join(str(part) for part in (unit.get("maker"), unit.get("model")) if part)
        models.setdefault(name or "model not known", []).append(str(unit["serial"]))
    return "; ".join(
        f"{len(serials)} × {model}: {wording.listed(serials, 12)}" for model, serials in models.items()
    )


def _mean_errors(sources: Sources) -> list[Block]:
    """How much was delivered against what was set: the figure that most readers look for, for each case and unit."""
    found: dict[tuple[str, str], Results] = {}
    for case in sources.cases:
        for criterion in case.get("criteria") or []:
            if criterion["name"] == "mean_error":
                found[str(case["id"]), str(case["unit"])] = criterion
    names = list(dict.fromkeys(name for name, _ in found))
    tables = []
    for start in range(0, len(sources.serials) if names else 0, UNITS_A_TABLE):
        shown = sources.serials[start : start + UNITS_A_TABLE]
        lines = []
        for name in names:
            of_case = [found.get((name, serial)) for serial in shown]
            limit = next(str(criterion["limit"]) for criterion in of_case if criterion is not None)
            lines.append([blocks.strong(name), blocks.text(limit), *(_mean_error(one) for one in of_case)])
        title = "Mean delivery error and its expanded uncertainty, by case and unit"
        tables.append(blocks.table(title, ["Case", "Limit", *shown], lines, [1.0, 1.5, *[1.2] * len(shown)]))
    return tables


def _mean_error(criterion: Results | None) -> Cell:
    if criterion is None or criterion["value"] is None:
        return blocks.text("not measured")
    return blocks.text(
        plus_minus(criterion["value"], criterion["expanded_uncertainty"], criterion["unit"], signed=True)
    )


def _by_requirement(sources: Sources) -> list[Block]:
    """One row a requirement: the worst verdict of the cases that verify it, for each unit."""
    rows: dict[str, list[Results]] = {}
    for case in sources.cases:
        for requirement in case.get("requirements") or ["no requirement named"]:
            rows.setdefault(str(requirement), []).append(case)
    if not rows:
        return [blocks.paragraph("No case was carried out, so there is no verdict on any requirement.")]
    tables = []
    serials, named = sources.serials, int(has_set(sources))
    for start in range(0, len(serials), UNITS_A_TABLE):
        shown = serials[start : start + UNITS_A_TABLE]
        lines = []
        for requirement, cases in rows.items():
            names = list(dict.fromkeys(str(case["id"]) for case in cases))
            line = [blocks.strong(requirement), *_demand(sources, requirement), blocks.text(", ".join(names))]
            for serial in shown:
                outcomes = [Outcome(case["outcome"]) for case in cases if case["unit"] == serial]
                line.append(blocks.verdict(worst(outcomes).value) if outcomes else blocks.text("not tested"))
            lines.append(line)
        whole: list[Cell] = [blocks.strong("all"), *[blocks.text(" ")] * named, blocks.text("all cases")]
        for serial in shown:
            unit = next(unit for unit in sources.units if unit["serial"] == serial)
            whole.append(blocks.verdict(unit.get("outcome")))
        lines.append(whole)
        tables.append(
            blocks.table(
                "Verdict by requirement and unit (the worst of the criteria)",
                ["Requirement", *["What it demands"] * named, "Verified by", *shown],
                lines,
                [1.0, *[1.6] * named, 1.5, *[1.2] * len(shown)],
            )
        )
    return [*tables, *_trace_in_short(sources)]


def _demand(sources: Sources, requirement: str) -> list[Cell]:
    """The title of a requirement, where the plan names a set."""
    if not has_set(sources):
        return []
    found = requirements_of(sources).get(requirement) or {}
    words = found.get("title") or found.get("text") or "not in the requirement set"
    return [blocks.text(words if len(words) <= LONGEST_TITLE else f"{words[:LONGEST_TITLE]} …")]


def _trace_in_short(sources: Sources) -> list[Block]:
    """One line if requirements and tests do not meet, or requirements changed; the section has the rest."""
    if not has_set(sources):
        return []
    gaps = [each for each in sources.results.get("trace") or [] if each["gap"] in TOLD]
    changes = sources.results.get("requirement_changes") or {}
    count = sum(len(changes.get(key) or []) for key in ("added", "removed", "changed"))
    words = [f"{len(gaps)} of the requirements, tests, limits and hazards do not meet"] if gaps else []
    words += [f"{count} requirements changed since the run before"] if count else []
    return [blocks.paragraph(f"{'; '.join(words)}: see Traceability.")] if words else []


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
