"""Where things lie in a run folder: names that readers and writers share."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from rig.errors import DefinitionError, Where

JOURNAL = "journal.jsonl"
MANIFEST = "manifest.json"
RESULTS = "results.json"
SAMPLES = "samples.parquet"
ATTESTATION = "attestation.dsse.json"
RESERVE = "reserve.tmp"  # while the run goes on
TIME_STAMPS = "time_stamps"
DAMAGED = "damaged.json"  # in place of a seal, when the record could not be brought to its end

_SIGNATURE = re.compile(r"signatures/(\d{3,})\.dsse\.json")
_TIME_STAMP = re.compile(rf"{TIME_STAMPS}/[^/]+")


def signature_name(number: int) -> str:
    """Path in the run folder of the signature with this number, from 1."""
    return f"signatures/{number:03}.dsse.json"


def is_signature(name: str) -> bool:
    """Whether a path in the run folder is that of a signature: added after the seal, and checked by itself."""
    found = _SIGNATURE.fullmatch(name)
    return found is not None and name == signature_name(int(found[1]))


def time_stamp_name(content: bytes) -> str:
    """Path in the run folder of a time stamp with this content."""
    return f"{TIME_STAMPS}/{hashlib.sha256(content).hexdigest()[:32]}.tsr"


def is_added(name: str) -> bool:
    """Whether a path in the run folder is that of a signature or time stamp: after the seal, checked by itself."""
    return is_signature(name) or _TIME_STAMP.fullmatch(name) is not None


def is_run_folder(path: Path) -> bool:
    """Whether there is a folder with a journal or a manifest in it."""
    return (path / JOURNAL).is_file() or (path / MANIFEST).is_file()


def check_is_run_folder(path: Path) -> None:
    """Raises DefinitionError unless there is a folder with a journal or a manifest in it."""
    where, hint = (
        Where(str(path)),
        "a run folder lies in runs/, such as runs/20260109T203000Z-flow-accuracy-line-3-4b0bdb",
    )
    if path.is_file():
        raise DefinitionError("this is a file, no run folder", where, hint)
    if not path.is_dir():
        raise DefinitionError("there is no such folder", where, hint)
    if not is_run_folder(path):
        raise DefinitionError(f"this is no run folder: it has no {JOURNAL}", where, hint)
