"""Which cases ``parametrize`` makes of a test function, named as pytest names them."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from rig.definitions.python_text import PythonText, TextMark
from rig.errors import DefinitionError

NAME_THEM = 'give each case its name: ids=["low", "high"]'
LONGEST_TEXT = 100  # letters of a value; whether pytest makes a name of a longer one hangs on its version
MOST_CASES = 10_000  # of one function
PARAMETRIZE = ("argnames", "argvalues", "indirect", "ids", "scope")


@dataclass(frozen=True)
class Parameters:
    """One mark ``parametrize``: the arguments it gives, and a name and the marks of each set of values.

    ``direct``: it gives values, and not to a fixture of that name.
    """

    names: tuple[str, ...]
    direct: bool
    sets: tuple[tuple[str, tuple[TextMark, ...]], ...]


@dataclass(frozen=True)
class _Set:
    """One set of values: ``values`` None if how many there are cannot be read."""

    node: ast.expr
    values: list[ast.expr] | None
    name: str | None = None
    marks: tuple[TextMark, ...] = ()


def parameters_of(mark: TextMark) -> Parameters:
    """What one mark ``parametrize`` makes. Raises DefinitionError for what is computed and has no name."""
    text = mark.text
    given = dict(zip(PARAMETRIZE, mark.node.args if isinstance(mark.node, ast.Call) else (), strict=False))
    given |= mark.named()
    if not {"argnames", "argvalues"} <= set(given):
        where = text.where(mark.node, "parametrize")
        raise DefinitionError("it takes names and values", where, 'parametrize("rate", ["low", "high"])')
    argnames = text.value(given["argnames"])
    lonely = False
    if isinstance(argnames, str):
        argnames = [name.strip() for name in argnames.split(",") if name.strip()]
        lonely = len(argnames) == 1
    ids = _ids(given["ids"], text) if "ids" in given else None
    items = text.elements(given["argvalues"])
    if items is None and ids is not None and None not in ids:
        sets = [_Set(given["argvalues"], None) for _ in ids]
    elif items is None:
        raise text.computed(given["argvalues"], NAME_THEM)
    else:
        sets = [_set(item, lonely, text) for item in items]
    if not sets or (ids is not None and len(ids) != len(sets)):
        message = f"there are {len(ids)} names for {len(sets)} sets of values" if ids else "there is no value"
        raise DefinitionError(message, text.where(given["argvalues"], "parametrize"), NAME_THEM)
    names = [
        _name_of(each, index, ids[index] if ids is not None else None, argnames, text)
        for index, each in enumerate(sets)
    ]
    direct = not (text.value(given["indirect"]) if "indirect" in given else False)
    marks = [each.marks for each in sets]
    return Parameters(tuple(argnames), direct, tuple(zip(_unique(names), marks, strict=True)))


def combined(parameters: list[Parameters]) -> Iterator[tuple[str, tuple[TextMark, ...]]]:
    """Name and marks of every combination, in pytest's order; one without a name if nothing is parametrized."""
    if not parameters:
        yield "", ()
        return
    first, *others = parameters
    rest = list(combined(others))
    for name, marks in first.sets:
        for name_of_rest, marks_of_rest in rest:
            yield f"{name}-{name_of_rest}" if others else name, (*marks, *marks_of_rest)


def _ids(node: ast.expr, text: PythonText) -> list[str | None] | None:
    ids = text.value(node, NAME_THEM)
    if ids is None:
        return None
    if not isinstance(ids, (list, tuple)) or any(isinstance(name, (list, tuple, dict, set)) for name in ids):
        raise DefinitionError("this is no list of names", text.where(node, "ids"), NAME_THEM)
    return [None if name is None else _told(name) for name in ids]


def _set(node: ast.expr, lonely: bool, text: PythonText) -> _Set:
    meant = text.meant(node)
    if not (isinstance(meant, ast.Call) and text.dotted(meant.func) == "pytest.param"):
        return _Set(node, [node] if lonely else text.elements(node))
    named = TextMark("param", meant, meant.lineno, text).named()
    name = text.value(named["id"], NAME_THEM) if "id" in named else None
    if name is not None and not isinstance(name, str):
        raise DefinitionError("an id is a text", text.where(meant, "id"), NAME_THEM)
    marks: list[TextMark] = []
    if "marks" in named:
        items = text.elements(named["marks"])
        marks = text.marks([named["marks"]] if items is None else items)
    return _Set(node, list(meant.args), None if name is None else _told(name), tuple(marks))


def _name_of(each: _Set, index: int, given: str | None, argnames: list[str], text: PythonText) -> str:
    name = each.name if each.name is not None else given
    if name is not None:
        return name
    values = [each.node] if isinstance(text.meant(each.node), ast.Constant) else each.values
    if values is None:
        raise text.computed(each.node, NAME_THEM)
    if len(values) != len(argnames):
        message = f"of {', '.join(argnames)}, {len(values)} have a value in this set"
        raise DefinitionError(message, text.where(each.node, "parametrize"), "a set of values is a tuple")
    return "-".join(
        _of_value(value, argname, index, text) for value, argname in zip(values, argnames, strict=True)
    )


def _of_value(node: ast.expr, argname: str, index: int, text: PythonText) -> str:
    """A text or number is its own name; whatever else is plainly something else has a number."""
    if isinstance(text.meant(node), (ast.List, ast.Tuple, ast.Dict, ast.Set, ast.ListComp, ast.DictComp)):
        return f"{argname}{index}"
    value = text.value(node, NAME_THEM)
    if isinstance(value, (str, bytes)) and len(value) > LONGEST_TEXT:
        raise DefinitionError("this is too long for a name", text.where(node, "parametrize"), NAME_THEM)
    return f"{argname}{index}" if value is ... else _told(value)


def _told(value: object) -> str:
    """A value as pytest writes it into a name: letters that are not ASCII as Python escapes them."""
    if isinstance(value, bytes):
        return _told(value.decode("latin-1")).replace(r"\\", "\\")
    return value.encode("unicode_escape").decode("ascii") if isinstance(value, str) else str(value)


def _unique(names: list[str]) -> list[str]:
    """Names that are alike get a number each, as pytest gives it."""
    times, numbers, unique = Counter(names), Counter[str](), list(names)
    for index, name in enumerate(names):
        if times[name] > 1:
            joint = "_" if name[-1:].isdigit() else ""
            while f"{name}{joint}{numbers[name]}" in unique:
                numbers[name] += 1
            unique[index] = f"{name}{joint}{numbers[name]}"
            numbers[name] += 1
    return unique
