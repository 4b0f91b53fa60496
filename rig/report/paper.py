"""The report as a PDF, set by typst: fonts embedded, tagged, archival."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from rig.report.plain_text import for_pdf

STANDARDS: list[Literal["a-2a", "ua-1"]] = [
    "a-2a",
    "ua-1",
]  # PDF/A-2a and PDF/UA-1; typst refuses to write what breaks them


def pdf_pages(content: dict[str, Any]) -> bytes:
    """Lay out a document (see document.py) by ``report.typ``. It reaches typst as data, never as source.

    Only the fonts that come with typst and with matplotlib are used, so that every PC sets the same pages. The time
    in the file is that of the run's start.
    """
    import typst
    from matplotlib import get_data_path

    folder = Path(str(files("rig.shipped.reports")))
    fonts = typst.Fonts(include_system_fonts=False, font_paths=[str(Path(get_data_path()) / "fonts" / "ttf")])
    pdf = typst.compile(
        str(folder / "report.typ"),
        root=str(folder),
        font_paths=fonts,
        sys_inputs={"report": json.dumps(for_pdf(content), ensure_ascii=False)},
        pdf_standards=[*STANDARDS],
        timestamp=_instant(content["date"]),
    )
    assert isinstance(pdf, bytes)  # no output path was given
    return pdf


def _instant(date: list[int]) -> datetime:
    year, month, day, hour, minute, second = date
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
