"""The folder of one run, from its making to its seal.

::

    plan.toml  bench.toml  pumps/*.toml     as they were when the run began
    journal.jsonl  wire/<unit>-<role>.log   written while it goes on
    results.json  report.html  report.pdf  exports/  samples.parquet     made at its close, from the journal
    manifest.json                           the seal: size and SHA-256 of every file, head of the journal's chain
    attestation.dsse.json                   the bench's signature on it
    signatures/NNN.dsse.json                people's signatures on it, added later

While the run goes on ``reserve.tmp`` keeps room for its end. Folder and files are their owner's alone.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rig.errors import IntegrityError
from rig.record.bench_history import BenchHistory
from rig.record.case_data import RunRecord
from rig.record.clock_watch import ClockWatch
from rig.record.durable_files import sync_folder, write_atomically, write_new
from rig.record.journal import Journal
from rig.record.layout import DAMAGED, JOURNAL, MANIFEST, RESERVE, RESULTS, is_run_folder
from rig.record.reserve import Reserve
from rig.record.torn_tail import set_torn_tail_aside
from rig.record.wire_log import WireLog


def new_run_id(started_utc: datetime, plan_id: str, bench_id: str) -> str:
    """A name like ``20261121T061500Z-flow-accuracy-simulated-3f2a91``; the end is drawn at random for each run."""
    stamp = started_utc.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    return f"{stamp}-{plain_name(plan_id)[:40]}-{plain_name(bench_id)[:40]}-{secrets.token_hex(3)}"


def wire_log_name(unit: str, role: str) -> str:
    """File name of a wire log; what a file name cannot hold everywhere is written as ``%XX``."""
    return f"{plain_name(unit)}-{plain_name(role)}.log"


class RunFolder:
    """The folder of a run that goes on. All methods raise IntegrityError if the disk does not take it."""

    def __init__(self, path: Path, run_id: str, journal: Journal, reserve: Reserve) -> None:
        """Use :meth:`create`."""
        self.path, self.run_id, self.journal, self._reserve = path, run_id, journal, reserve
        self._wire_logs: dict[str, WireLog] = {}
        self._anew = True  # wire logs are begun, not continued

    @classmethod
    def create(
        cls,
        runs_dir: Path,
        run_id: str,
        plan_text: str,
        bench_text: str,
        profiles: Mapping[str, str],
        now_ns: Callable[[], int],
        full: Callable[[str], None] = lambda reason: None,
        utc_ns: Callable[[], int] | None = None,
    ) -> RunFolder:
        """Make ``runs_dir/run_id`` with the definitions (``profiles``: file name to text) and an empty journal.

        ``now_ns`` is the run's clock, 0 at the run's start; ``utc_ns`` the clock of the day, whose steps are recorded.
        ``full(reason)`` is called once, from any thread, when the disk is full: the run must end then. Never writes
        into a folder that is there already.
        """
        path = runs_dir / run_id
        for name in profiles:
            if name != Path(name).name or "\\" in name or not name.endswith(".toml"):
                raise IntegrityError(f"pump profile '{name}': not a plain file name ending in .toml")
        try:
            runs_dir.mkdir(parents=True, exist_ok=True)
            path.mkdir(mode=0o700)
            for folder in ("pumps", "wire", "exports"):
                (path / folder).mkdir()
            definitions = {"plan.toml": plan_text, "bench.toml": bench_text}
            definitions |= {f"pumps/{name}": text for name, text in profiles.items()}
            for name, text in definitions.items():
                write_new(path / name, text.encode())
            reserve = Reserve(path / RESERVE, full)
            for folder_path in (path / "pumps", path, runs_dir):
                sync_folder(folder_path)
        except OSError as error:
            raise IntegrityError(f"{path}: cannot be created: {error.strerror or error}") from error
        watch = ClockWatch(utc_ns, now_ns) if utc_ns is not None else None
        return cls(path, run_id, Journal.create(path / JOURNAL, now_ns, reserve, watch), reserve)

    @classmethod
    def reopen(
        cls,
        path: Path,
        run_id: str,
        now_ns: Callable[[], int],
        full: Callable[[str], None] = lambda reason: None,
        utc_ns: Callable[[], int] | None = None,
    ) -> RunFolder:
        """Go on with the folder of a run whose process is gone. What it left unfinished is set aside or made anew.

        Arguments as for :meth:`create`. Raises IntegrityError if the run is sealed, or its journal's chain is broken.
        """
        if (path / MANIFEST).exists():
            raise IntegrityError(f"{path}: this run is sealed; nothing is added to it")
        try:
            for unfinished in (*path.rglob("*.unfinished"), *path.glob(".*.part"), path / RESERVE):
                unfinished.unlink(missing_ok=True)  # each would have been whole under another name
            for log in sorted((path / "wire").glob("*.log")):
                set_torn_tail_aside(log)
            reserve = Reserve(path / RESERVE, full)
            watch = ClockWatch(utc_ns, now_ns) if utc_ns is not None else None
        except OSError as error:
            raise IntegrityError(f"{path}: cannot be continued: {error.strerror or error}") from error
        try:
            journal = Journal.reopen(path / JOURNAL, now_ns, reserve, watch)
        except IntegrityError:
            reserve.remove()
            raise
        folder = cls(path, run_id, journal, reserve)
        folder._anew = False
        return folder

    @property
    def disk_full(self) -> bool:
        """Whether the reserve had to be given back: there is room for nothing that can be made again elsewhere."""
        return self._reserve.released

    def wire_sink(self, unit: str, role: str) -> WireLog:
        """Where the link to an instrument tells every byte, with its time on the run's clock.

        It never raises while it is told; if it cannot write, the journal takes no further record.
        """
        name = wire_log_name(unit, role)
        if name not in self._wire_logs:
            self._wire_logs[name] = WireLog(
                self.path / "wire" / name, self.journal.refuse_because, self._reserve, self._anew
            )
        return self._wire_logs[name]

    def write_results(self, results: Mapping[str, Any]) -> None:
        """Write results.json, whole or not at all. Numbers that are not finite are refused."""
        try:
            text = json.dumps(results, indent=1, ensure_ascii=False, allow_nan=False)
        except (ValueError, TypeError) as error:
            raise IntegrityError(f"{self.path / RESULTS}: {error}; not written") from error
        write_atomically(self.path / RESULTS, text.encode("utf-8", "backslashreplace") + b"\n", self._reserve)

    def seal(self, record: RunRecord, key: Ed25519PrivateKey, history: BenchHistory) -> None:
        """Close what is open, make samples.parquet, write the manifest and sign it: nothing may change after that.

        ``record`` is the journal, read; ``key`` and ``history`` are the bench's. Samples for which there is no
        room are left out: they can be made again from the journal, the seal cannot.
        """
        from rig.record.attestation import attest
        from rig.record.manifest import seal
        from rig.record.samples import write_samples

        self._close()
        self._reserve.remove()
        trouble: IntegrityError | None = None
        if not self.disk_full:
            try:
                write_samples(record)
            except IntegrityError as error:
                trouble = error
        seal(self.path)
        history.seal_run(self.run_id, attest(self.path, record.opened, key, datetime.now(UTC)))
        if trouble is not None:
            raise trouble

    def give_up(self, outcome: str, reason: str) -> None:
        """Close the record of a run that could not begin; there is nothing to judge or to seal. Never raises."""
        with suppress(IntegrityError):
            self.journal.append("run_closed", durable=True, outcome=outcome, reason=reason)
        with suppress(IntegrityError, OSError):
            self._close()
        self._reserve.remove()

    def leave(self) -> None:
        """Let go of a run that is to be taken up again later. Never raises."""
        with suppress(IntegrityError, OSError):
            self._close()
        self._reserve.remove()

    def close_as_damaged(self, reason: str) -> None:
        """Leave a record that could not be brought to its end as it is, with a note that says so, and no seal.

        Never raises: the note is a courtesy, the missing seal says the same.
        """
        note = {
            "run_id": self.run_id,
            "reason": reason,
            "records": self.journal.count,
            "head": self.journal.head,
        }
        with suppress(IntegrityError, OSError):
            self._close()
        self._reserve.remove()
        with suppress(IntegrityError):
            write_atomically(self.path / DAMAGED, json.dumps(note, indent=1).encode() + b"\n")

    def _close(self) -> None:
        try:
            self.journal.close()
        finally:
            for log in self._wire_logs.values():
                log.close()


def run_folders_in(path: Path) -> list[Path]:
    """The run folders in a folder of such, by name."""
    return sorted(folder for folder in path.iterdir() if folder.is_dir() and is_run_folder(folder))


def plain_name(text: str) -> str:
    """``text`` as a file name can hold it everywhere: what it cannot is written as ``%XX``."""
    return re.sub(
        r"[^A-Za-z0-9._-]", lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), text
    )
