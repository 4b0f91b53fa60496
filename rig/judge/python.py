"""Judges a case of a Python plan: by what its function stated, which is in the record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from rig.definitions.bench_file import BenchFile, UnitFile
from rig.definitions.cases import Case
from rig.definitions.cases.python import ASSERTIONS, PythonCase
from rig.definitions.limits import Criterion, Limit, limit_on
from rig.definitions.plan_file import Plan
from rig.judge.findings import Findings, Value
from rig.record.case_data import CaseData, Record, RunRecord


def recorded_case(case: Case, data: Sequence[CaseData]) -> Case:
    """A case of a Python plan with the criteria that its records tell; any other as it is."""
    if not isinstance(case, PythonCase):
        return case
    verified = {record["name"]: record for of_unit in data for record in of_unit.measured if record["limit"]}
    return case.with_recorded(
        tuple(
            Criterion(name, name, None, limit_on(record["limit"], record["unit_of_value"])[0])
            for name, record in verified.items()
        )
    )


def with_recorded_criteria(plan: Plan, run: RunRecord) -> Plan:
    """A Python plan with the criteria that the record of a run of it tells; any other as it is."""
    cases = tuple(
        recorded_case(case, [data for data in run.cases if data.case == case.id]) for case in plan.cases
    )
    return replace(plan, cases=cases)


def with_criteria_found(plan: Plan, results: Sequence[Mapping[str, Any]]) -> Plan:
    """A Python plan with the criteria that ``results``, contents of results.json, have of it; any other as it is."""
    found: dict[str, dict[str, Criterion]] = {}
    for case in (case for result in results if result["plan"]["id"] == plan.id for case in result["cases"]):
        of_case = found.setdefault(str(case["id"]), {})
        for told in case["criteria"]:
            if (name := told["name"]) != ASSERTIONS.name:
                limit = Limit(told["limit_low"], told["limit_high"], told["unit"], told["limit"])
                of_case[name] = Criterion(name, name, None, limit)
    cases = tuple(
        case.with_recorded(tuple(found[case.id].values()))
        if isinstance(case, PythonCase) and case.id in found
        else case
        for case in plan.cases
    )
    return replace(plan, cases=cases)


def find_python(
    data: CaseData, case: PythonCase, unit: UnitFile, bench: BenchFile, reference_temperature_c: float
) -> Findings:
    """What the function stated, verified or not, and the assertions that did not hold."""
    messages = [str(record["message"]) for record in data.failed_assertions]
    found = Findings(
        set={"test": case.test, "reference_temperature_c": reference_temperature_c},
        counted={ASSERTIONS.name: (len(messages), "; ".join(messages))},
        unmeasured="the function did not come to it",
    )
    for record in data.measured:
        found.measurements[record["name"]] = _value(record, 1.0, record["unit_of_value"])
        if record["limit"]:
            limit, factor = limit_on(record["limit"], record["unit_of_value"])
            found.values[record["name"]] = _value(record, factor, limit.unit)
    return found


def _value(record: Record, factor: float, unit: str) -> Value:
    return Value(
        record["value"] * factor, unit, record["expanded_uncertainty"] * factor, record["coverage_factor"]
    )
