"""Occlusion: how long until the alarm, at what pressure, and how much is released when the line is opened.

Source: IEC 60601-2-24:2012, 201.12.4.4 (time to the occlusion alarm, pressure, bolus released); linear
compliance C of the line: t = C ΔP / Q and V = C ΔP.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

S_PER_H = 3600.0
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ExpectedOcclusion:
    """By the model of a linear compliance: ``time_to_alarm_s``, and ``released_ml`` when the line is opened."""

    time_to_alarm_s: float
    released_ml: float


@dataclass(frozen=True)
class Occlusion:
    """What a closed line showed.

    ``alarm_kpa`` and ``highest_kpa`` are above the pressure at the closing. ``compliance_ml_kpa`` is the set
    rate over the slope of the pressure, None if the pressure did not rise.
    """

    time_to_alarm_s: float
    alarm_kpa: float
    highest_kpa: float
    compliance_ml_kpa: float | None

    @property
    def released_ml(self) -> float | None:
        """Volume stored at the highest pressure, V = C ΔP, in mL; what a balance saw is to be preferred."""
        return None if self.compliance_ml_kpa is None else self.compliance_ml_kpa * self.highest_kpa


def expected_occlusion(rate_ml_h: float, compliance_ml_kpa: float, alarm_kpa: float) -> ExpectedOcclusion:
    """t = C ΔP / Q in s and V = C ΔP in mL (linear compliance; the pump draws nothing back before the opening).

    ``alarm_kpa`` is the rise of pressure at which the pump alarms. Raises ValueError for a value not positive.
    """
    if not (rate_ml_h > 0 and compliance_ml_kpa > 0 and alarm_kpa > 0):
        raise ValueError("rate, compliance and alarm pressure must be positive")
    released_ml = compliance_ml_kpa * alarm_kpa
    return ExpectedOcclusion(released_ml / rate_ml_h * S_PER_H, released_ml)


def occlusion(
    t_s: Floats, pressure_kpa: Floats, closed_s: float, alarm_s: float, opened_s: float, rate_ml_h: float
) -> Occlusion:
    """Time to alarm, pressure at it and compliance, from a pressure series; ``t_s`` (rising), ``pressure_kpa``: (n,).

    Pressures between readings by straight lines. C = Q / (dp/dt), the slope by least squares from the closing
    to the alarm (linear compliance, IEC 60601-2-24:2012, 201.12.4.4). ``highest_kpa`` is looked for until the
    line is opened.

    Raises ValueError unless closed < alarm ≤ opened, all inside the series, with at least two readings up to
    the alarm and a rate that is positive.
    """
    if not closed_s < alarm_s <= opened_s or not rate_ml_h > 0:
        raise ValueError("a line is closed, then the pump alarms, then it is opened; the rate is positive")
    if not (t_s[0] <= closed_s and opened_s <= t_s[-1]):
        raise ValueError("the pressure was not read from the closing to the opening of the line")
    rising = (t_s >= closed_s) & (t_s <= alarm_s)
    if int(rising.sum()) < 2:
        raise ValueError("fewer than two pressures were read before the alarm")
    at_closing, at_alarm, at_opening = np.interp([closed_s, alarm_s, opened_s], t_s, pressure_kpa)
    shut = (t_s >= closed_s) & (t_s <= opened_s)
    offsets_s = t_s[rising] - t_s[rising].mean()
    slope_kpa_s = float(offsets_s @ pressure_kpa[rising] / (offsets_s @ offsets_s))
    highest = max(float(pressure_kpa[shut].max()), float(at_alarm), float(at_opening))
    return Occlusion(
        time_to_alarm_s=alarm_s - closed_s,
        alarm_kpa=float(at_alarm - at_closing),
        highest_kpa=highest - float(at_closing),
        compliance_ml_kpa=rate_ml_h / S_PER_H / slope_kpa_s if slope_kpa_s > 0 else None,
    )
