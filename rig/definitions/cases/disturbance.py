"""Cases of the procedure ``disturbance``: something is done to a pump that delivers, and it is to recover."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from rig.definitions.cases.common import Commanded, PlainAccept, WeighedCase
from rig.definitions.fields import (
    Channel,
    CurrentA,
    DurationLimit,
    DurationOrNoneS,
    DurationS,
    RateMlH,
    RelativeLimit,
    VoltageOrNoneV,
    VoltageV,
    WithinLimit,
)
from rig.definitions.limits import Criterion, Limit, never
from rig.definitions.tables import Contradiction
from rig.definitions.written import one_of
from rig.quantities import nl_h_from_ml_h, whole_multiple
from rig.readings import Prescription

DEEDS = ("magnet", "power", "reset", "nothing")


class DisturbanceAccept(PlainAccept):
    """Criteria of ``disturbance``."""

    time_to_alarm: DurationLimit | None = Field(
        None, description="from when the rotor was held to the alarm of a stalled motor"
    )
    recovery: DurationLimit | None = Field(
        None, description="from the end of it until the pump says it runs, and stays so"
    )
    program: Annotated[str, one_of("kept", "stopped")] | None = Field(
        None, description="what the pump says its program is afterwards"
    )
    log: Annotated[str, one_of("complete")] | None = Field(
        None, description="the pump's log holds stall and recovery, or the reset"
    )
    mean_error: WithinLimit | None = Field(
        None, description="deviation of the delivery before or after it, whichever is further off"
    )
    clock_drift: RelativeLimit | None = Field(
        None, description="the pump's clock against the rig's, over the case"
    )

    def _own(self) -> dict[str, Limit | None]:
        return {
            "time_to_alarm": self.time_to_alarm,
            "recovery": self.recovery,
            "program": never(self.program) if self.program else None,
            "log": never(self.log) if self.log else None,
            "mean_error": self.mean_error,
            "clock_drift": self.clock_drift,
        }


class DisturbanceCase(WeighedCase):
    """Something is done to a pump that delivers; see rig.procedures.disturbance."""

    needs_therapy = True
    volume_key = "for"

    procedure: Literal["disturbance"]
    rate_ml_h: RateMlH = Field(alias="rate", description="rate that is set", examples=['"24 mL/day"'])
    deed: Annotated[str, one_of(*DEEDS)] = Field(
        description="what is done: a magnet held to the pump, its power taken away, a reset by command, nothing",
        examples=['"magnet"'],
    )
    channel: Channel | None = Field(None, description="channel of the valves or relays that does it")
    voltage_v: VoltageV | None = Field(
        None, alias="voltage", description="what the supply gives through the case", examples=['"2.95 V"']
    )
    current_limit_a: CurrentA = Field(0.01, alias="current_limit", description="current limit of the supply")
    brown_out_v: VoltageOrNoneV = Field(
        0.0, alias="brown_out", description="voltage while the power is away; 0: the output is off"
    )
    after_s: DurationS = Field(
        alias="after", description="into the sampling, when it is done", examples=['"2 h"']
    )
    deed_for_s: DurationOrNoneS = Field(
        0.0, alias="deed_for", description="how long it lasts", examples=['"10 min"']
    )
    recover_s: DurationS = Field(
        600.0, alias="recover", description="how long the pump is watched until it delivers again"
    )
    look_every_s: DurationS = Field(
        10.0, alias="look_every", description="time between questions while it is disturbed and recovers"
    )
    sample_for_s: DurationS = Field(
        alias="for",
        description="sampling before and after together, with what is between",
        examples=['"8 h"'],
    )
    sample_every_s: DurationS = Field(
        alias="every", description="time between weighings", examples=['"10 min"']
    )
    settle_s: DurationOrNoneS = Field(
        600.0, alias="settle", description="after start and recovery, before it counts as undisturbed"
    )
    accept: DisturbanceAccept = Field(
        description="what is accepted", examples=['{ recovery = "at most 2 min" }']
    )

    @property
    def roles(self) -> tuple[str, ...]:
        """The valves or the supply that does it."""
        own: tuple[str, ...] = ()
        if self.channel is not None:
            own += ("valves",)
        if self.voltage_v is not None:
            own += ("supply",)
        return tuple(dict.fromkeys((*super().roles, *own)))

    @property
    def prescription(self) -> Prescription:
        """What the pump is told."""
        return Prescription("continuous", rate_nl_h=nl_h_from_ml_h(self.rate_ml_h))

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        """What the case is judged by."""
        return self.accept.criteria()

    @property
    def duration_s(self) -> float:
        """Planned time."""
        return self.blanks_s + self.settle_s + self.sample_for_s

    @property
    def volume_ml(self) -> float:
        """Volume delivered by plan."""
        return self.rate_ml_h * (self.settle_s + self.sample_for_s) / 3600

    def commanded(self) -> Iterator[Commanded]:
        """The rate."""
        yield Commanded(("rate",), rate_ml_h=self.rate_ml_h)

    def contradictions(self) -> Iterator[Contradiction]:
        """Somebody who does it; time for it; an alarm that is expected is no fault; a criterion."""
        if self.deed == "magnet" and self.channel is None:
            yield (
                ("channel",),
                "nobody holds the magnet",
                "name the channel of the valves that moves it",
            )
        if self.deed == "power" and self.channel is None and self.voltage_v is None:
            yield ("channel",), "nobody takes the power away", "name a channel, or the voltage of the supply"
        if self.deed in ("magnet", "power") and not self.deed_for_s:
            yield ("deed_for",), "it lasts no time", 'such as "10 min"'
        if whole_multiple(self.sample_for_s, self.sample_every_s) is None:
            hint = f"choose a multiple of {self.sample_every_s:g} s"
            yield ("for",), "the sampling time is no whole multiple of 'every'", hint
        busy_s = self.after_s + self.deed_for_s + self.recover_s + self.settle_s
        if busy_s + 2 * self.sample_every_s > self.sample_for_s:
            hint = f"{busy_s:g} s pass until it delivers undisturbed again; give it two more intervals"
            yield ("for",), "what comes after the disturbance is not weighed", hint
        if self.accept.alarms is not None and self.deed == "magnet":
            yield ("accept", "alarms"), "a held rotor is to alarm", "leave it out"
        if self.accept.time_to_alarm is not None and self.deed != "magnet":
            yield ("accept", "time_to_alarm"), "no alarm belongs to this deed", "leave it out"
        if not self.criteria:
            yield (
                ("accept",),
                "nothing is accepted or refused here",
                'such as { recovery = "at most 2 min" }',
            )
