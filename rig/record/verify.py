"""Is a run folder whole and unaltered? Says exactly what is not: which file, which record, which byte.

What a folder cannot show by itself: that nobody made the whole of it anew with a key of his own. For that the key that
sealed it must be among keys that are known (``trusted``), and the runs before and after it must be there
(:mod:`rig.record.verify_runs`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from rig.errors import IntegrityError
from rig.record.attestation import check_attestation
from rig.record.journal_reader import JournalReader, Record
from rig.record.layout import ATTESTATION, DAMAGED, JOURNAL, MANIFEST, RESULTS, check_is_run_folder
from rig.record.manifest import FileEntry, Manifest, read_manifest, sealed_names, sha256_of
from rig.record.run_folder import wire_log_name
from rig.record.signatures import Signature, read_signatures
from rig.record.time_stamp import TimeStamp, read_time_stamps
from rig.record.wire_log import read_wire_log

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

BYTE_ORDER_MARK = b"\xef\xbb\xbf"  # counted in the hash of a definition as it was read, not in its copy


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: the file, and where they are known the journal's record and the byte it begins at."""

    file: str
    message: str
    record: int | None = None
    byte: int | None = None

    def __str__(self) -> str:
        place = self.file
        if self.record is not None:
            place += f", record {self.record}"
        if self.byte is not None:
            place += f", byte {self.byte}"
        return f"{place}: {self.message}"


@dataclass
class Examined:
    """A run folder, examined: what is wrong with it, and what a reader wants to know besides."""

    path: Path
    findings: list[Finding] = field(default_factory=list)
    opened: Record | None = None  # the journal's first record, if it is sound
    manifest: Manifest | None = None
    signatures: list[Signature] = field(default_factory=list)
    time_stamps: list[TimeStamp] = field(default_factory=list)

    @property
    def bench_key_id(self) -> str:
        """The key that the journal names; empty if it names none."""
        named = (self.opened or {}).get("bench_key")
        return str(named.get("id", "")) if isinstance(named, dict) else ""


def verify_run(path: Path, trusted: Mapping[str, str] | None = None) -> list[Finding]:
    """All that is wrong with a run folder; empty when it is closed, sealed, signed, whole and unaltered.

    With ``trusted`` (key ids, any names) a seal or signature by another key is a finding too. Raises DefinitionError if
    ``path`` is no run folder.
    """
    return examine_run(path, trusted).findings


def examine_run(
    path: Path, trusted: Mapping[str, str] | None = None, authorities: Sequence[Certificate] | None = None
) -> Examined:
    """As :func:`verify_run`, with what the folder tells of its seal and signatures.

    With ``authorities`` the signatures of time stamps are checked as well, and must lead to one of these.
    """
    path = Path(path)
    check_is_run_folder(path)
    examined = Examined(path)
    findings = examined.findings
    try:
        if (path / MANIFEST).is_file():
            examined.manifest = read_manifest(path / MANIFEST)
        else:
            findings += _never_sealed(path)
    except IntegrityError as error:
        told = str(error).removeprefix(f"{MANIFEST}: ")
        findings.append(Finding(MANIFEST, f"{told}; no file can be checked against it"))
    manifest = examined.manifest
    if manifest is not None:
        findings += _files(path, manifest)
    if (path / JOURNAL).is_file():
        journal = _Told()
        findings += _journal(path, manifest, journal)
        examined.opened = journal.opened
    elif manifest is None:
        findings.append(Finding(JOURNAL, "missing"))
    findings += [Finding(ATTESTATION, wrong) for wrong in check_attestation(path, examined.opened, manifest)]
    examined.signatures = read_signatures(path, examined.opened)
    findings += [Finding(each.file, each.trouble) for each in examined.signatures if each.trouble]
    examined.time_stamps = read_time_stamps(path, authorities)
    findings += [Finding(each.file, each.trouble) for each in examined.time_stamps if each.trouble]
    if trusted is not None:
        findings += _untrusted(examined, trusted)
    return examined


def _never_sealed(path: Path) -> Iterator[Finding]:
    yield Finding(MANIFEST, "missing: this run was never sealed, or its seal was taken away")
    try:
        note = json.loads((path / DAMAGED).read_bytes())
        yield Finding(JOURNAL, f"closed as damaged: {note['reason']}", note["records"])
    except FileNotFoundError:
        pass
    except (OSError, ValueError, LookupError, TypeError) as error:
        yield Finding(DAMAGED, f"cannot be read: {error}")


def _untrusted(examined: Examined, trusted: Mapping[str, str]) -> Iterator[Finding]:
    if examined.opened is not None and examined.bench_key_id not in trusted:
        yield Finding(ATTESTATION, f"signed by a key that is not trusted: {examined.bench_key_id or 'none'}")
    for signature in examined.signatures:
        if not signature.trouble and signature.key_id not in trusted:
            yield Finding(signature.file, f"signed by a key that is not trusted: {signature.key_id}")


def _files(path: Path, manifest: Manifest) -> Iterator[Finding]:
    sealed = {entry.path: entry for entry in manifest.files}
    if len(sealed) != len(manifest.files) or list(sealed) != sorted(sealed):
        yield Finding(MANIFEST, "altered: its files are not each there once and in order")
    if JOURNAL not in sealed:
        yield Finding(MANIFEST, f"altered: it does not name {JOURNAL}")
    there = set(sealed_names(path))
    for name in sorted(there - sealed.keys()):
        yield Finding(name, "foreign: it was not there when the run was sealed")
    for entry in manifest.files:
        if entry.path in there:
            yield from _file(path, entry)
        else:
            yield Finding(entry.path, "missing: it was there when the run was sealed")


