"""The instruments in a bench file: where they are, their calibration, what they can do."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar

from pydantic import Field

from rig.definitions.fields import (
    ComplianceMlKpa,
    DurationOrNoneS,
    DurationS,
    FlowNlMin,
    FlowNoiseNlMin,
    Ident,
    LineOfText,
    MassG,
    MassRateGH,
    Option,
    Percent,
    PercentOfAny,
    PressureKpa,
    RateMlH,
    RelativePpm,
    TemperatureC,
    TemperatureDifferenceK,
    TomlDate,
    Truth,
    VolumeNl,
)
from rig.definitions.tables import Table
from rig.definitions.written import whole

SHARED = "bench"  # in the place of a unit's serial number: what all units of a bench share


class InstrumentFile(Table):
    """What every instrument has. ``device`` is its number on a line that several share."""

    role: ClassVar[str]

    driver: Ident = Field(description="name of its driver", examples=['"balance_mt_sics"'])
    address: LineOfText = Field(description="where it is", examples=['"serial:///dev/ttyUSB0?baud=9600"'])
    device: Annotated[int, whole(0, 255)] | None = Field(
        None, description="its number, where several share a line", examples=["1"]
    )
    serial: LineOfText | None = Field(
        None, description="serial number it must answer with", examples=['"B123456789"']
    )
    simulated: Truth = Field(False, description="true for a simulated instrument at a real address")
    calibrated_until: TomlDate | None = Field(
        None, description="last day on which its calibration is valid", examples=["2027-03-01"]
    )
    certificate: LineOfText | None = Field(None, description="number of its calibration certificate")
    options: dict[Ident, Option] = Field(
        {}, description="what its driver must know besides", examples=['{ syringe_diameter = "14.43 mm" }']
    )

    @property
    def is_simulated(self) -> bool:
        """Declared to be simulated, or at an address inside this process."""
        return self.simulated or self.is_in_process

    @property
    def is_in_process(self) -> bool:
        """At a ``sim:`` or ``sim+visa:`` address: served by the rig itself, in virtual time."""
        return self.address.startswith(("sim:", "sim+visa:"))

    @property
    def is_asked_of_operator(self) -> bool:
        """A manual instrument, read off or worked by a person."""
        return self.address.startswith("operator:")

    @property
    def port(self) -> str:
        """The port of the address, however it is spelled: two instruments with the same port share a line."""
        bare = self.address.split("?")[0]
        if visa := re.fullmatch(
            r"visa://(?:ASRL(.+)::INSTR|TCPIP[0-9]*::(.+)::([0-9]+)::SOCKET)", bare, re.I
        ):
            bare = visa.group(1) or f"{visa.group(2)}:{visa.group(3)}"
        return re.sub(r"^(serial|rfc2217|socket|sim|sim\+visa)://", "", bare, flags=re.I).lower()

    @property
    def accuracy(self) -> dict[str, float]:
        """Stated figures by name, the unit in the name; only those that are stated."""
        common = InstrumentFile.model_fields
        figures = {name: getattr(self, name) for name in type(self).model_fields if name not in common}
        return {name: value for name, value in figures.items() if value is not None}


class PumpInstrument(InstrumentFile):
    """The unit under test itself."""

    role = "pump"


class BalanceInstrument(InstrumentFile):
    """Figures from data sheet and certificate.

    ``repeatability_g`` is a standard deviation, ``linearity_g`` a half width, ``drift_24h_g`` the standard
    deviation of the zero point after 24 h (it walks at random).
    """

    role = "balance"

    resolution_g: MassG = Field(alias="resolution", description="smallest step shown", examples=['"0.01 mg"'])
    repeatability_g: MassG = Field(
        alias="repeatability", description="standard deviation of repeated weighings", examples=['"0.02 mg"']
    )
    linearity_g: MassG = Field(
        alias="linearity", description="half width of linearity", examples=['"0.05 mg"']
    )
    drift_24h_g: MassG = Field(
        alias="drift_24h",
        description="standard deviation of the zero point after 24 h",
        examples=['"0.1 mg"'],
    )
    sensitivity_ppm: RelativePpm | None = Field(
        None, alias="sensitivity", description="half width of the sensitivity", examples=['"3 ppm"']
    )


class FlowInstrument(InstrumentFile):
    """Accuracy: the larger of ``accuracy_of_value_pct`` and ``accuracy_of_full_scale_pct``."""

    role = "flow"

    full_scale_ml_h: RateMlH = Field(alias="full_scale", description="largest flow", examples=['"30 uL/min"'])
    accuracy_of_value_pct: Percent = Field(
        alias="accuracy_of_value", description="accuracy in % of the value", examples=['"10 %"']
    )
    accuracy_of_full_scale_pct: Percent = Field(
        alias="accuracy_of_full_scale", description="accuracy in % of full scale", examples=['"0.5 %"']
    )


class PressureInstrument(InstrumentFile):
    """A pressure transmitter in the line. ``accuracy_kpa``: half width."""

    role = "pressure"

    accuracy_kpa: PressureKpa | None = Field(
        None, alias="accuracy", description="half width of its error", examples=['"0.3 kPa"']
    )


class CurrentInstrument(InstrumentFile):
    """A meter of the pump's battery current. ``accuracy_of_value_pct``: half width."""

    role = "current"

    accuracy_of_value_pct: Percent | None = Field(
        None, alias="accuracy_of_value", description="half width of its error", examples=['"0.1 %"']
    )


