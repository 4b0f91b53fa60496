"""From the record of one case on one unit to its entry in results.json."""

from __future__ import annotations

from rig.analysis.decision import Outcome, worst
from rig.analysis.trumpet import Window
from rig.definitions.bench_file import BenchFile, UnitFile
from rig.definitions.cases import Case
from rig.definitions.plan_file import Plan
from rig.judge.case_flags import (
    calibration_flags,
    drawn_flags,
    recorded_flags,
    temperature_flags,
    with_effects,
)
from rig.judge.channels import channel_table
from rig.judge.criteria import judge_criterion
from rig.judge.finders import FINDERS
from rig.judge.findings import (
    NS_PER_S,
    Flag,
    Result,
    as_json,
    budget_table,
    interruption_flags,
    measured,
    time_text,
)
from rig.judge.python import recorded_case
from rig.judge.verdicts import capability_flags
from rig.judge.witnesses import logged_events
from rig.record.case_data import CaseData, RunRecord


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
    found.flags = [*recorded_flags(data), *gaps, *found.flags, *calibration_flags(data, unit, run)]
    if reference_c == plan.reference_temperature_c:
        found.flags += temperature_flags(data, bench, plan)
    closed = getattr(case, "line_valve", None) is not None
    criteria = [judge_criterion(criterion, data, found, closed) for criterion in case.criteria]
    found.flags += capability_flags(criteria, data.started_ns, data.finished_ns)
    budgets = {name: budget_table(budget) for name, budget in found.budgets.items()}
    found.flags += drawn_flags(budgets, data)
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
            "flags": [_flag(flag) for flag in with_effects(found.flags, criteria)],
            "events": _events(data),
            "criteria": criteria,
        }
    )
    return result


def _window(window: Window, expanded_uncertainty_pct: float) -> Result:
    return {
        "window_s": window.window_s,
        "count": window.count,
        "left_out": window.left_out,
        "error_max_pct": window.error_max_pct,
        "error_min_pct": window.error_min_pct,
        "expanded_uncertainty_pct": expanded_uncertainty_pct,
    }


def _flag(flag: Flag) -> Result:
    return {
        "name": flag.name,
        "kind": flag.kind,
        "message": flag.message,
        "start_s": flag.start_ns / NS_PER_S,
        "end_s": flag.end_ns / NS_PER_S,
        "effect": flag.effect,
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
