"""Requirements from Doorstop: a folder with documents, each a folder with ``.doorstop.yml``, an item a YAML file.

The name of the file is the id. Items that are not active are passed over, those that are not normative are headings.
``attributes: defaults:`` of a document hold for its items: a document of hazards says ``type: hazard`` there.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from rig.definitions.foreign_text import text_of
from rig.definitions.requirements.requirement_set import LONGEST_SET, Item, plain_name
from rig.errors import DefinitionError, Where

DOCUMENT = ".doorstop.yml"
# Doorstop's own bookkeeping: it changes without the requirement changing.
_OWN = ("active", "derived", "level", "links", "normative", "reviewed", "references", "ref")
DEEPEST = 50


def doorstop_files(folder: Path) -> list[Path]:
    """The YAML files below ``folder``, in order. Raises DefinitionError if there is no document or too much."""
    found = sorted(path for path in folder.rglob("*.yml") if path.is_file())
    if not any(path.name == DOCUMENT for path in found):
        hint = f"a document of Doorstop has a {DOCUMENT}"
        raise DefinitionError("there is no document of Doorstop in this folder", Where(str(folder)), hint)
    if len(found) > LONGEST_SET:
        raise DefinitionError(f"{len(found)} files are more than {LONGEST_SET}", Where(str(folder)))
    return found


def items_of_doorstop(files: Mapping[str, bytes], folder: Path, where: Where) -> list[Item]:
    """The items of all documents among ``files`` (name below ``folder``: content), in their order.

    Raises DefinitionError with file and line for what is no YAML, or none that Doorstop writes.
    """
    documents = {
        PurePosixPath(name).parent: _table(content, folder / name)
        for name, content in files.items()
        if PurePosixPath(name).name == DOCUMENT
    }
    items = []
    for name, content in files.items():
        path = PurePosixPath(name)
        home = next((parent for parent in path.parents if parent in documents), None)
        if path.name == DOCUMENT or home is None:
            continue
        settings = _below(documents[home], "settings")
        if settings.get("itemformat", "yaml") != "yaml":
            hint = "set itemformat: yaml; items in Markdown are not read"
            raise DefinitionError("the items are not in YAML", Where(str(folder / home / DOCUMENT)), hint)
        if not path.stem.lower().startswith(str(settings.get("prefix", "")).lower()):
            continue  # an index, a template
        defaults = _below(_below(documents[home], "attributes"), "defaults")
        item = {**defaults, **_table(content, folder / name)}
        if item.get("active") == "false":
            continue
        kind = "heading" if item.get("normative") == "false" else str(item.get("type", ""))
        texts = {plain_name(key): _as_text(value) for key, value in item.items() if key not in _OWN}
        links = tuple(_as_text(link).split(":")[0] for link in _listed(item.get("links")))
        items.append(Item(path.stem, kind, texts, links, Where(str(folder / name), line=1), name))
    return items


def _table(content: bytes, path: Path) -> dict[str, Any]:
    """A YAML file that holds one table: texts, lists and tables of texts. References within it are refused."""
    import yaml

    text = text_of(content, str(path))
    try:
        for event in yaml.parse(text, yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent):
                where = Where(str(path), line=event.start_mark.line + 1)
                raise DefinitionError("a reference ('*') is not let in", where, "write it out")
        node = yaml.compose(text, yaml.SafeLoader)
    except yaml.YAMLError as problem:
        mark = getattr(problem, "problem_mark", None)
        place = Where(str(path), line=mark.line + 1 if mark else None)
        said = getattr(problem, "problem", None) or "it cannot be read"
        raise DefinitionError(f"this is not YAML: {said}", place) from None
    except RecursionError:
        raise DefinitionError("this is nested too deeply", Where(str(path))) from None
    value = _value(node, path, 0)
    if not isinstance(value, dict):
        raise DefinitionError("this is no item of Doorstop", Where(str(path)), "it holds names and values")
    return value


def _value(node: Any, path: Path, depth: int) -> Any:
    """Texts as they are written: a level 1.10 stays 1.10. ``true`` and ``false`` in small letters."""
    import yaml

    where = Where(str(path), line=node.start_mark.line + 1 if node is not None else None)
    if depth > DEEPEST:
        raise DefinitionError("this is nested too deeply", where)
    if isinstance(node, yaml.MappingNode):
        table: dict[str, Any] = {}
        for key, value in node.value:
            name = _as_text(_value(key, path, depth + 1))
            if name in table:
                place = Where(str(path), line=key.start_mark.line + 1)
                raise DefinitionError(f"the key {name!r} is there twice", place)
            table[name] = _value(value, path, depth + 1)
        return table
    if isinstance(node, yaml.SequenceNode):
        return [_value(value, path, depth + 1) for value in node.value]
    if node is None or node.tag == "tag:yaml.org,2002:null":
        return ""
    return node.value.lower() if node.tag == "tag:yaml.org,2002:bool" else node.value


def _as_text(value: Any) -> str:
    """A value on one line; of a table, as links are written ("REQ001: hash"), its first key."""
    if isinstance(value, dict):
        return next(iter(value), "")
    if isinstance(value, list):
        return ", ".join(_as_text(item) for item in value)
    return str(value).strip()


def _below(table: Any, key: str) -> dict[str, Any]:
    found = table.get(key) if isinstance(table, dict) else None
    return found if isinstance(found, dict) else {}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
