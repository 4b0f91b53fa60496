"""Mutants in forks of one process that has collected its tests: a child gets mutated code, runs what covers it, ends.

Most mutants lie in a function: the child puts the mutated code object into that function, in milliseconds. What runs
at the import of its module is tried in a child forked before the module was imported. Processes that a test starts
load the mutated source by :mod:`in_children.sitecustomize`.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import pytest
from mutations import Mutable, Mutant

IN_CHILDREN = Path(__file__).with_name("in_children")
KILLED, SURVIVED, TIMED_OUT = "killed", "survived", "timed out"
LEAST_S, TIMES = 5.0, 10.0  # a test of t seconds is given LEAST_S + TIMES t
AGAIN = 3.0  # and, if that was not enough, so many times as much: the machine may have been busy
SCRATCH = (
    "/dev/shm" if Path("/dev/shm").is_dir() else None
)  # many syncs to a disk take minutes, and show no more

Covered = dict[str, dict[str, Any]]  # by test: "s", how long it takes, and "lines" of the module


def forked(carry_out: Callable[[], int], end_after_s: float | None = None) -> tuple[int, float]:
    """Run it in a child, in a session and temporary folder of its own; minus the signal, or the status, and seconds."""
    scratch = tempfile.mkdtemp(prefix="mutant-", dir=SCRATCH)
    began = time.monotonic()
    pid = os.fork()
    if pid == 0:
        status = 70
        try:
            os.setsid()
            for name in ("TMPDIR", "PYTEST_DEBUG_TEMPROOT"):
                os.environ[name] = scratch
            tempfile.tempdir = scratch
            status = carry_out()
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(status)
    status = None
    while status is None:
        done, told = os.waitpid(pid, os.WNOHANG if end_after_s else 0)
        if done:
            status = os.waitstatus_to_exitcode(told)
        elif time.monotonic() - began > (end_after_s or 0):
            os.kill(pid, signal.SIGALRM)
            end_after_s = None
        else:
            time.sleep(0.002)
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)  # what its tests left running
    shutil.rmtree(scratch, ignore_errors=True)
    return status, time.monotonic() - began


def outcome(status: int) -> str:
    if status == 0:
        return SURVIVED
    return TIMED_OUT if status == -signal.SIGALRM else KILLED


def to_file(path: str | Path = os.devnull) -> None:
    """Whatever this process says from now on."""
    out = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(out, 1)
    os.dup2(out, 2)


class Loop:
    """A pytest plugin that collects as usual and then does something else with the tests than running them once."""

    def __init__(self, then: Callable[[pytest.Session], None]) -> None:
        self.then = then

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if session.testsfailed:
            raise session.Interrupted("errors at the collection")
        self.then(session)
        return True


def run_pytest(files: Iterable[str], then: Callable[[pytest.Session], None]) -> int:
    from hypothesis import HealthCheck, Phase, settings

    settings.register_profile(
        "mutants",
        database=None,
        derandomize=True,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    settings.load_profile("mutants")
    options = ["-q", "-s", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
    options += [word for name in ("cacheprovider", "xdist", "faulthandler") for word in ("-p", f"no:{name}")]
    return int(pytest.main([*options, *files], plugins=[Loop(then)]))


def first_failure(
    session: pytest.Session, items: list[pytest.Item], seconds: Covered, patience: float = 1.0
) -> str:
    """Run these until one fails: its name, or "" if none does. A test that takes too long ends this process."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    for item, after in zip(items, [*items[1:], None], strict=True):
        given_s = LEAST_S + TIMES * seconds.get(item.nodeid, {"s": 6.0})["s"]
        signal.setitimer(signal.ITIMER_REAL, patience * given_s)
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
        if session.testsfailed:
            return item.nodeid
    signal.setitimer(signal.ITIMER_REAL, 0)
    return ""


def covering(session: pytest.Session, covered: Covered, line: int | None) -> list[pytest.Item]:
    """Those that come by the line (None: all), the quickest first."""
    found = [item for item in session.items if line is None or line in covered[item.nodeid]["lines"]]
    return sorted(found, key=lambda item: covered[item.nodeid]["s"])


