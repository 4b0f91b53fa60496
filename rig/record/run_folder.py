"""The folder of one run, from its making to its seal.

::

    plan.toml  bench.toml  pumps/*.toml     as they were when the run began
    journal.jsonl  wire/<unit>-<role>.log   written while it goes on
    results.json  report.html  report.pdf  exports/  samples.parquet     made at its close, from the journal
    manifest.json                           the seal: size and SHA-256 of every file, head of the journal's chain
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rig.errors import IntegrityError
from rig.record.durable_files import sync_file, sync_folder, write_atomically
from rig.record.journal import Journal
from rig.record.layout import JOURNAL, RESULTS
from rig.record.wire_log import WireLog


def new_run_id(started_utc: datetime, plan_id: str, bench_id: str) -> str:
    """A name like ``20261121T061500Z-flow-accuracy-simulated-3f2a91``; the end is drawn at random for each run."""
    stamp = started_utc.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    return f"{stamp}-{_name(plan_id)[:40]}-{_name(bench_id)[:40]}-{secrets.token_hex(3)}"


def wire_log_name(unit: str, role: str) -> str:
    """File name of a wire log; what a file name cannot hold everywhere is written as ``%XX``."""
    return f"{_name(unit)}-{_name(role)}.log"


class RunFolder:
    """The folder of a run that goes on. All methods raise IntegrityError if the disk does not take it."""

    def __init__(self, path: Path, run_id: str, journal: Journal) -> None:
        """Use :meth:`create`."""
        self.path, self.run_id, self.journal = path, run_id, journal
        self._wire_logs: dict[str, WireLog] = {}

    @classmethod
    def create(
        cls,
        runs_dir: Path,
        run_id: str,
        plan_text: str,
        bench_text: str,
        profiles: Mapping[str, str],
        now_ns: Callable[[], int],
    ) -> RunFolder:
        """Make ``runs_dir/run_id`` with the definitions (``profiles``: file name to text) and an empty journal.

        ``now_ns`` is the run's clock, 0 at the run's start. Never writes into a folder that is there already.
        """
        path = runs_dir / run_id
        for name in profiles:
            if name != Path(name).name or "\\" in name or not name.endswith(".toml"):
                raise IntegrityError(f"pump profile '{name}': not a plain file name ending in .toml")
        try:
            runs_dir.mkdir(parents=True, exist_ok=True)
            path.mkdir()
            for folder in ("pumps", "wire", "exports"):
                (path / folder).mkdir()
            definitions = {"plan.toml": plan_text, "bench.toml": bench_text}
            definitions |= {f"pumps/{name}": text for name, text in profiles.items()}
            for name, text in definitions.items():
                (path / name).write_bytes(text.encode())
                sync_file(path / name)
            for folder_path in (path / "pumps", path, runs_dir):
                sync_folder(folder_path)
        except OSError as error:
            raise IntegrityError(f"{path}: cannot be created: {error.strerror or error}") from error
        return cls(path, run_id, Journal.create(path / JOURNAL, now_ns))

    def wire_sink(self, unit: str, role: str) -> WireLog:
        """Where the link to an instrument tells every byte, with its time on the run's clock.

        It never raises while it is told; if it cannot write, the journal takes no further record.
        """
        name = wire_log_name(unit, role)
        if name not in self._wire_logs:
            self._wire_logs[name] = WireLog(self.path / "wire" / name, self.journal.refuse_because)
        return self._wire_logs[name]

    def write_results(self, results: Mapping[str, Any]) -> None:
        """Write results.json, whole or not at all. Numbers that are not finite are refused."""
        try:
            text = json.dumps(results, indent=1, ensure_ascii=False, allow_nan=False)
        except (ValueError, TypeError) as error:
            raise IntegrityError(f"{self.path / RESULTS}: {error}; not written") from error
        write_atomically(self.path / RESULTS, text.encode("utf-8", "backslashreplace") + b"\n")

    def seal(self) -> None:
        """Close what is open, make samples.parquet, and write the manifest: nothing may change after that."""
        from rig.record.manifest import seal
        from rig.record.samples import write_samples

        self.journal.close()
        for log in self._wire_logs.values():
            log.close()
        write_samples(self.path)
        seal(self.path)


def _name(text: str) -> str:
    return re.sub(
        r"[^A-Za-z0-9._-]", lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), text
    )
