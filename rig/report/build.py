"""``build_report``: run folder in, ``report.html`` and ``report.pdf`` out."""

from __future__ import annotations

from pathlib import Path

from rig.record.case_data import RunRecord
from rig.record.durable_files import write_atomically
from rig.report.document import document
from rig.report.page import html_page
from rig.report.paper import pdf_pages
from rig.report.sources import read_sources


def build_report(
    run_folder: Path, run: RunRecord | None = None, into: Path | None = None, paper: str | None = None
) -> tuple[Path, Path]:
    """Make ``report.html`` and ``report.pdf`` in ``run_folder`` from what lies there, and return their paths.

    ``run`` is the record of that folder if it is read already: reading a long one takes longer than the rest.
    ``paper``: "a4" or "letter", if not as the run's settings say.
    They are put in the folder ``into``, which must be there; by default in the run folder itself.
    The same folder and version give the same bytes. Raises IntegrityError when results or record are missing or
    unreadable or the disk does not take it, DefinitionError when the copies of plan or bench are.
    """
    content = document(read_sources(run_folder, run))
    content["paper"] = paper or content["paper"]
    folder = run_folder if into is None else into
    html_path, pdf_path = folder / "report.html", folder / "report.pdf"
    write_atomically(html_path, html_page(content).encode("utf-8"))
    write_atomically(pdf_path, pdf_pages(content))
    return html_path, pdf_path
