"""What instruments tell, as frozen values: each knows when it was received (ns on the run's clock) and its raw text.

Nothing here is corrected, averaged or judged.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Identity:
    """Who an instrument says it is. Unknown parts are empty."""

    maker: str = ""
    model: str = ""
    serial: str = ""
    firmware: str = ""


@dataclass(frozen=True)
class MassReading:
    """One reading of a balance, as displayed (air buoyancy not corrected)."""

    t_ns: int
    mass_g: float
    stable: bool
    raw: bytes


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
class Prescription:
    """What a pump is told to deliver, in the pump's own integer steps.

    ``mode`` "stop", "continuous" (``rate_nl_h``), "minimum" (the pump's own minimum rate) or "bolus"
    (``bolus_nl`` over ``bolus_duration_s``, once).
    """

    mode: Literal["stop", "continuous", "minimum", "bolus"]
    rate_nl_h: int = 0
    bolus_nl: int = 0
    bolus_duration_s: int = 0


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
    """The whole state of a pump at one moment, as it reports it."""

    t_ns: int
    mode: str
    running: bool
    rate_nl_h: int
    delivered_nl: int
    reservoir_nl: int
    battery_mv: int
    alarms: tuple[PumpAlarm, ...] = ()
    clock_s: int = 0
    raw: bytes = b""


@dataclass(frozen=True)
class PumpEvent:
    """One entry of the pump's own event log: its number, the pump's clock in s, a code and its arguments."""

    number: int
    clock_s: int
    code: str
    arguments: dict[str, str] = field(default_factory=dict)
