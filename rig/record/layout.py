"""Where things lie in a run folder: names that readers and writers share."""

from __future__ import annotations

from pathlib import Path

from rig.errors import DefinitionError, Where

JOURNAL = "journal.jsonl"
MANIFEST = "manifest.json"
RESULTS = "results.json"
SAMPLES = "samples.parquet"


def check_is_run_folder(path: Path) -> None:
    """Raises DefinitionError unless there is a folder with a journal or a manifest in it."""
    where = Where(str(path))
    if not path.is_dir():
        raise DefinitionError("there is no such folder", where)
    if not (path / JOURNAL).is_file() and not (path / MANIFEST).is_file():
        raise DefinitionError(f"this is no run folder: it has no {JOURNAL}", where)
