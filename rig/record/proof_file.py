"""What is known of a plan's power to catch faults, kept in the folder of each of its runs as it was when it began."""

from __future__ import annotations

import hashlib
import json
import tomllib
from pathlib import Path
from typing import Any

from rig.definitions.user_file import PLAN_SUFFIX
from rig.errors import IntegrityError
from rig.record.durable_files import write_atomically

PROOF = "proof.json"
SCHEMA = "infusion-rig/proof/1"
PROOF_ENDING = ".proof.json"


def proof_beside(plan_path: Path) -> Path:
    """Where ``rig prove`` puts what it found of a plan: beside it."""
    return plan_path.with_name(plan_path.name.removesuffix(PLAN_SUFFIX) + PROOF_ENDING)


def keep_beside(plan_path: Path, proof: dict[str, Any]) -> None:
    """Put the proof beside its plan, for the runs to come."""
    text = json.dumps(proof, indent=1, ensure_ascii=False) + "\n"
    proof_beside(plan_path).write_text(text, encoding="utf-8")


def content_sha256(toml_text: str) -> str:
    """Of what a plan or bench says, whatever its comments and its layout: in hex.

    For which pumps a plan is meant tells where it is run, not what it does there.
    """
    content = tomllib.loads(toml_text)
    content.get("plan", {}).pop("pumps", None)
    told = json.dumps(content, sort_keys=True, default=str)
    return hashlib.sha256(told.encode()).hexdigest()


def keep_proof(run_path: Path, plan_path: Path) -> bool:
    """Copy the proof beside the plan into the run folder, if there is one. Raises IntegrityError."""
    source = proof_beside(plan_path)
    if not source.is_file():
        return False
    try:
        write_atomically(run_path / PROOF, source.read_bytes())
    except OSError as error:
        raise IntegrityError(f"{run_path / PROOF}: cannot be written: {error.strerror or error}") from error
    return True


def proof_of(run_path: Path) -> dict[str, Any] | None:
    """The proof in a run folder; None without one, or for a file that is none."""
    try:
        proof = json.loads((run_path / PROOF).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return proof if isinstance(proof, dict) and proof.get("schema") == SCHEMA else None
