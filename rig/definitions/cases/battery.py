"""Cases of the procedure ``battery``: current by mode, life, and what the pump says as its voltage falls."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from rig.definitions.cases.common import Commanded, CommonCase, PlainAccept
from rig.definitions.fields import (
    ChargeAh,
    CurrentA,
    CurrentLimit,
    DurationLimit,
    DurationOrNoneS,
    DurationS,
    RatesMlH,
    VoltageLimit,
    VoltagesV,
    VoltageV,
)
from rig.definitions.limits import Criterion, Limit
from rig.definitions.tables import Contradiction

LOOKS_WHILE_WAITING = 400


class BatteryAccept(PlainAccept):
    """Criteria of ``battery``."""

    current_stopped: CurrentLimit | None = Field(None, description="mean current, pump stopped")
    current_running: CurrentLimit | None = Field(
        None, description="the largest mean current at any of `rates`"
    )
    life: DurationLimit | None = Field(
        None, description="`capacity` over the current at the first of `rates`"
    )
    replacement_voltage: VoltageLimit | None = Field(
        None, description="where the replacement indicator comes"
    )
    end_voltage: VoltageLimit | None = Field(None, description="where the end of service comes")
    service_after_replacement: DurationLimit | None = Field(None, description="from the one to the other")

    def _own(self) -> dict[str, Limit | None]:
        names = (
            "current_stopped", "current_running", "life", "replacement_voltage", "end_voltage",
            "service_after_replacement",
        )  # fmt: skip
        return {name: getattr(self, name) for name in names}


class BatteryCase(CommonCase):
    """A supply in the place of the battery; see rig.procedures.battery."""

    needs = ("supply",)
    needs_therapy = True
    volume_key = "hold"

    procedure: Literal["battery"]
    voltage_v: VoltageV = Field(
        alias="voltage", description="what a fresh battery gives", examples=['"2.95 V"']
    )
    current_limit_a: CurrentA = Field(0.01, alias="current_limit", description="current limit of the supply")
    capacity_ah: ChargeAh | None = Field(
        None, alias="capacity", description="charge the battery is rated for", examples=['"1.5 Ah"']
    )
    rates_ml_h: RatesMlH = Field(
        alias="rates",
        description="rates at which the current is read, after that of the stopped pump; life is that at the first",
        examples=['["0.5 mL/day", "24 mL/day"]'],
    )
    hold_s: DurationS = Field(
        alias="hold", description="how long each rate and each voltage is held", examples=['"20 min"']
    )
    voltages_v: VoltagesV = Field(
        (), alias="voltages", description="then these, falling", examples=['["2.62 V", "2.58 V"]']
    )
    wait_for_end_s: DurationOrNoneS = Field(
        0.0,
        alias="wait_for_end",
        description="then wait so long for the end of service, at the last voltage",
        examples=['"95 day"'],
    )
    accept: BatteryAccept = Field(
        description="what is accepted", examples=['{ current_stopped = "at most 20 uA" }']
    )

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        """What the case is judged by."""
        return self.accept.criteria()

    @property
    def duration_s(self) -> float:
        """Planned time: stopped, each rate, each voltage, the wait."""
        return (1 + len(self.rates_ml_h) + len(self.voltages_v)) * self.hold_s + self.wait_for_end_s

    @property
    def volume_ml(self) -> float:
        """Volume delivered by plan: the first rate again while the voltage falls."""
        falling_s = len(self.voltages_v) * self.hold_s + self.wait_for_end_s
        return (sum(self.rates_ml_h) * self.hold_s + self.rates_ml_h[0] * falling_s) / 3600

    def commanded(self) -> Iterator[Commanded]:
        """Each rate."""
        for place, rate_ml_h in enumerate(self.rates_ml_h):
            yield Commanded(("rates", place), rate_ml_h=rate_ml_h)

    def contradictions(self) -> Iterator[Contradiction]:
        """What the criteria need; falling voltages; a criterion."""
        if not self.rates_ml_h:
            yield ("rates",), "no rate is named", 'such as ["0.5 mL/day"]'
        falling = (self.voltage_v, *self.voltages_v)
        if any(after >= before for before, after in zip(falling, self.voltages_v, strict=False)):
            yield ("voltages",), "a battery's voltage falls", "write them falling, below 'voltage'"
        accept = self.accept
        if accept.life is not None and self.capacity_ah is None:
            yield ("accept", "life"), "the life of a battery needs its capacity", 'write capacity = "1.5 Ah"'
        needs_fall = accept.replacement_voltage or accept.end_voltage or accept.service_after_replacement
        if needs_fall and not self.voltages_v:
            yield ("voltages",), "the voltage never falls", 'such as ["2.62 V", "2.58 V"]'
        service = accept.service_after_replacement
        if service is not None and service.high is not None and self.wait_for_end_s <= service.high:
            yield ("wait_for_end",), "it is not waited long enough", f"longer than {service.high:g} s"
        if accept.alarms is not None and self.voltages_v:
            yield ("accept", "alarms"), "a falling voltage is to alarm", "leave it out"
        if not self.criteria:
            hint = 'such as { current_stopped = "at most 20 uA" }'
            yield ("accept",), "nothing is accepted or refused here", hint
