"""A plan file as pytest sees it: its cases, units and criteria; or one test that is skipped, where it cannot be."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rig.pytest_plugin.stash import (
    BAD_INPUT,
    BENCH_FILE,
    CHOSEN,
    PLANS,
    SKIPPED_PLANS,
    WARNINGS,
    CaseError,
    VerdictFailure,
    is_named,
    quarantined_by,
    session_of,
    tell_origin,
    verdict_line,
)

if TYPE_CHECKING:
    from rig.definitions.cases import Case
    from rig.definitions.limits import Criterion
    from rig.definitions.plan_file import Plan


class PlanNode(pytest.File):
    """One plan file."""

    def collect(self) -> Iterable[pytest.Item | pytest.Collector]:
        from rig.bench.fitting import why_not_on
        from rig.definitions.check import check_plan_on_bench
        from rig.definitions.plan_file import load_plan

        stash = self.config.stash
        if self.path not in stash[PLANS]:
            plan = load_plan(self.path)
            if not is_named(self.config, self.path) and (lacks := why_not_on(plan, stash[BENCH_FILE])):
                yield NotOnThisBench.from_parent(self, name=plan.id, reason="; ".join(lacks))
                return
            stash[WARNINGS] += check_plan_on_bench(plan, stash[BENCH_FILE])
            stash[PLANS][self.path] = plan
        plan = stash[PLANS][self.path]
        for case in plan.cases:
            yield CaseNode.from_parent(self, name=case.id, plan=plan, case=case)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        from rig.errors import RigError

        if isinstance(excinfo.value, RigError):
            self.config.stash[BAD_INPUT] = True
            return str(excinfo.value)
        return super().repr_failure(excinfo)


class NotOnThisBench(pytest.Item):
    """A plan of a folder that this bench cannot carry out: skipped, and said why."""

    def __init__(self, *, reason: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.add_marker(pytest.mark.skip(reason=f"not on this bench: {reason}"))
        self.config.stash[SKIPPED_PLANS].append(f"{self.path.name}: not on this bench: {reason}")

    def runtest(self) -> None:
        raise AssertionError("a plan that cannot be on this bench was begun")

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, 0, self.name  # pytest wants a line of whatever is skipped


class CaseNode(pytest.Collector):
    """One case of a plan."""

    def __init__(self, *, plan: Plan, case: Case, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.plan, self.case = plan, case

    def collect(self) -> Iterable[pytest.Collector]:
        for unit in self.config.stash[BENCH_FILE].units:
            yield UnitNode.from_parent(self, name=unit.serial)


class UnitNode(pytest.Collector):
    """One unit under test within a case."""

    def collect(self) -> Iterable[pytest.Item]:
        parent = self.parent
        assert isinstance(parent, CaseNode)
        for criterion in parent.case.criteria:
            yield CriterionItem.from_parent(
                self,
                name=criterion.name,
                plan=parent.plan,
                case=parent.case,
                criterion=criterion,
                unit=self.name,
            )


class CriterionItem(pytest.Item):
    """One criterion on one unit. Only PASS passes."""

    def __init__(self, *, plan: Plan, case: Case, criterion: Criterion, unit: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.plan, self.case, self.criterion, self.unit = plan, case, criterion, unit
        self._result: dict[str, Any] = {}

    @property
    def criterion_name(self) -> str:
        """As a quarantine file names it."""
        return f"{self.plan.id}::{self.case.id}::{self.unit}::{self.criterion.name}"

    def setup(self) -> None:
        from rig.errors import Aborted

        session = session_of(self)
        serials = self.config.stash[CHOSEN][self.path, self.case.id]
        self.user_properties += [("requirement", requirement) for requirement in self.case.verifies]
        try:
            self._result = session.result(self.plan, self.case, self.unit, serials)
        except Aborted as aborted:
            pytest.exit(f"aborted: {aborted}", returncode=2)
        tell_origin(self, session, self.unit)
        if self._result["outcome"] == "ERROR":
            raise CaseError(self._result["message"])

    def runtest(self) -> None:
        verdict = next(entry for entry in self._result["criteria"] if entry["name"] == self.criterion.name)
        for key in ("value", "unit", "expanded_uncertainty", "limit", "verdict"):
            if verdict[key] is not None:
                self.user_properties.append((key, verdict[key]))
        if verdict["verdict"] != "PASS":
            known = quarantined_by(self.config, [self.criterion_name])
            raise VerdictFailure(verdict_line(self.unit, verdict), known)
        if self._result["outcome"] == "FAIL" and not any(
            entry["verdict"] == "FAIL" for entry in self._result["criteria"]
        ):
            faults = [flag["message"] for flag in self._result["flags"] if flag["kind"] == "pump"]
            raise VerdictFailure(
                f"{self.unit} {self.case.id}: FAIL by a fault of the pump: {'; '.join(faults)}"
            )

    def reportinfo(self) -> tuple[Path, int | None, str]:
        line = self.plan.source.where(self.case.id).line or 1
        return self.path, line - 1, f"{self.case.id}::{self.unit}::{self.name}"
