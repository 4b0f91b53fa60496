"""Requirement sets beside plans: ``requirements = "requirements.csv"``, in the format the name says.

::

    *.csv            a table with a line of headings             *.sdoc   a document of StrictDoc
    *.reqif, *.xml   ReqIF 1.0 to 1.2, not packed                *.json   needs.json of sphinx-needs
    a folder         documents of Doorstop, each with its .doorstop.yml

A set lies in the folder of the plan or below; nothing outside is read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from rig.definitions.requirements.from_csv import items_of_csv
from rig.definitions.requirements.from_doorstop import doorstop_files, items_of_doorstop
from rig.definitions.requirements.from_needs import items_of_needs
from rig.definitions.requirements.from_reqif import items_of_reqif
from rig.definitions.requirements.from_strictdoc import items_of_strictdoc
from rig.definitions.requirements.requirement_set import Item, RequirementSet, requirement_set
from rig.definitions.user_file import read_user_file
from rig.errors import DefinitionError, Where

LARGEST_FILE = 20_000_000  # bytes
Reader = Callable[[bytes, Path, str], list[Item]]  # content, path for messages, name below the plan's folder

READERS: dict[str, Reader] = {
    ".csv": items_of_csv,
    ".reqif": items_of_reqif,
    ".xml": items_of_reqif,
    ".sdoc": items_of_strictdoc,
    ".json": items_of_needs,
}
PACKED = (".reqifz", ".zip")


def load_requirements(names: Sequence[str], folder: Path, named_at: Where) -> tuple[RequirementSet, ...]:
    """The sets that a plan names, paths relative to ``folder``.

    Raises DefinitionError at ``named_at`` for a path that leads out of the folder, is not there or has an unknown
    format; with file and line for what is wrong inside. An id must not be in two sets.
    """
    sets = tuple(_load(name, folder, named_at) for name in names)
    first: dict[str, str] = {}
    for found in sets:
        for requirement in found.requirements:
            other = first.setdefault(requirement.id.lower(), requirement.source)
            if other is not requirement.source:
                message = f"the id '{requirement.id}' is taken by {other}"
                raise DefinitionError(message, requirement.where, "name each requirement in one set only")
    return sets


def _load(name: str, folder: Path, named_at: Where) -> RequirementSet:
    path = folder / name
    _check_inside(path, folder, name, named_at)
    where = Where(str(path))
    if path.is_dir():
        files = {}
        for file in doorstop_files(path):
            below = file.relative_to(folder).as_posix()
            _check_inside(file, folder, below, named_at)
            files[below] = read_user_file(file, LARGEST_FILE)
        return requirement_set(name, items_of_doorstop(files, folder, where), files, where)
    suffix = path.suffix.lower()
    if suffix in PACKED:
        raise DefinitionError(f"'{name}' is packed", named_at, "unpack it and name the .reqif file")
    if suffix not in READERS:
        known = "known: .csv, .reqif, .sdoc, .json (sphinx-needs), a folder (Doorstop)"
        raise DefinitionError(f"'{name}' is in no known format", named_at, known)
    if not path.exists():
        raise DefinitionError(
            f"there is no requirement set '{name}' beside this file",
            named_at,
            f"looked for {path}: put it there, or leave the key out",
        )
    content = read_user_file(path, LARGEST_FILE)
    inside = path.relative_to(folder).as_posix()
    return requirement_set(name, READERS[suffix](content, path, inside), {inside: content}, where)


def _check_inside(path: Path, folder: Path, name: str, named_at: Where) -> None:
    """Nothing outside the folder of the plan is read: not by '..', not by an absolute path, not by a link."""
    parts = path.relative_to(folder).parts if path.is_relative_to(folder) else ("..",)
    try:
        inside = path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError):  # a circle of links
        inside = False
    if not inside or ".." in parts or "\\" in name or Path(name).is_absolute():
        hint = "it lies in the folder of the plan or below, and is written with forward slashes"
        raise DefinitionError(f"{name!r} leads out of the folder of the plan", named_at, hint)
