"""``build_report``: run folder in, ``report.html`` and ``report.pdf`` out."""

from __future__ import annotations

import os
from pathlib import Path

from rig.record.case_data import RunRecord
from rig.report.document import document
from rig.report.page import html_page
from rig.report.paper import pdf_pages
from rig.report.sources import read_sources


def build_report(
    run_folder: Path, run: RunRecord | None = None, into: Path | None = None
) -> tuple[Path, Path]:
    """Make ``report.html`` and ``report.pdf`` in ``run_folder`` from what lies there, and return their paths.

    ``run`` is the record of that folder if it is read already: reading a long one takes longer than the rest.
    They are put in the folder ``into``, which must be there; by default in the run folder itself.
    The same folder and version give the same bytes. Raises IntegrityError when results or record are missing or
    unreadable, DefinitionError when the copies of plan or bench are.
    """
    content = document(read_sources(run_folder, run))
    folder = run_folder if into is None else into
    html_path, pdf_path = folder / "report.html", folder / "report.pdf"
    _replace(html_path, html_page(content).encode("utf-8"))
    _replace(pdf_path, pdf_pages(content))
    return html_path, pdf_path


def _replace(path: Path, data: bytes) -> None:
    """Write whole or not at all: a reader never sees half a report."""
    part = path.with_name(f".{path.name}.part")
    with part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
