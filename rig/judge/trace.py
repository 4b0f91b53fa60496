"""Which case verifies which requirement, what became of it, and where these do not meet hazards, limits, each other.

Pure: plans with the requirement sets they name, and the results of runs, in; rows and findings out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from rig.analysis.decision import Outcome, worst
from rig.definitions.cases import Case
from rig.definitions.limits import Criterion, Limit
from rig.definitions.plan_file import Plan
from rig.definitions.requirements.limits_in_words import as_limit, limits_in
from rig.definitions.requirements.requirement_set import Hazard, Requirement
from rig.errors import Where, did_you_mean

_SLACK = 1e-9  # of a limit: what is written equal counts as equal
Place = tuple[str, str]  # plan, case


class Gap(StrEnum):
    """What can be wrong with a trace."""

    UNTESTED = "requirement without a test"
    UNKNOWN = "test without a requirement"
    IDLE = "case that verifies nothing"
    CONTRADICTION = "contradictory limits"
    UNTESTED_LIMIT = "limit that is not tested"
    UNCONTROLLED = "hazard without a control"
    UNKNOWN_HAZARD = "hazard that is not listed"


@dataclass(frozen=True)
class Finding:
    """One thing that does not meet: ``about`` is the id of the requirement, hazard or case."""

    gap: Gap
    about: str
    message: str
    where: Where


@dataclass(frozen=True)
class Row:
    """One requirement: ``cases`` verify it; ``requirement`` is None where no set has it.

    ``verdict`` is the worst of the criteria of these cases on all units that took part, at best INCONCLUSIVE while
    one of them was not carried out; None while none was.
    """

    id: str
    requirement: Requirement | None
    cases: tuple[Place, ...]
    verdict: Outcome | None


@dataclass(frozen=True)
class Trace:
    """Rows in the order of the sets, then what only cases name; findings in the order of ``Gap``.

    ``not_compared``: requirements with a limit that are verified by a case whose criteria are not known before a run.
    """

    rows: tuple[Row, ...]
    findings: tuple[Finding, ...]
    not_compared: tuple[str, ...] = ()


def trace(plans: Sequence[Plan], results: Sequence[Mapping[str, Any]] = ()) -> Trace:
    """The matrix of ``plans``; ``results``: contents of results.json of runs of these plans."""
    stated: dict[str, Requirement] = {}
    hazards: dict[str, Hazard] = {}
    findings: list[Finding] = []
    for found in (found for plan in plans for found in plan.requirements):
        hazards = {hazard.id: hazard for hazard in found.hazards} | hazards
        for requirement in found.requirements:
            other = stated.setdefault(requirement.id, requirement)
            if other.sha256 != requirement.sha256:
                message = f"it reads otherwise in {other.where}"
                findings.append(_finding(Gap.CONTRADICTION, requirement, message))
    cases: dict[str, list[tuple[Plan, Case]]] = {name: [] for name in stated}
    for plan in plans:
        for case in plan.cases:
            for name in case.verifies:
                cases.setdefault(name, []).append((plan, case))
    for name, requirement in stated.items():
        if not cases[name]:
            findings.append(_finding(Gap.UNTESTED, requirement, "no case verifies it"))
        findings += _limit_findings(requirement, [case for _, case in cases[name]])
    findings += [*_case_findings(plans), *_between(list(stated.values()))]
    findings += _hazard_findings(list(stated.values()), hazards)
    outcomes = _outcomes(results)
    rows = [
        Row(
            name,
            stated.get(name),
            tuple(dict.fromkeys((plan.id, case.id) for plan, case in found)),
            _verdict([(plan.id, case.id) for plan, case in found], outcomes),
        )
        for name, found in cases.items()
    ]
    order = list(Gap)
    not_compared = tuple(
        name
        for name, requirement in stated.items()
        if stated_limit(requirement) and not all(case.criteria_are_known for _, case in cases[name])
    )
    ordered = sorted(findings, key=lambda finding: order.index(finding.gap))
    return Trace(tuple(rows), tuple(ordered), not_compared)


def stated_limit(requirement: Requirement) -> str:
    """The one limit a requirement states, as plans write it: in the field for it, else in its text; "" if none."""
    found = limits_in(requirement.limit) if requirement.limit else limits_in(requirement.text)
    return found[0] if len(found) == 1 else ""


def _finding(gap: Gap, requirement: Requirement, message: str) -> Finding:
    return Finding(gap, requirement.id, message, requirement.where)


def _case_findings(plans: Sequence[Plan]) -> Iterator[Finding]:
    for plan in plans:
        known = {requirement.id for found in plan.requirements for requirement in found.requirements}
        for case in plan.cases if plan.requirements else ():
            where = plan.source.where(case.id, "verifies")
            if not case.verifies:
                yield Finding(Gap.IDLE, case.id, "the case verifies no requirement", where)
            for name in case.verifies:
                if name not in known:
                    names = ", ".join(found.name for found in plan.requirements)
                    near = did_you_mean(name, known)
                    said = f"case '{case.id}' verifies it, but it is not in {names}" + (
                        f" ({near})" if near else ""
                    )
                    yield Finding(Gap.UNKNOWN, name, said, where)


def _limit_findings(requirement: Requirement, cases: Sequence[Case]) -> Iterator[Finding]:
    """A requirement against itself, and against the criteria of the cases that verify it."""
    in_text, text = limits_in(requirement.text), stated_limit(requirement)
    if requirement.limit and not text:
        message = f"its limit {requirement.limit[:60]!r} is not written as plans write limits: compared with nothing"
        yield _finding(Gap.UNTESTED_LIMIT, requirement, message)
    if not text:
        return
    if requirement.limit and len(in_text) == 1 and _differ(as_limit(text), as_limit(in_text[0])):
        yield _finding(
            Gap.CONTRADICTION, requirement, f"its text says '{in_text[0]}', its limit says '{text}'"
        )
    matching = [
        (case, criterion)
        for case in cases
        for criterion in case.criteria
        if limits_criterion(requirement, case, criterion)
    ]
    if requirement.quantity:
        if cases and not matching and all(case.criteria_are_known for case in cases):
            message = (
                f"it limits {requirement.quantity[:60]!r}, a criterion that no case that verifies it has"
            )
            yield _finding(Gap.UNTESTED_LIMIT, requirement, message)
        for case, criterion in matching:
            yield from _against(requirement, text, case, [criterion])
    else:
        for case in cases:
            alike = [one for one in case.criteria if as_limit(text, one.limit.unit) is not None]
            yield from _against(requirement, text, case, alike)


def _against(
    requirement: Requirement, text: str, case: Case, criteria: Sequence[Criterion]
) -> Iterator[Finding]:
    """One finding if every one of ``criteria`` accepts more than the requirement does."""
    accepted = [f"{criterion.name} {criterion.limit.text}" for criterion in criteria]
    limits = [as_limit(text, criterion.limit.unit) for criterion in criteria]
    told = f"it demands '{text}', case '{case.id}' accepts {', '.join(accepted)}"
    if any(limit is None for limit in limits):
        yield _finding(Gap.CONTRADICTION, requirement, f"{told}: the units cannot be compared")
    elif criteria and all(
        _is_wider(criterion.limit, limit)
        for criterion, limit in zip(criteria, limits, strict=True)
        if limit is not None
    ):
        yield _finding(Gap.CONTRADICTION, requirement, f"{told}: wider")


def limits_criterion(requirement: Requirement, case: Case, criterion: Criterion) -> bool:
    """Whether this criterion of a case is what the requirement limits."""
    procedure, name, _ = _key(requirement)
    return name in (criterion.name.lower(), criterion.quantity.lower()) and procedure in ("", case.procedure)


def _key(requirement: Requirement) -> tuple[str, str, str]:
    """Procedure ("": any), quantity and condition of a limit."""
    procedure, _, name = requirement.quantity.strip().lower().rpartition(".")
    return procedure, name, requirement.condition.strip().lower()


def _between(requirements: Sequence[Requirement]) -> Iterator[Finding]:
    """Requirements that limit one quantity, under one condition, differently: each against the first."""
    first: dict[tuple[str, str, str], Requirement] = {}
    for requirement in requirements:
        text, key = stated_limit(requirement), _key(requirement)
        if not text or not requirement.quantity:
            continue
        others = [first.setdefault(key, requirement), first.get(("", *key[1:]), requirement)]
        for other in {other.id: other for other in others if other is not requirement}.values():
            theirs = stated_limit(other)
            if _differ(as_limit(text), as_limit(theirs)):
                message = (
                    f"it demands '{text}' of {requirement.quantity[:60]!r}, {other.id} demands '{theirs}'"
                )
                yield _finding(Gap.CONTRADICTION, requirement, message)


def _hazard_findings(requirements: Sequence[Requirement], hazards: Mapping[str, Hazard]) -> Iterator[Finding]:
    named = {hazard for requirement in requirements for hazard in requirement.hazards}
    for hazard in hazards.values():
        if hazard.id not in named:
            yield Finding(Gap.UNCONTROLLED, hazard.id, "no requirement controls this hazard", hazard.where)
    for requirement in requirements if hazards else ():
        for name in requirement.hazards:
            if name not in hazards:
                message = f"it controls the hazard {name[:60]!r}, which no set lists"
                yield _finding(Gap.UNKNOWN_HAZARD, requirement, message)


def _ends(limit: Limit) -> tuple[float, float]:
    low = -math.inf if limit.low is None else limit.low
    return low, math.inf if limit.high is None else limit.high


def _is_wider(limit: Limit, than: Limit) -> bool:
    (low, high), (least, most) = _ends(limit), _ends(than)
    return low < least - _SLACK * max(1.0, abs(least)) or high > most + _SLACK * max(1.0, abs(most))


def _differ(one: Limit | None, other: Limit | None) -> bool:
    if one is None or other is None or one.unit != other.unit:
        return True
    return _is_wider(one, other) or _is_wider(other, one)


def _outcomes(results: Sequence[Mapping[str, Any]]) -> dict[Place, list[Outcome | None]]:
    """By plan and case: the outcome on each unit that took part in a run, None where it was not carried out."""
    found: dict[Place, list[Outcome | None]] = {}
    for result in results:
        plan = str((result.get("plan") or {}).get("id"))
        by_case = {(str(case["id"]), str(case["unit"])): Outcome(case["outcome"]) for case in result["cases"]}
        units = list(dict.fromkeys(unit for _, unit in by_case))
        for case in dict.fromkeys(case for case, _ in by_case):
            found.setdefault((plan, case), []).extend(by_case.get((case, unit)) for unit in units)
    return found


def _verdict(places: Sequence[Place], outcomes: Mapping[Place, Sequence[Outcome | None]]) -> Outcome | None:
    got = [outcome for place in places for outcome in outcomes.get(place, [None])]
    carried_out = [outcome for outcome in got if outcome is not None]
    if not carried_out:
        return None
    return worst(carried_out if len(carried_out) == len(got) else [*carried_out, Outcome.INCONCLUSIVE])


def requirement_row(row: Row) -> dict[str, Any]:
    """An entry of ``requirements`` in results.json, JSON-able; ``cases`` without the plan, which is one there."""
    stated = row.requirement
    return {
        "id": row.id,
        "title": stated.title if stated else "",
        "text": stated.text if stated else "",
        "limit": stated_limit(stated) or stated.limit if stated else "",
        "quantity": stated.quantity if stated else "",
        "hazards": list(stated.hazards) if stated else [],
        "source": stated.source if stated else None,
        "sha256": stated.sha256 if stated else None,
        "verdict": row.verdict,
        "cases": [case for _, case in row.cases],
    }
