"""Python plans read without being run, for ``rig trace`` and ``rig check``: their cases as pytest will collect them.

Whatever decides which cases there are, what they are called and what they verify has to stand in the file as it is
meant; what only running the file would tell is refused, with what to write instead.
"""

from __future__ import annotations

import ast
import itertools
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from rig.definitions.plan_file import Plan, load_plan
from rig.definitions.python_plans.fixtures import FixtureLevel, asked_by, fixtures_in, is_fixture, reached
from rig.definitions.python_plans.functions import (
    FIXTURES,
    PYTHON_SUFFIX,
    TestFunction,
    header_of,
    misspelt,
    sources_of,
    verified_by,
)
from rig.definitions.python_plans.parameters import DISPLAYS, Parameters, parameters_of
from rig.definitions.python_plans.plan import python_plan
from rig.definitions.python_plans.text import FUNCTIONS, Function, PythonText, TextMark, assigned, docstring
from rig.definitions.toml_source import LARGEST_FILE
from rig.definitions.user_file import read_user_file
from rig.errors import DefinitionError, Where, did_you_mean

PYTEST_FILES = {  # where pytest is configured, and what such a file then has in it
    "pytest.toml": "",
    ".pytest.toml": "",
    "pytest.ini": "",
    ".pytest.ini": "",
    "pyproject.toml": "[tool.pytest",
    "tox.ini": "[pytest]",
    "setup.cfg": "[tool:pytest]",
}
MAKING_CASES = ("pytest_generate_tests", "pytest_make_parametrize_id")
PLAIN = "a test is written out at the top of its file or in a class without another above it"
ASK_FOR_A_UNIT = "ask for 'unit' beside it, or keep tests that are no cases in a file of their own"
MOST_CASES = 10_000  # of one function
NEARLY_THE_SAME = 0.75  # a name more like one of the rig's is a slip; 'benchmark' is not one for 'bench'
OTHERWISE = "give anything else another name"
NO_FUNCTIONS = (ast.Constant, ast.JoinedStr, *DISPLAYS)


def load_any_plan(path: Path) -> Plan:
    """A plan file, or a Python plan by its name. Raises DefinitionError with every problem found."""
    return load_python_plan(path) if path.suffix == PYTHON_SUFFIX else load_plan(path)


def load_python_plan(path: Path) -> Plan:
    """The plan that the Python file ``path`` is for pytest; neither it nor a conftest.py is run.

    Raises DefinitionError with every problem found, and for what cannot be known without running it.
    """
    text = PythonText(path, read_user_file(path, LARGEST_FILE, "is it a plan?"))
    in_full = Path(os.path.abspath(path))  # noqa: PTH100  # as pytest: without '..', through no link
    root = _root_of(in_full)
    sources = sources_of(in_full, root)
    conftests = [PythonText(root / name, content) for name, content in list(sources.items())[1:]]
    reading = _Reading(text)
    try:
        reading.read(conftests)
    except RecursionError:
        message = "values stand so deep in each other here that they cannot be read"
        raise DefinitionError(message, Where(str(path))) from None
    line = next((mark.line for mark in reading.marks if mark.name == "plan"), None)
    return python_plan(path, reading.header, docstring(text.tree), reading.tests, sources, line)


@dataclass(frozen=True)
class _Around:
    """What stands around a test: its class, marks and fixtures, each from the inside out."""

    of_class: str | None
    marks: tuple[TextMark, ...]
    levels: tuple[FixtureLevel, ...]


