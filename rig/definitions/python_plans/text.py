"""A Python file as text: what its names, values and marks say, without a line of it being run."""

from __future__ import annotations

import ast
import copy
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from rig.errors import DefinitionError, Where

WRITE_IT_OUT = "write the value itself, or a name that this file gives it once"
CHANGING = {"append", "extend", "insert", "remove", "pop", "clear", "sort", "reverse", "update", "setdefault"}
LONGEST_RANGE = 10_000
LONGEST_SHOWN = 60
MOST_PARTS = 10_000  # of the value that a name stands for
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
Function = ast.FunctionDef | ast.AsyncFunctionDef


class PythonText:
    """One Python file. ``tree`` is what it says."""

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
        self._names = _given_once(self.tree)

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

    def written_out(self, node: ast.expr) -> ast.expr:
        """``node`` with what its names stand for in their place: imported names in full, values as in the file."""
        written: ast.expr = _WritingOut(self._names).visit(node)
        return written

    def value(self, node: ast.expr, hint: str = WRITE_IT_OUT) -> Any:
        """The value of ``node``. Raises DefinitionError if it is computed."""
        try:
            return ast.literal_eval(self.written_out(node))
        except (ValueError, TypeError, SyntaxError, MemoryError):
            raise self.computed(node, hint) from None

    def elements(self, node: ast.expr) -> list[ast.expr] | None:
        """The elements of a list, tuple or range that is written out; None if it is none."""
        node = self.written_out(node)
        if isinstance(node, (ast.List, ast.Tuple)):
            return None if any(isinstance(item, ast.Starred) for item in node.elts) else list(node.elts)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "range" and not node.keywords:
            try:
                numbers = range(*map(self.value, node.args))
            except (DefinitionError, TypeError, ValueError):
                return None
            if len(numbers) <= LONGEST_RANGE:
                return [ast.copy_location(ast.Constant(number), node) for number in numbers]
        return None

    def called(self, node: ast.expr) -> str:
        """The full name of what ``node`` is or calls: ``pytest.mark.verifies``."""
        node = self.written_out(node)
        return ast.unparse(node.func if isinstance(node, ast.Call) else node)

    def marks(self, nodes: Sequence[ast.expr]) -> list[TextMark]:
        """The marks of pytest among ``nodes``, which are decorators or items of ``pytestmark``.

        Raises DefinitionError for one that is none: it could give marks, or change the function.
        """
        found = []
        for node in nodes:
            name = self.called(node)
            if name.startswith("pytest.mark."):
                found.append(TextMark(name.removeprefix("pytest.mark."), self.written_out(node), self))
            elif name != "staticmethod":
                raise self.computed(node, "write the marks themselves: @pytest.mark.verifies(...)")
        return found

    def pytestmark(self, body: Sequence[ast.stmt]) -> list[TextMark]:
        """The marks that ``pytestmark`` in a module or class names."""
        found: list[TextMark] = []
        for statement in body:
            for name, node in assigned(statement):
                if name == "pytestmark":
                    if node is None:
                        where = self.where(statement, "pytestmark")
                        hint = "write it once: pytestmark = [pytest.mark.plan(...), ...]"
                        raise DefinitionError("'pytestmark' is computed here", where, hint)
                    items = self.elements(node)
                    found = self.marks([node] if items is None else items)
        return found


@dataclass(frozen=True)
class TextMark:
    """A mark as it is written; its arguments are read when they are asked for, and may then turn out computed."""

    name: str
    node: ast.expr
    text: PythonText

    @property
    def line(self) -> int:
        return self.node.lineno

    @property
    def args(self) -> tuple[Any, ...]:
        """Raises DefinitionError."""
        return tuple(map(self.text.value, self.node.args if isinstance(self.node, ast.Call) else ()))

    @property
    def kwargs(self) -> dict[str, Any]:
        """Raises DefinitionError."""
        return {name: self.text.value(node) for name, node in named(self.node, self.text).items()}


def named(call: ast.expr, text: PythonText) -> dict[str, ast.expr]:
    """The arguments with a name, not read. Raises DefinitionError for ``**``."""
    found = {}
    for keyword in call.keywords if isinstance(call, ast.Call) else ():
        if keyword.arg is None:
            raise text.computed(keyword.value, "write the names themselves")
        found[keyword.arg] = keyword.value
    return found


def assigned(statement: ast.stmt) -> Iterator[tuple[str, ast.expr | None]]:
    """Names that a statement gives a value, with the value; None where it is none that is written there."""
    if isinstance(statement, (*FUNCTIONS, ast.ClassDef)):
        return
    targets: Sequence[ast.AST] = [statement]
    value = None
    if isinstance(statement, ast.Assign):
        targets, value = statement.targets, statement.value
    elif isinstance(statement, ast.AnnAssign):
        targets, value = [statement.target] if statement.value else [], statement.value
    for target in targets:
        for node in ast.walk(target):
            if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
                yield node.id, value if node is target else None


def docstring(node: ast.Module | ast.ClassDef | Function) -> str:
    """Its docstring as written; empty if it has none."""
    return ast.get_docstring(node, clean=False) or ""


class _WritingOut(ast.NodeTransformer):
    def __init__(self, names: Mapping[str, ast.expr | None]) -> None:
        self._names = names

    def visit_Name(self, node: ast.Name) -> ast.expr:
        found = self._names.get(node.id)
        return node if found is None else ast.copy_location(copy.copy(found), node)


def _given_once(tree: ast.Module) -> dict[str, ast.expr | None]:
    """What the names of the module stand for, written out; None for one with two values, or that may be changed."""
    names: dict[str, ast.expr | None] = dict.fromkeys(_changed(tree))
    for statement in tree.body:
        if isinstance(statement, (*FUNCTIONS, ast.ClassDef)):
            names[statement.name] = None
            continue
        for name, value in (*_imported(statement), *assigned(statement)):
            if name in names or value is None:
                names[name] = None
            else:
                full = _WritingOut(names).visit(value)
                is_small = len(list(islice(ast.walk(full), MOST_PARTS + 1))) <= MOST_PARTS
                names[name] = full if is_small else None
    return names


def _imported(statement: ast.stmt) -> Iterator[tuple[str, ast.expr]]:
    for node in ast.walk(statement):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            module = f"{node.module or ''}." if isinstance(node, ast.ImportFrom) else ""
            for alias in node.names:
                if (alias.asname or module) and alias.name != "*":
                    full = f"{module}{alias.name}".lstrip(".")
                    yield alias.asname or alias.name, ast.parse(full, mode="eval").body


def _changed(tree: ast.Module) -> Iterator[str]:
    """Names whose value may be changed after it was given."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Global):
            yield from node.names
        elif isinstance(node, (ast.Attribute, ast.Subscript)) and isinstance(node.value, ast.Name):
            may_change = getattr(node, "attr", None) in CHANGING or not isinstance(node.ctx, ast.Load)
            yield from [node.value.id] if may_change else []
