"""The pytest plugin: plan files are test files, each criterion on each unit is a test.

``pytest test_plans --bench FILE`` collects ``*.plan.toml`` beside ordinary ``test_*.py``; both share the bench. The
first criterion of a case carries the case out on all selected units at once; the others read their verdicts from the
same record. What is shared lies in ``config.stash``, since an item that is not a function gets no fixtures.
"""

from __future__ import annotations

import argparse
import getpass
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from rig.bench.open import Bench
    from rig.definitions.bench_file import BenchFile
    from rig.definitions.cases import Case
    from rig.definitions.limits import Criterion
    from rig.definitions.plan_file import Plan
    from rig.run.session import Session

PLAN_SUFFIX = ".plan.toml"

BENCH_FILE: pytest.StashKey[BenchFile] = pytest.StashKey()
SESSION: pytest.StashKey[Session] = pytest.StashKey()
TROUBLES: pytest.StashKey[list[str]] = (
    pytest.StashKey()
)  # what `rig run` must tell, since pytest is silent there


class VerdictFailure(Exception):
    """A criterion that did not pass: a verdict about the pump, not a defect of the rig."""


class CaseError(Exception):
    """The rig could not carry the case out: an error, never a verdict."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("infusion-rig", "infusion pump test rig")
    group.addoption("--bench", metavar="FILE", help="bench file; needed to collect *.plan.toml")
    group.addoption(
        "--runs", metavar="DIR", default="runs", help="where run folders are made (default: runs)"
    )
    group.addoption(
        "--operator", metavar="NAME", default=None, help="who is named in the record (default: login)"
    )
    group.addoption("--rig-summary", metavar="FILE", default=None, help=argparse.SUPPRESS)


def pytest_configure(config: pytest.Config) -> None:
    config.stash[TROUBLES] = []
    if config.getoption("--bench"):
        from rig.bench.open import check_instruments
        from rig.definitions.bench_file import load_bench
        from rig.errors import DefinitionError

        try:
            config.stash[BENCH_FILE] = load_bench(Path(config.getoption("--bench")))
            check_instruments(config.stash[BENCH_FILE])
        except DefinitionError as error:
            raise pytest.UsageError(str(error)) from None


def pytest_report_header(config: pytest.Config) -> str | None:
    bench_file = config.stash.get(BENCH_FILE, None)
    if bench_file is None:
        return None
    return f"infusion-rig: bench '{bench_file.id}', {len(bench_file.units)} units"


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    if not file_path.name.endswith(PLAN_SUFFIX):
        return None
    if BENCH_FILE in parent.config.stash:
        return PlanNode.from_parent(parent, path=file_path)
    if any(Path(str(argument).split("::")[0]).resolve() == file_path for argument in parent.config.args):
        raise pytest.UsageError(f"{file_path.name}: a plan needs a bench, add --bench FILE")
    return None


class PlanNode(pytest.File):
    """One plan file."""

    def collect(self) -> Iterable[pytest.Collector]:
        from rig.definitions.check import check_plan_on_bench
        from rig.definitions.plan_file import load_plan

        plan = load_plan(self.path)
        bench_file = self.config.stash[BENCH_FILE]
        check_plan_on_bench(plan, bench_file)
        for case in plan.cases:
            yield CaseNode.from_parent(self, name=case.id, plan=plan, case=case)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        from rig.errors import RigError

        if isinstance(excinfo.value, RigError):
            return str(excinfo.value)
        return super().repr_failure(excinfo)


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

    def setup(self) -> None:
        from rig.errors import Aborted

        session = _session(self)
        serials = _serials_of_case(self.session.items, self.plan, self.case)
        try:
            self._result = session.result(self.plan, self.case, self.unit, serials)
        except Aborted as aborted:
            pytest.exit(f"aborted: {aborted}", returncode=2)
        if self._result["outcome"] == "ERROR":
            raise CaseError(self._result["message"])

    def runtest(self) -> None:
        verdict = next(entry for entry in self._result["criteria"] if entry["name"] == self.criterion.name)
        for key in ("value", "unit", "expanded_uncertainty", "limit", "verdict"):
            self.user_properties.append((key, verdict[key]))
        if verdict["verdict"] != "PASS":
            raise VerdictFailure(verdict_line(self.unit, verdict))

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, None, f"{self.case.id}::{self.unit}::{self.name}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What a person needs of a verdict or of a broken rig is one line; a mistake of ours keeps its traceback."""
    from rig.errors import RigError

    report = yield
    if isinstance(item, CriterionItem) and report.failed and call.excinfo is not None:
        if isinstance(call.excinfo.value, (VerdictFailure, CaseError, RigError)):
            report.longrepr = str(call.excinfo.value)
        else:
            item.config.stash[TROUBLES].append(f"{item.nodeid}: {report.longreprtext}")
    return report


