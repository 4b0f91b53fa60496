"""The run folders in a folder of such, as a list to search in: newest first, each with what it was and how it ended."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rig.errors import IntegrityError
from rig.record.attestation import read_attestation
from rig.record.journal_reader import parsed_record
from rig.record.layout import ATTESTATION, DAMAGED, JOURNAL, MANIFEST, is_run_folder
from rig.watch.standing import text

Summary = dict[str, Any]
MOST = 200  # that are listed at once
FIRST_LINE = 1 << 16
# What of a run folder may be looked at, and how: file in the folder, what it is called, media type.
SHOWN_FILES = {
    "report.html": ("report", "text/html; charset=utf-8"),
    "report.pdf": ("report as PDF", "application/pdf"),
    "results.json": ("results", "application/json"),
    "exports/junit.xml": ("JUnit", "application/xml"),
    "plan.toml": ("plan", "text/plain; charset=utf-8"),
    "bench.toml": ("bench", "text/plain; charset=utf-8"),
}


class PastRuns:
    """Each sealed run is read once; nothing in it changes any more."""

    def __init__(self, runs_dir: Path) -> None:
        self.runs_dir = runs_dir
        self._sealed: dict[str, Summary] = {}
        self._folders: set[str] = set()

    def names(self) -> list[str]:
        """All run folders, newest first: their names begin with when they were begun. Empty without such a folder."""
        try:
            with os.scandir(self.runs_dir) as entries:
                present = {entry.name for entry in entries}
        except OSError:
            return []
        self._folders &= present
        self._folders |= {name for name in present - self._folders if is_run_folder(self.runs_dir / name)}
        return sorted(self._folders, reverse=True)

    def found(self, words: str) -> list[Summary]:
        """The newest that have all these words somewhere in what they were, at most 200."""
        wanted = words.lower().split()
        return [*_first(MOST, (run for run in self._all() if all(word in _haystack(run) for word in wanted)))]

    def file(self, name: str, inside: str) -> Path | None:
        """A file that may be shown; None if there is none, or it leads out of the folder of runs."""
        if inside not in SHOWN_FILES or name != Path(name).name or name.startswith("."):
            return None
        folder = self.runs_dir.resolve()
        path = (folder / name / inside).resolve()
        return path if path.is_file() and path.is_relative_to(folder / name) else None

    def _all(self) -> Iterator[Summary]:
        for name in self.names():
            if name not in self._sealed:
                run = _summary(self.runs_dir / name)
                if run["state"] != "sealed":
                    yield run
                    continue
                self._sealed[name] = run
            yield self._sealed[name]


def _first(count: int, runs: Iterator[Summary]) -> Iterator[Summary]:
    for _, run in zip(range(count), runs, strict=False):
        yield run


SEARCHED = ("name", "plan", "title", "bench", "outcome", "state", "kind", "operator")


def _haystack(run: Summary) -> str:
    return " ".join(str(run[key]) for key in SEARCHED).lower()


def _summary(folder: Path) -> Summary:
    opened = _opened(folder)
    plan, bench = opened.get("plan") or {}, opened.get("bench") or {}
    outcome, state = "", "open"
    if (folder / ATTESTATION).exists():
        state = "sealed"
        try:
            outcome = str(read_attestation(folder).predicate.get("outcome") or "")
        except IntegrityError:
            outcome, state = "", "seal cannot be read"
    elif (folder / MANIFEST).exists():
        state = "seal not signed"
    elif (folder / DAMAGED).exists():
        state = "damaged"
    return {
        "name": folder.name,
        "plan": text(plan.get("id", "")),
        "revision": text(plan.get("revision", "")),
        "title": text(plan.get("title", "")),
        "bench": text(bench.get("id", "")),
        "operator": text(opened.get("operator", "")),
        "started_utc": text(opened.get("started_utc", "")),
        "kind": "REHEARSAL" if opened.get("rehearsal", True) else "",
        "outcome": outcome,
        "state": state,
        "files": [
            [inside, label] for inside, (label, _) in SHOWN_FILES.items() if (folder / inside).is_file()
        ],
    }


def _opened(folder: Path) -> dict[str, Any]:
    """The first record of the journal; empty if it cannot be read."""
    try:
        with (folder / JOURNAL).open("rb") as file:
            record, _ = parsed_record(file.readline(FIRST_LINE).removesuffix(b"\n"))
    except OSError:
        return {}
    return record or {}


def as_json(value: object) -> bytes:
    """For a page."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")
