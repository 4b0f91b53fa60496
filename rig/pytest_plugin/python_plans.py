"""Test functions as cases: a Python file is a plan, a function that asks for one of the rig's fixtures is a case of it.

The function runs once for each unit (or once for the whole bench, if ``bench`` is all it asks for). What it weighs,
commands, states and verifies goes to the journal; when it has ended its pumps are put in their safe state, and its
verdicts are computed from the journal by the judge of every plan.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rig.definitions.python_plans.functions import FIXTURES, TestFunction, header_of, sources_of, verified_by
from rig.pytest_plugin.stash import (
    BENCH_FILE,
    PLANS,
    PYTHON_PROBLEMS,
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
    from rig.run.one_case import OneCase
    from rig.run.session import Session

FIXTURES_IN = "rig.pytest_plugin.fixtures"
MOST_LETTERS = 500  # of a failed assertion

RIG_CASE: pytest.StashKey[RigCase] = pytest.StashKey()
_IS_CASE: pytest.StashKey[bool] = pytest.StashKey()


def plan_mark_help() -> Iterator[str]:
    """The marks a Python plan is written with."""
    yield "plan(id, revision, title, ...): keys of [plan] of this file, as pytestmark of the module"
    yield "verifies(*ids): requirements that this test verifies"
    yield "rig_left_out: set by the rig itself"


def is_python_case(item: pytest.Item) -> bool:
    """A test function that asks for one of our fixtures, and not for another's of that name."""
    if _IS_CASE not in item.stash:
        item.stash[_IS_CASE] = isinstance(item, pytest.Function) and _ours(
            item._fixtureinfo.name2fixturedefs, *FIXTURES
        )
    return item.stash[_IS_CASE]


def _ours(fixtures: Any, *names: str) -> bool:
    return any(name in fixtures and fixtures[name][-1].func.__module__ == FIXTURES_IN for name in names)


def parametrize_units(metafunc: pytest.Metafunc) -> None:
    """Once for each unit of the bench."""
    bench_file = metafunc.config.stash.get(BENCH_FILE, None)
    if (
        bench_file is not None
        and "unit" in metafunc.fixturenames
        and _ours(metafunc._arg2fixturedefs, "unit")
    ):
        metafunc.parametrize("unit", [unit.serial for unit in bench_file.units], indirect=True)


def serials_of(item: pytest.Item) -> list[str]:
    """The units that a case is carried out on: its own, or all of the bench."""
    own = _own_serial(item)
    return [own] if own is not None else [unit.serial for unit in item.config.stash[BENCH_FILE].units]


def _own_serial(item: pytest.Item) -> str | None:
    callspec = getattr(item, "callspec", None)
    own = None if callspec is None else callspec.params.get("unit")
    return None if own is None else str(own)


def python_case_id(item: pytest.Item) -> str:
    """The name of the case: function, class and parameters, without the unit."""
    return TestFunction(_test_name(item)).case


def _test_name(item: pytest.Item) -> str:
    assert isinstance(item, pytest.Function)
    name = item.originalname if item.cls is None else f"{item.cls.__name__}.{item.originalname}"
    parameters = item.name[len(item.originalname) + 1 : -1]
    if (serial := _own_serial(item)) is not None:
        own = re.escape(serial)
        parameters = re.sub(rf"^{own}(-|$)|-{own}(?=-|$)", "", parameters, count=1)
    return f"{name}[{parameters}]" if parameters else name