def verdict_line(unit: str, verdict: dict[str, Any]) -> str:
    """One criterion as a line a person reads."""
    line = f"{unit} {verdict['name']}: {verdict['verdict']}"
    if verdict["value"] is not None:
        line += f", {verdict['value']:+.3g} {verdict['unit']}"
    if verdict["expanded_uncertainty"] is not None:
        line += f" ± {verdict['expanded_uncertainty']:.2g} {verdict['unit']}"
    line += f", limit {verdict['limit']}"
    return f"{line} ({verdict['reason']})" if verdict.get("reason") else line


def _serials_of_case(items: Iterable[pytest.Item], plan: Plan, case: Case) -> list[str]:
    """The units of one case that the selection needs, in the order of the bench."""
    chosen = [item for item in items if isinstance(item, CriterionItem)]
    return list(dict.fromkeys(item.unit for item in chosen if item.plan is plan and item.case is case))


def _session(item: pytest.Item) -> Session:
    """The session on the bench, made at the first need for just the units that are needed."""
    config = item.config
    if SESSION not in config.stash:
        from rig.run.session import Session

        bench_file = config.stash[BENCH_FILE]
        needed = {other.unit for other in item.session.items if isinstance(other, CriterionItem)}
        if any("bench" in getattr(other, "fixturenames", ()) for other in item.session.items):
            needed = {unit.serial for unit in bench_file.units}
        config.stash[SESSION] = Session(
            bench_file,
            runs_dir=Path(config.getoption("--runs")),
            operator=config.getoption("--operator") or getpass.getuser(),
            serials=[unit.serial for unit in bench_file.units if unit.serial in needed],
            show_progress=config.getoption("--rig-summary") is not None,
        )
    return config.stash[SESSION]


@pytest.fixture
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """The open bench, shared with the plans of this pytest session; every pump ends in its safe state."""
    if BENCH_FILE not in request.config.stash:
        pytest.skip("no bench: add --bench FILE")
    session = _session(request.node)
    yield session.bench
    failures = session.to_safe_state("end of the test")
    if failures:
        pytest.fail("\n".join(failures), pytrace=False)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    config = session.config
    summary: dict[str, Any] = {"folders": [], "errors": config.stash.get(TROUBLES, [])}
    if SESSION in config.stash:
        rig_session = config.stash[SESSION]
        rig_session.finish(reason="interrupted" if exitstatus == pytest.ExitCode.INTERRUPTED else "")
        summary["folders"] = [str(folder) for folder, _ in rig_session.closed]
        if rig_session.failure is not None:
            summary["errors"].append(str(rig_session.failure))
            summary["exit_status"] = rig_session.failure.exit_status
    if (summary_file := config.getoption("--rig-summary")) is not None:
        import json

        Path(summary_file).write_text(json.dumps(summary), encoding="utf-8")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    config = terminalreporter.config
    if SESSION in config.stash:
        for folder, results in config.stash[SESSION].closed:
            terminalreporter.write_line(f"infusion-rig: {results['outcome']}  {folder}")
