"""From a whole record to results.json: one function for the run and for every later report."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from rig.analysis.decision import Outcome, worst
from rig.analysis.trumpet import Window
from rig.definitions.bench_file import BenchFile, UnitFile
from rig.definitions.cases import Case
from rig.definitions.instruments import SHARED
from rig.definitions.limits import Criterion
from rig.definitions.plan_file import Plan
from rig.judge.channels import channel_table
from rig.judge.finders import FINDERS
from rig.judge.findings import (
    NS_PER_S,
    Findings,
    Flag,
    Kind,
    Result,
    Value,
    as_json,
    budget_table,
    interruption_flags,
    measured,
    time_text,
)
from rig.judge.population import population
from rig.judge.python import recorded_case, with_recorded_criteria
from rig.judge.quarantine import quarantine_of
from rig.judge.trace import requirement_row, trace
from rig.judge.verdicts import ACCEPTED, capability_flags, verdict_on, without_value
from rig.judge.weighing import FLOW_WHILE_STOPPED
from rig.judge.witnesses import alarms_seen, logged_events
from rig.record.case_data import CaseData, Record, RunRecord

SCHEMA = "infusion-rig/results/1"
EVAPORATION = "evaporation rate"  # the component of a budget that tells a value by weighing

# How a case ended, if not by completing: what becomes of its criteria.
ENDED = {
    "refused": Outcome.INCONCLUSIVE,
    "error": Outcome.ERROR,
    "unfinished": Outcome.ERROR,
    "aborted": Outcome.ABORTED,
    "skipped": Outcome.SKIPPED,
}


def judge(run: RunRecord, plan: Plan, bench: BenchFile) -> Result:
    """The content of results.json, JSON-able. Cases come in the order of the plan, units in that of the
    bench.

    A case that was not begun on a unit is left out. The run's outcome is the worst of its cases, and
    ABORTED or ERROR if the run itself ended so or its record has no end.
    """
    plan = with_recorded_criteria(plan, run)
    cases = [
        judge_case(data, case, unit, run, bench, plan)
        for case in plan.cases
        for unit in bench.units
        if (data := run.case(case.id, unit.serial)) is not None
    ]
    outcomes = [Outcome(case["outcome"]) for case in cases]
    units = [_unit(unit, run, cases) for unit in bench.units]
    opened = run.opened
    finished_ns = (
        run.closed["t_ns"] if run.closed else max((data.finished_ns for data in run.cases), default=0)
    )
    result: Result = as_json(
        {
            "schema": SCHEMA,
            "run_id": opened.get("run_id"),
            "outcome": worst([*outcomes, _end_of(run)]),
            "rehearsal": opened.get("rehearsal"),
            "rehearsal_because": opened.get("rehearsal_because"),
            "clock": opened.get("clock"),
            "started_utc": opened.get("started_utc"),
            "finished_s": finished_ns / NS_PER_S,
            "operator": opened.get("operator"),
            "plan": opened.get("plan"),
            "bench": opened.get("bench"),
            "software": opened.get("software"),
            "units": units,
            "shared_instruments": [_instrument(record, run) for record in _instruments(run, SHARED)],
            "cases": cases,
            "population": population(plan, units, cases),
            **_requirements(run, plan, cases),
            "quarantine": quarantine_of(run, plan.id, cases),
        }
    )
    return result


def _requirements(run: RunRecord, plan: Plan, cases: list[Result]) -> Result:
    """What became of each requirement, what does not meet, and what changed since the run before."""
    traced = trace([plan], [{"plan": {"id": plan.id}, "cases": cases}])
    records = [record for record in run.other if record["kind"] == "requirements"]
    return {
        "requirements": [requirement_row(row) for row in traced.rows],
        "trace": [
            {"gap": finding.gap, "about": finding.about, "message": finding.message}
            for finding in traced.findings
        ],
        "requirement_changes": records[-1].get("changes") if records else None,
    }


def _end_of(run: RunRecord) -> Outcome:
    if run.closed is None:
        return Outcome.ERROR
    told = str(run.closed.get("outcome"))
    return Outcome(told) if told in ("ABORTED", "ERROR") else Outcome.SKIPPED


def judge_case(
    data: CaseData, case: Case, unit: UnitFile, run: RunRecord, bench: BenchFile, plan: Plan
) -> Result:
    """One entry of ``cases`` in results.json, JSON-able: what one case on one unit showed, and the
    verdicts.
    """
    case = recorded_case(case, [data])
    reference_c = getattr(case, "bath_temperature_c", None) or plan.reference_temperature_c
    found = FINDERS[case.procedure](data, case, unit, bench, reference_c)
    seen = {(flag.name, flag.start_ns) for flag in found.flags}
    gaps = [flag for flag in interruption_flags(data) if (flag.name, flag.start_ns) not in seen]
    found.flags = [*_recorded_flags(data), *gaps, *found.flags, *_calibration_flags(data, unit, run)]
    if reference_c == plan.reference_temperature_c:
        found.flags += _temperature_flags(data, bench, plan)
    closed = getattr(case, "line_valve", None) is not None
    criteria = [_criterion(criterion, data, found, closed) for criterion in case.criteria]
    found.flags += capability_flags(criteria, data.started_ns, data.finished_ns)
    budgets = {name: budget_table(budget) for name, budget in found.budgets.items()}
    found.flags += _drawn_flags(budgets, data)
    outcome = worst([criterion["verdict"] for criterion in criteria])
    if found.has_pump_fault and data.ended == "completed":
        outcome = worst([outcome, Outcome.FAIL])
    result: Result = as_json(
        {
            "id": case.id,
            "title": case.title,
            "procedure": case.procedure,
            "unit": unit.serial,
            "outcome": outcome,
            "requirements": list(case.verifies),
            "rationale": case.rationale,
            "started_s": data.started_ns / NS_PER_S,
            "finished_s": data.finished_ns / NS_PER_S,
            "ended": data.ended,
            "message": data.message,
            "set": found.set,
            "measurements": {name: measured(value) for name, value in found.measurements.items()},
            "budgets": budgets,
            "trumpet": [_window(window, expanded) for window, expanded in found.trumpet],
            "doses": found.doses,
            "portions": found.portions,
            "witnesses": found.witnesses,
            "channels": channel_table(data),
            "flags": [_flag(flag) for flag in _with_effects(found.flags, criteria)],
            "events": _events(data),
            "criteria": criteria,
        }
    )
    return result


def _criterion(criterion: Criterion, data: CaseData, found: Findings, closed_in_blanks: bool) -> Result:
    if data.ended != "completed":
        reason = data.message or f"the case ended otherwise than by completing: {data.ended}"
        return without_value(criterion, ENDED.get(data.ended, Outcome.ERROR), reason)
    if criterion.quantity == "alarms":
        return _no_alarms(criterion, data)
    if criterion.name in found.counted:
        return _counted(criterion, *found.counted[criterion.name])
    if (value := found.values.get(criterion.name)) is None:
        return without_value(criterion, Outcome.INCONCLUSIVE, found.unmeasured or "it was not measured")
    return (
        _weighed_verdict(criterion, value, found, closed_in_blanks)
        if _is_weighed(criterion, found)
        else verdict_on(criterion, value)
    )


def _weighed_verdict(criterion: Criterion, value: Value, found: Findings, closed_in_blanks: bool) -> Result:
    """INCONCLUSIVE by a balance out of calibration, or where only the correction for evaporation makes it good; FAIL
    where blanks hold a flow that was corrected away.
    """
    expired = [flag.message for flag in found.flags if flag.name == "calibration_expired"]
    if expired:
        value = replace(value, undecided="; ".join(expired))
    result = verdict_on(criterion, value)
    if result["verdict"] in ACCEPTED and not closed_in_blanks:
        value = replace(value, undecided=_by_correction_alone(criterion, value, found))
        result = verdict_on(criterion, value) if value.undecided else result
    if flowing := [flag.message for flag in found.flags if flag.name == FLOW_WHILE_STOPPED]:
        reason = "; ".join(part for part in (*flowing, result["reason"]) if part)
        return {**result, "verdict": worst([result["verdict"], Outcome.FAIL]), "reason": reason}
    return result


def _by_correction_alone(criterion: Criterion, value: Value, found: Findings) -> str:
    """Why nothing is decided, if the verdict without the correction for evaporation is not a good one, too; else "".

    In a blank with the line open, what flows back into the pump looks like evaporation, and is corrected away.
    """
    budget = found.budgets.get(criterion.name)
    parts = budget.components if budget is not None else ()
    corrected = sum(part.value * part.sensitivity for part in parts if part.name == EVAPORATION)
    plain = verdict_on(criterion, replace(value, value=value.value - corrected, without=None))
    if plain["verdict"] in ACCEPTED:
        return ""
    return (
        f"without the correction for evaporation it is {value.value - corrected:.4g} {value.unit}, {plain['verdict']}: "
        "with the line open in the blanks, flow back into the pump would look the same. Cover the vessel, or close "
        "the line with a valve (line_valve)"
    )


def _is_weighed(criterion: Criterion, found: Findings) -> bool:
    """Whether the value rests on the balance, and so on the blanks."""
    budget = found.budgets.get(criterion.name)
    by_budget = budget is not None and any(part.name == EVAPORATION for part in budget.components)
    return by_budget or criterion.quantity == "share_inside"


def _no_alarms(criterion: Criterion, data: CaseData) -> Result:
    """FAIL if any alarm was on during the case, with its name and time."""
    alarms = alarms_seen(data)
    return _counted(criterion, len(alarms), "; ".join(alarm.in_words(data.started_ns) for alarm in alarms))


def _counted(criterion: Criterion, count: int, words: str) -> Result:
    """FAIL if what must never be was seen at all."""
    result = without_value(criterion, Outcome.FAIL if count else Outcome.PASS, words)
    return {**result, "value": count, "margin": -count}


def _recorded_flags(data: CaseData) -> list[Flag]:
    return [
        Flag(
            str(record["name"]),
            str(record["message"]),
            int(record["start_t_ns"]),
            int(record["end_t_ns"]),
            "nothing was delivered; the verdicts are INCONCLUSIVE" if data.ended == "refused" else "",
        )
        for record in data.flags
    ]


def _calibration_flags(data: CaseData, unit: UnitFile, run: RunRecord) -> list[Flag]:
    """The balance out of calibration though the case went on: its verdicts are INCONCLUSIVE."""
    if data.ended == "refused":
        return []
    flags = []
    for record in [*_instruments(run, unit.serial), *_instruments(run, SHARED)]:
        if record["role"] == "pump" or calibration_valid(record, run) is not False:
            continue
        decides = record["role"] == "balance"
        flags.append(
            Flag(
                "calibration_expired" if decides else f"calibration_of_{record['role']}_expired",
                f"the calibration of the {record['role']} expired on {record['calibrated_until']}",
                data.started_ns,
                data.finished_ns,
                "verdicts by weighing are INCONCLUSIVE" if decides else "none: the verdict is by weighing",
            )
        )
    return flags


def _temperature_flags(data: CaseData, bench: BenchFile, plan: Plan) -> list[Flag]:
    fluid_c, reference_c = bench.fluid_temperature_c, plan.reference_temperature_c
    if fluid_c is None or abs(fluid_c - reference_c) <= 3 * bench.fluid_temperature_u_k:
        return []
    words = f"volumes are stated at {reference_c:g} °C, the fluid in the pump is at {fluid_c:g} °C"
    return [
        Flag(
            "reference_temperature",
            words,
            data.started_ns,
            data.finished_ns,
            "none: the plan's temperature was used",
        )
    ]


def _drawn_flags(budgets: dict[str, Result], data: CaseData) -> list[Flag]:
    """Budgets whose interval the Monte Carlo method does not confirm."""
    differ = [
        f"{name}: {drawn['low']:.4g} to {drawn['high']:.4g} {budget['unit']} instead of "
        f"{budget['value']:.4g} ± {budget['expanded_uncertainty']:.4g}"
        for name, budget in budgets.items()
        if (drawn := budget["monte_carlo"]) is not None and not drawn["agrees"]
    ]
    if not differ:
        return []
    words = f"with the distributions drawn (JCGM 101), the 95 % interval is another: {'; '.join(differ)}"
    effect = "none: the verdict is by the budget"
    return [Flag("monte_carlo_differs", words, data.started_ns, data.finished_ns, effect)]


def _with_effects(flags: list[Flag], criteria: list[Result]) -> list[Flag]:
    """Say of each flag that puts the measurement in doubt what came of it."""
    undone = [
        str(criterion["name"])
        for criterion in criteria
        if criterion["verdict"] is Outcome.INCONCLUSIVE and "flagged data" in criterion["reason"]
    ]
    effect = "none: the verdicts are the same without these data"
    if undone:
        effect = f"without the data in doubt the verdict would be another or none: {', '.join(undone)} INCONCLUSIVE"
    return [replace(flag, effect=effect) if flag.kind is Kind.MEASUREMENT else flag for flag in flags]


def _flag(flag: Flag) -> Result:
    return {
        "name": flag.name,
        "kind": flag.kind,
        "message": flag.message,
        "start_s": flag.start_ns / NS_PER_S,
        "end_s": flag.end_ns / NS_PER_S,
        "effect": flag.effect,
    }


def _window(window: Window, expanded_uncertainty_pct: float) -> Result:
    return {
        "window_s": window.window_s,
        "count": window.count,
        "left_out": window.left_out,
        "error_max_pct": window.error_max_pct,
        "error_min_pct": window.error_min_pct,
        "expanded_uncertainty_pct": expanded_uncertainty_pct,
    }


def _events(data: CaseData) -> list[Result]:
    """Alarms as the rig saw them and the pump's own log, in order of time; ``source`` "rig" or "pump"."""
    events: list[Result] = [
        {
            "t_s": record["t_ns"] / NS_PER_S,
            "source": "rig",
            "code": f"alarm_{record['state']}",
            "arguments": {"name": record["name"], "critical": record["critical"]},
            "text": f"alarm {record['name']} {record['state']}, "
            f"{time_text(record['t_ns'] - data.started_ns)} into the case",
        }
        for record in data.alarms
    ]
    for event in logged_events(data):
        arguments = event.record.get("arguments") or {}
        spelled = ", ".join(f"{name} {value}" for name, value in arguments.items())
        t_ns = int(event.record["t_ns"]) if event.t_ns is None else event.t_ns
        events.append(
            {
                "t_s": t_ns / NS_PER_S,
                "source": "pump",
                "code": event.code,
                "arguments": arguments,
                "text": f"{event.code} {spelled}".strip(),
            }
        )
    return sorted(events, key=lambda event: float(event["t_s"]))


