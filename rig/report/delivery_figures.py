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


def cumulative(cases: Sequence[tuple[CaseData, Weighing]], rate_ml_h: float) -> str | None:
    """Volume since the start of the analysis period, one line a unit, against what was programmed."""
    curves = [
        (data.unit, volume_in(data, sample, sample.start_ns, weighed))
        for data, weighed in cases
        if (sample := data.step("sample")) is not None
    ]
    curves = [(unit, curve) for unit, curve in curves if curve.t_h.size > 1]
    if not curves:
        return None
    last_h = max(float(curve.t_h[-1]) for _, curve in curves)
    unit, factor = volume_unit(rate_ml_h * last_h)

    def draw(axes: Axes) -> None:
        programmed = [0.0, rate_ml_h * last_h * factor]
        axes.plot([0.0, last_h], programmed, color=GREY, linewidth=2.2, alpha=0.6, label="programmed")
        for place, (name, curve) in enumerate(curves):
            look = drawing.look(place)
            axes.plot(
                curve.t_h,
                curve.y * factor,
                color=look["color"],
                linestyle=look["linestyle"],
                linewidth=0.9,
                marker=look["marker"],
                markersize=2.6,
                markevery=drawing.marks_every(curve.t_h.size, 8),
                label=drawing.label(name, 18),
            )

    return picture(
        draw, "time since the start of the analysis period (h)", f"delivered volume ({unit})", legend=3
    )


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
