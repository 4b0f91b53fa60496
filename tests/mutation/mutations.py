"""One small change at a time to a module's syntax tree: what a slip of the hand would make of it.

Comparisons (bound and direction), arithmetic, ``and``/``or``, negation, numbers, truth values, words without a space
(keys, kinds), ``min``/``max``, ``any``/``all``, returned and assigned values, conditions; statements that are left out
(calls, ``yield``, ``raise``), ``break`` for ``continue``. Left alone: annotations and names of types, decorators,
docstrings, assertions, imports, and texts with a space in them, which are for people.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType
from typing import Any

COMPARISONS: dict[type, tuple[type, ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
OPERATORS: dict[type, type] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
WORDS = {"min": "max", "max": "min", "any": "all", "all": "any"}
LEFT_ALONE = {"annotation", "returns", "decorator_list", "bases", "keywords_of_a_class"}


@dataclass(frozen=True)
class Mutant:
    """``scope``: "function", "Class.method", or "" for what runs at the import; ``was``, ``now``: source text.

    ``at`` is the line that it begins in, without the indentation.
    """

    number: int
    at: str
    line: int
    scope: str
    was: str
    now: str
    parent: ast.AST = field(repr=False)
    place: str = field(repr=False)  # attribute of the parent
    index: int | None = field(repr=False)  # in it, if it is a list
    new: ast.AST = field(repr=False)

    def __str__(self) -> str:
        return f"line {self.line}{f' in {self.scope}' if self.scope else ''}: {self.was}  →  {self.now}"


class Mutable:
    """A module's source and all its mutants."""

    def __init__(self, path: Path) -> None:
        text = path.read_text("utf-8")
        self.path, self.tree, lines = path, ast.parse(text), text.splitlines()
        self.mutants = [
            Mutant(number, lines[site[0] - 1].strip(), *site)
            for number, site in enumerate(_sites(self.tree, ""))
        ]

    def code(self, mutant: Mutant) -> CodeType:
        """The whole module with the mutation, compiled; lines keep their numbers."""
        return self._with(mutant, lambda: compile(self.tree, str(self.path), "exec"))

    def source(self, mutant: Mutant) -> str:
        """As text, for another process."""
        return self._with(mutant, lambda: ast.unparse(self.tree))

    def _with(self, mutant: Mutant, then: Callable[[], Any]) -> Any:
        old = _put(mutant, mutant.new)
        try:
            return then()
        finally:
            _put(mutant, old)


def _put(mutant: Mutant, node: ast.AST) -> ast.AST:
    """Put the node in the mutant's place; what was there."""
    old = getattr(mutant.parent, mutant.place)
    if mutant.index is None:
        setattr(mutant.parent, mutant.place, node)
        return old
    old[mutant.index], node = node, old[mutant.index]
    return node


def _sites(parent: ast.AST, scope: str, in_function: bool = False) -> Iterator[tuple[Any, ...]]:
    for place, value in ast.iter_fields(parent):
        if place in LEFT_ALONE:
            continue
        is_body = place == "body" and isinstance(parent, ast.FunctionDef)
        for index, node in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if not isinstance(node, ast.AST) or isinstance(node, ast.Import | ast.ImportFrom | ast.Assert):
                continue
            if index == 0 and place == "body" and _is_text(node):
                continue  # a docstring
            if isinstance(parent, ast.Module) and _is_type_alias(node):
                continue
            for other in _alternatives(node):
                new = ast.fix_missing_locations(ast.copy_location(other, node))
                told = scope if in_function or is_body else ""
                yield _line(node, parent), told, _shown(node), _shown(new), parent, place, index, new
            inner = scope
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not in_function and not is_body:
                inner = f"{scope}.{node.name}".lstrip(".")
            if not isinstance(node, ast.JoinedStr):
                yield from _sites(node, inner, in_function or is_body)
            else:
                yield from _in_text(node, inner, in_function or is_body)


