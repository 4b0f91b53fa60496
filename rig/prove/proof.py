"""What is known when a plan was held against faults: what was caught, what escaped, which requirements that proves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rig.definitions.bench_file import BenchFile
from rig.definitions.cases import Case
from rig.definitions.limits import Criterion
from rig.definitions.plan_file import Plan
from rig.judge.trace import limits_criterion
from rig.prove.fault import DELIVERY, Fault
from rig.prove.faults import broken_by
from rig.prove.trying import PORTIONS, Tried
from rig.record.proof_file import SCHEMA, content_sha256


@dataclass(frozen=True)
class Proven:
    """What became of one fault: the sizes that were tried, rising; none where the plan is not about it.

    ``judged``: quantities that it breaks and that the plan judges. ``hidden``: its largest size that was not caught,
    tried together with a fault of the pump that it could hide, and which it must not make pass; None if not tried.
    ``again``: its largest size, beginning in another case, for a requirement of that case that nothing else had proven.
    """

    fault: Fault
    judged: frozenset[str] = frozenset()
    tried: tuple[Tried, ...] = ()
    hidden: Tried | None = None
    again: tuple[Tried, ...] = ()

    @property
    def smallest(self) -> Tried | None:
        """The smallest size that was caught."""
        return next((tried for tried in self.tried if tried.is_caught), None)

    @property
    def escape(self) -> str:
        """What is wrong, in words, if a fault that flips a verdict was not caught; else ""."""
        if self.hidden is not None and not self.hidden.is_caught:
            return "it hides a fault of the pump"
        if overlooked := [tried.overlooked for tried in (*self.tried, *self.again) if tried.overlooked]:
            return overlooked[0]
        is_weighed = self.judged <= DELIVERY and bool(self.judged & set(PORTIONS))
        if self.tried and self.smallest is None and self.fault.of == "pump" and not is_weighed:
            return f"judged and passed: {', '.join(sorted(self.judged))}"
        return ""

    @property
    def state(self) -> str:
        """ "caught", "escaped", "not about", "inside the limits" of what was delivered, "borne" (an instrument's)."""
        if not self.tried:
            return "not about"
        if self.escape:
            return "escaped"
        if self.smallest is not None:
            return "caught"
        return "borne" if self.fault.of == "instrument" else "inside the limits"


@dataclass(frozen=True)
class Covered:
    """A requirement that the plan claims to verify: names of faults of the pump that made a criterion for it FAIL, and
    of those that break such a criterion and did not.
    """

    id: str
    title: str
    caught: tuple[str, ...]
    not_caught: tuple[str, ...]


@dataclass(frozen=True)
class Proof:
    """All that was found of a plan. ``is_whole``: no fault was left out."""

    plan: Plan
    bench: BenchFile
    healthy: Tried
    proven: tuple[Proven, ...]
    is_whole: bool

    @property
    def covered(self) -> tuple[Covered, ...]:
        """Each requirement that a case names, in their order."""
        names = dict.fromkeys(name for case in self.plan.cases for name in case.verifies)
        return tuple(self._covered(name) for name in names)

    @property
    def holds(self) -> bool:
        """The healthy unit passes, nothing escapes, and each requirement has a fault caught by what verifies it."""
        if self.healthy.outcome != "PASS" or any(each.escape for each in self.proven):
            return False
        if self.is_whole:
            return bool(self.covered) and all(each.caught for each in self.covered)
        return any(each.smallest for each in self.proven)

    def _covered(self, name: str) -> Covered:
        places = {(case.id, criterion.name) for case, criterion in verifying(self.plan, name)}
        caught, not_caught = [], []
        for each in self.proven:
            failed = {
                (missed.case, missed.criterion)
                for tried in (*each.tried, *each.again)
                for missed in tried.missed
                if missed.verdict == "FAIL"
            }
            if each.fault.of == "pump" and failed & places:
                caught.append(each.fault.name)
            elif each.tried and any(
                (case.id, criterion.name) in places
                for case in self.plan.cases
                for criterion in broken_by(each.fault, case)
            ):
                not_caught.append(each.fault.name)
        stated = [one for found in self.plan.requirements for one in found.requirements if one.id == name]
        return Covered(name, stated[0].title if stated else "", tuple(caught), tuple(not_caught))


def verifying(plan: Plan, requirement_id: str) -> Iterator[tuple[Case, Criterion]]:
    """The criteria by which a plan verifies a requirement: those it limits; where it names none, all of the case."""
    stated = [one for found in plan.requirements for one in found.requirements if one.id == requirement_id]
    for case in plan.cases:
        if requirement_id in case.verifies:
            for criterion in case.criteria:
                if not stated or not stated[0].quantity or limits_criterion(stated[0], case, criterion):
                    yield case, criterion


def as_json(proof: Proof) -> dict[str, Any]:
    """What a run folder and a report keep of it."""
    return {
        "schema": SCHEMA,
        "plan": {
            "id": proof.plan.id,
            "revision": proof.plan.revision,
            "content_sha256": _content(proof.plan),
        },
        "bench": {"id": proof.bench.id, "content_sha256": _content(proof.bench)},
        "healthy": proof.healthy.outcome,
        "holds": proof.holds,
        "faults": [_fault(each) for each in proof.proven],
        "requirements": [
            {
                "id": each.id,
                "title": each.title,
                "caught": list(each.caught),
                "not_caught": list(each.not_caught),
            }
            for each in proof.covered
        ],
    }


def _content(of: Plan | BenchFile) -> str:
    return content_sha256(of.source.text)


def _fault(each: Proven) -> dict[str, Any]:
    smallest = each.smallest
    return {
        "name": each.fault.name,
        "words": each.fault.words,
        "of": each.fault.of,
        "unit": each.fault.unit,
        "state": each.state,
        "escape": each.escape,
        "smallest_caught": smallest.size if smallest else None,
        "outcome": smallest.outcome if smallest else ("PASS" if each.tried else None),
        "caught_by": list(smallest.caught_by) if smallest else [],
        "tried": [{"size": tried.size, "outcome": tried.outcome} for tried in each.tried],
    }


def judged_by(cases: Sequence[Case], fault: Fault) -> frozenset[str]:
    """The quantities that a fault breaks and these cases judge."""
    return frozenset(criterion.quantity for case in cases for criterion in broken_by(fault, case))
