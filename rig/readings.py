"""What instruments tell, as frozen values: each knows when it was received (ns on the run's clock) and its raw text.

Nothing here is corrected, averaged or judged.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:  # definitions read these words too, and are to answer at once
    import numpy as np
    from numpy.typing import NDArray

SafeState = Literal["stop", "minimum", "divert", "power off"]  # in which a pump is left; rig.safe_state


@dataclass(frozen=True)
class Identity:
    """Who an instrument says it is. Unknown parts are empty."""

    maker: str = ""
    model: str = ""
    serial: str = ""
    firmware: str = ""


@dataclass(frozen=True)
class MassReading:
    """One reading of a balance, as displayed (air buoyancy not corrected).

    ``digit_g``: value of the last digit shown, if the balance tells.
    """

    t_ns: int
    mass_g: float
    stable: bool
    raw: bytes
    digit_g: float | None = None


@dataclass(frozen=True)
class FlowBlock:
    """Consecutive samples of a flow sensor, as integers with their scale; one, where the sensor has no buffer.

    ``flow_counts``, ``temperature_counts`` and ``flags`` are equally long integer arrays; flow is counts /
    ``flow_scale`` in ``flow_unit`` ("ul/min", "ml/min", "nl/min", "ul/h"), temperature is counts /
    ``temperature_scale`` in °C. Sample i was taken at ``first_t_ns + i * interval_ns``.
    ``lost`` samples are missing *before* the first.
    Flags: bit 0 air in line, bit 1 high flow (saturated), bit 5 smoothing.
    """

    first_t_ns: int
    interval_ns: int
    flow_counts: NDArray[np.integer[Any]]
    temperature_counts: NDArray[np.integer[Any]]
    flags: NDArray[np.uint16]
    flow_scale: float
    flow_unit: str
    temperature_scale: float = 200.0
    lost: int = 0


@dataclass(frozen=True)
class ChannelReading:
    """What an instrument beside pump, balance and flow sensor shows at one moment.

    ``values`` by channel, each one of :data:`CHANNELS`; raw as for the others.
    """

    t_ns: int
    values: dict[str, float]
    raw: bytes = b""


# Channels a bench can watch: name (with the unit) and what it is called in a report.
CHANNELS = {
    "air_temperature_c": "air temperature",
    "air_humidity_pct": "relative humidity of the air",
    "air_pressure_hpa": "air pressure",
    "bath_temperature_c": "bath temperature",
    "bath_setpoint_c": "bath set point",
    "line_pressure_kpa": "pressure in the line",
    "line_temperature_c": "temperature in the line",
    "battery_current_a": "battery current",
    "battery_voltage_v": "battery voltage",
}


@dataclass(frozen=True)
class FlexStep:
    """From ``start_min`` minutes after midnight of the pump's clock on: ``rate_nl_h``."""

    start_min: int
    rate_nl_h: int


@dataclass(frozen=True)
class Prescription:
    """What a pump is told to deliver, in the pump's own integer steps.

    ``mode`` "stop", "continuous" (``rate_nl_h``), "minimum" (the pump's own minimum rate), "bolus"
    (``bolus_nl`` over ``bolus_duration_s``, once), "periodic" (such a bolus every ``interval_s``) or "flex": day
    group ``groups[days[d] - 1]`` on weekday ``d``, Monday first. ``concentration_ng_ml`` is for the label only.
    """

    mode: Literal["stop", "continuous", "minimum", "bolus", "periodic", "flex"]
    rate_nl_h: int = 0
    bolus_nl: int = 0
    bolus_duration_s: int = 0
    interval_s: int = 0
    days: tuple[int, ...] = ()
    groups: tuple[tuple[FlexStep, ...], ...] = ()
    concentration_ng_ml: int = 0


@dataclass(frozen=True)
class PatientBolus:
    """What the patient may ask for: one bolus, not within ``lockout_s`` of the last, ``max_per_day`` in any 24 h."""

    enabled: bool
    bolus_nl: int = 0
    duration_s: int = 0
    lockout_s: int = 0
    max_per_day: int = 0


@dataclass(frozen=True)
class PatientBolusReply:
    """What became of one request: ``refused`` is "" when it was granted, else "locked_out", "daily_maximum", "off",
    "busy", "alarm" or "other"; ``left_s`` until the bolus ends, or until one would be granted, as the pump says.
    """

    refused: Literal["", "locked_out", "daily_maximum", "off", "busy", "alarm", "other"]
    left_s: int | None = None
    raw: bytes = b""


@dataclass(frozen=True)
class Bridge:
    """A bridge bolus: what is left of the old drug in tubing and catheter is pushed out at a rate of its own.

    ``residual_nl`` within ``duration_s``; concentrations in ng/mL.
    """

    old_ng_ml: int
    new_ng_ml: int
    residual_nl: int
    duration_s: int


@dataclass(frozen=True)
class Battery:
    """A pump's battery as the pump reports it. ``eri_days``: until replacement is due; ``state`` in its words."""

    voltage_mv: int
    eri_days: int
    eos_days: int
    state: str


@dataclass(frozen=True)
class PumpLimits:
    """What the pump says it can do."""

    rate_min_nl_h: int
    rate_max_nl_h: int
    bolus_min_nl: int
    bolus_max_nl: int
    bolus_duration_min_s: int
    bolus_duration_max_s: int
    reservoir_nl: int


@dataclass(frozen=True)
class PumpAlarm:
    """An alarm that is on. ``name`` in lower case with underscores, e.g. "motor_stall"."""

    name: str
    critical: bool


@dataclass(frozen=True)
class PumpState:
    """The whole state of a pump at one moment, as it reports it. None: this pump does not tell.

    ``source`` is what delivers now: "none", "program", "bolus", "patient_bolus", "prime" or "bridge", ``bolus_left_s``
    how long that bolus still takes (0 without one). ``stopped_s`` since it was stopped (0 while it is not), ``up_s``
    since its last reset.
    """

    t_ns: int
    mode: str
    running: bool
    rate_nl_h: int
    delivered_nl: int
    reservoir_nl: int | None
    battery_mv: int | None
    alarms: tuple[PumpAlarm, ...] = ()
    clock_s: int | None = None
    source: str | None = None
    bolus_left_s: int | None = None
    stopped_s: int | None = None
    up_s: int | None = None
    raw: bytes = b""


@dataclass(frozen=True)
class PumpEvent:
    """One entry of the pump's own event log: its number, the pump's clock (as in PumpState), a code, its arguments."""

    number: int
    clock_s: int
    code: str
    arguments: dict[str, str] = field(default_factory=dict)
