"""``hand_over``: everything made from a closed run for those who read it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rig.record.case_data import RunRecord
from rig.report.build import build_report
from rig.report.exports import EXPORTS, write_exports, write_ro_crate
from rig.report.junit import write_junit
from rig.report.summary import SUMMARY, write_summary


def hand_over(run_folder: Path, record: RunRecord, results: dict[str, Any], *, has_room: bool = True) -> None:
    """Exports and report of a run whose ``results`` are written already, before its folder is sealed.

    Without room on the disk only the verdicts for CI servers: the rest can be made again elsewhere. Raises
    IntegrityError as :func:`build_report` does.
    """
    write_junit(results, run_folder / EXPORTS / "junit.xml")
    write_summary(results, run_folder / EXPORTS / SUMMARY)
    if has_room:
        write_exports(run_folder, results)
        build_report(run_folder, record)
        write_ro_crate(run_folder, results)
