"""The delivered volume over a whole case, for procedures that have no figure of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rig.record.case_data import CaseData, Step
from rig.report import drawing
from rig.report.case_figures import spans, volume_unit
from rig.report.drawing import BLACK, GREY, picture
from rig.report.series import NS_PER_H, Weighing, volume_in

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Results = dict[str, Any]


def delivered(data: CaseData, weighed: Weighing, flags: Sequence[Results]) -> str | None:
    """Volume since the first reading, by weighing; a line where each step begins. None if nothing was weighed."""
    whole = Step("case", data.started_ns, data.finished_ns)
    volume = volume_in(data, whole, data.started_ns, weighed)
    if volume.t_h.size < 2:
        return None
    unit, factor = volume_unit(float(abs(volume.y).max()))

    def draw(axes: Axes) -> None:
        spans(axes, data, whole, data.started_ns, flags)
        for step in data.steps:
            axes.axvline(
                (step.start_ns - data.started_ns) / NS_PER_H, color=GREY, linestyle="--", linewidth=0.5
            )
        axes.plot(
            volume.t_h,
            volume.y * factor,
            color=BLACK,
            linewidth=0.8,
            marker="o",
            markersize=1.6,
            markevery=drawing.marks_every(volume.t_h.size, 60),
            label="delivered, by weighing",
        )

    return picture(
        draw,
        "time since the start of the case (h)",
        f"delivered volume ({unit})",
        legend=1,
    )
