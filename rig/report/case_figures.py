"""The figures of one case over time: start-up, flow, deviation of the delivered volume, blanks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rig.record.case_data import CaseData, Step
from rig.report import drawing
from rig.report.drawing import BLACK, BLUE, GREY, PALE, RED, picture
from rig.report.series import (
    NS_PER_H,
    Band,
    Curve,
    Weighing,
    deviation_from,
    flow_band,
    mass_in,
    rate_of,
    volume_in,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Results = dict[str, Any]


def rate_unit(rate_ml_h: float) -> tuple[str, float]:
    """A unit in which the rate is a handy number, and its factor from mL/h."""
    return ("µL/h", 1e3) if rate_ml_h < 0.01 else ("mL/h", 1.0)


def volume_unit(largest_ml: float) -> tuple[str, float]:
    """A unit in which a volume is a handy number, and its factor from mL."""
    return ("µL", 1e3) if largest_ml < 0.5 else ("mL", 1.0)


def spans(axes: Axes, data: CaseData, step: Step, zero_ns: int, flags: Sequence[Results]) -> None:
    """Flagged intervals hatched; what was flagged stands in the table of flags."""
    for flag in flags:
        start_h, end_h = _hours(flag.get("start_s"), zero_ns), _hours(flag.get("end_s"), zero_ns)
        first_h, last_h = (step.start_ns - zero_ns) / NS_PER_H, (step.end_ns - zero_ns) / NS_PER_H
        if start_h is None or end_h is None or end_h <= first_h or start_h >= last_h:
            continue
        if start_h <= first_h and end_h >= last_h:
            continue  # a flag on the whole period says nothing about where
        axes.axvspan(
            max(start_h, first_h),
            min(end_h, last_h),
            facecolor="none",
            edgecolor=RED,
            hatch="////",
            linewidth=0.4,
            alpha=0.6,
        )


def _hours(since_start_s: float | None, zero_ns: int) -> float | None:
    return None if since_start_s is None else (since_start_s * 1e9 - zero_ns) / NS_PER_H


def _flow(
    axes: Axes,
    curve: Curve,
    band: Band,
    rate_ml_h: float,
    factor: float,
    times: float,
    x_limits: tuple[float, float],
) -> None:
    """Balance and sensor over time, with the programmed rate. ``times`` turns hours into the unit of the axis."""
    if band.t_h.size:
        axes.fill_between(
            band.t_h * times,
            band.low * factor,
            band.high * factor,
            facecolor=PALE,
            edgecolor="none",
            label="sensor",
        )
        axes.plot(band.t_h * times, band.mean * factor, color=GREY, linewidth=0.6, label="its mean")
    axes.axhline(rate_ml_h * factor, color=BLUE, linestyle="--", linewidth=0.9, label="programmed")
    if curve.t_h.size:
        axes.plot(
            curve.t_h * times,
            curve.y * factor,
            color=BLACK,
            linewidth=0.8,
            marker="o",
            markersize=1.6,
            markevery=drawing.marks_every(curve.t_h.size, 60),
            label="balance",
        )
    axes.set_xlim(*x_limits)
    limits = drawing.numpy_range([*curve.y * factor, 0.0, rate_ml_h * factor * 1.1])
    if limits and band.t_h.size:
        # the sensor's noise may be far larger than the flow: it is shown as far as it helps
        span = limits[1] - limits[0]
        low = max(float(np.nanmin(band.low)) * factor, limits[0] - 0.35 * span)
        high = min(float(np.nanmax(band.high)) * factor, limits[1] + 0.35 * span)
        limits = min(low, limits[0]), max(high, limits[1])
    if limits:
        axes.set_ylim(*limits)


def start_up(data: CaseData, step: Step, rate_ml_h: float, weighed: Weighing) -> str:
    """Flow from the moment the pump was started to the end of the settling time."""
    unit, factor = rate_unit(rate_ml_h)
    volume = volume_in(data, step, step.start_ns, weighed)
    band = flow_band(data.flow, step, step.start_ns)
    duration_h = (step.end_ns - step.start_ns) / NS_PER_H
    name, times = ("h", 1.0) if duration_h > 3 else ("min", 60.0)

    def draw(axes: Axes) -> None:
        _flow(axes, rate_of(volume), band, rate_ml_h, factor, times, (0.0, duration_h * times or 1.0))

    return picture(draw, f"time since the pump was started ({name})", f"flow ({unit})", legend=4)


def flow_over_time(
    data: CaseData, step: Step, rate_ml_h: float, weighed: Weighing, flags: Sequence[Results]
) -> str:
    """Flow in the analysis period, by balance and by sensor."""
    unit, factor = rate_unit(rate_ml_h)
    volume = volume_in(data, step, data.started_ns, weighed)
    band = flow_band(data.flow, step, data.started_ns)
    x_limits = ((step.start_ns - data.started_ns) / NS_PER_H, (step.end_ns - data.started_ns) / NS_PER_H)

    def draw(axes: Axes) -> None:
        spans(axes, data, step, data.started_ns, flags)
        _flow(axes, rate_of(volume), band, rate_ml_h, factor, 1.0, (x_limits[0], x_limits[1] or 1.0))

    return picture(draw, "time since the start of the case (h)", f"flow ({unit})", legend=5)


def residual(
    data: CaseData, step: Step, rate_ml_h: float, weighed: Weighing, flags: Sequence[Results]
) -> str:
    """Delivered minus programmed volume in the analysis period; programmed volume is the zero line."""
    volume = volume_in(data, step, data.started_ns, weighed)
    deviation = deviation_from(volume, rate_ml_h)
    largest = float(np.max(np.abs(deviation.y))) if deviation.y.size else 0.0
    unit, factor = volume_unit(largest)

    def draw(axes: Axes) -> None:
        spans(axes, data, step, data.started_ns, flags)
        axes.axhline(0.0, color=BLUE, linestyle="--", linewidth=0.9, label="programmed")
        if deviation.t_h.size:
            axes.plot(deviation.t_h, deviation.y * factor, color=BLACK, label="delivered − programmed")
        axes.set_xlim(
            (step.start_ns - data.started_ns) / NS_PER_H, (step.end_ns - data.started_ns) / NS_PER_H or 1.0
        )

    return picture(draw, "time since the start of the case (h)", f"deviation of volume ({unit})", legend=3)


def blanks(cases: Sequence[CaseData]) -> str | None:
    """Change of mass with the pump stopped, before and after, one line a unit; None when nothing was weighed."""
    curves = []
    for number, data in enumerate(cases):
        for name in ("blank_before", "blank_after"):
            step = data.step(name)
            if step is not None:
                mass = mass_in(data, step, step.start_ns)
                if mass.t_h.size:
                    curves.append((number, data.unit, name, mass))
    if not curves:
        return None

    def draw(axes: Axes) -> None:
        axes.axhline(0.0, color=GREY, linewidth=0.5)
        for number, unit, name, mass in curves:
            look = drawing.look(number)
            before = name == "blank_before"
            axes.plot(
                mass.t_h * 60,
                (mass.y - mass.y[0]) * 1e3,
                color=look["color"],
                linestyle=look["linestyle"],
                linewidth=1.1 if before else 0.6,
                marker=look["marker"],
                markersize=2.8,
                markerfacecolor=look["color"] if before else "white",
                label=drawing.label(unit, 18) if before else "_nolegend_",
            )

    return picture(draw, "time since the start of the blank (min)", "change of mass (mg)", legend=3)
