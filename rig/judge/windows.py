"""The trumpet of a flow accuracy case: extremes over observation windows, how sure they are, what decides."""

from __future__ import annotations

import math
from dataclasses import replace

from rig.analysis.trumpet import Window, intervals_in, trumpet
from rig.analysis.uncertainty import Budget
from rig.definitions.limits import Limit
from rig.judge.findings import NOTHING, Value
from rig.judge.period import Booleans, Period

SPOILED_SHARE = 0.05  # of the windows of one length left out: too many to call what is left the extremes


def window_budget(window: Window, period: Period) -> Budget:
    """Budget of the error of one window: of the two with an extreme, the one with the larger uncertainty."""
    length = intervals_in(window.window_s, period.samples.every_s)
    return max(
        (
            period.error_between(first - 1, first - 1 + length, window.window_s)
            for first in (window.first_of_max, window.first_of_min)
        ),
        key=lambda budget: budget.expanded_uncertainty,
    )


def window_value(window: Window, budget: Budget, limit: Limit, without: Value | None) -> Value:
    """What a criterion on this window is decided by; ``without`` the data in doubt, if there are any."""
    value = Value.of(replace(budget, value=deciding_extreme(window, limit)), without)
    total = window.count + window.left_out
    if window.left_out > SPOILED_SHARE * total:
        return replace(value, undecided=f"{window.left_out} of {total} windows lack a reading at one end")
    return value


def window_without(
    window: Window, budget: Budget, limit: Limit, period: Period | None, bad: Booleans
) -> Value:
    """The same without the intervals in doubt; ``period`` is the one whose blanks have none, if there is."""
    good = None if period is None else extremes_without(window, period, bad)
    if good is None:
        return NOTHING
    return Value.of(replace(budget, value=deciding_extreme(good, limit)))


def deciding_extreme(window: Window, limit: Limit) -> float:
    """The extreme with the smaller margin to the limits; of equal ones, that further from zero."""

    def margin(error_pct: float) -> tuple[float, float]:
        above = math.inf if limit.high is None else limit.high - error_pct
        below = math.inf if limit.low is None else error_pct - limit.low
        return min(above, below), -abs(error_pct)

    return min((window.error_max_pct, window.error_min_pct), key=margin)


def extremes_without(window: Window, period: Period, bad: Booleans) -> Window | None:
    """The extremes over the windows that hold no interval in doubt; None if there is no such window."""
    every_s, volume_ml = period.samples.every_s, period.volume_ml
    length = intervals_in(window.window_s, every_s)
    kept: list[Window] = []
    begin = 0
    for index, ends in enumerate([*bad.tolist(), True]):
        if not ends:
            continue
        stretch = volume_ml[begin : index + 1]
        if len(stretch) > length:
            found = trumpet(stretch, every_s, period.rate_ml_h, [window.window_s])
            kept += [part for part in found if part.count]
        begin = index + 1
    if not kept:
        return None
    return replace(
        window,
        error_max_pct=max(part.error_max_pct for part in kept),
        error_min_pct=min(part.error_min_pct for part in kept),
    )
