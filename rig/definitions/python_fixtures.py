"""Which fixtures a test function comes to, as far as they are written in its file and in every conftest.py above."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rig.definitions.python_tests import FIXTURES
from rig.definitions.python_text import FUNCTIONS, Function, PythonText
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


@dataclass(frozen=True)
class Reached:
    """What a test comes to: ``names`` of all; ``unknown``: not in these files; ``with_parameters``: that make cases."""

    is_case: bool
    names: frozenset[str]
    unknown: tuple[str, ...]
    with_parameters: tuple[Fixture, ...]


def fixtures_in(text: PythonText, body: Iterable[ast.stmt], in_class: bool = False) -> FixtureLevel:
    """The fixtures of a module or class. Raises DefinitionError for arguments of ``fixture`` that are computed."""
    found = {}
    for statement in body:
        if isinstance(statement, FUNCTIONS):
            for decorator in statement.decorator_list:
                if text.is_fixture(decorator):
                    fixture = _fixture(statement, text.meant(decorator), text, in_class)
                    found[fixture.name] = fixture
    return found


def asked_by(node: Function, text: PythonText, in_class: bool) -> tuple[str, ...]:
    """The names of the fixtures that a function asks for: its arguments that have no usual value."""
    plain = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)]
    plain = plain[: len(plain) - len(node.args.defaults)]
    alone = any(text.dotted(decorator) == "staticmethod" for decorator in node.decorator_list)
    named = [
        argument.arg
        for argument, usual in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
        if usual is None
    ]
    return (*plain[in_class and not alone :], *named)


def reached(asked: Iterable[str], levels: Sequence[FixtureLevel], given: set[str]) -> Reached:
    """All that ``asked`` comes to, through ``levels`` from the inside out; ``given``: names with values of their own.

    A fixture that asks for its own name gets the next one of that name further out, as in pytest.
    """
    to_look_up = [(name, 0) for name in asked]
    to_look_up += [(fixture.name, 0) for level in levels for fixture in level.values() if fixture.autouse]
    seen: set[tuple[str, int]] = set()
    unknown: dict[str, None] = {}
    with_parameters: list[Fixture] = []
    is_case = False
    while to_look_up:
        name, inmost = to_look_up.pop(0)
        if (name, inmost) in seen:
            continue
        seen.add((name, inmost))
        if name in given:
            continue
        depth = next((depth for depth in range(inmost, len(levels)) if name in levels[depth]), None)
        if depth is not None:
            fixture = levels[depth][name]
            to_look_up += [(other, depth + 1 if other == name else 0) for other in fixture.asks]
            with_parameters += [fixture] if fixture.has_params else []
        elif name in FIXTURES:
            is_case = True
        elif name not in PYTEST_OWN:
            unknown[name] = None
    return Reached(is_case, frozenset(name for name, _ in seen), tuple(unknown), tuple(with_parameters))


def _fixture(node: Function, decorator: ast.expr, text: PythonText, in_class: bool) -> Fixture:
    given = {}
    if isinstance(decorator, ast.Call):
        given = {keyword.arg: keyword.value for keyword in decorator.keywords}
    name = text.value(given["name"]) if "name" in given else None
    autouse = bool(text.value(given["autouse"])) if "autouse" in given else False
    has_params = "params" in given and not _is_none(given["params"])
    asks = asked_by(node, text, in_class)
    return Fixture(str(name or node.name), asks, autouse, has_params, text.where(node))


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None
