"""A Python file as text: what its names, values and marks say, without a line of it being run."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from rig.errors import DefinitionError, Where

WRITE_IT_OUT = "write the value itself, or a name that this file gives it once"
CHANGING = {"append", "extend", "insert", "remove", "pop", "clear", "sort", "reverse", "update", "setdefault"}
LONGEST_RANGE = 10_000
LONGEST_SHOWN = 60
DEEPEST_NAMES = 8  # of values that hold names
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
Function = ast.FunctionDef | ast.AsyncFunctionDef
DISPLAYS = (ast.List, ast.Tuple)


class PythonText:
    """One Python file. ``tree`` is what it says; ``imported``: where names come from, such as ``pytest.mark``."""

    def __init__(self, path: Path, content: bytes) -> None:
        """Raises DefinitionError with file and line for what is no Python."""
        self.path = path
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that is pytest's to tell
                self.tree = ast.parse(content)
        except SyntaxError as problem:
            where = Where(str(path), line=problem.lineno)
            raise DefinitionError(f"this is not Python: {problem.msg}", where) from None
        except (ValueError, RecursionError, MemoryError) as problem:
            raise DefinitionError(f"this is not Python: {problem}", Where(str(path))) from None
        self.imported = dict(_imported(self.tree))
        self._given = _given_once(self.tree)
        self._being_read: set[str] = set()

    def where(self, node: ast.AST, key: str | None = None) -> Where:
        """The place of ``node``."""
        return Where(str(self.path), key=key, line=getattr(node, "lineno", None))

    def computed(self, node: ast.AST, hint: str = WRITE_IT_OUT) -> DefinitionError:
        """The error for what only running the file would tell."""
        shown = " ".join(ast.unparse(node).split())
        if len(shown) > LONGEST_SHOWN:
            shown = shown[:LONGEST_SHOWN] + "..."
        return DefinitionError(
            f"what '{shown}' is cannot be read without running the file", self.where(node), hint
        )

    def meant(self, node: ast.expr) -> ast.expr:
        """What a name of this file stands for; anything else is itself."""
        seen = set()
        while isinstance(node, ast.Name) and node.id in self._given and node.id not in seen:
            seen.add(node.id)
            node = self._given[node.id]
        return node

    def value(self, node: ast.expr, hint: str = WRITE_IT_OUT) -> Any:
        """The value of ``node``. Raises DefinitionError if it is computed."""
        if (
            isinstance(node, ast.Name)
            and node.id in self._given.keys() - self._being_read
            and len(self._being_read) < DEEPEST_NAMES
        ):
            self._being_read.add(node.id)
            try:
                return self.value(self._given[node.id], hint)
            finally:
                self._being_read.discard(node.id)
        if isinstance(node, DISPLAYS):
            each = [self.value(item, hint) for item in node.elts]
            return each if isinstance(node, ast.List) else tuple(each)
        try:
            return ast.literal_eval(node)
        except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
            raise self.computed(node, hint) from None

    def elements(self, node: ast.expr) -> list[ast.expr] | None:
        """The elements of a list, tuple or range that is written out; None if it is none."""
        node = self.meant(node)
        if isinstance(node, DISPLAYS) and not any(isinstance(item, ast.Starred) for item in node.elts):
            return list(node.elts)
        if isinstance(node, ast.Call) and self.dotted(node.func) == "range" and not node.keywords:
            try:
                numbers = range(*(self.value(argument) for argument in node.args))
            except (DefinitionError, TypeError, ValueError):
                return None
            if len(numbers) <= LONGEST_RANGE:
                return [ast.copy_location(ast.Constant(number), node) for number in numbers]
        return None

    def dotted(self, node: ast.expr) -> str:
        """The full name of ``node``: ``pytest.mark.verifies``; empty if it is no name."""
        node = self.meant(node)
        if isinstance(node, ast.Attribute):
            of = self.dotted(node.value)
            return f"{of}.{node.attr}" if of else ""
        return self.imported.get(node.id, node.id) if isinstance(node, ast.Name) else ""

    def is_fixture(self, decorator: ast.expr) -> bool:
        """Whether it makes a fixture of what it stands at."""
        meant = self.meant(decorator)
        return self.dotted(meant.func if isinstance(meant, ast.Call) else meant) == "pytest.fixture"

    def marks(self, nodes: list[ast.expr]) -> list[TextMark]:
        """The marks of pytest among ``nodes``, which are decorators or items of ``pytestmark``.

        Raises DefinitionError for one that is none: it could give marks, or change the function.
        """
        found = []
        for node in nodes:
            meant = self.meant(node)
            called = meant.func if isinstance(meant, ast.Call) else meant
            name = self.dotted(called)
            if name.startswith("pytest.mark."):
                found.append(TextMark(name.removeprefix("pytest.mark."), meant, node.lineno, self))
            elif name != "staticmethod":
                raise self.computed(node, "write the marks themselves: @pytest.mark.verifies(...)")
        return found

    def pytestmark(self, body: list[ast.stmt]) -> list[TextMark]:
        """The marks that ``pytestmark`` in a module or class names."""
        found: list[TextMark] = []
        for statement in body:
            for name, node in assigned(statement):
                if name == "pytestmark":
                    if node is None:
                        raise DefinitionError(
                            "'pytestmark' is computed here",
                            self.where(statement, "pytestmark"),
                            "write it once: pytestmark = [pytest.mark.plan(...), ...]",
                        )
                    items = self.elements(node)
                    found = self.marks([node] if items is None else items)
        return found


@dataclass(frozen=True)
class TextMark:
    """A mark as it is written; its arguments are read when they are asked for, and may then turn out computed."""

    name: str
    node: ast.expr
    line: int
    text: PythonText

    @cached_property
    def args(self) -> tuple[Any, ...]:
        """Raises DefinitionError."""
        return tuple(map(self.text.value, self.node.args if isinstance(self.node, ast.Call) else ()))

    @cached_property
    def kwargs(self) -> dict[str, Any]:
        """Raises DefinitionError."""
        return {name: self.text.value(node) for name, node in self.named().items()}

    def named(self) -> dict[str, ast.expr]:
        """Arguments with a name, not read. Raises DefinitionError for ``**``."""
        named = {}
        for keyword in self.node.keywords if isinstance(self.node, ast.Call) else ():
            if keyword.arg is None:
                raise self.text.computed(keyword.value, "write the names themselves")
            named[keyword.arg] = keyword.value
        return named


def assigned(statement: ast.stmt) -> Iterator[tuple[str, ast.expr | None]]:
    """Names that a statement gives a value, with the value; None where it is none that is written there."""
    if isinstance(statement, ast.Assign):
        for target in statement.targets:
            if isinstance(target, ast.Name):
                yield target.id, statement.value
            else:
                for node in ast.walk(target):
                    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                        yield node.id, None
    elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        if statement.value is not None:
            yield statement.target.id, statement.value
    elif not isinstance(statement, (*FUNCTIONS, ast.ClassDef)):
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
                yield node.id, None


def docstring(node: ast.Module | ast.ClassDef | Function) -> str:
    """Its docstring as written; empty if it has none."""
    return ast.get_docstring(node, clean=False) or ""


def _imported(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield (alias.asname, alias.name) if alias.asname else (alias.name.split(".")[0],) * 2
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield alias.asname or alias.name, f"{'.' * node.level}{node.module or ''}.{alias.name}"


def _given_once(tree: ast.Module) -> dict[str, ast.expr]:
    """Names of the module that are given one value, and nowhere another or a change."""
    given: dict[str, ast.expr | None] = {}
    for statement in tree.body:
        for name, node in assigned(statement):
            given[name] = node if name not in given else None
        if isinstance(statement, (*FUNCTIONS, ast.ClassDef)):
            given[statement.name] = None
    for anywhere in ast.walk(tree):
        if isinstance(anywhere, ast.Global):
            given.update(dict.fromkeys(anywhere.names))
        elif isinstance(anywhere, (ast.Attribute, ast.Subscript)) and isinstance(anywhere.value, ast.Name):
            calls = isinstance(anywhere, ast.Attribute) and anywhere.attr in CHANGING
            if calls or not isinstance(anywhere.ctx, ast.Load):
                given[anywhere.value.id] = None
    return {name: node for name, node in given.items() if node is not None}
