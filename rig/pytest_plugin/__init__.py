"""The pytest plugin: plan files are test files, each criterion on each unit is a test; so are Python plans.

``pytest test_plans --bench FILE`` collects ``*.plan.toml`` beside ``test_*.py``; all share the bench. The first
criterion of a case carries the case out on all selected units at once; the others read their verdicts from the same
record. A test function that asks for one of the rig's fixtures is a case of a Python plan
(:mod:`rig.pytest_plugin.python_plans`). What is shared lies in ``config.stash``, since an item that is not a function
gets no fixtures.
"""

from __future__ import annotations

import argparse
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from rig.definitions.user_file import PLAN_SUFFIX
from rig.pytest_plugin.choosing import before_choice, bring_together, once_chosen
from rig.pytest_plugin.fixtures import balance, bench, clock, pump, record, rig_case, unit, verify
from rig.pytest_plugin.plan_nodes import CriterionItem, PlanNode
from rig.pytest_plugin.python_plans import RIG_CASE, is_python_case, parametrize_units, plan_mark_help
from rig.pytest_plugin.stash import (
    BAD_INPUT,
    BENCH_FILE,
    CHOSEN,
    LEFT_OUT,
    PLANS,
    PYTHON_PROBLEMS,
    QUARANTINE,
    QUARANTINE_TROUBLES,
    QUARANTINED,
    SESSION,
    SKIPPED_PLANS,
    TROUBLES,
    WARNINGS,
    CaseError,
    VerdictFailure,
)

__all__ = ["balance", "bench", "clock", "pump", "record", "rig_case", "unit", "verify"]


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("infusion-rig", "infusion pump test rig")
    group.addoption("--bench", metavar="FILE", help="bench file; needed to collect *.plan.toml")
    group.addoption(
        "--runs", metavar="DIR", default="runs", help="where run folders are made (default: runs)"
    )
    group.addoption(
        "--operator", metavar="NAME", default=None, help="who is named in the record (default: login)"
    )
    group.addoption(
        "--quarantine", metavar="FILE", default=None, help="known failures that do not fail the night (TOML)"
    )
    group.addoption("--rig-summary", metavar="FILE", default=None, help=argparse.SUPPRESS)


def pytest_configure(config: pytest.Config) -> None:
    for line in plan_mark_help():
        config.addinivalue_line("markers", line)
    if config.getoption("--rig-summary") is not None:  # a child of `rig run`, which does nothing but this
        from rig.run.signals import end_with_parent, note_signals

        note_signals()
        end_with_parent()
    for texts in (WARNINGS, TROUBLES, QUARANTINE_TROUBLES, PYTHON_PROBLEMS, SKIPPED_PLANS, QUARANTINED):
        config.stash[texts] = []
    config.stash[PLANS], config.stash[CHOSEN], config.stash[LEFT_OUT] = {}, {}, []
    if config.getoption("--bench"):
        from rig.bench.open import check_instruments
        from rig.definitions.bench_file import load_bench
        from rig.definitions.quarantine_file import load_quarantine
        from rig.errors import DefinitionError

        try:
            config.stash[BENCH_FILE] = load_bench(Path(config.getoption("--bench")))
            check_instruments(config.stash[BENCH_FILE])
            if (quarantine := config.getoption("--quarantine")) is not None:
                config.stash[QUARANTINE] = load_quarantine(quarantine)
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


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    parametrize_units(metafunc)


class BeforeAnyChoice:
    """All tests are seen before ``-k`` and marks take some away."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        before_choice(config, items)


def pytest_sessionstart(session: pytest.Session) -> None:
    session.config.pluginmanager.register(BeforeAnyChoice(), "infusion-rig-before-any-choice")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    bring_together(items)


@pytest.hookimpl(tryfirst=True)  # pytest then reports what was collected, and what was left out with it
def pytest_collection_finish(session: pytest.Session) -> None:
    once_chosen(session)


def pytest_report_collectionfinish(config: pytest.Config) -> list[str]:
    lines = [f"infusion-rig: warning: {warning}" for warning in config.stash[WARNINGS]]
    lines += [f"infusion-rig: skipped: {plan}" for plan in config.stash[SKIPPED_PLANS]]
    if config.stash[LEFT_OUT]:
        names = ", ".join(path.name for path in config.stash[LEFT_OUT])
        lines.append(f"infusion-rig: not collected, a plan needs --bench FILE: {names}")
    return lines


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """The end of a Python case belongs to the test itself: the verdicts are its outcome."""
    case = item.stash.get(RIG_CASE, None)
    if case is None:
        yield
        return
    try:
        yield
    except BaseException as error:
        case.end_after(error)
        raise
    case.end_after(None)
    case.raise_unless_passed()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What a person needs of a verdict or of a broken rig is one line; a mistake of ours keeps its traceback."""
    from rig.errors import RigError

    report = yield
    if not report.failed or call.excinfo is None:
        return report
    if isinstance(item, CriterionItem) or is_python_case(item):
        error = call.excinfo.value
        if isinstance(error, (VerdictFailure, CaseError, RigError)):
            report.longrepr = str(error)
        elif isinstance(item, CriterionItem):
            item.config.stash[TROUBLES].append(f"{item.nodeid}: {report.longreprtext}")
        if isinstance(error, VerdictFailure) and error.quarantined:
            report.outcome = "skipped"
            report.wasxfail = f"{error.quarantined}: {error}"
            item.config.stash[QUARANTINED].append(report.wasxfail)
    return report


@pytest.hookimpl(trylast=True)  # fixtures are torn down in this hook, and need the bench for it
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    from rig.errors import EXIT_ABORTED, EXIT_BAD_INPUT, EXIT_NOT_ALL_PASS, EXIT_RIG_FAILED, RigError

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
            summary["exit_status"] = session.exitstatus = rig_session.failure.exit_status
        elif session.exitstatus == pytest.ExitCode.TESTS_FAILED and rig_session.has_error:
            session.exitstatus = EXIT_RIG_FAILED
    elif config.stash.get(BAD_INPUT, False):
        session.exitstatus = EXIT_BAD_INPUT
    if config.stash[QUARANTINE_TROUBLES]:
        summary["quarantine"] = config.stash[QUARANTINE_TROUBLES]
        if session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = EXIT_NOT_ALL_PASS
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
        chosen = [
            (case_id, serial)
            for (of, case_id), serials in config.stash[CHOSEN].items()
            if of == path
            for serial in serials
        ]
        if config.stash[SESSION].is_unfinished(plan, chosen):
            return f"ended by pytest: {stopped}"
    return ""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    config = terminalreporter.config
    for failure in config.stash[QUARANTINED]:
        terminalreporter.write_line(f"infusion-rig: {failure}", yellow=True)
    for trouble in config.stash[QUARANTINE_TROUBLES]:
        terminalreporter.write_line(f"infusion-rig: {trouble}", red=True)
    if SESSION in config.stash:
        for folder, results in config.stash[SESSION].closed:
            terminalreporter.write_line(f"infusion-rig: {results['outcome']}  {folder}")
