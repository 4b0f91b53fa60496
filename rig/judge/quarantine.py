"""Which failures of a run are in quarantine. No verdict is changed by it: only what the night makes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rig.analysis.decision import Outcome
from rig.definitions.quarantine_file import matches
from rig.judge.findings import Result
from rig.record.case_data import RunRecord

# A rig that failed, or a run that was stopped, is never excused.
EXCUSABLE = (Outcome.CONDITIONAL_PASS, Outcome.INCONCLUSIVE, Outcome.CONDITIONAL_FAIL, Outcome.FAIL)
FINE = (Outcome.PASS, Outcome.SKIPPED)


def criterion_name(plan_id: str, case: Mapping[str, Any], criterion: Mapping[str, Any]) -> str:
    """``plan::case::unit::criterion``, as a quarantine file names it."""
    return f"{plan_id}::{case['id']}::{case['unit']}::{criterion['name']}"


def quarantine_of(run: RunRecord, plan_id: str, cases: Sequence[Result]) -> list[Result]:
    """``quarantine`` in results.json: each entry that the run was begun with, and the failures it covers."""
    records = [record for record in run.other if record["kind"] == "quarantine"]
    today = str(run.opened.get("today") or "")
    failures = [
        criterion_name(plan_id, case, criterion)
        for case in cases
        for criterion in case["criteria"]
        if criterion["verdict"] in EXCUSABLE
    ]
    found = []
    for entry in records[-1]["entries"] if records else ():
        expired = str(entry["expires"]) < today
        covered = [] if expired else [name for name in failures if matches(entry["criterion"], name)]
        found.append({**entry, "expired": expired, "covers": covered})
    return found


def quarantined(results: Mapping[str, Any]) -> dict[str, Result]:
    """The entry of each failure that is in quarantine, by the name of its criterion."""
    return {name: entry for entry in results.get("quarantine") or () for name in entry["covers"]}


def all_fine(results: Mapping[str, Any]) -> bool:
    """Whether every case passed, but for failures in quarantine."""
    covered = quarantined(results)
    plan_id = (results.get("plan") or {}).get("id", "")
    if not covered:
        return bool(results["outcome"] == Outcome.PASS)
    return results["outcome"] not in (Outcome.ERROR, Outcome.ABORTED) and all(
        case_is_fine(case, plan_id, covered) for case in results["cases"]
    )


def case_is_fine(case: Mapping[str, Any], plan_id: str, covered: Mapping[str, Any]) -> bool:
    """Whether a case passed, but for criteria in quarantine; a fault of the pump that no criterion tells counts."""
    if case["outcome"] in FINE:
        return True
    failed = [criterion for criterion in case["criteria"] if criterion["verdict"] not in FINE]
    return case["outcome"] in {criterion["verdict"] for criterion in failed} and all(
        criterion_name(plan_id, case, criterion) in covered for criterion in failed
    )
