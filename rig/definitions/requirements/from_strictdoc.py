"""Requirements from a document of StrictDoc (``*.sdoc``).

Elements stand under ``[NAME]`` or ``[[NAME]]``, fields as ``NAME: value`` or between ``NAME: >>>`` and ``<<<``,
relations as a list of TYPE, VALUE, ROLE. Every element with a UID is an item, its tag the kind. Documents that are
included ([DOCUMENT_FROM_FILE]) are not read: name them in the plan.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from rig.definitions.foreign_text import text_of
from rig.definitions.requirements.requirement_set import Item, plain_name
from rig.errors import DefinitionError, Where

_TAG = re.compile(r"\[\[?(/?)([A-Z][A-Z0-9_]*)\]?\]")
_FIELD = re.compile(r"([A-Z][A-Za-z0-9_ ]*): ?(.*)")
_LISTS = ("RELATIONS", "REFS")
_NO_ITEMS = (
    "DOCUMENT",
    "GRAMMAR",
    "SECTION",
    "TEXT",
    "FREETEXT",
    "DOCUMENT_FROM_FILE",
    "LAYOUT",
    "VIEW_STYLE",
)
_OWN = ("mid", "level", "uid")


@dataclass
class _Element:
    tag: str
    line: int
    fields: dict[str, str] = field(default_factory=dict)
    links: list[str] = field(default_factory=list)


def items_of_strictdoc(content: bytes, path: Path, inside: str) -> list[Item]:
    """The elements with a UID. Raises DefinitionError with file and line for what is no such document."""
    items = []
    for element in _elements(text_of(content, str(path)), path):
        uid = element.fields.get("UID", "")
        if element.tag in _NO_ITEMS or not uid:
            continue
        attributes = {plain_name(name): value for name, value in element.fields.items()}
        kept = {name: value for name, value in attributes.items() if name not in _OWN}
        kind = attributes.get("type", element.tag)
        where = Where(str(path), line=element.line)
        items.append(Item(uid, kind, kept, tuple(element.links), where, f"{inside}:{element.line}"))
    return items


def _elements(text: str, path: Path) -> list[_Element]:
    lines = re.split(r"\r\n|\n|\r", text)
    if not lines[0].strip() == "[DOCUMENT]":
        raise DefinitionError(
            "this is no document of StrictDoc", Where(str(path), line=1), "it begins [DOCUMENT]"
        )
    elements: list[_Element] = []
    place, listing = 0, False
    while place < len(lines):
        line, number = lines[place], place + 1
        place += 1
        if tag := _TAG.fullmatch(line.strip()):
            if not tag[1]:
                elements.append(_Element(tag[2], number))
                if tag[2] == "FREETEXT":
                    _, place = _until("[/FREETEXT]", lines, place, number, path)
            listing = False
            continue
        element, found = elements[-1], _FIELD.fullmatch(line)
        if found is None or (found[2] == "" and found[1] in _LISTS):
            listing = found is not None or (listing and (not line or line[0] in " -"))
            if relation := re.fullmatch(r"\s+VALUE: (\S+)\s*", line):
                element.links.append(relation[1])
            elif element.tag not in _NO_ITEMS and line.strip() and not listing:
                hint = "NAME: value, or NAME: >>> and several lines up to <<<"
                raise DefinitionError(
                    f"this is no field: {line.strip()[:60]!r}", Where(str(path), line=number), hint
                )
            continue
        listing, value = False, found[2].strip()
        if value == ">>>":
            value, place = _until("<<<", lines, place, number, path)
        if element.tag not in _NO_ITEMS and found[1] in element.fields and found[1] != "COMMENT":
            raise DefinitionError(f"the field {found[1]} is there twice", Where(str(path), line=number))
        element.fields[found[1]] = value
    return elements


def _until(end: str, lines: list[str], place: int, began: int, path: Path) -> tuple[str, int]:
    """The lines up to ``end``, and the place behind it."""
    for last in range(place, len(lines)):
        if lines[last].strip() == end:
            return "\n".join(lines[place:last]).strip(), last + 1
    raise DefinitionError(f"what begins here does not end: no {end} follows", Where(str(path), line=began))
