"""The report as one self-contained HTML file."""

from __future__ import annotations

import re
from typing import Any


def html_page(content: dict[str, Any]) -> str:
    """Lay out a document (see document.py) by ``report.html.j2``; styles and figures are inside, nothing is fetched."""
    from importlib.resources import files

    from jinja2 import Environment, FunctionLoader, StrictUndefined
    from markupsafe import Markup

    templates = files("rig.shipped.reports")

    def load(name: str) -> str:
        return templates.joinpath(name).read_text("utf-8")

    environment = Environment(
        loader=FunctionLoader(load),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    drawn = _Inlined()
    environment.filters["inline_svg"] = lambda svg: Markup(drawn.inlined(svg))  # our own drawing
    style = Markup(load("report.css"))  # our own file
    return environment.get_template("report.html.j2").render(report=content, style=style)


class _Inlined:
    """Numbers the pictures of a page, so that their ids do not meet."""

    def __init__(self) -> None:
        self._count = 0

    def inlined(self, svg: str) -> str:
        """The SVG with ids of its own, hidden from screen readers (the caption speaks for it)."""
        self._count += 1
        mark = f"f{self._count}-"
        svg = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{mark}", svg)
        return svg.replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1)
