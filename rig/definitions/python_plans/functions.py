"""What test functions are to the rig: which ask for it, what their marks say, how their cases are named.

Asked by the pytest plugin of what pytest collected, and by :mod:`rig.definitions.python_plans.source` of a file that is
only read: one truth for both.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from rig.errors import DefinitionError, Where, did_you_mean

PYTHON_SUFFIX = ".py"
FIXTURES = ("rig_case", "bench", "unit", "pump", "balance", "clock", "record", "verify")
LONGEST_CASE_ID = 64


class Mark(Protocol):
    """A mark of pytest, with its arguments."""

    @property
    def name(self) -> str: ...
    @property
    def args(self) -> Sequence[Any]: ...
    @property
    def kwargs(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True)
class TestFunction:
    """A test function as collected, without its unit: ``doc`` its docstring, ``verifies`` ids of requirements.

    ``name`` as pytest has it, with class and parameters; ``line`` where it begins, if that is known.
    """

    __test__ = False  # not one of ours for pytest

    name: str
    doc: str = ""
    verifies: tuple[str, ...] = ()
    line: int | None = None

    @property
    def case(self) -> str:
        """The name of its case."""
        readable = re.sub(r"[^A-Za-z0-9.]+", "-", self.name.replace("test_", "", 1)).strip("-.")
        return readable[:LONGEST_CASE_ID] or "test"


def first_line(doc: str) -> str:
    """What a docstring says in its first paragraph, on one line."""
    return " ".join(doc.strip().split("\n\n", 1)[0].split())


def header_of(path: Path, of_file: Iterable[Mark], of_tests: Iterable[Mark]) -> dict[str, Any]:
    """The keys of ``[plan]`` that the mark ``plan`` gives; ``of_file``: marks of the module, ``of_tests``: below it.

    Raises DefinitionError if it stands twice, at a function or class, or has arguments without a name.
    """
    found = [mark for mark in of_file if mark.name == "plan"]
    for mark in [mark for mark in of_tests if mark.name == "plan"] + found[1:]:
        message = "the mark 'plan' is about the whole file, and stands there once"
        raise DefinitionError(message, _where(path, mark), "pytestmark = pytest.mark.plan(...)")
    if not found:
        return {}
    if found[0].args:
        message = "the mark 'plan' takes names only"
        raise DefinitionError(message, _where(path, found[0]), 'plan(id="...", ...)')
    return dict(found[0].kwargs)


def verified_by(path: Path, marks: Iterable[Mark]) -> tuple[str, ...]:
    """Ids of requirements in the marks ``verifies`` among ``marks``, each once.

    Raises DefinitionError for a mark that names none, or anything but texts.
    """
    ids: dict[str, None] = {}
    for mark in marks:
        if mark.name != "verifies":
            continue
        example = 'verifies("SRS-017", "SRS-018")'
        if not mark.args or mark.kwargs:
            raise DefinitionError(
                "the mark 'verifies' takes ids of requirements", _where(path, mark), example
            )
        for name in mark.args:
            if not isinstance(name, str):
                message = f"the mark 'verifies' takes each id as a text of its own, not {name!r}"
                raise DefinitionError(message, _where(path, mark), example)
            ids[name] = None
    return tuple(ids)


def misspelt(name: str) -> str:
    """The hint for a mark that nobody knows and that is nearly one of the rig's; empty if it is not."""
    return "" if name in ("plan", "verifies") else did_you_mean(name, ("plan", "verifies"))


def sources_of(path: Path, root: Path) -> dict[str, bytes]:
    """The file and every conftest.py above it, nearest first, by their names below pytest's ``root`` folder."""
    if not path.is_relative_to(root):
        root = path.parent
    above = [folder / "conftest.py" for folder in path.parents if folder.is_relative_to(root)]
    return {file.relative_to(root).as_posix(): file.read_bytes() for file in (path, *above) if file.is_file()}


def _where(path: Path, mark: Mark) -> Where:
    return Where(str(path), key=mark.name, line=getattr(mark, "line", None))
