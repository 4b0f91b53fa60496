"""What ``rig doctor`` found last on each bench: one small file a bench, beside its key, for whoever looks later."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rig.record.durable_files import write_atomically
from rig.record.keys import keys_folder
from rig.record.lock import file_stem

Examination = dict[str, Any]  # bench, at_utc, examined: a list of what rig doctor --json prints


def keep_examination(bench_id: str, examined: list[dict[str, Any]], folder: Path | None = None) -> None:
    """Write it in place of the one before. Raises IntegrityError."""
    path = (folder or keys_folder()) / f"bench-{file_stem(bench_id)}.doctor.json"
    told = {
        "bench": bench_id,
        "at_utc": datetime.now(UTC).isoformat(timespec="seconds"),
        "examined": examined,
    }
    with suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_atomically(path, json.dumps(told, ensure_ascii=False).encode("utf-8", "backslashreplace"))


def kept_examinations(folder: Path | None = None) -> list[Examination]:
    """The last one of each bench, latest first. A file that cannot be read is left out."""
    found = []
    for path in (folder or keys_folder()).glob("bench-*.doctor.json"):
        with suppress(OSError, ValueError, LookupError, TypeError):
            told = json.loads(path.read_bytes())
            found.append(
                {"bench": told["bench"], "at_utc": told["at_utc"], "examined": list(told["examined"])}
            )
    return sorted(found, key=lambda told: str(told["at_utc"]), reverse=True)
