"""What would be lost if run and guard both died: which pumps may be delivering. A small file beside the bench's locks.

It is there from before the first command until all pumps are safe. The next start on the bench that finds it makes
those pumps safe first. It says serial numbers and nothing that is ever opened or carried out: how a pump is reached,
the bench file of that start says.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from rig.record.durable_files import write_atomically
from rig.record.lock import file_stem


@dataclass(frozen=True)
class LeftBehind:
    """Units by serial number, the run's folder ("" if none was begun), its process, and when it began (UTC)."""

    units: tuple[str, ...]
    run_folder: str
    runner_pid: int
    since_utc: str


def kept_file(locks_folder: Path, bench_id: str) -> Path:
    """Where it lies."""
    return locks_folder / f"{file_stem(bench_id)}.watched.json"


def keep(path: Path, left: LeftBehind) -> None:
    """Write it, to the disk. Raises IntegrityError."""
    write_atomically(path, json.dumps(asdict(left)).encode())


def read_kept(path: Path, all_units: tuple[str, ...]) -> LeftBehind | None:
    """What was left behind; None if nothing. Of a file that cannot be read, ``all_units`` may be delivering."""
    try:
        told = json.loads(path.read_bytes())
        return LeftBehind(
            tuple(str(unit) for unit in told["units"]),
            str(told["run_folder"]),
            int(told["runner_pid"]),
            str(told["since_utc"]),
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, LookupError, TypeError):
        return LeftBehind(all_units, "", 0, "at an unknown time")


def forget(path: Path) -> None:
    """All are safe."""
    with suppress(OSError):
        path.unlink()
