"""The kinds of value a key can have, each a pydantic annotation; they are read by :mod:`rig.definitions.written`.

The name of a quantity's kind says the unit in which it arrives.
"""

from __future__ import annotations

import datetime
from typing import Annotated

from pydantic import InstanceOf

from rig.definitions.limits import Limit
from rig.definitions.written import (
    IDENT,
    LINE,
    PUMP_KINDS,
    WEEKDAYS,
    Written,
    limit,
    list_of,
    one_of,
    quantity,
    read_date,
    read_date_time,
    read_option,
    read_paths,
    read_text,
    read_truth,
    read_web_address,
    read_weekday,
    whole,
)

_AboveZero = {"above": 0.0}
_NotNegative = {"least": 0.0}

Text = Annotated[str, Written(read_text, schema={"type": "string", "pattern": r"\S"})]
LineOfText = Annotated[str, LINE]
WebAddress = Annotated[str, Written(read_web_address, schema={"type": "string", "pattern": "^https?://"})]
Ident = Annotated[str, IDENT]
Idents = Annotated[tuple[str, ...], list_of(IDENT)]
Weekdays = Annotated[tuple[str, ...], list_of(Written(read_weekday, schema={"enum": list(WEEKDAYS)}))]
LinesOfText = Annotated[tuple[str, ...], list_of(LINE)]
Kinds = Annotated[tuple[str, ...], list_of(one_of(*PUMP_KINDS))]
Paths = Annotated[tuple[str, ...], Written(read_paths, schema={"anyOf": [LINE.schema, list_of(LINE).schema]})]
# TOML has dates of its own; editors check them as texts of this format.
TomlDate = Annotated[datetime.date, Written(read_date, schema={"type": "string", "format": "date"})]
TomlDateTime = Annotated[datetime.datetime, Written(read_date_time, schema={"type": "string"})]
Truth = Annotated[bool, Written(read_truth, schema={"type": "boolean"})]
Option = Annotated[bool | int | str, Written(read_option, schema={"type": ["boolean", "integer", "string"]})]

RateMlH = Annotated[float, quantity("rate", **_AboveZero)]
VolumeMl = Annotated[float, quantity("volume", **_AboveZero)]
VolumeOrNoneMl = Annotated[float, quantity("volume", **_NotNegative)]
VolumeNl = Annotated[float, quantity("volume", "nL", **_AboveZero)]
RequestsS = Annotated[tuple[float, ...], list_of(quantity("duration", above=0.0))]
TimeShiftS = Annotated[float, quantity("duration", least=-86_400.0, most=86_400.0)]
DurationS = Annotated[float, quantity("duration", **_AboveZero)]
DurationOrNoneS = Annotated[float, quantity("duration", **_NotNegative)]
# Less would take a busy disk for a dead run; more would let a pump run on for too long.
SilenceS = Annotated[float, quantity("duration", least=0.5, most=60.0)]
# More than a minute not every flow sensor can: an SCC1 counts its interval in ms, in 16 bits.
FlowEveryS = Annotated[float, quantity("duration", least=0.001, most=60.0)]
WindowsS = Annotated[tuple[float, ...], list_of(quantity("duration", **_AboveZero))]
MassG = Annotated[float, quantity("mass", **_NotNegative)]
MassRateGH = Annotated[float, quantity("mass_rate", **_NotNegative)]
DrugRateUgH = Annotated[float, quantity("drug_rate", **_AboveZero)]
ConcentrationUgMl = Annotated[float, quantity("concentration", **_AboveZero)]
ConcentrationOrNoneUgMl = Annotated[float, quantity("concentration", **_NotNegative)]
# The formulas for the density of water and of air hold from 0 to 40 °C, and for ordinary air.
TemperatureC = Annotated[float, quantity("temperature", least=0.0, most=40.0)]
TemperatureDifferenceK = Annotated[float, quantity("temperature_difference", **_NotNegative)]
AirPressureHpa = Annotated[float, quantity("pressure", "hPa", least=500.0, most=1100.0)]
PressureDifferenceHpa = Annotated[float, quantity("pressure", "hPa", **_NotNegative)]
HumidityPct = Annotated[float, quantity("humidity", least=0.0, most=100.0)]
ComplianceMlKpa = Annotated[float, quantity("compliance", **_AboveZero)]
PressureKpa = Annotated[float, quantity("pressure", **_AboveZero)]
VoltageV = Annotated[float, quantity("voltage", **_AboveZero)]
VoltageOrNoneV = Annotated[float, quantity("voltage", **_NotNegative)]
VoltagesV = Annotated[tuple[float, ...], list_of(quantity("voltage", above=0.0))]
RatesMlH = Annotated[tuple[float, ...], list_of(quantity("rate", above=0.0))]
CurrentA = Annotated[float, quantity("current", **_AboveZero)]
ChargeAh = Annotated[float, quantity("charge", **_AboveZero)]
BathC = Annotated[float, quantity("temperature", least=5.0, most=40.0)]
Channel = Annotated[int, whole(0, 8999)]
Channels = Annotated[tuple[int, ...], list_of(whole(0, 8999))]
PercentOfAny = Annotated[float, quantity("percent", least=-100.0, most=1000.0)]
Percent = Annotated[float, quantity("percent", least=0.0, most=100.0)]
ShareOfUnitsPct = Annotated[float, quantity("percent", above=0.0, most=99.9999)]
PositivePercent = Annotated[float, quantity("percent", above=0.0, most=100.0)]
RelativePpm = Annotated[float, quantity("relative", **_NotNegative)]
LengthMm = Annotated[float, quantity("length", **_AboveZero)]
FlowNlMin = Annotated[float, quantity("rate", "nL/min")]
FlowNoiseNlMin = Annotated[float, quantity("rate", "nL/min", **_NotNegative)]

AnyLimit = Annotated[InstanceOf[Limit], limit(least=-1000.0, most=1000.0)]
TwoSidedLimit = Annotated[InstanceOf[Limit], limit("within", "between", least=-1000.0, most=1000.0)]
WithinLimit = Annotated[InstanceOf[Limit], limit("within", least=-1000.0, most=1000.0)]
ShareLimit = Annotated[InstanceOf[Limit], limit("at least", least=0.0, most=100.0)]
NoAlarms = Annotated[str, one_of("none")]
DurationLimit = Annotated[InstanceOf[Limit], limit("at most", "at least", "between", kind="duration")]
VolumeLimit = Annotated[InstanceOf[Limit], limit(kind="volume")]
PressureLimit = Annotated[InstanceOf[Limit], limit("at most", "at least", "between", kind="pressure")]
CurrentLimit = Annotated[InstanceOf[Limit], limit("at most", "at least", "between", kind="current")]
DrugRateLimit = Annotated[InstanceOf[Limit], limit("between", "at most", "at least", kind="drug_rate")]
VoltageLimit = Annotated[InstanceOf[Limit], limit("at most", "at least", "between", kind="voltage")]
RelativeLimit = Annotated[InstanceOf[Limit], limit("within", kind="relative")]
FlowLimit = Annotated[InstanceOf[Limit], limit("within", "between", "at most", kind="rate")]
