"""The look of every figure: small, told apart without colour, the same bytes each time."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from rig.report.plain_text import drawn, visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BLACK, BLUE, RED, GREY, PALE = "#000000", "#0072B2", "#B0400A", "#5F5F5F", "#C9CED6"
# Units on one picture: each has its own dash and its own mark (colours after Okabe and Ito).
LOOKS: tuple[dict[str, Any], ...] = (
    {"color": "#000000", "linestyle": "-", "marker": "o"},
    {"color": "#0072B2", "linestyle": "--", "marker": "s"},
    {"color": "#D55E00", "linestyle": "-.", "marker": "^"},
    {"color": "#009E73", "linestyle": ":", "marker": "D"},
    {"color": "#CC79A7", "linestyle": (0, (5, 1, 1, 1, 1, 1)), "marker": "v"},
    {"color": "#56B4E9", "linestyle": (0, (8, 2)), "marker": "x"},
)
STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 7,
    "axes.labelsize": 7,
    "axes.linewidth": 0.6,
    "axes.unicode_minus": True,
    "axes.formatter.useoffset": False,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "xtick.major.width": 0.5,
    "ytick.major.width": 0.5,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.0,
    "lines.markersize": 2.6,
    "legend.fontsize": 6.5,
    "legend.frameon": False,
    "legend.handlelength": 1.9,
    "legend.borderpad": 0.0,
    "legend.borderaxespad": 0.1,
    "legend.columnspacing": 0.9,
    "legend.handletextpad": 0.4,
    "hatch.linewidth": 0.5,
    "svg.fonttype": "path",
    "svg.hashsalt": "infusion-rig",
    "text.parse_math": False,
    "path.simplify": True,
    "path.simplify_threshold": 0.3,
}
MM = 1 / 25.4
SMALL_MM = (84.0, 48.0)
WIDE_MM = 170.0


@contextmanager
def style() -> Iterator[None]:
    """Draw inside this: matplotlib's settings are ours within and what they were afterwards."""
    import matplotlib

    settings: Any = STYLE
    with matplotlib.rc_context():
        matplotlib.rcdefaults()  # nobody's own matplotlibrc
        matplotlib.rcParams.update(settings)
        yield


def picture(
    draw: Callable[[Axes], None],
    x_label: str,
    y_label: str,
    width_mm: float = SMALL_MM[0],
    height_mm: float = SMALL_MM[1],
    left_mm: float = 13.5,
    legend: int = 2,
) -> str:
    """One SVG with one pair of axes; ``draw`` fills them. ``legend`` is its number of columns (0: none)."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width_mm * MM, height_mm * MM))
    above_mm = 7.0 if legend else 2.0
    below_mm = 8.5
    axes = figure.add_axes(
        (
            left_mm / width_mm,
            below_mm / height_mm,
            (width_mm - left_mm - 2.5) / width_mm,
            (height_mm - below_mm - above_mm) / height_mm,
        )
    )
    axes.grid(visible=True)
    axes.set_axisbelow(True)
    draw(axes)
    axes.set_xlabel(x_label, labelpad=2)
    axes.set_ylabel(y_label, labelpad=2)
    axes.spines[["top", "right"]].set_visible(False)
    if legend and axes.get_legend_handles_labels()[0]:
        axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=legend)
    page = io.StringIO()
    canvas: Any = FigureCanvasSVG(figure)
    canvas.print_svg(page, metadata={"Date": None, "Creator": None})
    return _bare(page.getvalue())


def label(text: str, longest: int = 24) -> str:
    """Somebody's name for something, fit for a legend."""
    shown = drawn(visible(text))
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"


def look(index: int) -> dict[str, Any]:
    """Dash, mark and colour of the index-th unit."""
    return LOOKS[index % len(LOOKS)]


def marks_every(count: int, wanted: int = 12) -> int:
    """Mark every n-th of ``count`` points so that about ``wanted`` marks are drawn."""
    return max(1, count // wanted)


def numpy_range(values: Any, margin: float = 0.08) -> tuple[float, float] | None:
    """Least and greatest finite value, a little wider; None when there is none."""
    finite = np.asarray(values, dtype=float)
    finite = finite[np.isfinite(finite)]
    if finite.size == 0:
        return None
    low, high = float(finite.min()), float(finite.max())
    pad = (high - low) * margin or max(abs(high) * margin, sys.float_info.min * 1e10)
    return low - pad, high + pad


def _bare(svg: str) -> str:
    """The SVG without prologue and metadata, as it may stand inside a page."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"\s*<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    return svg.strip()
