"""Trumpet windows for a log: those of the standard that fit its sample interval, or those asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rig.analysis.log_series import Floats
from rig.analysis.trumpet import intervals_in, trumpet
from rig.definitions.cases.flow_presets import AMBULATORY_2012, PRESETS, VOLUMETRIC_1998
from rig.errors import DefinitionError, Where

MIN = 60.0
STANDARD_WINDOWS_S = frozenset(window_s for preset in PRESETS for window_s in preset.windows_s)


@dataclass(frozen=True)
class LogWindow:
    """Largest and smallest error over ``count`` windows of one length. ``standard``: a length of the standard."""

    window_s: float
    standard: bool
    count: int
    error_max_pct: float
    error_min_pct: float


def log_trumpet(
    grids: list[Floats],
    interval_s: float,
    rate_ml_h: float,
    asked_s: Sequence[float] | None,
    span_s: float,
    file: str,
) -> tuple[tuple[LogWindow, ...], tuple[tuple[float, str], ...]]:
    """The trumpet over all unbroken stretches, and the windows that are not in it with the reason.

    ``grids``: cumulative volumes (mL), shape (n,), of each stretch at even times, ``interval_s`` apart;
    ``span_s``: length of the whole period. ``asked_s`` None: the standard's windows.

    Raises DefinitionError for a window asked for that is no multiple of the interval or longer than the period.
    """
    left_out: list[tuple[float, str]] = []
    chosen: list[float] = []
    if asked_s is not None:
        for window_s in asked_s:
            try:
                intervals_in(window_s, interval_s)
            except DefinitionError as problem:
                raise DefinitionError(problem.message, Where(file, key="--windows")) from None
            if window_s > span_s * (1 + 1e-9):
                said = f"a window of {window_s / MIN:g} min is longer than the period analysed, {span_s / MIN:g} min"
                raise DefinitionError(said, Where(file, key="--windows"))
            if window_s not in chosen:
                chosen.append(window_s)
    else:
        chosen, left_out = _usual_windows(interval_s, span_s)
    windows = []
    for window_s in chosen:
        length = intervals_in(window_s, interval_s)
        parts = [trumpet(grid, interval_s, rate_ml_h, [window_s])[0] for grid in grids if len(grid) > length]
        if not parts:
            left_out.append((window_s, "no unbroken stretch of the period is that long"))
            continue
        windows.append(
            LogWindow(
                window_s,
                window_s in STANDARD_WINDOWS_S,
                sum(part.count for part in parts),
                max(part.error_max_pct for part in parts),
                min(part.error_min_pct for part in parts),
            )
        )
    return tuple(windows), tuple(left_out)


def _usual_windows(interval_s: float, span_s: float) -> tuple[list[float], list[tuple[float, str]]]:
    """The standard's windows that fit; in place of each that does not, the next shorter multiple."""
    wanted = VOLUMETRIC_1998.windows_s
    if not any(_fits(window_s, interval_s) for window_s in wanted) and interval_s > wanted[0]:
        wanted = AMBULATORY_2012.windows_s
    chosen: list[float] = []
    left_out = []
    for window_s in wanted:
        if window_s > span_s * (1 + 1e-9):
            left_out.append((window_s, f"longer than the period, {span_s / MIN:.6g} min"))
        elif _fits(window_s, interval_s):
            chosen.append(window_s)
        else:
            multiple = int(window_s / interval_s)
            reason = f"no whole multiple of the sample interval, {interval_s / MIN:.6g} min"
            if multiple >= 1 and multiple * interval_s not in chosen:
                chosen.append(multiple * interval_s)
                reason += f"; {multiple * interval_s / MIN:.6g} min is shown in its place"
            left_out.append((window_s, reason))
    return chosen, left_out


def _fits(window_s: float, interval_s: float) -> bool:
    try:
        return intervals_in(window_s, interval_s) >= 1
    except DefinitionError:
        return False