def _file(path: Path, entry: FileEntry) -> Iterator[Finding]:
    file = path / PurePosixPath(entry.path)
    if file.is_symlink():
        yield Finding(entry.path, "altered: a link now")
        return
    try:
        size, sha256 = file.stat().st_size, sha256_of(file)
    except OSError as error:
        yield Finding(entry.path, f"cannot be read: {error.strerror or error}")
        return
    if size != entry.size:
        byte = size if size < entry.size else entry.size
        cut = "cut short" if size < entry.size else "grown"
        yield Finding(entry.path, f"{cut}: {size} bytes, {entry.size} when the run was sealed", byte=byte)
    elif sha256 != entry.sha256:
        yield Finding(entry.path, "altered: its SHA-256 is not the one of when the run was sealed")


@dataclass
class _Told:
    """What the journal tells of the run as a whole."""

    opened: Record | None = None
    closed: bool = False
    last_ns: int = 0
    instruments: list[tuple[str, str]] = field(default_factory=list)

    def take(self, record: Record) -> Iterator[Finding]:
        if record["t_ns"] < self.last_ns:
            yield Finding(JOURNAL, "its time is before that of the record before it", record["seq"])
        if self.closed:
            yield Finding(JOURNAL, "it follows run_closed", record["seq"])
        self.last_ns = record["t_ns"]
        if record["kind"] == "run_opened":
            self.opened = record
        elif record["kind"] == "run_closed":
            self.closed = True
        elif record["kind"] == "instrument":
            self.instruments.append((str(record.get("unit")), str(record.get("role"))))


def _journal(path: Path, manifest: Manifest | None, told: _Told) -> Iterator[Finding]:
    reader = JournalReader(path / JOURNAL, manifest.head if manifest else None)
    try:
        for record in reader:
            yield from told.take(record)
    except IntegrityError as error:
        yield Finding(JOURNAL, str(error))
        return
    for problem in reader.problems:
        yield Finding(JOURNAL, problem.message, problem.record, problem.byte)
    if manifest is not None and not reader.breaks:
        yield from _end_of_chain(reader, manifest)
    if not told.closed:
        yield Finding(JOURNAL, "this run was never closed: no run_closed among its sound records")
    if told.opened is None:
        yield Finding(JOURNAL, "no run_opened among its sound records")
        return
    yield from _same_run(path, told.opened, manifest)
    yield from _definitions(path, told.opened)
    yield from _wire_logs(path, told.instruments, manifest)


def _end_of_chain(reader: JournalReader, manifest: Manifest) -> Iterator[Finding]:
    if reader.count < manifest.records:
        message = f"its end was cut off: {reader.count} records, {manifest.records} when the run was sealed"
        yield Finding(JOURNAL, message, reader.count)
    elif reader.count > manifest.records:
        yield Finding(JOURNAL, "written after the run was sealed", manifest.records)
    elif reader.head != manifest.head:
        message = "altered: its SHA-256 is not the head of the chain in the seal"
        yield Finding(JOURNAL, message, reader.count - 1, reader.last_byte)


def _same_run(path: Path, opened: Record, manifest: Manifest | None) -> Iterator[Finding]:
    run_id = opened.get("run_id")
    if manifest is not None and manifest.run_id != run_id:
        yield Finding(MANIFEST, f"of run {manifest.run_id}, but the journal is of run {run_id}")
    results = path / RESULTS
    if not results.is_file():
        if manifest is None or RESULTS not in {entry.path for entry in manifest.files}:
            yield Finding(RESULTS, "missing: this run was never judged")
        return
    try:
        data: Any = json.loads(results.read_bytes().decode())
    except (OSError, ValueError, RecursionError) as error:
        yield Finding(RESULTS, f"cannot be read: {error}")
        return
    found = data.get("run_id") if isinstance(data, dict) else None
    if found != run_id:
        yield Finding(RESULTS, f"of run {found}, but the journal is of run {run_id}")


def _definitions(path: Path, opened: Record) -> Iterator[Finding]:
    """plan.toml and bench.toml are those whose hashes the journal tells."""
    for name in ("plan", "bench"):
        told = opened.get(name)
        expected = told.get("sha256") if isinstance(told, dict) else None
        file = path / f"{name}.toml"
        if expected is None or not file.is_file():
            continue
        content = file.read_bytes()
        if expected not in (_sha256(content), _sha256(BYTE_ORDER_MARK + content)):
            yield Finding(file.name, "not the file that the journal says this run was made with")


def _wire_logs(
    path: Path, instruments: list[tuple[str, str]], manifest: Manifest | None
) -> Iterator[Finding]:
    """Every instrument's log is there; where no seal holds its hash, it is at least a wire log."""
    for unit, role in instruments:
        name = f"wire/{wire_log_name(unit, role)}"
        if not (path / name).is_file():
            yield Finding(name, "missing: the journal names this instrument")
        elif manifest is None:
            try:
                for _ in read_wire_log(path / name):
                    pass
            except IntegrityError as error:
                yield Finding(name, str(error).removeprefix(f"{path / name}: "))


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
