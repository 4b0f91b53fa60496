"""manifest.json, the seal of a run folder: size and SHA-256 of every file, and the head of the journal's chain."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from rig.errors import IntegrityError
from rig.record.durable_files import sync_file, sync_folder, write_atomically
from rig.record.journal_reader import follow_chain
from rig.record.layout import ATTESTATION, JOURNAL, MANIFEST, is_added

SCHEMA = "infusion-rig/manifest/1"


@dataclass(frozen=True)
class FileEntry:
    """One file: path in the run folder with forward slashes, size in bytes, SHA-256 in hex."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What a run folder held when it was sealed. ``records`` and ``head``: the journal's count and last hash."""

    run_id: str
    records: int
    head: str
    files: tuple[FileEntry, ...]

    def to_bytes(self) -> bytes:
        """The one way in which a manifest is written; any other spelling of it was altered.

        ``self_sha256`` is the SHA-256 of these bytes with ``self_sha256`` empty, so that damage to the manifest is
        not taken for damage to a file it names.
        """
        content = {"schema": SCHEMA, "self_sha256": "", **asdict(self)}
        content["self_sha256"] = hashlib.sha256(_spelled(content)).hexdigest()
        return _spelled(content)


def seal(run_path: Path) -> Manifest:
    """Bring every file to the disk, then write the manifest. The journal must be closed.

    Raises IntegrityError if there is a manifest already (a seal is never renewed), the journal's chain is broken, or
    the disk does not take it. A torn tail is sealed as it lies there.
    """
    if (run_path / MANIFEST).exists():
        raise IntegrityError(
            f"{run_path / MANIFEST}: this run is sealed already: it has ended, and nothing is left to do"
        )
    chain = follow_chain(run_path / JOURNAL)
    if chain.broken:
        raise IntegrityError(f"{run_path / JOURNAL}: not sealed: {chain.broken}")
    try:
        names = sorted(sealed_names(run_path))
        for name in names:
            sync_file(run_path / name)
        for folder, _, _ in os.walk(run_path):
            sync_folder(Path(folder))
        files = tuple(_entry(run_path, name) for name in names)
    except OSError as error:
        raise IntegrityError(
            f"{run_path}: not sealed: {error.filename}: {error.strerror or error}"
        ) from error
    manifest = Manifest(str(chain.first.get("run_id", run_path.name)), chain.count, chain.head, files)
    write_atomically(run_path / MANIFEST, manifest.to_bytes())
    return manifest


def read_manifest(path: Path) -> Manifest:
    """Raises IntegrityError, naming the byte, if it is not exactly as a seal writes it."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise IntegrityError(f"{path.name}: cannot be read: {error.strerror or error}") from error
    try:
        data = json.loads(content.decode())
        files = tuple(FileEntry(**entry) for entry in data.pop("files"))
        schema, self_sha256 = data.pop("schema"), data.pop("self_sha256")
        manifest = Manifest(files=files, **data)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise IntegrityError(f"{path.name}: damaged: {error}") from error
    if schema != SCHEMA:
        raise IntegrityError(f"{path.name}: of the unknown form {schema!r}; this program knows {SCHEMA!r}")
    canonical = manifest.to_bytes()
    if content != canonical:
        if json.loads(canonical)["self_sha256"] != self_sha256:
            raise IntegrityError(f"{path.name}: altered: its content is not the one it was sealed with")
        pairs = enumerate(zip(content, canonical, strict=False))
        byte = next((i for i, (a, b) in pairs if a != b), min(len(content), len(canonical)))
        raise IntegrityError(f"{path.name}: altered: byte {byte} is not as a seal writes it")
    return manifest


def _spelled(content: dict[str, object]) -> bytes:
    return json.dumps(content, indent=1, sort_keys=True, ensure_ascii=True).encode() + b"\n"


def files_in(run_path: Path) -> Iterator[str]:
    """Paths of all files in a run folder, with forward slashes; links are named, not followed."""
    for folder, folders, names in os.walk(run_path):
        links = [name for name in folders if (Path(folder) / name).is_symlink()]
        for name in names + links:
            yield (Path(folder) / name).relative_to(run_path).as_posix()


def sealed_names(run_path: Path) -> Iterator[str]:
    """Of the files in a run folder those that a manifest names: not itself, nor what was signed or stamped over it."""
    for name in files_in(run_path):
        if name not in (MANIFEST, ATTESTATION) and not is_added(name):
            yield name


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hex. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _entry(run_path: Path, name: str) -> FileEntry:
    path = run_path / name
    if path.is_symlink():
        raise OSError(None, "is a link, not a file", str(path))
    return FileEntry(name, path.stat().st_size, sha256_of(path))