def _unit(unit: UnitFile, run: RunRecord, cases: list[Result]) -> Result:
    instruments = _instruments(run, unit.serial)
    pump = next((record for record in instruments if record["role"] == "pump"), {})
    identity = pump.get("identity") or {}
    return {
        "serial": unit.serial,
        "model": identity.get("model") or unit.profile.model,
        "maker": identity.get("maker") or unit.profile.maker,
        "firmware": identity.get("firmware"),
        "outcome": worst([Outcome(case["outcome"]) for case in cases if case["unit"] == unit.serial]),
        "instruments": [_instrument(record, run) for record in instruments],
    }


def _instrument(record: Record, run: RunRecord) -> Result:
    return {
        "role": record["role"],
        "driver": record["driver"],
        "address": record["address"],
        **{name: (record.get("identity") or {}).get(name) for name in _IDENTITY},
        "simulated": record["simulated"],
        "calibrated_until": record["calibrated_until"],
        "certificate": record["certificate"],
        "calibration_valid": calibration_valid(record, run),
    }


_IDENTITY = ("maker", "model", "serial", "firmware")


def _instruments(run: RunRecord, serial: str) -> list[Record]:
    return [record for record in run.instruments if record["unit"] == serial]


def calibration_valid(instrument: Record, run: RunRecord) -> bool | None:
    """Whether the calibration covers the day of the run; None if nothing is stated."""
    until, today = instrument.get("calibrated_until"), run.opened.get("today")
    if not until or not today:
        return None
    return date.fromisoformat(str(until)) >= date.fromisoformat(str(today))
