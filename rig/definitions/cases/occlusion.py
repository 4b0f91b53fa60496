"""Cases of the procedure ``occlusion``: the line is closed while the pump delivers, then opened again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from rig.definitions.cases.common import Commanded, PlainAccept, WeighedCase
from rig.definitions.fields import (
    Channel,
    DurationLimit,
    DurationOrNoneS,
    DurationS,
    PressureKpa,
    PressureLimit,
    RateMlH,
    VolumeLimit,
)
from rig.definitions.limits import Criterion, Limit
from rig.definitions.tables import Contradiction

HELD_S = 30.0  # the line stays closed so long after the pump has stopped
RELEASE_READINGS = 10


class OcclusionAccept(PlainAccept):
    """Criteria of ``occlusion``."""

    time_to_alarm: DurationLimit | None = Field(None, description="from the closing of the line to the alarm")
    alarm_pressure: PressureLimit | None = Field(
        None, description="rise of the pressure in the line at the alarm"
    )
    released_volume: VolumeLimit | None = Field(
        None, description="what comes when the line is opened, weighed"
    )

    def _own(self) -> dict[str, Limit | None]:
        return {
            "time_to_alarm": self.time_to_alarm,
            "alarm_pressure": self.alarm_pressure,
            "released_volume": self.released_volume,
        }


class OcclusionCase(WeighedCase):
    """The line closed while the pump delivers; see rig.procedures.occlusion."""

    needs = ("balance", "valves", "pressure")
    volume_key = "wait"

    procedure: Literal["occlusion"]
    line_valve: Channel = Field(description="channel of the valve that closes the line", examples=["101"])
    rate_ml_h: RateMlH = Field(
        alias="rate", description="rate at which the line is closed", examples=['"5 mL/h"']
    )
    settle_s: DurationS = Field(
        alias="settle", description="delivery before the line is closed", examples=['"20 min"']
    )
    look_every_s: DurationS = Field(
        5.0, alias="look_every", description="time between questions for alarm and pressure"
    )
    wait_s: DurationS = Field(
        alias="wait", description="the line is opened again after that without an alarm", examples=['"1 h"']
    )
    open_at_kpa: PressureKpa = Field(
        alias="open_at",
        description="or when the pressure in the line has risen to that: the tubing is to stay whole",
        examples=['"200 kPa"'],
    )
    release_s: DurationOrNoneS = Field(
        alias="release", description="time after the opening in which is weighed", examples=['"5 min"']
    )
    accept: OcclusionAccept = Field(
        description="what is accepted", examples=['{ time_to_alarm = "at most 15 min" }']
    )

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        """What the case is judged by: time to alarm, pressure, released volume."""
        return self.accept.criteria()

    @property
    def duration_s(self) -> float:
        """Planned time, should no alarm come."""
        return self.blanks_s + self.settle_s + self.wait_s + HELD_S + self.release_s

    @property
    def volume_ml(self) -> float:
        """Volume the pump drives, should no alarm come."""
        return self.rate_ml_h * (self.settle_s + self.wait_s) / 3600

    def commanded(self) -> Iterator[Commanded]:
        """The rate."""
        yield Commanded(("rate",), rate_ml_h=self.rate_ml_h)

    def contradictions(self) -> Iterator[Contradiction]:
        """An alarm is what it is for; long enough a wait; at least one criterion."""
        if self.accept.alarms is not None:
            yield ("accept", "alarms"), "this case is for an alarm", "leave it out"
        limit = self.accept.time_to_alarm
        if limit is not None and limit.high is not None and self.wait_s <= limit.high:
            hint = f"wait longer than {limit.high:g} s"
            yield ("wait",), "a pump that alarms too late would not be told from one that never does", hint
        if self.release_s < RELEASE_READINGS:
            yield ("release",), "that is too short to weigh what comes", "such as 5 min"
        if not self.criteria:
            hint = 'such as { time_to_alarm = "at most 15 min" }'
            yield ("accept",), "nothing is accepted or refused here", hint
