"""What stood beside pump, balance and flow sensor: air, bath, line pressure, battery. None of it decides a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rig.definitions.bench_file import BenchFile
from rig.judge.channels import unit_of
from rig.readings import CHANNELS
from rig.record.case_data import CaseData, ChannelSeries
from rig.report import blocks, drawing, wording
from rig.report.blocks import Block
from rig.report.drawing import GREY, picture
from rig.report.numbers import MINUS, joined
from rig.report.series import NS_PER_H, Floats, envelope
from rig.report.sources import Sources

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DECIMALS = {"°C": 2, "%RH": 1, "hPa": 1, "kPa": 3, "V": 3, "A": 3, "mA": 3, "µA": 2}
SMALL_CURRENTS = (
    (1e-3, 1e6, "µA"),
    (1.0, 1e3, "mA"),
)  # below which greatest value, times what, in which unit
SET_POINTS = {"bath_setpoint_c": "bath_temperature_c"}  # drawn with what they are the set point of
EVERY_UNIT = "all"  # what the units of a bench share is drawn and told once
LEFT_MM = 16.0  # wider than usual: 1013.25


@dataclass(frozen=True)
class Shown:
    """One channel of one instrument in one case: of a unit, or shared by all."""

    unit: str
    case: str
    role: str
    channel: str
    series: ChannelSeries


def monitored(sources: Sources, known: Sequence[CaseData]) -> list[Block]:
    """A figure for each channel, then the numbers; a note where the air was not among them."""
    shown = _shown(sources.bench, known)
    channels = list(dict.fromkeys(item.channel for item in shown))
    parts: list[Block] = []
    drawn = [
        _figure(channel, sources.serials, shown)
        for channel in channels
        if SET_POINTS.get(channel) not in channels
    ]
    if drawn:
        parts += [blocks.figures(drawn), _table(channels, shown)]
    if not any(channel.startswith("air_") for channel in channels):
        words = (
            "Air temperature, pressure and humidity were not recorded as series; the values used are those stated for "
            "the bench in the section on instruments, with their uncertainties."
        )
        parts.append(blocks.paragraph(words, "note"))
    return parts


def _shown(bench: BenchFile, known: Sequence[CaseData]) -> list[Shown]:
    """All series that hold readings; those of a shared instrument from the first unit of each case."""
    own = {unit.serial: {item.role for item in unit.auxiliaries} for unit in bench.units}
    found, told = [], set()
    for data in known:
        for series in data.channels:
            is_shared = series.role not in own.get(data.unit, set())
            unit = EVERY_UNIT if is_shared else data.unit
            key = (unit, data.case, series.role, series.channel)
            if len(series.values) and key not in told:
                told.add(key)
                found.append(Shown(unit, data.case, series.role, series.channel, series))
    return found


def _figure(channel: str, serials: Sequence[str], shown: Sequence[Shown]) -> Block:
    """A line a unit for the mean, a band from the least to the greatest reading; the set point dotted."""
    factor, unit = _handy(channel, shown)
    drawn = [item for item in shown if item.channel == channel]
    set_points = [item for item in shown if SET_POINTS.get(item.channel) == channel]

    def draw(axes: Axes) -> None:
        for item in set_points:
            t_h = item.series.t_ns / NS_PER_H
            axes.plot(
                t_h, item.series.values * factor, color=GREY, linestyle=":", label=_once(axes, "set point")
            )
        for item in drawn:
            look = drawing.look(0 if item.unit == EVERY_UNIT else serials.index(item.unit))
            band = envelope(item.series.t_ns / NS_PER_H, item.series.values * factor)
            name = "as read" if item.unit == EVERY_UNIT else drawing.label(item.unit, 18)
            axes.plot(
                band.t_h,
                band.mean,
                color=look["color"],
                linestyle=look["linestyle"],
                linewidth=0.9,
                label=_once(axes, name),
            )
            axes.fill_between(
                band.t_h, band.low, band.high, facecolor=look["color"], alpha=0.15, edgecolor="none"
            )
        axes.set_ylim(*_limits([item.series.values * factor for item in (*drawn, *set_points)], unit))

    title = CHANNELS.get(channel, channel)
    is_alone = len({item.unit for item in drawn}) == 1 and not set_points
    svg = picture(
        draw,
        "time since the start of the run (h)",
        f"{title} ({unit})",
        left_mm=LEFT_MM,
        legend=0 if is_alone else 3,
    )
    words = f"{title.capitalize()}. Band: least to greatest reading; line: mean."
    return blocks.figure(svg, words, words)


def _limits(values: Sequence[Floats], unit: str) -> tuple[float, float]:
    """Of an axis. What hardly moves is not blown up to look as if it did: it spans 20 of the last digits told."""
    low, high = min(float(part.min()) for part in values), max(float(part.max()) for part in values)
    half = max((high - low) * 0.54, 10 * 10.0 ** -DECIMALS.get(unit, 2))
    return (low + high) / 2 - half, (low + high) / 2 + half


def _table(channels: Sequence[str], shown: Sequence[Shown]) -> Block:
    rows = []
    for channel in channels:
        factor, unit = _handy(channel, shown)
        roles = {item.role for item in shown if item.channel == channel}
        for item in shown:
            if item.channel != channel:
                continue
            values = item.series.values
            title = CHANNELS.get(channel, channel)
            if len(roles) > 1:
                title = f"{title} ({wording.role(item.role)})"
            rows.append(
                [
                    blocks.text(title),
                    blocks.strong(item.unit),
                    blocks.text(item.case),
                    *[
                        blocks.written(_fixed(value * factor, unit), value)
                        for value in (float(values.min()), float(values.mean()), float(values.max()))
                    ],
                    blocks.plain_number(len(values), digits=12),
                ]
            )
    headings = ["Channel", "Unit", "Case", "Least", "Mean", "Greatest", "Readings"]
    return blocks.table(
        "What the other instruments showed", headings, rows, [2.0, 1, 1.1, 1, 1, 1, 0.8], "lllrrrr"
    )


def _handy(channel: str, shown: Sequence[Shown]) -> tuple[float, str]:
    """By what values of a channel are multiplied to be shown, and in which unit: the same in its figure and rows."""
    unit = unit_of(channel)
    if unit == "A":
        greatest = max(float(np.abs(item.series.values).max()) for item in shown if item.channel == channel)
        for below, factor, smaller in SMALL_CURRENTS:
            if greatest < below:
                return factor, smaller
    return 1.0, unit


def _fixed(value: float, unit: str) -> str:
    text = f"{value:.{DECIMALS.get(unit, 3)}f}".replace("-", MINUS)
    return joined(text, unit)


def _once(axes: Axes, name: str) -> str:
    return "_nolegend_" if name in axes.get_legend_handles_labels()[1] else name
