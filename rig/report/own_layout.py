"""What a firm puts into its reports: paper, name, header, logo and sections of plain text (see report_file.py)."""

from __future__ import annotations

import base64
from typing import Any

from rig.definitions.report_file import ReportFile
from rig.report import blocks
from rig.report.blocks import Block
from rig.report.plain_text import visible

BULLET = "- "


def letterhead(settings: ReportFile) -> dict[str, Any]:
    """Paper, organisation, header and logo as the templates take them."""
    logo = None
    if settings.logo is not None:
        name, content = settings.logo
        kind = "svg" if name.lower().endswith(".svg") else "png"
        media = "image/svg+xml" if kind == "svg" else "image/png"
        logo = {
            "kind": kind,
            "data": f"data:{media};base64,{base64.b64encode(content).decode()}",
            "bytes": list(content),
            "alternative": visible(f"Logo of {settings.organisation or 'the laboratory'}"),
        }
    return {
        "paper": settings.paper,
        "organisation": visible(settings.organisation),
        "header": visible(settings.header, 120),
        "logo": logo,
    }


def own_sections(settings: ReportFile, place: str) -> list[Block]:
    """The firm's sections for this place."""
    return [
        blocks.section(f"own-{number}", section.title, _blocks(section.text))
        for number, section in enumerate(settings.sections, 1)
        if section.place == place
    ]


def _blocks(text: str) -> list[Block]:
    """Paragraphs and lists of a plain text."""
    found: list[Block] = []
    for part in text.replace("\r\n", "\n").split("\n\n"):
        lines = [line.strip() for line in part.split("\n") if line.strip()]
        if lines and all(line.startswith(BULLET) for line in lines):
            found.append(blocks.bullets([line.removeprefix(BULLET) for line in lines]))
        elif lines:
            found.append(blocks.paragraph(" ".join(lines)))
    return found
