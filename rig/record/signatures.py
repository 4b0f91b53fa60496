"""Electronic signatures of people on a sealed run (21 CFR 11.50, 11.70): ``signatures/NNN.dsse.json``.

Printed name, UTC time and meaning stand within the signed bytes, with the hash of the manifest: a signature belongs to
one run as it was sealed, and can be moved to no other. Each holds the hash of the one before it, so that of several
none but the last can be taken away unseen. The seal itself never changes. What turns out wrong later is added as a
correction with its reason; nothing is overwritten.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rig.errors import DefinitionError, IntegrityError, Where
from rig.record.attestation import EVIDENCE, kind_of, outcome_of
from rig.record.dsse import Signed, read_signed, sign
from rig.record.durable_files import sync_folder, write_atomically
from rig.record.journal_reader import Record
from rig.record.keys import key_id, public_key, spelled
from rig.record.layout import MANIFEST, is_signature, signature_name

SIGNATURE = "urn:infusion-rig:signature:1"
MEANINGS = ("author", "review", "approval", "rejection", "correction")
NEEDS_REASON = ("rejection", "correction")


@dataclass(frozen=True)
class Signature:
    """One file in ``signatures/``; ``trouble`` says why it does not count, and is empty if it does."""

    file: str
    trouble: str
    meaning: str = ""
    name: str = ""
    signed_utc: str = ""
    reason: str = ""
    key_id: str = ""

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return asdict(self)


def check_may_sign(opened: Record, meaning: str, reason: str) -> None:
    """Raises DefinitionError for what may not be signed: a rehearsal as an approval; a correction without reason."""
    if meaning == "approval" and kind_of(opened) != EVIDENCE:
        hint = "simulated instruments took part; review and author may be signed"
        raise DefinitionError(
            "a rehearsal is not evidence and cannot be approved", Where(key="--meaning"), hint
        )
    if meaning in NEEDS_REASON and not reason.strip():
        raise DefinitionError(f"a {meaning} needs its reason", Where(key="--reason"))
    if reason and not reason.isprintable():
        raise DefinitionError("this is not one line of text", Where(key="--reason"))


def sign_run(
    run_path: Path,
    opened: Record,
    meaning: str,
    name: str,
    key: Ed25519PrivateKey,
    reason: str = "",
    signed_at: datetime | None = None,
) -> Signature:
    """Add a signature to a run that was verified and found sound. ``name`` is printed, ``reason`` one line of text.

    Raises DefinitionError as :func:`check_may_sign`, IntegrityError if the disk does not take it.
    """
    check_may_sign(opened, meaning, reason)
    number = len(read_signatures(run_path, opened)) + 1
    file = run_path / signature_name(number)
    predicate = {
        **_of_the_run(opened, run_path),
        "number": number,
        "previous": _sha256_before(run_path, number),
        "meaning": meaning,
        "name": name,
        "signed_utc": (signed_at or datetime.now(UTC)).isoformat(timespec="seconds"),
        "reason": reason,
        "public": spelled(key.public_key()),
    }
    try:
        file.parent.mkdir(mode=0o700, exist_ok=True)
        sync_folder(run_path)
        content = sign((run_path / MANIFEST).read_bytes(), SIGNATURE, predicate, key)
    except OSError as error:
        raise IntegrityError(f"{file}: cannot be written: {error.strerror or error}") from error
    write_atomically(file, content)
    return _read(run_path, number, opened)


def read_signatures(run_path: Path, opened: Record | None) -> list[Signature]:
    """All signatures of a run by number, each checked; ``opened`` is the journal's first record if that is sound."""
    folder = run_path / "signatures"
    names = [f"signatures/{path.name}" for path in folder.iterdir()] if folder.is_dir() else []
    last = max((int(Path(name).name.split(".")[0]) for name in names if is_signature(name)), default=0)
    return [_read(run_path, number, opened) for number in range(1, last + 1)]


def _read(run_path: Path, number: int, opened: Record | None) -> Signature:
    file = signature_name(number)
    try:
        content = (run_path / file).read_bytes()
    except FileNotFoundError:
        return Signature(file, "missing: there are signatures after it")
    except OSError as error:
        return Signature(file, f"cannot be read: {error.strerror or error}")
    try:
        signed = read_signed(content)
        if signed.predicate_type != SIGNATURE:
            raise IntegrityError("altered: a statement of another kind than a signature")
        told = {name: signed.predicate[name] for name in ("meaning", "name", "signed_utc", "reason")}
        public = public_key(signed.predicate["public"])
        if not all(isinstance(value, str) for value in told.values()):
            raise IntegrityError("altered: what should be text is none")
    except KeyError as error:
        return Signature(file, f"altered: it lacks {error}")
    except IntegrityError as error:
        return Signature(file, str(error))
    if public is None or not signed.is_by(public):
        return Signature(file, "altered: it does not match its own key")
    return Signature(file, _trouble(signed, number, run_path, opened), **told, key_id=key_id(public))


def _trouble(signed: Signed, number: int, run_path: Path, opened: Record | None) -> str:
    """Why a signature that its key made does not count; empty if it does."""
    said = signed.predicate
    of_the_run = _of_the_run(opened, run_path) if opened is not None else {}
    rehearsal = opened is not None and kind_of(opened) != EVIDENCE
    wrong = {
        f"signed for another {MANIFEST} than this one": signed.manifest_sha256
        != _sha256(run_path / MANIFEST),
        "moved: it was signed under another number": said.get("number") != number,
        "the signature before it is not the one that was there when this was signed": said.get("previous")
        != _sha256_before(run_path, number),
        f"its meaning is none of {', '.join(MEANINGS)}": said["meaning"] not in MEANINGS,
        "what it says of the run is not what the record says": any(
            said.get(name) != value for name, value in of_the_run.items()
        ),
        "void: a rehearsal cannot be approved": rehearsal and said["meaning"] == "approval",
    }
    return next((why for why, is_so in wrong.items() if is_so), "")


def _of_the_run(opened: Record, run_path: Path) -> dict[str, Any]:
    return {"run_id": opened.get("run_id"), "kind": kind_of(opened), "outcome": outcome_of(run_path)}


def _sha256_before(run_path: Path, number: int) -> str:
    return "" if number == 1 else _sha256(run_path / signature_name(number - 1))


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""
