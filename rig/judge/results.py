"""From a whole record to results.json: one function for the run and for every later report."""

from __future__ import annotations

from rig.analysis.decision import Outcome, worst
from rig.definitions.bench_file import BenchFile, UnitFile
from rig.definitions.instruments import SHARED
from rig.definitions.plan_file import Plan
from rig.judge.case_result import judge_case
from rig.judge.findings import NS_PER_S, Result, as_json
from rig.judge.instruments import instrument_row, instruments_of
from rig.judge.population import population
from rig.judge.python import with_recorded_criteria
from rig.judge.quarantine import quarantine_of
from rig.judge.trace import requirement_row, trace
from rig.record.case_data import RunRecord

SCHEMA = "infusion-rig/results/1"


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
            "shared_instruments": [instrument_row(record, run) for record in instruments_of(run, SHARED)],
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


def _unit(unit: UnitFile, run: RunRecord, cases: list[Result]) -> Result:
    instruments = instruments_of(run, unit.serial)
    pump = next((record for record in instruments if record["role"] == "pump"), {})
    identity = pump.get("identity") or {}
    return {
        "serial": unit.serial,
        "model": identity.get("model") or unit.profile.model,
        "maker": identity.get("maker") or unit.profile.maker,
        "firmware": identity.get("firmware"),
        "outcome": worst([Outcome(case["outcome"]) for case in cases if case["unit"] == unit.serial]),
        "instruments": [instrument_row(record, run) for record in instruments],
    }