class SupplyInstrument(InstrumentFile):
    """A source-meter in the place of the pump's battery."""

    role = "supply"


class BathInstrument(InstrumentFile):
    """A thermostat that keeps the pumps at their temperature."""

    role = "bath"


class EnvironmentInstrument(InstrumentFile):
    """A logger of temperature, humidity and pressure of the air."""

    role = "environment"


class ValvesInstrument(InstrumentFile):
    """A board of valves or relays."""

    role = "valves"


class Auxiliaries(Table):
    """What stands beside pump, balance and flow sensor: one unit's own, or shared by all units of a bench."""

    pressure: PressureInstrument | None = Field(None, description="a pressure transmitter in the line")
    current: CurrentInstrument | None = Field(None, description="a meter of the battery current")
    supply: SupplyInstrument | None = Field(None, description="a source-meter in the place of the battery")
    bath: BathInstrument | None = Field(None, description="a thermostat")
    environment: EnvironmentInstrument | None = Field(
        None, description="a logger of temperature, humidity and pressure of the air"
    )
    valves: ValvesInstrument | None = Field(None, description="a board of valves or relays")

    @property
    def auxiliaries(self) -> tuple[InstrumentFile, ...]:
        """Those that are present."""
        every = (getattr(self, name) for name in Auxiliaries.model_fields)
        return tuple(item for item in every if item is not None)


class SimulatedUnit(Table):
    """``[unit.simulated]``: errors and faults of simulated instruments. Without it they are perfect.

    ``stall_at_s``: time since the run began at which the rotor stops, for ``stall_for_s`` (None: for good).
    ``ripple_pct``: amplitude of the flow's ripple, once per ``ripple_volume_nl`` (one roller); for a mechanism
    other than peristaltic the part of the flow that comes in pulses, ``ripple_volume_nl`` each.
    ``compliance_time_s``: time constant of the elastic tube. ``temperature_swing_k``: amplitude of the pump's
    temperature in a day. ``balance_noise_g``, ``flow_noise_nl_min``: standard deviations;
    ``balance_drift_24h_g`` as in BalanceInstrument.
    """

    rate_error_pct: PercentOfAny = Field(0.0, alias="rate_error", description="error of the delivered flow")
    stall_at_s: DurationOrNoneS | None = Field(None, alias="stall_at", description="when the motor stalls")
    stall_for_s: DurationS | None = Field(None, alias="stall_for", description="how long it stands")
    evaporation_g_h: MassRateGH = Field(0.0, alias="evaporation", description="what evaporates")
    compliance_time_s: DurationOrNoneS = Field(
        0.0, alias="compliance_time", description="time constant of the elastic tube"
    )
    line_compliance_ml_kpa: ComplianceMlKpa = Field(
        0.001, alias="line_compliance", description="volume that the closed line takes up for its pressure"
    )
    occlusion_kpa: PressureKpa | None = Field(
        None, alias="occlusion_pressure", description="pressure at which a bench pump alarms"
    )
    ripple_pct: Percent = Field(0.0, alias="ripple", description="amplitude of the ripple of the flow")
    ripple_volume_nl: VolumeNl = Field(
        500.0, alias="ripple_volume", description="volume per roller, packet, stroke or slip"
    )
    temperature_c: TemperatureC = Field(37.0, alias="temperature", description="temperature of the pump")
    temperature_swing_k: TemperatureDifferenceK = Field(
        0.0, alias="temperature_swing", description="its swing in a day"
    )
    balance_noise_g: MassG = Field(0.0, alias="balance_noise", description="standard deviation of a reading")
    balance_drift_24h_g: MassG = Field(
        0.0, alias="balance_drift_24h", description="standard deviation of the zero point after 24 h"
    )
    flow_noise_nl_min: FlowNoiseNlMin = Field(
        0.0, alias="flow_noise", description="standard deviation of a sample"
    )
    flow_offset_nl_min: FlowNlMin = Field(0.0, alias="flow_offset", description="flow shown at rest")
