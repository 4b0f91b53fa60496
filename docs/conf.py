"""How Sphinx builds the documentation (``make docs``). Warnings are errors: a dead link fails."""

from __future__ import annotations

import os
import re
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pygments.lexers.special import TextLexer

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "infusion-rig"
author = "the authors of infusion-rig"
project_copyright = "the authors of infusion-rig, Apache-2.0"
version = release = installed_version("infusion-rig")

extensions = ["myst_parser"]
myst_heading_anchors = 4  # links go to headings, as where the files themselves are read

html_theme = "furo"
html_title = f"infusion-rig {version}"
html_copy_source = False
html_show_sphinx = False

DOCS = Path(__file__).parent
LINK_OUT = re.compile(r"(?<!!)\[([^\]]+)\]\(((?:\.\./)+[^)#\s]+\.md)(?:#[^)\s]*)?\)")


def _links_out(app: Sphinx, page: str, source: list[str]) -> None:
    """Pages that are only in the repository (README, CHANGELOG): the README is the front page, others are named."""

    def told(found: re.Match[str]) -> str:
        text, target = found[1], (DOCS / page).parent / found[2]
        if target.resolve().is_relative_to(DOCS):
            return found[0]
        if target.resolve() == DOCS.parent / "README.md":
            return f"[{text}]({os.path.relpath(DOCS / 'index.md', (DOCS / page).parent)})"
        return text

    source[0] = LINK_OUT.sub(told, source[0])


def setup(app: Sphinx) -> dict[str, Any]:
    """What Sphinx calls."""
    app.connect("source-read", _links_out)
    app.add_lexer("rpu1", TextLexer)  # the worked exchanges of RPU/1 have no colours
    return {"parallel_read_safe": True, "parallel_write_safe": True}
