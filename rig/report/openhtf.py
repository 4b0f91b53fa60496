"""The results of one unit in the shape of OpenHTF's test record, for the servers that collect those.

Source of the shape: ``openhtf.core.test_record.TestRecord`` as ``openhtf.output.callbacks.json_factory`` writes it
(openhtf 1.6). A case is a phase, a criterion a measurement. OpenHTF knows no conditional verdict: whatever is not PASS
is FAIL there, and our own word stands in ``outcome_details`` and in the measurement's ``docstring``.
"""

from __future__ import annotations

from typing import Any

from rig.report.numbers import utc

Results = dict[str, Any]
OUTCOMES = {"PASS": "PASS", "ERROR": "ERROR", "ABORTED": "ABORTED"}  # all others: FAIL
NO_SOURCE = {"name": "", "docstring": None, "sourcecode": ""}
PERCENT = {"name": "percent", "code": "P1", "suffix": "pct"}


def openhtf_record(results: Results, unit: Results) -> Results:
    """One test record, JSON-able. ``unit`` is an entry of ``units`` in the results."""
    cases = [case for case in results["cases"] if case["unit"] == unit["serial"]]
    began = utc(str(results["started_utc"]))
    zero_ms = 0 if began is None else round(began.timestamp() * 1000)
    plan = results["plan"]
    return {
        "dut_id": unit["serial"],
        "station_id": results["bench"]["id"],
        "start_time_millis": zero_ms,
        "end_time_millis": zero_ms + round(1000 * results["finished_s"]),
        "outcome": OUTCOMES.get(unit["outcome"], "FAIL"),
        "outcome_details": [
            {"code": case["outcome"], "description": f"{case['id']}: {case['message']}"}
            for case in cases
            if case["outcome"] != "PASS"
        ],
        "marginal": unit["outcome"] in ("CONDITIONAL_PASS", "CONDITIONAL_FAIL"),
        "metadata": {
            "test_name": plan["id"],
            "test_version": plan["revision"],
            "test_description": plan["title"],
            "config": {"station_id": results["bench"]["id"]},
            "run_id": results["run_id"],
            "rehearsal": results["rehearsal"],
            "operator": results["operator"],
            "part_number": unit["model"],
            "firmware": unit["firmware"],
            "software": results["software"],
        },
        "phases": [_phase(case, zero_ms) for case in cases],
        "subtests": [],
        "branches": [],
        "checkpoints": [],
        "diagnosers": [],
        "diagnoses": [],
        "log_records": [],
        "code_info": NO_SOURCE,
    }


def _phase(case: Results, zero_ms: int) -> Results:
    outcome = "SKIP" if case["outcome"] == "SKIPPED" else OUTCOMES.get(case["outcome"], "FAIL")
    return {
        "name": case["id"],
        "outcome": "ERROR" if outcome == "ABORTED" else outcome,
        "start_time_millis": zero_ms + round(1000 * case["started_s"]),
        "end_time_millis": zero_ms + round(1000 * case["finished_s"]),
        "result": {"phase_result": "CONTINUE" if case["ended"] == "completed" else "STOP"},
        "marginal": case["outcome"] in ("CONDITIONAL_PASS", "CONDITIONAL_FAIL"),
        "measurements": {criterion["name"]: _measurement(criterion) for criterion in case["criteria"]}
        | {
            name: _unjudged(name, found)
            for name, found in case["measurements"].items()
            if name not in _names(case)
        },
        "attachments": {},
        "diagnosers": [],
        "diagnosis_results": [],
        "failure_diagnosis_results": [],
        "options": {"name": None},
        "subtest_name": None,
        "descriptor_id": 0,
        "codeinfo": {**NO_SOURCE, "name": case["procedure"]},
    }


def _names(case: Results) -> set[str]:
    return {criterion["name"] for criterion in case["criteria"]}


def _measurement(criterion: Results) -> Results:
    told = {
        "name": criterion["name"],
        "outcome": "PASS" if criterion["verdict"] == "PASS" else "FAIL",
        "validators": [criterion["limit"]] if criterion["limit"] else [],
        "docstring": f"verdict {criterion['verdict']}{_uncertainty(criterion)}",
        "marginal": criterion["verdict"] in ("CONDITIONAL_PASS", "CONDITIONAL_FAIL"),
    }
    if criterion["value"] is None:
        return told | ({} if criterion["verdict"] == "PASS" else {"outcome": "UNSET"})
    return told | {"measured_value": criterion["value"]} | _units(criterion["unit"])


def _unjudged(name: str, found: Results) -> Results:
    told = {
        "name": name,
        "outcome": "PASS",
        "validators": [],
        "docstring": f"not judged{_uncertainty(found)}",
    }
    return told | {"measured_value": found["value"]} | _units(found["unit"])


def _uncertainty(found: Results) -> str:
    expanded, k = found.get("expanded_uncertainty"), found.get("coverage_factor")
    return "" if expanded is None else f", U {expanded!r} {found['unit']}, k {k!r}"


def _units(unit: str | None) -> Results:
    if not unit:
        return {}
    return {"units": PERCENT if unit == "%" else {"name": unit, "code": "", "suffix": unit}}
