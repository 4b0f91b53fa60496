"""Tables of a TOML file as frozen models, and what is wrong with one in words that its author understands."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from rig.definitions.toml_lines import KeyPath
from rig.definitions.toml_source import TomlSource
from rig.definitions.written import OWN_ERROR, shown
from rig.errors import DefinitionError, did_you_mean

TableT = TypeVar("TableT", bound="Table")
Contradiction = tuple[KeyPath, str, str]  # key (relative to the table), message, hint


class Table(BaseModel):
    """One TOML table. A field carries its key as alias; its description and example are told in messages."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    def contradictions(self) -> Iterator[Contradiction]:
        """What is wrong between values that are each right."""
        yield from ()


class Problems:
    """Collects everything wrong with a file, to be told in one go."""

    def __init__(self, source: TomlSource) -> None:
        self.source, self.found = source, list[DefinitionError]()

    def add(self, path: KeyPath, message: str, hint: str = "") -> None:
        """Something is wrong at ``path``."""
        self.found.append(DefinitionError(message, self.source.place(path), hint))

    def raise_if_any(self) -> None:
        """Raise one DefinitionError with all problems, in the order of their lines."""
        if self.found:
            own = self.source.name
            ordered = sorted(
                self.found, key=lambda problem: (problem.where.file != own, problem.where.line or 0)
            )
            first = ordered[0]
            raise DefinitionError(
                first.message, first.where, first.hint, tuple(ordered) if ordered[1:] else ()
            )


def read_table(
    model: type[TableT], value: object, path: KeyPath, problems: Problems, told: tuple[KeyPath, ...] = ()
) -> TableT | None:
    """The table at ``path`` as a ``model``; None, and entries in ``problems``, if anything is wrong with it.

    Nothing is said about the keys in ``told``: what is wrong with them was told already.
    """
    try:
        table = model.model_validate(value)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            keys = tuple(key for key in detail["loc"] if key != "[key]")
            if keys not in told:
                problems.add((*path, *keys), *_message(model, keys, detail))
        return None
    contradictions = list(table.contradictions())
    for keys, message, hint in contradictions:
        problems.add((*path, *keys), message, hint)
    return None if contradictions else table


def check_keys(value: Mapping[str, Any], known: tuple[str, ...], path: KeyPath, problems: Problems) -> None:
    """Refuse keys of a table that are not known."""
    for key in value:
        if key not in known:
            problems.add((*path, key), *_unknown_key(key, known))


def _message(model: type[Table], keys: KeyPath, detail: ErrorDetails) -> tuple[str, str]:
    """Message and hint for one of pydantic's errors."""
    key, value = str(keys[-1]) if keys else "", detail["input"]
    if detail["type"] == OWN_ERROR:
        return detail["ctx"]["message"], detail["ctx"]["hint"]
    if detail["type"] == "missing":
        field = _field(model, keys)
        return f"the key '{key}' is missing", _about(key, field)
    if detail["type"] == "extra_forbidden":
        around = _table_at(model, keys[:-1])
        return _unknown_key(key, _keys_of(around) if around else ())
    if detail["type"] in ("model_type", "model_attributes_type", "dict_type"):
        return f"a table is needed here, not {shown(value)}", _about(key, _field(model, keys))
    return f"{shown(value)} cannot stand here", _about(key, _field(model, keys))


def _unknown_key(key: str, known: tuple[str, ...]) -> tuple[str, str]:
    hint = did_you_mean(key, known) or "known here: " + ", ".join(known)
    return f"the key '{key}' is unknown", hint


def _about(key: str, field: FieldInfo | None) -> str:
    if field is None or not field.description:
        return ""
    return f"{field.description}: {key} = {field.examples[0]}" if field.examples else field.description


def _keys_of(model: type[Table]) -> tuple[str, ...]:
    return tuple(field.alias or name for name, field in model.model_fields.items())


def _field(model: type[Table], keys: KeyPath) -> FieldInfo | None:
    around = _table_at(model, keys[:-1])
    if around is None or not keys:
        return None
    return next((f for name, f in around.model_fields.items() if (f.alias or name) == keys[-1]), None)


def _table_at(model: type[Table], keys: KeyPath) -> type[Table] | None:
    """The model of the table that stands at ``keys`` below ``model``."""
    for key in keys:
        field = next((f for name, f in model.model_fields.items() if (f.alias or name) == key), None)
        options = _options(field.annotation) if field is not None else ()
        tables = [option for option in options if isinstance(option, type) and issubclass(option, Table)]
        if not tables:
            return None
        model = tables[0]
    return model


def _options(annotation: object) -> tuple[object, ...]:
    is_union = typing.get_origin(annotation) in (types.UnionType, typing.Union)
    return typing.get_args(annotation) if is_union else (annotation,)
