"""The figures of the whole run: when what happened on which unit, how warm the liquid was."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rig.record.case_data import CaseData
from rig.report import drawing
from rig.report.drawing import BLACK, GREY, PALE, RED, WIDE_MM, picture
from rig.report.series import NS_PER_H, temperature_band

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Results = dict[str, Any]


def timeline(
    units: Sequence[str], cases: Sequence[CaseData], flags: dict[tuple[str, str], list[Results]]
) -> str:
    """One row a unit: a bar a case, hatched where flagged, marks for alarms and for entries of the pump's own log."""
    last_h = max((data.finished_ns for data in cases), default=0) / NS_PER_H or 1.0

    def draw(axes: Axes) -> None:
        for data in cases:
            row = len(units) - 1 - units.index(data.unit)
            _case_bar(axes, data, row, last_h)
            for flag in flags.get((data.case, data.unit), []):
                _flag_bar(axes, flag, data, row)
            _marks(axes, data, row)
        axes.set_yticks(range(len(units)), [drawing.label(unit, 14) for unit in reversed(units)])
        axes.set_ylim(-0.6, len(units) - 0.4)
        axes.set_xlim(0, last_h * 1.01)
        axes.grid(visible=False, axis="y")

    height_mm = 18.0 + 9.0 * max(1, len(units))
    return picture(
        draw,
        "time since the start of the run (h)",
        "",
        width_mm=WIDE_MM,
        height_mm=height_mm,
        left_mm=24.0,
        legend=5,
    )


def _case_bar(axes: Axes, data: CaseData, row: int, last_h: float) -> None:
    start_h, end_h = data.started_ns / NS_PER_H, data.finished_ns / NS_PER_H
    if data.ended != "completed":
        name = _once(axes, "ended early or refused")
        axes.plot([end_h], [row], color=BLACK, marker="x", markersize=5, linestyle="none", label=name)
    axes.barh(row, end_h - start_h, left=start_h, height=0.56, facecolor=PALE, edgecolor=BLACK, linewidth=0.5)
    room = int((end_h - start_h) / last_h * 85)
    if room >= 6:
        axes.text(
            (start_h + end_h) / 2, row, drawing.label(data.case, room), ha="center", va="center", fontsize=6
        )


def _flag_bar(axes: Axes, flag: Results, data: CaseData, row: int) -> None:
    start_s, end_s = flag.get("start_s"), flag.get("end_s")
    if start_s is None or end_s is None or end_s <= start_s:
        return
    if start_s * 1e9 <= data.started_ns and end_s * 1e9 >= data.finished_ns:
        return
    axes.barh(
        row,
        (end_s - start_s) / 3600,
        left=start_s / 3600,
        height=0.56,
        facecolor="none",
        edgecolor=RED,
        hatch="////",
        linewidth=0.4,
        label=_once(axes, "flagged"),
    )


def _marks(axes: Axes, data: CaseData, row: int) -> None:
    events_h = [record["t_ns"] / NS_PER_H for record in data.pump_events]
    if events_h:
        axes.plot(
            events_h,
            [row - 0.38] * len(events_h),
            color=GREY,
            marker="|",
            markersize=3.5,
            linestyle="none",
            label=_once(axes, "entry in the pump's log"),
        )
    for state, marker in (("on", "v"), ("off", "^")):
        alarms_h = [record["t_ns"] / NS_PER_H for record in data.alarms if record.get("state") == state]
        if alarms_h:
            axes.plot(
                alarms_h,
                [row + 0.4] * len(alarms_h),
                color=RED,
                marker=marker,
                markersize=4.5,
                linestyle="none",
                label=_once(axes, f"alarm {state}"),
            )


def temperature(units: Sequence[str], cases: Sequence[CaseData]) -> str | None:
    """Least and greatest temperature of the liquid at each flow sensor; None when no sensor told one."""
    bands = [(data, temperature_band(data, 0)) for data in cases]
    bands = [(data, band) for data, band in bands if band.t_h.size]
    if not bands:
        return None

    def draw(axes: Axes) -> None:
        for data, band in bands:
            look = drawing.look(units.index(data.unit))
            axes.plot(
                band.t_h,
                band.mean,
                color=look["color"],
                linestyle=look["linestyle"],
                linewidth=0.9,
                label=_once(axes, drawing.label(data.unit, 18)),
            )
            axes.fill_between(
                band.t_h, band.low, band.high, facecolor=look["color"], alpha=0.15, edgecolor="none"
            )

    return picture(
        draw,
        "time since the start of the run (h)",
        "temperature (°C)",
        width_mm=WIDE_MM,
        height_mm=48.0,
        legend=4,
    )


def _once(axes: Axes, name: str) -> str:
    return "_nolegend_" if name in axes.get_legend_handles_labels()[1] else name