def _in_text(text: ast.JoinedStr, scope: str, in_function: bool) -> Iterator[tuple[Any, ...]]:
    """Of a text only what is computed in it, and of that the outermost step: the rest is wording."""
    for part in text.values:
        if isinstance(part, ast.FormattedValue):
            yield from (site for site in _sites(part, scope, in_function) if site[5] == "value")


def _line(node: ast.AST, parent: ast.AST) -> int:
    return getattr(node, "lineno", getattr(parent, "lineno", 0))


def _shown(node: ast.AST) -> str:
    """In one line; of a statement with a body its condition."""
    match node:
        case ast.If(test) | ast.While(test):
            text = f"if {ast.unparse(test)}"
        case ast.comprehension():
            text = ast.unparse(node).strip()
        case _:
            text = ast.unparse(node)
    return text if len(text) <= 90 else f"{text[:87]}…"


def _is_text(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _is_type_alias(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Subscript | ast.BinOp)
        and (isinstance(node.targets[0], ast.Name) and not node.targets[0].id.isupper())
    )


def _alternatives(node: ast.AST) -> Iterator[Any]:  # noqa: PLR0912
    match node:
        case ast.Compare(left, ops, comparators):
            for position, op in enumerate(ops):
                for other in COMPARISONS[type(op)]:
                    yield ast.Compare(left, [*ops[:position], other(), *ops[position + 1 :]], comparators)
        case ast.BinOp(left, op, right) if type(op) in OPERATORS:
            yield ast.BinOp(left, OPERATORS[type(op)](), right)
        case ast.AugAssign(target, op, value):
            yield ast.AugAssign(target, OPERATORS[type(op)](), value)
            yield ast.Assign([target], value)
        case ast.BoolOp(op, values):
            yield ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values)
        case ast.UnaryOp(ast.Not() | ast.USub() | ast.Invert(), operand):
            yield operand
        case ast.Constant(value):
            yield from (ast.Constant(other) for other in _other_values(value))
        case ast.Call(ast.Name(name), arguments, keywords) if name in WORDS:
            yield ast.Call(ast.Name(WORDS[name], ast.Load()), arguments, keywords)
        case ast.Return(value) if value is not None and not isinstance(value, ast.Constant):
            yield ast.Return(ast.Constant(None))
        case ast.Assign([ast.Name() | ast.Attribute()] as targets, value) if not isinstance(
            value, ast.Constant
        ):
            yield ast.Assign(targets, ast.Constant(None))
        case ast.Expr(ast.Yield() | ast.YieldFrom()):
            yield ast.Expr(ast.YieldFrom(ast.Tuple([], ast.Load())))
        case ast.Expr(ast.Call()) | ast.Raise():
            yield ast.Pass()
        case ast.Break():
            yield ast.Continue()
        case ast.Continue():
            yield ast.Break()
        case ast.If(test, body, orelse) if _has_no_alternative(test):
            yield ast.If(_not(test), body, orelse)
        case ast.While(test, body, orelse) if _has_no_alternative(test) and not isinstance(
            test, ast.Constant
        ):
            yield ast.While(_not(test), body, orelse)
        case ast.IfExp(test, body, orelse) if _has_no_alternative(test):
            yield ast.IfExp(_not(test), body, orelse)
        case ast.comprehension(target, iterable, ifs, is_async):
            for position, test in enumerate(ifs):
                if _has_no_alternative(test):
                    others = [*ifs[:position], _not(test), *ifs[position + 1 :]]
                    yield ast.comprehension(target, iterable, others, is_async)


def _has_no_alternative(test: ast.AST) -> bool:
    """Not changed by a rule of its own."""
    return not isinstance(test, ast.Compare | ast.BoolOp | ast.UnaryOp)


def _not(test: Any) -> ast.UnaryOp:
    return ast.UnaryOp(ast.Not(), test)


def _other_values(value: object) -> Iterator[object]:
    match value:
        case bool():
            yield not value
        case int() | float():
            yield value + 1
        case str() if " " not in value:
            yield f"XX{value}XX"
        case bytes():
            yield b"XX" + value
