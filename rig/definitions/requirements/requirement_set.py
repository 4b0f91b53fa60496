"""Requirements and hazards as the rig knows them, whatever tool they come from.

Every importer gives :class:`Item`; :func:`requirement_set` makes requirements and hazards of them. Which attribute
of a tool is the title, the text, the limit and so on stands in ``NAMES``, once for all formats.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rig.definitions.written import IDENT_RULE, is_ident
from rig.errors import DefinitionError, Where

# What a tool may call an attribute, in small letters, "_" as a space; the first that is not empty counts.
NAMES: dict[str, tuple[str, ...]] = {
    "id": ("id", "uid", "identifier", "reqif.foreignid", "object identifier", "requirement id"),
    "kind": ("type", "kind", "object type"),
    "title": ("title", "name", "header", "reqif.name", "object short text", "summary"),
    "text": ("text", "statement", "description", "content", "reqif.text", "object text", "requirement"),
    "limit": ("limit", "acceptance limit"),
    "quantity": ("quantity", "criterion"),
    "condition": ("condition",),
    "hazards": ("hazards", "hazard", "hazard refs", "mitigates", "controls"),
}
HAZARD = re.compile(r"haz(ard)?s?")
# Items of these kinds are neither requirement nor hazard.
OTHER = re.compile(
    r"heading|section|chapter|text|info(rmation)?|note|comment|folder|(.*\W)?test([ _-]?case|[ _-]?spec)?"
)
LONGEST_SET = 20_000  # items


@dataclass(frozen=True)
class Item:
    """One object of a requirements tool: its attributes by name, ids it is linked to, where it stands.

    ``source`` is the place below the folder of the plan: ``requirements.csv:3``.
    """

    id: str
    kind: str
    attributes: Mapping[str, str]
    links: tuple[str, ...]
    where: Where
    source: str


@dataclass(frozen=True)
class Requirement:
    """One requirement. ``limit`` as plans write limits, "" if it states none; ``quantity``: what it limits.

    ``quantity`` is a criterion, with its procedure if it is not meant for all: ``flow_accuracy.mean_error``;
    ``condition`` says when the limit holds. ``attributes`` is what its tool says beside.
    """

    id: str
    title: str
    text: str
    limit: str
    quantity: str
    condition: str
    hazards: tuple[str, ...]
    attributes: tuple[tuple[str, str], ...]
    source: str
    where: Where = field(compare=False, repr=False)

    @property
    def content(self) -> dict[str, str]:
        """What is compared from run to run, by name."""
        told = {"title": self.title, "text": self.text, "limit": self.limit, "quantity": self.quantity}
        told |= {"condition": self.condition, "hazards": ", ".join(self.hazards)}
        return told | {name: value for name, value in self.attributes if name not in told}

    @property
    def sha256(self) -> str:
        """SHA-256 (hex) of id and content."""
        spelled = json.dumps([self.id, self.content], sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(spelled.encode()).hexdigest()


@dataclass(frozen=True)
class Hazard:
    """One hazard that requirements are to control."""

    id: str
    title: str
    source: str
    where: Where = field(compare=False, repr=False)


@dataclass(frozen=True)
class RequirementSet:
    """What one entry of ``requirements`` in a plan names. ``files``: name below the plan's folder to its bytes."""

    name: str
    requirements: tuple[Requirement, ...]
    hazards: tuple[Hazard, ...]
    files: Mapping[str, bytes] = field(repr=False, compare=False)


def requirement_set(
    name: str, items: Sequence[Item], files: Mapping[str, bytes], where: Where
) -> RequirementSet:
    """Requirements and hazards of ``items``. Raises DefinitionError for ids that cannot be, or are there twice."""
    problems = list(_id_problems(items))
    if len(items) > LONGEST_SET:
        problems = [DefinitionError(f"{len(items)} items are more than {LONGEST_SET}", where)]
    counted = [item for item in items if not OTHER.fullmatch(item.kind.strip().lower())]
    hazards = {item.id: item for item in counted if HAZARD.fullmatch(item.kind.strip().lower())}
    wanted = [item for item in counted if item.id not in hazards]
    if not problems and not wanted:
        hint = "an item has an id and is neither heading nor hazard"
        problems.append(DefinitionError("there is no requirement in it", where, hint))
    if problems:
        first, *others = problems
        raise DefinitionError(first.message, first.where, first.hint, tuple(problems) if others else ())
    back = {item.id: [hazard for hazard in hazards.values() if item.id in hazard.links] for item in wanted}
    return RequirementSet(
        name,
        tuple(_requirement(item, hazards, [hazard.id for hazard in back[item.id]]) for item in wanted),
        tuple(Hazard(item.id, told(item.attributes, "title", "text"), item.source, item.where)
              for item in hazards.values()),
        files,
    )  # fmt: skip


def plain_name(name: str) -> str:
    """An attribute's name as it is looked for in ``NAMES``."""
    return " ".join(name.strip().lower().replace("_", " ").split())


def told(attributes: Mapping[str, str], *wanted: str) -> str:
    """The first attribute that is not empty among those a tool may call ``wanted``."""
    names = [name for what in wanted for name in NAMES[what]]
    return next((attributes[name].strip() for name in names if attributes.get(name, "").strip()), "")


def ids_in(text: str) -> list[str]:
    """Ids in a cell: parted by commas, semicolons or space."""
    return [part for part in re.split(r"[,;\s]+", text) if part]


def _requirement(item: Item, hazards: Mapping[str, Item], linked: Sequence[str]) -> Requirement:
    links = [link for link in item.links if link in hazards]
    known = {name for names in NAMES.values() for name in names}
    return Requirement(
        id=item.id,
        title=told(item.attributes, "title"),
        text=told(item.attributes, "text"),
        limit=told(item.attributes, "limit"),
        quantity=told(item.attributes, "quantity"),
        condition=told(item.attributes, "condition"),
        hazards=tuple(dict.fromkeys([*ids_in(told(item.attributes, "hazards")), *links, *linked])),
        attributes=tuple(
            (name, value.strip())
            for name, value in sorted(item.attributes.items())
            if name not in known and value.strip()
        ),
        source=item.source,
        where=item.where,
    )


def _id_problems(items: Sequence[Item]) -> list[DefinitionError]:
    problems: list[DefinitionError] = []
    first: dict[str, Item] = {}
    for item in items:
        if not is_ident(item.id):
            message = f"{item.id!r} cannot be an id: no case could name it"
            problems.append(DefinitionError(message, item.where, IDENT_RULE))
            continue
        other = first.setdefault(item.id.lower(), item)
        if other is not item:
            message = f"the id '{item.id}' is taken by {other.source}"
            problems.append(DefinitionError(message, item.where, "give each item its own id"))
    return problems
