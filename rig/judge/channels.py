"""What the monitors of a case showed, in a few numbers. None of them decides a verdict."""

from __future__ import annotations

from rig.judge.findings import Result
from rig.readings import CHANNELS
from rig.record.case_data import CaseData

# A channel's name ends in its unit.
UNITS = {"_c": "°C", "_pct": "%RH", "_hpa": "hPa", "_kpa": "kPa", "_a": "A", "_v": "V"}


def channel_table(data: CaseData) -> list[Result]:
    """One entry a channel: ``role``, ``channel``, ``title``, ``unit``, ``count``, ``least``, ``mean``, ``greatest``."""
    return [
        {
            "role": series.role,
            "channel": series.channel,
            "title": CHANNELS.get(series.channel, series.channel),
            "unit": unit_of(series.channel),
            "count": len(series.values),
            "least": float(series.values.min()),
            "mean": float(series.values.mean()),
            "greatest": float(series.values.max()),
        }
        for series in data.channels
        if len(series.values)
    ]


def unit_of(channel: str) -> str:
    """The unit of a channel, as it is printed."""
    return next((unit for ending, unit in UNITS.items() if channel.endswith(ending)), "")