class Tracing:
    """Which lines of one file each test comes by. What a shared fixture does counts for all tests that use it."""

    def __init__(self, file: str) -> None:
        self.file, self.lines, self.length = file, set(), len(Path(file).read_text("utf-8").splitlines())
        self.of_fixtures: dict[str, set[int]] = {}
        self.used: dict[str, set[str]] = {}
        self.covered: Covered = {}

    def _call(self, frame: Any, event: str, argument: object) -> Any:
        return self._inside(frame, event, argument) if frame.f_code.co_filename == self.file else None

    def _inside(self, frame: Any, event: str, argument: object) -> Any:
        self.lines.add(frame.f_lineno)
        return self._inside

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any, request: Any) -> Any:
        if fixturedef.scope == "function":
            return (yield)
        outer, self.lines = self.lines, set()
        try:
            return (yield)
        finally:
            self.of_fixtures.setdefault(f"{fixturedef.baseid}::{fixturedef.argname}", set()).update(
                self.lines
            )
            self.lines = outer | self.lines

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: Any, nextitem: Any) -> Any:
        sys.settrace(self._call)  # again for each: one that exhausts the stack ends it
        threading.settrace(self._call)
        self.lines = set()
        began = time.monotonic()
        self.used[item.nodeid] = {
            f"{found[-1].baseid}::{name}" for name, found in item._fixtureinfo.name2fixturedefs.items()
        }
        try:
            return (yield)
        finally:
            if sys.gettrace() != self._call:  # it was ended: nobody knows what came after
                self.lines = set(range(1, self.length + 1))
            self.covered[item.nodeid] = {"s": time.monotonic() - began, "lines": self.lines}

    def told(self) -> Covered:
        for name, each in self.covered.items():
            for fixture in self.used[name]:
                each["lines"] |= self.of_fixtures.get(fixture, set())
        return {name: {"s": each["s"], "lines": sorted(each["lines"])} for name, each in self.covered.items()}


def trace(files: list[str], module_file: str, to: Path) -> int:
    """Run all tests once, unmutated; what each covers goes to a file of JSON. All must pass."""
    to_file(to.with_suffix(".log"))

    def then(session: pytest.Session) -> None:
        tracing = Tracing(module_file)
        session.config.pluginmanager.register(tracing)
        for item, after in zip(session.items, [*session.items[1:], None], strict=True):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
        sys.settrace(None)
        threading.settrace(None)  # type: ignore[arg-type]
        to.write_text(json.dumps(tracing.told()), encoding="utf-8")

    return run_pytest(files, then)


class Functions:
    """The functions of a module that is imported, by the code they have."""

    def __init__(self, name: str, file: str) -> None:
        self.found: dict[tuple[str, int], list[FunctionType]] = {}
        for each in gc.get_objects():
            if isinstance(each, FunctionType) and each.__code__.co_filename == file:
                self.found.setdefault(_key(each.__code__), []).append(each)

    def changes(self, mutant: Mutant, code: CodeType) -> list[tuple[FunctionType, CodeType]] | None:
        """What to put where; None if it cannot be done this way."""
        pairs = []
        for new in _codes_within(code):
            if new.co_qualname == mutant.scope:
                functions = self.found.get(_key(new), [])
                if any(function.__code__.co_freevars != new.co_freevars for function in functions):
                    return None
                pairs += [(function, new) for function in functions if function.__code__ != new]
        return pairs or None


def _key(code: CodeType) -> tuple[str, int]:
    return code.co_qualname, code.co_firstlineno


def _codes_within(code: CodeType) -> Iterable[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes_within(constant)


def in_functions(
    files: list[str], module: str, mutable: Mutable, mutants: list[Mutant], covered: Covered, tell: Callable
) -> int:
    """Try mutants with the tests that cover them; ``tell(mutant, outcome)``, None for one that is to be loaded."""

    def then(session: pytest.Session) -> None:
        functions = Functions(module, str(mutable.path))
        for mutant in mutants:
            changes = functions.changes(mutant, mutable.code(mutant))
            if changes is None:
                tell(mutant, None)
                continue
            items = covering(session, covered, mutant.line)

            def carry_out(changes=changes, items=items, patience=1.0) -> int:
                to_file()
                for function, code in changes:
                    function.__code__ = code
                return int(first_failure(session, items, covered, patience) != "")

            found = outcome(forked(carry_out)[0]) if items else SURVIVED
            if found == TIMED_OUT:
                found = outcome(forked(partial(carry_out, patience=AGAIN))[0])
            tell(mutant, found)

    return run_pytest(files, then)


def loaded(
    files: list[str], module: str, mutable: Mutable, mutant: Mutant, covered: Covered | None, limit_s: float
) -> str:
    """Try one mutant in a child that imports it, and so do the processes that its tests start."""

    def carry_out() -> int:
        to_file()
        told = Path(tempfile.gettempdir()) / "mutant.json"
        told.write_text(
            json.dumps({"name": module, "path": str(mutable.path), "source": mutable.source(mutant)})
        )
        os.environ["RIG_MUTANT"] = str(told)
        os.environ["PYTHONPATH"] = str(IN_CHILDREN)
        sys.path.insert(0, str(IN_CHILDREN))
        sys.modules.pop("sitecustomize", None)
        import sitecustomize  # noqa: F401

        importlib.import_module(module)  # before pytest comes with a finder of its own
        failed = []

        def then(session: pytest.Session) -> None:
            items = session.items if covered is None else covering(session, covered, None)
            failed.append(first_failure(session, items, covered or {}, AGAIN))

        status = run_pytest(files, then)
        return int(failed != [""] or status not in (0, 5))

    return outcome(forked(carry_out, limit_s)[0])
