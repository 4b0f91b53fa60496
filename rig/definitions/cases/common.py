"""What every case of a plan has, whatever its procedure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from pydantic import Field

from rig.definitions.fields import (
    AnyLimit,
    BathC,
    Channel,
    Channels,
    DurationOrNoneS,
    DurationS,
    FlowEveryS,
    Ident,
    Idents,
    LineOfText,
    LinesOfText,
    NoAlarms,
    Text,
    TwoSidedLimit,
)
from rig.definitions.limits import NO_ALARMS, Criterion, Limit
from rig.definitions.tables import Table
from rig.definitions.toml_lines import KeyPath

USUAL_RELAX_S = 1800.0


class PlainAccept(Table):
    """Criteria that any case can have. The order of the fields is the order in tables and reports."""

    alarms: NoAlarms | None = Field(None, description="no alarm in the whole case")

    def criteria(self) -> tuple[Criterion, ...]:
        """The criteria in a fixed order: those of the procedure, then that no alarm comes."""
        named = {**self._own(), "alarms": NO_ALARMS if self.alarms else None}
        plain = [Criterion(name, name, None, limit) for name, limit in named.items() if limit is not None]
        return tuple(plain)

    def _own(self) -> dict[str, Limit | None]:
        return {}


class Accept(PlainAccept):
    """Criteria of cases that weigh a delivery."""

    mean_error: AnyLimit | None = Field(None, description="deviation of the mean delivery from what was set")
    claimed_delivery: TwoSidedLimit | None = Field(
        None, description="what the pump says it delivered, against what was programmed"
    )

    def _own(self) -> dict[str, Limit | None]:
        return {
            "mean_error": self.mean_error,
            **self._between(),
            "claimed_delivery": self.claimed_delivery,
        }

    def _between(self) -> dict[str, Limit | None]:
        """The procedure's own."""
        return {}


@dataclass(frozen=True)
class Commanded:
    """One thing a case tells the pump, to be held against what pump and bench allow.

    ``key``: where it stands in the plan. Either a rate that goes on, or a bolus over a time.
    """

    key: KeyPath
    rate_ml_h: float | None = None
    bolus_ml: float | None = None
    bolus_duration_s: float = 0.0


BLANK_INTERVALS = 16  # between the weighings of an evaporation blank


class CommonCase(Table):
    """What every case has, whatever its procedure.

    ``needs``: roles of instruments beside the pump without which it cannot be carried out; ``needs_therapy``: only a
    programmable implantable pump can do it; ``volume_key``: what to change when it delivers too much.
    """

    needs: ClassVar[tuple[str, ...]] = ()
    needs_therapy: ClassVar[bool] = False
    volume_key: ClassVar[str] = "procedure"

    id: Ident = Field(description="short name of the case", examples=['"lowest-rate"'])
    procedure: str
    title: LineOfText = Field("", description="what the case shows, in one line")
    verifies: Idents = Field((), description="ids of the requirements it verifies", examples=['["SRS-017"]'])
    clauses: LinesOfText = Field((), description="clauses of standards it follows")
    rationale: Text = Field("", description="why it is tested so, and at these values")
    flow_every_s: FlowEveryS = Field(
        1.0, alias="flow_every", description="sample interval of the flow sensor", examples=['"1 s"']
    )

    @property
    def roles(self) -> tuple[str, ...]:
        """Instruments beside the pump without which this case cannot be carried out."""
        return self.needs

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        """What the case is judged by."""
        raise NotImplementedError

    @property
    def criteria_are_known(self) -> bool:
        """Whether ``criteria`` are all there are; of a Python plan, only its record tells them."""
        return True

    @property
    def duration_s(self) -> float:
        """Planned time of the whole case."""
        raise NotImplementedError

    @property
    def volume_ml(self) -> float:
        """Volume the case delivers by plan."""
        raise NotImplementedError

    @property
    def counted_ml(self) -> float:
        """Most that a bench may count for it before it stops the pump: of what is left open, all."""
        return self.volume_ml

    @property
    def drawn_ml(self) -> float:
        """Volume the case draws from the filling of the reservoir; less than it delivers if it is refilled."""
        return self.volume_ml

    def commanded(self) -> Iterator[Commanded]:
        """Everything the case tells the pump to deliver."""
        raise NotImplementedError


class WeighedCase(CommonCase):
    """A case that weighs a delivery between two evaporation blanks."""

    needs: ClassVar[tuple[str, ...]] = ("balance",)

    relax_s: DurationOrNoneS = Field(
        USUAL_RELAX_S,
        alias="relax",
        description="rest after a stop before the blank is weighed",
        examples=['"30 min"'],
    )
    blank_s: DurationS = Field(
        alias="blank",
        description="time in which the evaporation is weighed, pump stopped, before and after",
        examples=['"4 h"'],
    )

    line_valve: Channel | None = Field(
        None, description="channel of the valve that closes the line, closed while evaporation is weighed"
    )
    channels_on: Channels = Field(
        (),
        description="channels of the valves that are on through the case, such as one to a vessel higher up",
    )
    bath_temperature_c: BathC | None = Field(
        None, alias="bath_temperature", description="what the bath is set to", examples=['"40 degC"']
    )
    warm_up_s: DurationOrNoneS = Field(
        7200.0, alias="warm_up", description="wait after the bath was set", examples=['"2 h"']
    )

    @property
    def roles(self) -> tuple[str, ...]:
        """Those of the procedure, and what the conditions of this case need."""
        valves = ("valves",) if self.line_valve is not None or self.channels_on else ()
        bath = ("bath",) if self.bath_temperature_c is not None else ()
        return tuple(dict.fromkeys((*self.needs, *valves, *bath)))

    @property
    def preparing_s(self) -> float:
        """Planned time before the first blank's rest: the bath."""
        return self.warm_up_s if self.bath_temperature_c is not None else 0.0

    @property
    def blanks_s(self) -> float:
        """Planned time of conditions, rests and blanks together."""
        return self.preparing_s + 2 * (self.relax_s + self.blank_s)

    @property
    def blank_every_s(self) -> float:
        """Time between two weighings of a blank."""
        return self.blank_s / BLANK_INTERVALS