@dataclass
class _Reading:
    """One file being read: its marks, the header of its plan, the tests found, and everything wrong with it."""

    text: PythonText
    marks: list[TextMark] = field(default_factory=list)
    header: dict[str, Any] = field(default_factory=dict)
    tests: list[TestFunction] = field(default_factory=list)
    problems: list[DefinitionError] = field(default_factory=list)
    _marks_below: list[TextMark] = field(default_factory=list)

    def read(self, conftests: Sequence[PythonText]) -> None:
        """All of the file. Raises DefinitionError with every problem."""
        body = self.text.tree.body
        levels: list[FixtureLevel] = []
        with self._problem_by_problem():
            for text in (self.text, *conftests):
                _refuse_what_makes_cases(text)
                levels.append(fixtures_in(text, text.tree.body))
            self.marks = self.text.pytestmark(body)
            self._refuse_slips(self.marks)
        self._tests_in(body, _Around(None, tuple(self.marks), tuple(levels)))
        with self._problem_by_problem():
            self.header = header_of(self.text.path, self.marks, self._marks_below)
        if not self.problems and not self.tests:
            message = "no test function asks for a fixture of the rig, so there is no case in this file"
            hint = f"a case asks for {', '.join(FIXTURES[1:-1])} or {FIXTURES[-1]}"
            raise DefinitionError(message, Where(str(self.text.path)), hint)
        if self.problems:
            first, *others = self.problems
            raise DefinitionError(
                first.message, first.where, first.hint, tuple(self.problems) if others else ()
            )

    @contextmanager
    def _problem_by_problem(self) -> Iterator[None]:
        """What is wrong in here is kept, and the reading goes on behind it."""
        try:
            yield
        except DefinitionError as error:
            self.problems.extend(error.problems)

    def _tests_in(self, body: Iterable[ast.stmt], around: _Around) -> None:
        """The tests of a module or class, in the order of the file."""
        first_on: dict[str, int] = {}
        for statement in body:
            with self._problem_by_problem():
                if isinstance(statement, (*FUNCTIONS, ast.ClassDef)):
                    self._check_once(statement, first_on)
                    if isinstance(statement, ast.ClassDef):
                        self._class(statement, around)
                    elif statement.name.startswith("test") and not is_fixture(statement, self.text):
                        self._test(statement, around)
                elif not _is_main(statement):
                    self._refuse_hidden_tests(statement)

    def _check_once(self, node: ast.ClassDef | Function, first_on: dict[str, int]) -> None:
        """Python keeps the last of one name: the first would never be carried out, and nobody told."""
        first = first_on.setdefault(node.name, node.lineno)
        if first != node.lineno and node.name.startswith(("test", "Test")):
            message = f"'{node.name}' stands on line {first} too, and that one would never be carried out"
            raise DefinitionError(message, self.text.where(node), "give each test its own name")

    def _class(self, node: ast.ClassDef, around: _Around) -> None:
        own = {statement.name for statement in node.body if isinstance(statement, FUNCTIONS)}
        flags = dict(pair for statement in node.body for pair in assigned(statement))
        is_left_alone = own & {"__init__", "__new__"} or ast.unparse(flags.get("__test__") or node) == "False"
        if is_left_alone or not node.name.startswith("Test"):
            return  # pytest leaves it alone
        if any(self.text.called(parent) != "object" for parent in node.bases) or node.keywords:
            message = f"which tests '{node.name}' inherits cannot be read"
            raise DefinitionError(message, self.text.where(node), PLAIN)
        marks = [*self.text.pytestmark(node.body), *reversed(self.text.marks(node.decorator_list))]
        self._refuse_slips(marks)
        levels = (fixtures_in(self.text, node.body, in_class=True), *around.levels)
        self._tests_in(node.body, _Around(node.name, (*marks, *around.marks), levels))

    def _test(self, node: Function, around: _Around) -> None:
        own = list(reversed(self.text.marks(node.decorator_list)))
        self._refuse_slips(own)
        marks = [*own, *around.marks]
        parameters = [parameters_of(mark) for mark in marks if mark.name == "parametrize"]
        if not self._is_case(node, marks, parameters, around):
            return
        self._marks_below += [mark for mark in marks if mark not in self.marks]
        name = node.name if around.of_class is None else f"{around.of_class}.{node.name}"
        if math.prod(len(each.sets) for each in parameters) > MOST_CASES:
            message = f"'{node.name}' is more than {MOST_CASES} cases"
            raise DefinitionError(message, self.text.where(node), "combine fewer parameters")
        for sets in itertools.product(*(each.sets for each in parameters)):
            of_sets = [mark for _, marks in sets for mark in marks]
            verifies = verified_by(self.text.path, reversed([*own, *of_sets, *around.marks]))
            label = "-".join(label for label, _ in sets)
            test = f"{name}[{label}]" if label else name
            self.tests.append(TestFunction(test, docstring(node), verifies, node.lineno))

    def _is_case(
        self, node: Function, marks: Iterable[TextMark], parameters: Sequence[Parameters], around: _Around
    ) -> bool:
        """Whether it comes to a fixture of the rig. Raises DefinitionError where that cannot be read."""
        named = {name for each in parameters for name in each.names}
        asked = list(asked_by(node, self.text, around.of_class is not None))
        asked += [str(name) for mark in marks if mark.name == "usefixtures" for name in mark.args]
        given = {name for each in parameters if each.direct for name in each.names}
        found = reached(asked, around.levels, given)
        if found.is_case and (unused := sorted(named - found.names)):
            message = f"'{node.name}' has no argument '{unused[0]}', which parametrize gives a value"
            raise DefinitionError(message, self.text.where(node), did_you_mean(unused[0], found.names))
        for fixture in found.with_params:
            if found.is_case and fixture.name not in named:
                message = f"the fixture '{fixture.name}' has params, which make cases that are not read"
                raise DefinitionError(message, fixture.where, "parametrize the test functions instead")
        for name in found.unknown:
            message = f"the fixture '{name}' is neither in this file nor in a conftest.py above it"
            if get_close_matches(name, FIXTURES, 1, NEARLY_THE_SAME):
                raise DefinitionError(message, self.text.where(node), did_you_mean(name, FIXTURES))
            if not found.is_case:
                hint = f"so '{node.name}' may be a case or not: {ASK_FOR_A_UNIT}"
                raise DefinitionError(message, self.text.where(node), hint)
        return found.is_case

    def _refuse_slips(self, marks: Iterable[TextMark]) -> None:
        for mark in marks:
            if near := misspelt(mark.name):
                where = Where(str(self.text.path), line=mark.line)
                message = f"the rig knows no mark '{mark.name}'"
                raise DefinitionError(message, where, f"{near} one of your own needs a name less like it")

    def _refuse_hidden_tests(self, statement: ast.stmt) -> None:
        """Tests that come from elsewhere, or are there or not."""
        for name, node in assigned(statement):
            if name.startswith("test") and not isinstance(node, NO_FUNCTIONS):
                message = f"whether '{name}' is a test cannot be read"
                raise DefinitionError(message, self.text.where(statement), f"{PLAIN}; {OTHERWISE}")
        for inside in ast.walk(statement):
            names = [inside.name] if isinstance(inside, (*FUNCTIONS, ast.ClassDef)) else []
            if isinstance(inside, ast.Attribute) and not isinstance(inside.ctx, ast.Load):
                names = [ast.unparse(inside.value)]  # so marks are set, too
            if isinstance(inside, ast.ImportFrom):
                names = [alias.asname or alias.name for alias in inside.names]
            if "*" in names:
                message = "what '*' brings cannot be read without running the file"
                raise DefinitionError(message, self.text.where(inside), "write the names")
            for name in names:
                if name.startswith(("test", "Test")):
                    message = f"whether '{name}' is a test cannot be read"
                    raise DefinitionError(message, self.text.where(inside), f"{PLAIN}; {OTHERWISE}")


def _refuse_what_makes_cases(text: PythonText) -> None:
    for statement in text.tree.body:
        if isinstance(statement, ast.FunctionDef) and statement.name in MAKING_CASES:
            message = f"'{statement.name}' makes and names cases when it runs"
            raise DefinitionError(message, text.where(statement), "name them with pytest.mark.parametrize")


def _is_main(statement: ast.stmt) -> bool:
    """``if __name__ == "__main__":``, which pytest does not come to."""
    return isinstance(statement, ast.If) and ast.unparse(statement.test) == "__name__ == '__main__'"


def _root_of(path: Path) -> Path:
    """The folder from which on pytest reads every conftest.py: where it is configured, else where it was begun."""
    for folder in path.parents:
        for name, section in PYTEST_FILES.items():
            file = folder / name
            if file.is_file() and section in file.read_text("utf-8", "replace"):
                return folder
    return Path.cwd() if path.is_relative_to(Path.cwd()) else path.parent
