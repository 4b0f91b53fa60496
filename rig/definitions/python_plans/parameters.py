"""Which cases ``parametrize`` makes of a test function, named as pytest names them."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rig.definitions.python_plans.text import PythonText, TextMark, named
from rig.errors import DefinitionError

NAME_THEM = 'give each case its name: ids=["low", "high"]'
LONGEST_TEXT = 100  # letters of a value; whether pytest makes a name of a longer one hangs on its version
PARAMETRIZE = ("argnames", "argvalues", "indirect", "ids", "scope")
DISPLAYS = (ast.List, ast.Tuple, ast.Dict, ast.Set, ast.ListComp, ast.DictComp)


@dataclass(frozen=True)
class Parameters:
    """One mark ``parametrize``: the arguments it gives, and a name and the marks of each set of values.

    ``direct``: it gives values, and not to a fixture of that name.
    """

    names: tuple[str, ...]
    direct: bool
    sets: tuple[tuple[str, tuple[TextMark, ...]], ...]


def parameters_of(mark: TextMark) -> Parameters:
    """What one mark ``parametrize`` makes. Raises DefinitionError for what is computed and has no name."""
    text = mark.text
    given = dict(zip(PARAMETRIZE, mark.node.args if isinstance(mark.node, ast.Call) else (), strict=False))
    given |= named(mark.node, text)
    where = text.where(mark.node, "parametrize")
    if not {"argnames", "argvalues"} <= set(given):
        raise DefinitionError("it takes names and values", where, 'parametrize("rate", ["low", "high"])')
    names, lonely = text.value(given["argnames"]), False
    if isinstance(names, str):
        names = [name.strip() for name in names.split(",") if name.strip()]
        lonely = len(names) == 1
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        raise DefinitionError("the names are no texts", where, 'parametrize("rate, time", [...])')
    ids = _ids(given["ids"], text) if "ids" in given else None
    items = text.elements(given["argvalues"])
    if items is None:
        if ids is None or None in ids:
            raise text.computed(given["argvalues"], NAME_THEM)
        items = [given["argvalues"]] * len(ids)  # each has its name
    if not items:
        raise DefinitionError("there is no value", where, NAME_THEM)
    if ids is not None and len(ids) != len(items):
        raise DefinitionError(f"there are {len(ids)} names for {len(items)} sets of values", where, NAME_THEM)
    sets = [
        _set(item, index, None if ids is None else ids[index], names, lonely, text)
        for index, item in enumerate(items)
    ]
    direct = not (text.value(given["indirect"]) if "indirect" in given else False)
    unique = _unique([name for name, _ in sets])
    return Parameters(tuple(names), direct, tuple(zip(unique, [marks for _, marks in sets], strict=True)))


def _ids(node: ast.expr, text: PythonText) -> list[str | None] | None:
    ids = text.value(node, NAME_THEM)
    if ids is None:
        return None
    if not isinstance(ids, (list, tuple)) or any(isinstance(name, (list, tuple, dict, set)) for name in ids):
        raise DefinitionError("this is no list of names", text.where(node, "ids"), NAME_THEM)
    return [None if name is None else _told(name) for name in ids]


def _set(
    item: ast.expr, index: int, name: str | None, argnames: Sequence[str], lonely: bool, text: PythonText
) -> tuple[str, tuple[TextMark, ...]]:
    """Name and marks of one set of values; ``lonely``: it is the value itself."""
    values = [item] if lonely or isinstance(item, ast.Constant) else text.elements(item)
    marks: list[TextMark] = []
    if isinstance(item, ast.Call) and text.called(item) == "pytest.param":
        values, more = item.args, named(item, text)
        if (own := text.value(more["id"], NAME_THEM) if "id" in more else None) is not None:
            if not isinstance(own, str):
                raise DefinitionError("an id is a text", text.where(item, "id"), NAME_THEM)
            name = _told(own)
        if "marks" in more:
            of_set = text.elements(more["marks"])
            marks = text.marks([more["marks"]] if of_set is None else of_set)
    if name is None:
        if values is None:
            raise text.computed(item, NAME_THEM)
        if len(values) != len(argnames):
            message = f"of {', '.join(argnames)}, {len(values)} have a value in this set"
            raise DefinitionError(message, text.where(item, "parametrize"), "a set of values is a tuple")
        each = zip(values, argnames, strict=True)
        name = "-".join(_of_value(value, f"{argname}{index}", text) for value, argname in each)
    return name, tuple(marks)


def _of_value(node: ast.expr, numbered: str, text: PythonText) -> str:
    """A text or number is its own name; whatever else is plainly something else has a number."""
    if isinstance(node, DISPLAYS):
        return numbered
    value = text.value(node, NAME_THEM)
    if isinstance(value, (str, bytes)) and len(value) > LONGEST_TEXT:
        raise DefinitionError("this is too long for a name", text.where(node, "parametrize"), NAME_THEM)
    return numbered if value is ... else _told(value)


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
