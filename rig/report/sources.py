"""What a report is made from: the files of one run folder, read once."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rig.definitions.bench_file import BenchFile
from rig.definitions.plan_file import Plan
from rig.definitions.report_file import ReportFile
from rig.errors import IntegrityError
from rig.record.case_data import CaseData, RunRecord
from rig.record.report_settings import report_settings_of
from rig.record.signatures import Signature, read_signatures
from rig.report.numbers import duration, instant

Results = dict[str, Any]
SCHEMA = "infusion-rig/results/1"
MOST_SET_FILES = 20  # of requirement sets whose hashes are listed; the seal has all


@dataclass(frozen=True)
class Sources:
    """A run, its results, and the plan and bench it was run with."""

    folder: Path
    results: Results
    run: RunRecord
    plan: Plan
    bench: BenchFile
    hashes: dict[str, str]  # file name in the run folder -> SHA-256
    settings: ReportFile
    signatures: tuple[Signature, ...] = ()

    @property
    def run_id(self) -> str:
        """The unique identification of run and report."""
        return str(self.results.get("run_id") or self.run.opened.get("run_id") or self.folder.name)

    @property
    def units(self) -> list[Results]:
        """The units under test, in the order of the bench."""
        return list(self.results.get("units") or [])

    @property
    def serials(self) -> list[str]:
        """Their serial numbers."""
        return [str(unit["serial"]) for unit in self.units]

    @property
    def cases(self) -> list[Results]:
        """The results of every case on every unit."""
        return list(self.results.get("cases") or [])

    @property
    def case_ids(self) -> list[str]:
        """The cases that have results, in the order of the plan."""
        return list(dict.fromkeys(str(case["id"]) for case in self.cases))

    def of_case(self, case: str) -> list[Results]:
        """The results of one case, one entry a unit."""
        return [result for result in self.cases if result["id"] == case]

    def of_unit(self, unit: str) -> list[Results]:
        """The results of one unit, one entry a case."""
        return [result for result in self.cases if result["unit"] == unit]

    def data(self, result: Results) -> CaseData | None:
        """The record behind a result."""
        return self.run.case(str(result["id"]), str(result["unit"]))

    def at(self, since_run_s: float | None) -> str:
        """The UTC instant so many seconds after the start of the run."""
        return instant(str(self.results.get("started_utc") or ""), since_run_s)

    def into_case(self, data: CaseData, t_ns: int) -> str:
        """How long after the start of its case something happened."""
        return duration((t_ns - data.started_ns) / 1e9)


def read_sources(folder: Path, run: RunRecord | None = None) -> Sources:
    """Read a run folder; a run that never came to its results is judged now, from its record.

    Raises IntegrityError when what a report needs is unreadable, DefinitionError when plan or bench are.
    """
    from rig.definitions.bench_file import bench_from_folder
    from rig.definitions.plan_file import plan_from_folder
    from rig.judge.python import with_recorded_criteria
    from rig.judge.results import judge
    from rig.record.load_run import load_run

    run = run or load_run(folder)
    plan, bench = with_recorded_criteria(plan_from_folder(folder), run), bench_from_folder(folder)
    results_path = folder / "results.json"
    raw = None
    if results_path.exists():
        try:
            raw = results_path.read_bytes()
            results = json.loads(raw)
        except (OSError, ValueError) as problem:
            raise IntegrityError(f"{results_path}: cannot be read as JSON: {problem}") from problem
    else:
        results = judge(run, plan, bench)
    if not isinstance(results, dict) or results.get("schema") != SCHEMA:
        raise IntegrityError(f"{results_path}: its schema is not {SCHEMA}")
    sets = [f"requirements/{name}" for found in plan.requirements for name in found.files]
    python = sorted(path.relative_to(folder).as_posix() for path in (folder / "python").rglob("*.py"))
    names = [
        "plan.toml",
        *python,
        "bench.toml",
        *_profiles(folder),
        *sets[:MOST_SET_FILES],
        "reports/report.toml",
        "journal.jsonl",
    ]
    hashes = {name: _sha256(folder / name) for name in names if (folder / name).is_file()}
    if raw is not None:
        hashes["results.json"] = hashlib.sha256(raw).hexdigest()
    signatures = tuple(read_signatures(folder, run.opened))
    settings = report_settings_of(folder)
    return Sources(folder, results, run, plan, bench, hashes, settings, signatures)


def _profiles(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in (folder / "pumps").glob("*.toml"))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def criterion_of(result: Results | None, name: str) -> Results | None:
    """The criterion of that name of one case on one unit, if it has one."""
    found: list[Results] = (result or {}).get("criteria") or []
    return next((criterion for criterion in found if criterion["name"] == name), None)
