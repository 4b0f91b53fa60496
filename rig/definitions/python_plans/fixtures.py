"""Which fixtures a test function comes to, as far as they are written in its file and in every conftest.py above."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from rig.definitions.python_plans.functions import FIXTURES
from rig.definitions.python_plans.text import FUNCTIONS, Function, PythonText, named
from rig.errors import Where

PYTEST_OWN = {
    *("cache", "capfd", "capfdbinary", "caplog", "capsys", "capsysbinary", "capteesys", "doctest_namespace"),
    *("monkeypatch", "pytestconfig", "record_property", "record_testsuite_property", "record_xml_attribute"),
    *("recwarn", "request", "subtests", "tmp_path", "tmp_path_factory", "tmpdir", "tmpdir_factory"),
}


@dataclass(frozen=True)
class Fixture:
    """One fixture: ``asks`` for others; ``autouse``: every test in its reach has it; ``has_params``: it makes cases."""

    name: str
    asks: tuple[str, ...]
    autouse: bool
    has_params: bool
    where: Where


FixtureLevel = Mapping[str, Fixture]  # of one class, module or conftest.py


@dataclass
class Reached:
    """What a test comes to: ``names`` of all; ``unknown``: not in these files; ``with_params``: that make cases."""

    is_case: bool = False
    names: set[str] = field(default_factory=set)
    unknown: list[str] = field(default_factory=list)
    with_params: list[Fixture] = field(default_factory=list)


def is_fixture(node: Function, text: PythonText) -> bool:
    """Whether a function is one."""
    return any(text.called(decorator) == "pytest.fixture" for decorator in node.decorator_list)


def fixtures_in(text: PythonText, body: Iterable[ast.stmt], in_class: bool = False) -> FixtureLevel:
    """The fixtures of a module or class. Raises DefinitionError for arguments of ``fixture`` that are computed."""
    functions = [node for node in body if isinstance(node, FUNCTIONS) and is_fixture(node, text)]
    found = [_fixture(node, text, in_class) for node in functions]
    return {fixture.name: fixture for fixture in found}


def _fixture(node: Function, text: PythonText, in_class: bool) -> Fixture:
    made = next(each for each in node.decorator_list if text.called(each) == "pytest.fixture")
    given = named(text.written_out(made), text)
    name = text.value(given["name"]) if "name" in given else None
    autouse = bool(text.value(given["autouse"])) if "autouse" in given else False
    has_params = "params" in given and ast.unparse(given["params"]) != "None"
    return Fixture(name or node.name, asked_by(node, text, in_class), autouse, has_params, text.where(node))


def asked_by(node: Function, text: PythonText, in_class: bool) -> tuple[str, ...]:
    """The names of the fixtures that a function asks for: its arguments that have no usual value."""
    plain = [*node.args.posonlyargs, *node.args.args]
    plain = plain[: len(plain) - len(node.args.defaults)]
    if in_class and not any(text.called(each) == "staticmethod" for each in node.decorator_list):
        plain = plain[1:]
    usual = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
    return tuple(argument.arg for argument in (*plain, *(each for each, value in usual if value is None)))


def reached(asked: Iterable[str], levels: Sequence[FixtureLevel], given: set[str]) -> Reached:
    """All that ``asked`` comes to, through ``levels`` from the inside out; ``given``: names with values of their own.

    A fixture that asks for its own name gets the next one of that name further out, as in pytest.
    """
    autouse = [fixture.name for level in levels for fixture in level.values() if fixture.autouse]
    to_look_up = [(name, 0) for name in (*asked, *autouse)]  # from which level on
    found = Reached()
    for name, inmost in to_look_up:
        found.names.add(name)
        if name in given:
            continue
        depth = next((depth for depth in range(inmost, len(levels)) if name in levels[depth]), None)
        if depth is not None:
            fixture = levels[depth][name]
            others = [(other, depth + 1 if other == name else 0) for other in fixture.asks]
            to_look_up += [each for each in dict.fromkeys(others) if each not in to_look_up]
            found.with_params += [fixture] if fixture.has_params else []
        elif name in FIXTURES:
            found.is_case = True
        elif name not in PYTEST_OWN:
            found.unknown.append(name)
    return found
