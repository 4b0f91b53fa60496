"""Requirements from ReqIF (OMG, formal/2016-07-01; namespace .../ReqIF/20110401/reqif.xsd), not packed.

A SPEC-OBJECT is an item; its attributes go by the LONG-NAME of their definition, its kind by that of its type.
Enumerated values are told by name, rich text without its marks. A SPEC-RELATION links its source to its target.
Chapters are passed over, and where any object has an id attribute, so are those without. No document type is let in,
so that no entity is ever expanded or fetched.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import NoReturn
from xml.parsers import expat

from rig.definitions.requirements.requirement_set import NAMES, Item, plain_name, told
from rig.errors import DefinitionError, Where

DEEPEST = 200  # elements within elements
NAMESPACE = "http://www.omg.org/spec/ReqIF/20110401/reqif.xsd"
_Q = f"{{{NAMESPACE}}}"
_LINE = "line"  # own attribute of each element; no name of ReqIF is in small letters
_BLOCKS = {"p", "div", "li", "br", "tr", "h1", "h2", "h3"}


def items_of_reqif(content: bytes, path: Path, inside: str) -> list[Item]:
    """The SPEC-OBJECTs of a ReqIF file. Raises DefinitionError with file and line for what is none."""
    root = _tree(content, path)
    if root.tag != f"{_Q}REQ-IF":
        hint = f"its root is REQ-IF in the namespace {NAMESPACE}"
        raise DefinitionError("this is no ReqIF", Where(str(path), line=1), hint)
    named = [(node.get("IDENTIFIER") or "", node) for node in root.iter() if node.get("IDENTIFIER")]
    long_names = {identifier: node.get("LONG-NAME") or identifier for identifier, node in named}
    objects = {identifier: node for identifier, node in named if node.tag == f"{_Q}SPEC-OBJECT"}
    attributes = {identifier: _attributes(node, long_names) for identifier, node in objects.items()}
    ids = {identifier: told(found, "id") for identifier, found in attributes.items()}
    if not any(ids.values()):
        ids = {identifier: long_names[identifier] for identifier in objects}
    links: dict[str, list[str]] = {}
    for relation in root.iterfind(f".//{_Q}SPEC-RELATION"):
        ends = [
            relation.findtext(f"{_Q}{end}/{_Q}SPEC-OBJECT-REF", "").strip() for end in ("SOURCE", "TARGET")
        ]
        if all(ids.get(end) for end in ends):
            links.setdefault(ends[0], []).append(ids[ends[1]])
    items = []
    for identifier, node in objects.items():
        found = attributes[identifier]
        if not ids[identifier] or _is_heading(found):
            continue
        type_name = long_names.get(node.findtext(f"{_Q}TYPE/{_Q}SPEC-OBJECT-TYPE-REF", "").strip(), "")
        line = int(node.get(_LINE) or 0)
        linked, where = tuple(links.get(identifier, ())), Where(str(path), line=line)
        kind = told(found, "kind") or type_name
        items.append(Item(ids[identifier], kind, found, linked, where, f"{inside}:{line}"))
    return items


def _is_heading(attributes: dict[str, str]) -> bool:
    """A chapter: it is named as one and has no text."""
    has_chapter = bool(attributes.get("reqif.chaptername") or attributes.get("object heading"))
    return has_chapter and not told(attributes, "text")


def _attributes(node: ET.Element, long_names: dict[str, str]) -> dict[str, str]:
    """Attribute values by name."""
    found: dict[str, str] = {}
    for value in node.iterfind(f"{_Q}VALUES/*"):
        reference = next((part.text or "" for part in value.iterfind(f"{_Q}DEFINITION/*")), "").strip()
        name = plain_name(long_names.get(reference, reference))
        text = value.get("THE-VALUE")
        if text is None and (rich := value.find(f"{_Q}THE-VALUE")) is not None:
            text = _plain(rich)
        if text is None:
            refs = value.iterfind(f"{_Q}VALUES/{_Q}ENUM-VALUE-REF")
            text = ", ".join(long_names.get((ref.text or "").strip(), "") for ref in refs)
        found[name] = text
    if node.get("DESC") and not any(found.get(name) for name in NAMES["text"]):
        found["description"] = node.get("DESC", "")
    return found


def _plain(node: ET.Element) -> str:
    """Rich text without its marks: a line a block."""
    parts: list[str] = []

    def walk(part: ET.Element) -> None:
        if part.tag.rpartition("}")[2] in _BLOCKS:
            parts.append("\n")
        parts.append(part.text or "")
        for child in part:
            walk(child)
            parts.append(child.tail or "")

    walk(node)
    lines = (" ".join(line.split()) for line in "".join(parts).splitlines())
    return "\n".join(line for line in lines if line)


def _tree(content: bytes, path: Path) -> ET.Element:
    """The elements, each with the line it begins on. Raises DefinitionError for a document type or broken XML."""
    parser = expat.ParserCreate(namespace_separator="}")
    builder = ET.TreeBuilder()
    depth = 0

    def refuse(*_: object) -> NoReturn:
        where = Where(str(path), line=parser.CurrentLineNumber)
        raise DefinitionError(
            "a document type declaration is not let in", where, "ReqIF needs none; take it out"
        )

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > DEEPEST:
            where = Where(str(path), line=parser.CurrentLineNumber)
            raise DefinitionError(f"more than {DEEPEST} elements within each other", where)
        builder.start("{" + tag if "}" in tag else tag, {**attributes, _LINE: str(parser.CurrentLineNumber)})

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end("{" + tag if "}" in tag else tag)

    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(content, True)
        return builder.close()
    except expat.ExpatError as problem:
        said = expat.ErrorString(problem.code)
        raise DefinitionError(f"this is not XML: {said}", Where(str(path), line=problem.lineno)) from None
    except (LookupError, ValueError) as problem:  # an encoding nobody knows
        raise DefinitionError(f"this is not XML: {problem}", Where(str(path))) from None
