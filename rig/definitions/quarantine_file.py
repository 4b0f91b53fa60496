"""Quarantine files: failures that are known, who mends them, and until when they do not fail the night."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from rig.definitions.fields import LineOfText, Text, TomlDate
from rig.definitions.tables import Problems, Table, check_keys, read_table
from rig.definitions.toml_source import TomlSource, read_source
from rig.definitions.written import refused, shown

QUARANTINE = "quarantine.toml"  # its name in a run folder
PARTS = "plan::case::unit::criterion"


def _pattern(value: object) -> str:
    if not isinstance(value, str) or len(value.split("::")) != 4 or not all(value.split("::")):
        raise refused(
            f"{shown(value)} names no criterion", f'write "{PARTS}"; * stands for anything within a part'
        )
    return value


class QuarantineTable(Table):
    """``[[quarantine]]``"""

    criterion: Annotated[str, BeforeValidator(_pattern)] = Field(
        description="which criteria, as plan, case, unit and criterion; * stands for anything within a part",
        examples=['"flow-accuracy::lowest-rate::*::mean_error"'],
    )
    owner: LineOfText = Field(description="who sees to it", examples=['"Ada Brown"'])
    reason: Text = Field(description="what is known, and where it is followed up", examples=['"ticket 4711"'])
    expires: TomlDate = Field(description="the last day on which it counts", examples=["2027-03-31"])


@dataclass(frozen=True)
class Quarantine:
    """A quarantine file, read."""

    entries: tuple[QuarantineTable, ...]
    source: TomlSource = field(repr=False, compare=False)

    @property
    def record(self) -> dict[str, Any]:
        """What the journal of a run keeps of it."""
        return {
            "file": Path(self.source.path).name,
            "sha256": self.source.sha256,
            "entries": [
                {
                    "criterion": entry.criterion,
                    "owner": entry.owner,
                    "reason": entry.reason,
                    "expires": entry.expires.isoformat(),
                }
                for entry in self.entries
            ],
        }

    def troubles(self, names: Sequence[str], today: date) -> list[str]:
        """Entries that have expired, and such as match none of ``names``: each fails the night, in words."""
        found = []
        for index, entry in enumerate(self.entries):
            where = self.source.place(("quarantine", index, "criterion"))
            told = f"{where}: the quarantine of '{entry.criterion}' ({entry.owner})"
            if entry.expires < today:
                found.append(
                    f"{told} expired on {entry.expires.isoformat()}: mend what it is about, or decide anew"
                )
            elif not any(matches(entry.criterion, name) for name in names):
                found.append(f"{told} matches no criterion of these plans: take it out, or mend its spelling")
        return found


def load_quarantine(path: Path | str) -> Quarantine:
    """Read and check a quarantine file. Raises DefinitionError with every problem found."""
    source = read_source(path)
    problems = Problems(source)
    check_keys(source.data, ("quarantine",), (), problems)
    items = source.data.get("quarantine", [])
    if not isinstance(items, list):
        problems.add(("quarantine",), "an entry is written with double brackets", "write [[quarantine]]")
        items = []
    entries = [
        read_table(QuarantineTable, item, ("quarantine", index), problems) for index, item in enumerate(items)
    ]
    problems.raise_if_any()
    return Quarantine(tuple(entry for entry in entries if entry is not None), source)


def matches(pattern: str, name: str) -> bool:
    """Whether ``plan::case::unit::criterion`` is meant. A ``*`` alone in the name is a part that is not known yet."""
    parts = zip(pattern.split("::"), name.split("::"), strict=True)
    return all(known == "*" or fnmatchcase(known, wanted) for wanted, known in parts)
