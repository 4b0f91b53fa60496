"""Files of the author of a plan, kept in a folder of the run folder as they were when the run began."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from rig.errors import IntegrityError
from rig.record.durable_files import sync_folder, write_atomically

REQUIREMENTS, PYTHON_FILES = "requirements", "python"


def keep_files(run_path: Path, folder: str, files: Mapping[str, bytes]) -> list[dict[str, str]]:
    """Write ``files`` (name as the plan has it: content) to ``folder``; ``name`` and ``sha256`` of each.

    Raises IntegrityError if the disk does not take them, or a name leads out.
    """
    kept = []
    for name, content in files.items():
        inside = PurePosixPath(name)
        if inside.is_absolute() or ".." in inside.parts or "\\" in name:
            raise IntegrityError(f"{folder}: '{name}' is not a path within a folder")
        path = run_path / folder / inside
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, content)
            sync_folder(path.parent)
        except OSError as error:
            raise IntegrityError(f"{path}: cannot be written: {error.strerror or error}") from error
        kept.append({"name": name, "sha256": hashlib.sha256(content).hexdigest()})
    return kept
