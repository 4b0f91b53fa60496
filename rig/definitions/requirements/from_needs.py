"""Requirements from sphinx-needs: ``needs.json``, as its builder ``needs`` writes it (current version only)."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from rig.definitions.foreign_text import text_of
from rig.definitions.requirements.requirement_set import Item, plain_name
from rig.errors import DefinitionError, Where

# What sphinx-needs keeps for itself: it changes without the requirement changing.
OWN = re.compile(
    r"docname|lineno|doctype|external.*|is .*|has .*|arch|style|layout|template|.* template|.* content|parts|"
    r"sections?( name)?|constraints.*|modifications|.* back|id|type|type name|full title|content node|signature"
)


def items_of_needs(content: bytes, path: Path, inside: str) -> list[Item]:
    """The needs of the current version. Raises DefinitionError with file and line for what is no needs.json."""
    text, where = text_of(content, str(path)), Where(str(path))
    try:
        data = json.loads(text, object_pairs_hook=_each_once)
    except json.JSONDecodeError as problem:
        raise DefinitionError(
            f"this is not JSON: {problem.msg}", Where(str(path), line=problem.lineno)
        ) from None
    except (ValueError, RecursionError) as problem:
        raise DefinitionError(f"this cannot be read as JSON: {problem}", where) from None
    needs = _needs(data, where)
    lines = {
        found[1]: text.count("\n", 0, found.start()) + 1
        for found in re.finditer(r'"([^"\n]+)"\s*:\s*\{', text)
    }
    items = []
    for name, need in needs.items():
        line = lines.get(name)
        place = Where(str(path), key=None if line else name, line=line)
        if not isinstance(need, dict) or need.get("id", name) != name:
            raise DefinitionError(f"the need {name!r} is no table with this id", place)
        attributes = {plain_name(key): _as_text(value) for key, value in need.items()}
        links = tuple(
            link
            for value in need.values()
            if isinstance(value, list)
            for link in value
            if isinstance(link, str)
        )
        kept = {key: value for key, value in attributes.items() if not OWN.fullmatch(key)}
        source = f"{inside}:{line}" if line else inside
        items.append(Item(name, attributes.get("type", ""), kept, links, place, source))
    return items


def _needs(data: Any, where: Where) -> dict[str, Any]:
    try:
        needs = data["versions"][data["current_version"]]["needs"]
    except (LookupError, TypeError):
        needs = None
    if not isinstance(needs, dict):
        hint = "it has current_version, and versions with needs: make it with sphinx-build -b needs"
        raise DefinitionError("this is no needs.json of sphinx-needs", where, hint)
    return needs


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for index, name in enumerate(names) if name in names[:index])
        raise ValueError(f"{twice!r} is there twice in one table")
    return table


def _as_text(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(str(item) for item in value if isinstance(item, str | int | float))
    return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""
