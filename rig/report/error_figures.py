"""The figures of errors against their limits: trumpet curve and boluses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rig.report import drawing
from rig.report.drawing import BLACK, BLUE, GREY, RED, picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Results = dict[str, Any]
# Window in s, or None for the mean error A; lower and upper limit in %.
WindowLimit = tuple[float | None, float | None, float | None]


def trumpet(points: Sequence[Results], mean: Results | None, limits: Sequence[WindowLimit]) -> str:
    """Largest and smallest error over windows of each length, with A and the limits.

    A limit on A runs across, one on a window is marked there.
    """
    minutes = np.array([point["window_s"] / 60 for point in points], dtype=float)
    largest = np.array([point["error_max_pct"] for point in points], dtype=float)
    smallest = np.array([point["error_min_pct"] for point in points], dtype=float)
    bars = np.array([point.get("expanded_uncertainty_pct") or 0.0 for point in points], dtype=float)

    def draw(axes: Axes) -> None:
        seen = [0.0, *_window_limits(axes, limits)]
        if mean is not None and mean.get("value") is not None:
            axes.axhline(mean["value"], color=BLUE, linestyle="--", linewidth=0.9, label="mean error A")
            seen.append(mean["value"])
        if minutes.size:
            for errors, color, marker, name in (
                (largest, BLACK, "^", "largest"),
                (smallest, GREY, "v", "smallest"),
            ):
                axes.errorbar(
                    minutes,
                    errors,
                    yerr=bars,
                    color=color,
                    marker=marker,
                    capsize=1.5,
                    elinewidth=0.5,
                    label=name,
                )
            seen += [*(largest + bars), *(smallest - bars)]
            _axis_of_windows(axes, minutes)
        _show_all(axes, seen)

    return picture(draw, "observation window (min)", "error (%)", legend=3)


def _window_limits(axes: Axes, limits: Sequence[WindowLimit]) -> list[float]:
    """Draw the limits; their bounds."""
    bounds = []
    for window_s, low, high in limits:
        for bound, mark in ((low, "^"), (high, "v")):
            if bound is None:
                continue
            bounds.append(bound)
            if window_s is None:
                _limit_across(axes, bound, "limit on A")
            else:
                name = _once(axes, "on a window")
                axes.plot(
                    [window_s / 60],
                    [bound],
                    color=RED,
                    marker=mark,
                    markersize=4.5,
                    linestyle="none",
                    label=name,
                )
    return bounds


def _axis_of_windows(axes: Axes, minutes: NDArray[np.float64]) -> None:
    axes.set_xscale("log")
    axes.set_xticks(minutes.tolist(), [f"{minute:g}" for minute in minutes])
    axes.minorticks_off()
    axes.set_xlim(minutes[0] / 1.25, minutes[-1] * 1.25)


def boluses(doses: Sequence[Results], limits: Sequence[tuple[str, float | None, float | None]]) -> str:
    """Deviation of each bolus from what was commanded, with the limits ("single dose", "mean")."""
    index = [dose["index"] + 1 for dose in doses]
    deviation = [dose["deviation_pct"] for dose in doses]

    def draw(axes: Axes) -> None:
        axes.axhline(0.0, color=BLUE, linestyle="--", linewidth=0.9, label="commanded")
        seen = [0.0, *deviation]
        for number, (name, low, high) in enumerate(limits):
            for bound in (low, high):
                if bound is not None:
                    seen.append(bound)
                    _limit_across(axes, bound, f"limit, {name}", "-." if number % 2 == 0 else ":")
        if index:
            axes.plot(
                index,
                deviation,
                color=BLACK,
                linestyle="none",
                marker="o",
                markersize=2.8,
                label="single bolus",
            )
            axes.axhline(float(np.mean(deviation)), color=GREY, linewidth=0.9, label="mean")
            axes.set_xlim(0, max(index) + 1)
        _show_all(axes, seen)

    return picture(draw, "bolus number", "deviation (%)", legend=3)


def _limit_across(axes: Axes, bound: float, name: str, dashes: str = "-.") -> None:
    axes.axhline(bound, color=RED, linestyle=dashes, linewidth=0.9, label=_once(axes, name))


def _once(axes: Axes, name: str) -> str:
    return "_nolegend_" if name in axes.get_legend_handles_labels()[1] else name


def _show_all(axes: Axes, seen: Sequence[float]) -> None:
    if bounds := drawing.numpy_range(seen):
        axes.set_ylim(*bounds)