def make_python_plans(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A plan of each Python file with cases; what a plan file could not say either becomes a problem, told later."""
    from rig.bench.fitting import why_not_on
    from rig.definitions.check import check_plan_on_bench
    from rig.definitions.python_plans.plan import python_plan
    from rig.errors import DefinitionError

    of_file: dict[Path, list[pytest.Function]] = {}
    for item in items:
        if is_python_case(item):
            assert isinstance(item, pytest.Function)
            of_file.setdefault(item.path, []).append(item)
    for path, functions in of_file.items():
        module = functions[0].getparent(pytest.Module)
        assert module is not None
        below = [
            mark for item in functions for node, mark in item.iter_markers_with_node() if node is not module
        ]
        try:
            header = header_of(path, module.own_markers, below)
            tests = {_test_name(item): _test_function(item) for item in functions}
            doc = functions[0].module.__doc__ or ""
            sources = sources_of(path, config.rootpath)
            plan = python_plan(path, header, doc, list(tests.values()), sources)
            if not is_named(config, path) and (lacks := why_not_on(plan, config.stash[BENCH_FILE])):
                _leave_out(functions, "; ".join(lacks))
            else:
                config.stash[WARNINGS] += check_plan_on_bench(plan, config.stash[BENCH_FILE])
        except DefinitionError as error:
            config.stash[PYTHON_PROBLEMS].append(str(error))
        else:
            config.stash[PLANS][path] = plan


def _leave_out(functions: list[pytest.Function], reason: str) -> None:
    """Skip all of a file of a folder that this bench cannot carry out, and say why."""
    item = functions[0]
    item.config.stash[SKIPPED_PLANS].append(f"{item.path.name}: not on this bench: {reason}")
    for item in functions:
        item.add_marker(pytest.mark.rig_left_out)
        item.add_marker(pytest.mark.skip(reason=f"not on this bench: {reason}"))


def _test_function(item: pytest.Function) -> TestFunction:
    verifies = verified_by(item.path, reversed(list(item.iter_markers())))
    _, line, _ = item.location  # from 0
    doc = item.obj.__doc__ or ""
    return TestFunction(_test_name(item), doc, verifies, None if line is None else line + 1)


class RigCase:
    """One test function while it runs: a case on one unit, or on all units of the bench."""

    def __init__(self, item: pytest.Item) -> None:
        """Opens bench and run, and begins the case. Raises RigError; then nothing is left begun."""
        from rig.run.signals import heard_by

        self._item = item
        self.session: Session = session_of(item)
        plan = item.config.stash[PLANS][item.path]
        case_id = python_case_id(item)
        self._plan_id = plan.id
        self._run = self.session.run_of(plan)
        self.bench = self.session.bench
        self.ones: list[OneCase] = []
        self.results: list[dict[str, Any]] | None = None
        self._held = ExitStack()
        self._held.enter_context(self.session.watched())
        self._held.enter_context(heard_by(self.bench.clock))
        item.user_properties += [("requirement", name) for name in plan.case(case_id).verifies]
        for serial in serials_of(item):
            tell_origin(item, self.session, serial)
        try:
            for serial in serials_of(item):
                self.ones.append(self._run.begin(plan.case(case_id), serial))
                self.ones[-1].begin(self._run.refusal(serial))
        except BaseException as error:
            self.end_after(error)
            raise

    @property
    def one(self) -> OneCase:
        """The case on the test's own unit."""
        (one,) = self.ones
        return one

    def end_after(self, error: BaseException | None) -> None:
        """The pumps to their safe state, the end into the record, verdicts from it; once.

        An assertion that does not hold is a verdict about the pump; any other error says nothing about it.
        """
        from rig.errors import Aborted
        from rig.run.signals import abort_on_signals

        if self.results is not None:
            return
        self.results = []
        with abort_on_signals(self.bench.clock), self._held:
            for one in self.ones:
                problem, ended, message = error, "completed", ""
                if isinstance(error, pytest.skip.Exception):
                    problem, ended, message = None, "skipped", str(error)
                elif isinstance(error, (AssertionError, pytest.fail.Exception)):
                    one.recorder.failed_assertion(self._told(error))
                    problem = None
                elif isinstance(error, (KeyboardInterrupt, SystemExit, pytest.exit.Exception)):
                    problem = Aborted("interrupted")
                result, _ = self._run.end(one, problem, ended, message)
                self.results.append(result)
        if isinstance(error, Aborted):
            self.session.close_run(reason=str(error))
            pytest.exit(f"aborted: {error}", returncode=2)

    def _told(self, error: BaseException) -> str:
        """Line and text of what did not hold."""
        own = [
            frame.lineno
            for frame in traceback.extract_tb(error.__traceback__)
            if Path(frame.filename) == self._item.path
        ]
        place = f"{self._item.path.name}:{own[-1]}: " if own else ""
        return (place + str(error).strip().split("\n", 1)[0])[:MOST_LETTERS] or type(error).__name__

    def raise_unless_passed(self) -> None:
        """The test's outcome: what its verdicts are. Raises VerdictFailure, CaseError."""
        lines, names = [], []
        for result in self.results or ():
            for criterion in result["criteria"]:
                line = verdict_line(result["unit"], criterion)
                self._item.user_properties.append((criterion["name"], line))
                if criterion["verdict"] not in ("PASS", "SKIPPED"):
                    lines.append(line)
                    names.append(f"{self._plan_id}::{result['id']}::{result['unit']}::{criterion['name']}")
            if result["outcome"] == "ERROR":
                raise CaseError(result["message"])
        if lines:
            raise VerdictFailure("\n".join(lines), quarantined_by(self._item.config, names))

    def leave(self) -> list[str]:
        """After the last fixture that may have commanded a pump: safe again; what could not be confirmed, in words."""
        if self.results is None:
            self.end_after(CaseError("the test was not begun: a fixture failed"))
        return self.session.to_safe_state("end of the test")
