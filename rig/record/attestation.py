"""attestation.dsse.json: the bench's signature on the seal of a run, with what must not be read without it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rig.errors import IntegrityError
from rig.record.dsse import Signed, read_signed, sign
from rig.record.durable_files import write_atomically
from rig.record.journal_reader import Record
from rig.record.keys import public_key
from rig.record.layout import ATTESTATION, MANIFEST, RESULTS
from rig.record.manifest import Manifest, read_manifest

SEAL = "urn:infusion-rig:seal:1"
REHEARSAL, EVIDENCE = "REHEARSAL", "EVIDENCE"


def attest(run_path: Path, opened: Record, key: Ed25519PrivateKey, sealed_at: datetime) -> str:
    """Sign the manifest of a sealed run; the manifest's SHA-256.

    Raises IntegrityError if there is a signature already, or the disk does not take it.
    """
    if (run_path / ATTESTATION).exists():
        raise IntegrityError(f"{run_path / ATTESTATION}: this seal is signed already")
    content, manifest = (run_path / MANIFEST).read_bytes(), read_manifest(run_path / MANIFEST)
    predicate = _told(run_path, opened, manifest) | {
        "sealed_utc": sealed_at.isoformat(timespec="seconds"),
    }
    write_atomically(run_path / ATTESTATION, sign(content, SEAL, predicate, key))
    return hashlib.sha256(content).hexdigest()


def kind_of(opened: Record) -> str:
    """REHEARSAL unless the record says that it is none."""
    return EVIDENCE if opened.get("rehearsal") is False else REHEARSAL


def outcome_of(run_path: Path) -> str | None:
    """The outcome in results.json; None if there is none to be read."""
    try:
        outcome: Any = json.loads((run_path / RESULTS).read_bytes()).get("outcome")
    except (OSError, ValueError, AttributeError, RecursionError):
        return None
    return outcome if isinstance(outcome, str) else None


def _told(run_path: Path, opened: Record, manifest: Manifest) -> dict[str, Any]:
    """What the statement says that record and manifest say too."""
    return {
        "kind": kind_of(opened),
        "run_id": manifest.run_id,
        "outcome": outcome_of(run_path),
        "plan": opened.get("plan"),
        "bench": opened.get("bench"),
        "records": manifest.records,
        "head": manifest.head,
        "previous_run": opened.get("previous_run"),
    }


def read_attestation(run_path: Path) -> Signed:
    """Raises IntegrityError, without the file's name, if it is not as it was written."""
    try:
        signed = read_signed((run_path / ATTESTATION).read_bytes())
    except OSError as error:
        raise IntegrityError(f"cannot be read: {error.strerror or error}") from error
    if signed.predicate_type != SEAL:
        raise IntegrityError(f"altered: a statement of the kind {signed.predicate_type!r} instead of a seal")
    return signed


def check_attestation(run_path: Path, opened: Record | None, manifest: Manifest | None) -> Iterator[str]:
    """What is wrong with it, in words; ``opened`` and ``manifest`` are None where they could not be read."""
    if not (run_path / ATTESTATION).is_file():
        if manifest is not None:
            yield "missing: the seal was never signed, or its signature was taken away"
        return
    try:
        signed = read_attestation(run_path)
    except IntegrityError as error:
        yield str(error)
        return
    if opened is not None:
        named = opened.get("bench_key")
        public = public_key(named.get("public")) if isinstance(named, dict) else None
        if public is None:
            yield "the journal does not tell the key of the bench: the signature cannot be checked"
        elif not signed.is_by(public):
            yield "altered, or signed by another key than the bench's in the journal"
            return
    if manifest is not None:
        if signed.manifest_sha256 != hashlib.sha256((run_path / MANIFEST).read_bytes()).hexdigest():
            yield f"signed for another {MANIFEST} than this one"
        elif opened is not None:
            for name, value in _told(run_path, opened, manifest).items():
                if signed.predicate.get(name) != value:
                    yield f"its '{name}' is not that of the record"
