"""The requirements of the run before: the latest earlier run of the same plan among the run folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rig.definitions.plan_file import Plan, plan_from_folder
from rig.definitions.requirements.requirement_set import RequirementSet
from rig.errors import DefinitionError
from rig.judge.requirement_changes import requirement_changes
from rig.record.kept_files import REQUIREMENTS


def changes_since_last_run(plan: Plan, runs_dir: Path, own: Path) -> dict[str, Any] | None:
    """What became of the plan's requirements since the latest run of it that kept any; None if there is none.

    A folder whose definitions cannot be read is passed over: it is not this run's to judge.
    """
    if not plan.requirements:
        return None
    for folder in _latest_first(runs_dir, plan.id):
        before = _requirements_in(folder, plan.id) if folder != own else ()
        if before:
            return requirement_changes(folder.name, before, plan.requirements)
    return None


def _requirements_in(folder: Path, plan_id: str) -> Sequence[RequirementSet]:
    try:
        earlier = plan_from_folder(folder)
    except DefinitionError:
        return ()
    return earlier.requirements if earlier.id == plan_id else ()


def _latest_first(runs_dir: Path, plan_id: str) -> list[Path]:
    """By the instant their names begin with; runs of one second by when their plan was written down."""
    named = [path for path in runs_dir.glob(f"*-{plan_id[:40]}-*") if (path / REQUIREMENTS).is_dir()]
    return sorted(named, key=lambda path: (path.name[:16], _written_ns(path), path.name), reverse=True)


def _written_ns(folder: Path) -> int:
    try:
        return (folder / "plan.toml").stat().st_mtime_ns
    except OSError:
        return 0
