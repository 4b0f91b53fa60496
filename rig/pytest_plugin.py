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
PLANS: pytest.StashKey[dict[Path, Plan]] = pytest.StashKey()  # by file, however often pytest makes its node
CHOSEN: pytest.StashKey[dict[tuple[Path, str], list[str]]] = pytest.StashKey()  # units of each plan's case
LEFT_OUT: pytest.StashKey[list[Path]] = pytest.StashKey()  # plans not collected for want of a bench
WARNINGS: pytest.StashKey[list[str]] = pytest.StashKey()
TROUBLES: pytest.StashKey[list[str]] = pytest.StashKey()  # for `rig run`, where pytest itself is silent


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
    if config.getoption("--rig-summary") is not None:  # a child of `rig run`, which does nothing but this
        from rig.run.signals import end_with_parent, note_signals

        note_signals()
        end_with_parent()
    for texts in (WARNINGS, TROUBLES):
        config.stash[texts] = []
    config.stash[PLANS], config.stash[CHOSEN], config.stash[LEFT_OUT] = {}, {}, []
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
    parent.config.stash[LEFT_OUT].append(file_path)
    return None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Bring the items of a plan together, and of a case in it, whoever ordered or picked them: a plan is one run."""
    first: dict[object, int] = {}
    for index, item in enumerate(items):
        if isinstance(item, CriterionItem):
            first.setdefault(item.path, index)
            first.setdefault((item.path, item.case.id), index)

    def place(numbered: tuple[int, pytest.Item]) -> tuple[int, int]:
        index, item = numbered
        if isinstance(item, CriterionItem):
            return first[item.path], first[item.path, item.case.id]
        return index, index

    items[:] = [item for _, item in sorted(enumerate(items), key=place)]


def pytest_collection_finish(session: pytest.Session) -> None:
    """Now it is known what was chosen: by files, by -k, by marks."""
    stash = session.config.stash
    if not session.items and stash[LEFT_OUT]:
        names = ", ".join(path.name for path in stash[LEFT_OUT])
        raise pytest.UsageError(f"{names}: a plan needs a bench, add --bench FILE")
    chosen = {
        (item.path, item.case.id, item.unit) for item in session.items if isinstance(item, CriterionItem)
    }
    for path, case_id in dict.fromkeys((path, case_id) for path, case_id, _ in chosen):
        serials = [unit.serial for unit in stash[BENCH_FILE].units]
        stash[CHOSEN][path, case_id] = [serial for serial in serials if (path, case_id, serial) in chosen]
    if stash[CHOSEN]:
        from rig.definitions.check_together import check_plans_together
        from rig.errors import DefinitionError

        plans = [stash[PLANS][path] for path in dict.fromkeys(path for path, _ in stash[CHOSEN])]
        try:
            stash[WARNINGS] += check_plans_together(plans, stash[BENCH_FILE])
        except DefinitionError as error:
            raise pytest.UsageError(str(error)) from None


def pytest_report_collectionfinish(config: pytest.Config) -> list[str]:
    lines = [f"infusion-rig: warning: {warning}" for warning in config.stash[WARNINGS]]
    if config.stash[LEFT_OUT]:
        names = ", ".join(path.name for path in config.stash[LEFT_OUT])
        lines.append(f"infusion-rig: not collected, a plan needs --bench FILE: {names}")
    return lines


class PlanNode(pytest.File):
    """One plan file."""

    def collect(self) -> Iterable[pytest.Collector]:
        from rig.definitions.check import check_plan_on_bench
        from rig.definitions.plan_file import load_plan

        stash = self.config.stash
        if self.path not in stash[PLANS]:
            plan = load_plan(self.path)
            stash[WARNINGS] += check_plan_on_bench(plan, stash[BENCH_FILE])
            stash[PLANS][self.path] = plan
        plan = stash[PLANS][self.path]
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
        serials = self.config.stash[CHOSEN][self.path, self.case.id]
        self.user_properties += [("requirement", requirement) for requirement in self.case.verifies]
        try:
            self._result = session.result(self.plan, self.case, self.unit, serials)
        except Aborted as aborted:
            pytest.exit(f"aborted: {aborted}", returncode=2)
        self.user_properties.append(("rehearsal", session.rehearsal))
        if self._result["outcome"] == "ERROR":
            raise CaseError(self._result["message"])

    def runtest(self) -> None:
        verdict = next(entry for entry in self._result["criteria"] if entry["name"] == self.criterion.name)
        for key in ("value", "unit", "expanded_uncertainty", "limit", "verdict"):
            if verdict[key] is not None:
                self.user_properties.append((key, verdict[key]))
        if verdict["verdict"] != "PASS":
            raise VerdictFailure(verdict_line(self.unit, verdict))
        if self._result["outcome"] == "FAIL" and not any(
            entry["verdict"] == "FAIL" for entry in self._result["criteria"]
        ):
            faults = [flag["message"] for flag in self._result["flags"] if flag["kind"] == "pump"]
            raise VerdictFailure(
                f"{self.unit} {self.case.id}: FAIL by a fault of the pump: {'; '.join(faults)}"
            )

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


def _session(item: pytest.Item) -> Session:
    """The session on the bench, made at the first need for just the units that are needed."""
    config = item.config
    if SESSION not in config.stash:
        from rig.run.progress import Planned
        from rig.run.session import Session
        from rig.run.signals import interrupt_on_signals

        if config.getoption("--rig-summary") is None:
            interrupt_on_signals()
        bench_file = config.stash[BENCH_FILE]
        needed = {serial for serials in config.stash[CHOSEN].values() for serial in serials}
        if any("bench" in getattr(other, "fixturenames", ()) for other in item.session.items):
            needed = {unit.serial for unit in bench_file.units}
        config.stash[SESSION] = Session(
            bench_file,
            runs_dir=Path(config.getoption("--runs")),
            operator=config.getoption("--operator") or _login(),
            serials=[unit.serial for unit in bench_file.units if unit.serial in needed],
            planned=Planned(_planned_s(config)) if config.getoption("--rig-summary") is not None else None,
            chosen=config.stash[CHOSEN],
        )
    return config.stash[SESSION]


def _planned_s(config: pytest.Config) -> float:
    chosen = config.stash[CHOSEN]
    return sum(config.stash[PLANS][path].case(case_id).duration_s for path, case_id in chosen)


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user id without a name, as in containers
        return "unknown"


@pytest.fixture
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """The open bench, shared with the plans of this pytest session; every pump ends in its safe state."""
    if BENCH_FILE not in request.config.stash:
        pytest.skip("no bench: add --bench FILE")
    from rig.errors import RigError

    session = _session(request.node)
    try:
        session.close_run()  # what this test does is no part of a plan's record
        opened = session.bench
    except RigError as error:
        pytest.fail(str(error), pytrace=False)
    with session.watched():
        yield opened
    failures = session.to_safe_state("end of the test")
    if failures:
        pytest.fail("\n".join(failures), pytrace=False)


@pytest.hookimpl(trylast=True)  # fixtures are torn down in this hook, and need the bench for it
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    from rig.errors import EXIT_ABORTED, EXIT_RIG_FAILED, RigError

    config = session.config
    summary: dict[str, Any] = {"folders": [], "errors": config.stash[TROUBLES]}
    if SESSION in config.stash:
        rig_session = config.stash[SESSION]
        try:
            rig_session.finish(reason := _why_it_ended(session, exitstatus))
            if reason:
                summary["exit_status"] = session.exitstatus = EXIT_ABORTED
        except RigError as error:
            summary["errors"].append(str(error))
            summary["exit_status"] = session.exitstatus = EXIT_RIG_FAILED
            if (terminal := config.pluginmanager.get_plugin("terminalreporter")) is not None:
                terminal.write_line(f"infusion-rig: {error}", red=True)
        summary["folders"] = [str(folder) for folder, _ in rig_session.closed]
        if rig_session.failure is not None:
            summary["errors"].append(str(rig_session.failure))
            summary["exit_status"] = rig_session.failure.exit_status
    if (summary_file := config.getoption("--rig-summary")) is not None:
        import json

        Path(summary_file).write_text(json.dumps(summary), encoding="utf-8")


def _why_it_ended(session: pytest.Session, exitstatus: int) -> str:
    """Why the open run ends before its time; "" if all that was chosen is done."""
    from rig.run.signals import noted_reason

    if exitstatus == pytest.ExitCode.INTERRUPTED:
        return noted_reason() or "interrupted"
    stopped = session.shouldfail or session.shouldstop  # as with -x and --maxfail
    if not stopped:
        return ""
    config = session.config
    for path, plan in config.stash[PLANS].items():
        chosen = [case_id for of, case_id in config.stash[CHOSEN] if of == path]
        if config.stash[SESSION].is_unfinished(plan, chosen):
            return f"ended by pytest: {stopped}"
    return ""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    config = terminalreporter.config
    if SESSION in config.stash:
        for folder, results in config.stash[SESSION].closed:
            terminalreporter.write_line(f"infusion-rig: {results['outcome']}  {folder}")
