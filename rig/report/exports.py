"""The same results for other programs, in ``exports/``; a description of the whole folder beside them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rig.record.durable_files import write_atomically
from rig.record.run_folder import plain_name
from rig.report.openhtf import openhtf_record
from rig.report.results_csv import results_csv
from rig.report.ro_crate import NAME, ro_crate

EXPORTS = "exports"


def write_exports(run_folder: Path, results: dict[str, Any]) -> None:
    """``exports/``: results.csv, openhtf-UNIT.json for each unit. Raises IntegrityError."""
    folder = run_folder / EXPORTS
    folder.mkdir(exist_ok=True)
    write_atomically(folder / "results.csv", results_csv(results).encode("utf-8", "backslashreplace"))
    for unit in results["units"]:
        name = f"openhtf-{plain_name(unit['serial'])}.json"
        write_atomically(folder / name, _json(openhtf_record(results, unit)))


def write_ro_crate(run_folder: Path, results: dict[str, Any]) -> None:
    """``ro-crate-metadata.json``, when all else but the seal is there. Raises IntegrityError."""
    write_atomically(run_folder / NAME, _json(ro_crate(run_folder, results)))


def _json(content: dict[str, Any]) -> bytes:
    text = json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False)
    return text.encode("utf-8", "backslashreplace") + b"\n"
