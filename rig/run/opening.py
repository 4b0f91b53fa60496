"""What a record begins with: who carried out what with which software, and the definitions it was carried out by."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rig.bench.open import InstrumentOnBench
from rig.definitions.bench_file import BenchFile
from rig.definitions.plan_file import Plan
from rig.definitions.quarantine_file import QUARANTINE, Quarantine
from rig.record.journal import Journal
from rig.record.kept_files import PYTHON_FILES, REQUIREMENTS, keep_files
from rig.record.proof_file import keep_proof
from rig.run.earlier_requirements import changes_since_last_run

RECORDED_VERSIONS = (
    "infusion-rig",
    "numpy",
    "scipy",
    "pydantic",
    "pyserial",
    "pyvisa",
    "pyvisa-py",
    "greenlet",
)


def software() -> dict[str, str]:
    """What made a record, by name and version."""
    versions = {name: version(name) for name in RECORDED_VERSIONS}
    return versions | {"python": platform.python_version(), "platform": platform.platform()}


def why_rehearsal(instruments: Sequence[InstrumentOnBench]) -> list[str]:
    """The reasons why a run is a rehearsal; empty for a run that can be evidence."""
    simulated = [instrument for instrument in instruments if instrument.simulated]
    if len(simulated) == len(instruments):
        return [f"all {len(instruments)} instruments are simulated"]
    return [f"the {instrument.file.role} of {instrument.unit} is simulated" for instrument in simulated]


def plan_entry(plan: Plan) -> dict[str, Any]:
    """Which plan it is."""
    return {
        "id": plan.id,
        "revision": plan.revision,
        "title": plan.title,
        "file": Path(plan.source.path).name,
        "sha256": plan.source.sha256,
    }


def bench_entry(bench: BenchFile) -> dict[str, Any]:
    """Which bench it is."""
    return {
        "id": bench.id,
        "site": bench.site,
        "file": Path(bench.source.path).name,
        "sha256": bench.source.sha256,
    }


def instrument_entry(instrument: InstrumentOnBench) -> dict[str, Any]:
    """One instrument, as the bench file and itself tell it."""
    file = instrument.file
    return {
        "unit": instrument.unit,
        "role": file.role,
        "driver": file.driver,
        "address": file.address,
        "simulated": instrument.simulated,
        "identity": asdict(instrument.identity),
        "calibrated_until": file.calibrated_until.isoformat() if file.calibrated_until else None,
        "certificate": file.certificate,
    }


def keep_definitions(run_folder: Path, journal: Journal, plan: Plan, quarantine: Quarantine | None) -> None:
    """Copy what lies beside the plan into the run folder, with a record of each: requirements, source, quarantine."""
    if plan.requirements:
        files = {name: content for found in plan.requirements for name, content in found.files.items()}
        journal.append(
            "requirements",
            durable=True,
            files=keep_files(run_folder, REQUIREMENTS, files),
            changes=changes_since_last_run(plan, run_folder.parent, run_folder),
        )
    if plan.python_files:
        kept = keep_files(run_folder, PYTHON_FILES, plan.python_files)
        journal.append("python_files", durable=True, files=kept)
    if quarantine is not None:
        keep_files(run_folder, ".", {QUARANTINE: quarantine.source.text.encode()})
        journal.append("quarantine", durable=True, **quarantine.record)
    keep_proof(run_folder, Path(plan.source.path))
