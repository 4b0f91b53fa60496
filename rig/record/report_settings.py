"""A firm's report settings, kept in the folder of each run as they were when it began."""

from __future__ import annotations

from pathlib import Path

from rig.definitions.report_file import ReportFile, load_report_file
from rig.record.durable_files import write_atomically

SETTINGS = "reports"  # folder in a workspace, and in a run folder


def keep_report_settings(run_folder: Path, settings: ReportFile) -> None:
    """Copy what was read into the run folder; nothing where nothing is set. Raises IntegrityError."""
    if settings.files:
        folder = run_folder / SETTINGS
        folder.mkdir(exist_ok=True)
        for name, content in settings.files:
            write_atomically(folder / name, content)


def report_settings_of(run_folder: Path) -> ReportFile:
    """The settings a run was made with. Raises DefinitionError."""
    return load_report_file(run_folder / SETTINGS)
