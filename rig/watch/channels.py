"""Which curves a record holds: its readings by unit and channel, in the units of measure a person reads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from rig.errors import DefinitionError
from rig.judge.channels import unit_of
from rig.readings import CHANNELS
from rig.record.case_being_read import ML_H_PER_UNIT

Record = dict[str, Any]
NL_PER_ML = 1e6
AT_REST = ("identify", "relax", "blank", "safe_state")  # steps that begin so: the pump is not to deliver
FLUID_AT_C = 20.0  # where the bench file does not say


class Kind(NamedTuple):
    """One kind of curve: the chart it belongs to, what it is called there, its unit of measure."""

    chart: str
    title: str
    unit: str


KINDS = {
    "flow": Kind("flow", "flow sensor", "mL/h"),
    "pump_rate": Kind("flow", "rate the pump says", "mL/h"),
    "weighed": Kind("delivered", "weighed", "mL"),
    "programmed": Kind("delivered", "programmed", "mL"),
    "pump_count": Kind("delivered", "pump's count", "mL"),
    "mass": Kind("mass", "balance", "g"),
    "flow_temperature": Kind("temperature", "at the flow sensor", "°C"),
    "battery": Kind("voltage", "battery, as the pump says", "V"),
    "reservoir": Kind("reservoir", "left, as the pump says", "mL"),
}
CHART_OF = {
    "_c": "temperature",
    "_pct": "humidity",
    "_hpa": "air",
    "_kpa": "pressure",
    "_a": "current",
    "_v": "voltage",
}


def kind_of(name: str) -> Kind:
    """What a curve is; that of a monitor is named ``role/channel``, and its name ends in its unit."""
    if name in KINDS:
        return KINDS[name]
    channel = name.partition("/")[2]
    chart = next((chart for ending, chart in CHART_OF.items() if channel.endswith(ending)), "other")
    return Kind(chart, CHANNELS.get(channel, channel), unit_of(channel))


class Reading(NamedTuple):
    """One value of the curve ``name`` of a unit; ``lost_ns``: nothing is known for so long before it."""

    unit: str
    name: str
    t_ns: int
    value: float
    lost_ns: int = 0


@dataclass
class _Delivered:
    """Of one case on one unit, from its beginning."""

    mass_g: float | None = None
    count_nl: int | None = None
    programmed_nl: float = 0.0
    rate_nl_h: int = 0
    since_ns: int = 0
    known: bool = True  # false once a mode was programmed whose course is not followed here


@dataclass
class Readings:
    """Takes the records of one run in order; ``of(record)`` gives what is to be drawn.

    ``density_g_ml`` turns what was weighed into a volume, without evaporation and buoyancy: for the eye, not a result.
    """

    density_g_ml: float = 0.998
    _delivered: dict[str, _Delivered] = field(default_factory=dict)

    def of(self, record: Record) -> Iterator[Reading]:
        """The readings in one record. Raises LookupError, TypeError, ValueError for one that lacks something."""
        unit = record.get("unit", "")
        match record["kind"]:
            case "case_started":
                self._delivered[unit] = _Delivered(since_ns=record["t_ns"])
            case "step":
                if str(record["name"]).startswith(AT_REST):
                    yield from self._programmed(unit, record["t_ns"], rate_nl_h=0)
            case "read_back":
                yield from self._read_back(unit, record)
            case "flow":
                yield from _flow(unit, record)
            case "mass":
                yield from self._mass(unit, record)
            case "pump_state":
                yield from self._pump_state(unit, record)
            case "channels":
                for channel, value in record["values"].items():
                    yield Reading(unit, f"{record['role']}/{channel}", record["received_ns"], float(value))

    def _read_back(self, unit: str, record: Record) -> Iterator[Reading]:
        read = record["read"]
        mode = read.get("mode", "stop")
        case = self._delivered.get(unit)
        if mode == "bolus":
            yield from self._programmed(unit, record["t_ns"], bolus_nl=read.get("bolus_nl", 0))
        elif mode in ("continuous", "stop"):
            yield from self._programmed(unit, record["t_ns"], rate_nl_h=read.get("rate_nl_h", 0))
        elif case is not None:
            case.known = False

    def _programmed(
        self, unit: str, t_ns: int, rate_nl_h: int | None = None, bolus_nl: int = 0
    ) -> Iterator[Reading]:
        case = self._delivered.get(unit)
        if case is None or not case.known:
            return
        case.programmed_nl += case.rate_nl_h * (t_ns - case.since_ns) / 3600e9
        case.since_ns = t_ns
        if rate_nl_h is not None:
            case.rate_nl_h = rate_nl_h
        yield Reading(unit, "programmed", t_ns, case.programmed_nl / NL_PER_ML)
        if bolus_nl:
            case.programmed_nl += bolus_nl
            yield Reading(unit, "programmed", t_ns + 1, case.programmed_nl / NL_PER_ML)

    def _mass(self, unit: str, record: Record) -> Iterator[Reading]:
        t_ns, mass_g = record["received_ns"], float(record["mass_g"])
        yield Reading(unit, "mass", t_ns, mass_g)
        case = self._delivered.get(unit)
        if case is not None:
            if case.mass_g is None:
                case.mass_g = mass_g
            yield Reading(unit, "weighed", t_ns, (mass_g - case.mass_g) / self.density_g_ml)
            yield from self._programmed(unit, record["t_ns"])

    def _pump_state(self, unit: str, record: Record) -> Iterator[Reading]:
        t_ns = record["t_ns"]
        yield Reading(unit, "pump_rate", t_ns, record["rate_nl_h"] / NL_PER_ML if record["running"] else 0.0)
        case = self._delivered.get(unit)
        if case is not None:
            if case.count_nl is None:
                case.count_nl = record["delivered_nl"]
            yield Reading(unit, "pump_count", t_ns, (record["delivered_nl"] - case.count_nl) / NL_PER_ML)
        if record.get("battery_mv") is not None:
            yield Reading(unit, "battery", t_ns, record["battery_mv"] / 1000)
        if record.get("reservoir_nl") is not None:
            yield Reading(unit, "reservoir", t_ns, record["reservoir_nl"] / NL_PER_ML)


def _flow(unit: str, record: Record) -> Iterator[Reading]:
    numerator, denominator = ML_H_PER_UNIT[record["unit_of_flow"]]
    per_count = numerator / (record["scale"] * denominator)
    first, interval = record["first_t_ns"], record["interval_ns"]
    lost_ns = record["lost"] * interval
    for index, (flow, temperature) in enumerate(zip(record["flow"], record["temperature"], strict=True)):
        t_ns, lost_ns = first + index * interval, 0 if index else lost_ns
        yield Reading(unit, "flow", t_ns, flow * per_count, lost_ns)
        yield Reading(unit, "flow_temperature", t_ns, temperature / record["temperature_scale"], lost_ns)


def density_g_ml(temperature_c: float | None) -> float:
    """Of water at a temperature; at 20 °C where none is known."""
    from rig.analysis.density import water_density_kg_m3

    try:
        return water_density_kg_m3(FLUID_AT_C if temperature_c is None else temperature_c) / 1000
    except DefinitionError:
        return water_density_kg_m3(FLUID_AT_C) / 1000
