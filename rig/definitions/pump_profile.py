"""Pump profiles: what the maker of a pump model claims for it. ``[pump]`` in a file of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal, cast, get_args

from pydantic import Field

from rig.definitions.fields import LineOfText, PositivePercent, RateMlH, Text, VolumeMl
from rig.definitions.tables import Contradiction, Problems, Table, check_keys, read_table
from rig.definitions.toml_source import TomlSource, read_source
from rig.definitions.written import PUMP_KINDS, one_of

SafeState = Literal["stop", "minimum", "divert", "power off"]
SAFE_STATES: tuple[str, ...] = get_args(SafeState)
MECHANISMS = ("peristaltic", "valve", "piston", "syringe", "gas")


class PumpTable(Table):
    """``[pump]``"""

    model: LineOfText = Field(description="name of the pump model", examples=['"RPU-Sim 40 mL"'])
    maker: LineOfText = Field(description="who makes it", examples=['"Infusion Rig"'])
    mechanism: Annotated[str, one_of(*MECHANISMS)] = Field(
        description="how it drives the fluid", examples=['"peristaltic"']
    )
    kind: Annotated[str, one_of(*PUMP_KINDS)] = Field(
        "",
        description="what it is by the standards' names; plans can be for some kinds only",
        examples=['"implantable"'],
    )
    rate_min_ml_h: RateMlH = Field(alias="rate_min", description="lowest rate", examples=['"0.048 mL/day"'])
    rate_max_ml_h: RateMlH = Field(alias="rate_max", description="highest rate", examples=['"24 mL/day"'])
    rate_step_ml_h: RateMlH = Field(alias="rate_step", description="step of the rate", examples=['"1 nL/h"'])
    bolus_min_ml: VolumeMl = Field(alias="bolus_min", description="smallest bolus", examples=['"10 uL"'])
    bolus_max_ml: VolumeMl = Field(alias="bolus_max", description="largest bolus", examples=['"2 mL"'])
    bolus_rate_max_ml_h: RateMlH | None = Field(
        None, alias="bolus_rate_max", description="highest rate during a bolus", examples=['"1.2 mL/h"']
    )
    reservoir_ml: VolumeMl = Field(
        alias="reservoir", description="size of the reservoir", examples=['"40 mL"']
    )
    low_reservoir_ml: VolumeMl = Field(
        alias="low_reservoir", description="content at the low-reservoir alarm", examples=['"2 mL"']
    )
    accuracy_pct: PositivePercent = Field(
        alias="accuracy", description="labelled accuracy of delivery, to both sides", examples=['"14.5 %"']
    )
    safe_state: Annotated[str, one_of(*SAFE_STATES)] = Field(
        description="state in which a case leaves it, and in which it is put when something goes wrong",
        examples=['"stop"'],
    )
    notes: Text = Field("", description="where the claims come from")

    def contradictions(self) -> Iterator[Contradiction]:
        """Lowest below highest."""
        if self.rate_min_ml_h >= self.rate_max_ml_h:
            yield ("rate_min",), "the lowest rate is not below the highest", "compare rate_min and rate_max"
        if self.bolus_min_ml >= self.bolus_max_ml:
            yield (
                ("bolus_min",),
                "the smallest bolus is not below the largest",
                "compare bolus_min and bolus_max",
            )
        if self.low_reservoir_ml >= self.reservoir_ml:
            hint = "compare low_reservoir and reservoir"
            yield ("low_reservoir",), "the alarm would be on with a full reservoir", hint


@dataclass(frozen=True)
class PumpProfile:
    """The claims of a pump model: rates in mL/h, volumes in mL, labelled accuracy in % to both sides."""

    model: str
    maker: str
    mechanism: str
    rate_min_ml_h: float
    rate_max_ml_h: float
    rate_step_ml_h: float
    bolus_min_ml: float
    bolus_max_ml: float
    bolus_rate_max_ml_h: float | None
    reservoir_ml: float
    low_reservoir_ml: float
    accuracy_pct: float
    safe_state: SafeState
    notes: str
    source: TomlSource = field(repr=False, compare=False)
    kind: str = ""  # unsaid


def load_profile(path: Path | str) -> PumpProfile:
    """Read and check a pump profile. Raises DefinitionError with every problem found."""
    source = read_source(path)
    problems = Problems(source)
    check_keys(source.data, ("pump",), (), problems)
    table = None
    if "pump" in source.data:
        table = read_table(PumpTable, source.data["pump"], ("pump",), problems)
    else:
        problems.add((), "the table [pump] is missing", 'it begins a profile: [pump], then model = "..."')
    problems.raise_if_any()
    if table is None:
        raise AssertionError("a profile without table was let through")
    values = {name: getattr(table, name) for name in PumpTable.model_fields}
    values["safe_state"] = cast(SafeState, table.safe_state)
    return PumpProfile(**values, source=source)
