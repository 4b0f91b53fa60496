"""The only words procedures know: what an instrument on a bench can be asked to do.

A driver fulfils a capability by having its methods; nothing is inherited. Every call blocks until the instrument has
answered or its deadline on the injected clock has passed, and raises only the errors of :mod:`rig.errors`
(LinkTimeout, LinkLost, ProtocolError, DeviceError).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from rig.readings import (
    Battery,
    Bridge,
    ChannelReading,
    FlowBlock,
    Identity,
    MassReading,
    PatientBolus,
    PatientBolusReply,
    Prescription,
    PumpEvent,
    PumpLimits,
    PumpState,
    SafeState,
)


class Instrument(Protocol):
    """What every instrument can do."""

    def identify(self) -> Identity:
        """Maker, model, serial number, firmware, as the instrument tells them."""

    def close(self) -> None:
        """Give the link back. Never raises."""


class InfusionPump(Instrument, Protocol):
    """A programmable infusion pump, the unit under test.

    A driver class may say how often it is to be interrogated while a case runs, as ``ASK_EVERY_S`` (300 if it says
    nothing; None: only where a step ends).
    """

    def limits(self) -> PumpLimits:
        """The ranges the pump itself states."""

    def interrogate(self) -> PumpState:
        """The whole state."""

    def program(self, prescription: Prescription) -> None:
        """Stage and commit; delivery begins at the commit. Never repeated by itself. The caller reads back."""

    def read_back(self) -> Prescription:
        """The prescription that is active in the pump now."""

    def stop(self, reason: str) -> None:
        """Stop delivery."""

    def events_since(self, number: int) -> list[PumpEvent]:
        """Entries of the pump's own event log with a number greater than ``number``, oldest first."""

    def set_reservoir(self, volume_nl: int) -> None:
        """Tell the pump how much is in its reservoir (a refill)."""


@runtime_checkable
class RefreshedPump(InfusionPump, Protocol):
    """A pump that stops by itself unless it hears from the host every so often."""

    refresh_every_s: float

    def refresh(self) -> None:
        """Let the pump hear from the host."""


@runtime_checkable
class TherapyPump(InfusionPump, Protocol):
    """What a programmable implantable pump offers beyond: patient, priming and bridge boluses, upkeep.

    Flex schedules and periodic boluses are prescriptions like the others.
    """

    def set_patient_bolus(self, bolus: PatientBolus) -> None:
        """What the patient may ask for, from now on."""

    def patient_bolus(self) -> PatientBolus:
        """What the pump says the patient may ask for."""

    def request_patient_bolus(self) -> PatientBolusReply:
        """Press the patient's button once. A refusal is an answer, no error. Never repeated by itself."""

    def prime(self, volume_nl: int, rate_nl_h: int) -> None:
        """Fill the tubing; afterwards the pump returns to its program by itself."""

    def bridge(self, bridge: Bridge) -> None:
        """Push out what is left of the old drug; afterwards the pump returns to its program by itself."""

    def refill(self, volume_nl: int, low_nl: int) -> None:
        """Tell the pump its content after a refill and when to alarm."""

    def battery(self) -> Battery:
        """Voltage and days left."""

    def clock(self) -> int:
        """The pump's clock in s."""

    def set_clock(self, clock_s: int) -> None:
        """Set the pump's clock."""

    def acknowledge_alarm(self, name: str) -> None:
        """Silence an alarm; its condition stays."""

    def sound_alarm(self, critical: bool) -> None:
        """Sound the tone of a class of alarms, as a test."""

    def restart(self) -> None:
        """Reset the pump by command; what it keeps is its own affair."""


class Balance(Instrument, Protocol):
    """A balance that weighs what was delivered."""

    def read(self) -> MassReading:
        """The weight now, stable or not."""

    def zero(self) -> None:
        """Set the zero point; never during a measurement."""


class FlowSensor(Instrument, Protocol):
    """A liquid flow sensor that samples by itself into a buffer.

    A driver class whose instrument has no buffer says so, as ``BUFFERED = False``: it takes a sample whenever it is
    read, and is read once in each sample interval.
    """

    def start(self, interval_s: float) -> None:
        """Begin sampling every ``interval_s`` seconds."""

    def read_buffer(self) -> list[FlowBlock]:
        """All samples since the last call, oldest first; empty if there is none yet."""

    def stop(self) -> None:
        """End sampling."""


class Monitor(Instrument, Protocol):
    """Anything that is read now and then beside the measurement: air, line pressure, battery current.

    A driver class may say how often, as ``READ_EVERY_S`` (60 if it says nothing; None: only where a case begins
    and ends).
    """

    def read(self) -> ChannelReading:
        """All channels now."""


@runtime_checkable
class Thermostat(Monitor, Protocol):
    """A bath that keeps the units at their temperature."""

    def set_temperature(self, temperature_c: float) -> None:
        """Set the temperature to be kept."""

    def switch(self, on: bool) -> None:
        """Circulate and keep the temperature, or not."""


@runtime_checkable
class PowerSupply(Monitor, Protocol):
    """A source-meter in the place of the pump's battery."""

    def set_voltage(self, voltage_v: float, limit_a: float) -> None:
        """Set voltage and current limit."""

    def switch(self, on: bool) -> None:
        """Put the output on or off."""


class Valves(Instrument, Protocol):
    """A board of valves or relays: occlude the line, vent it, press the patient's button."""

    def switch(self, channel: int, on: bool) -> None:
        """Switch one channel, and ask whether it did."""

    def is_on(self, channel: int) -> bool:
        """What the board says of one channel."""


class SafetySwitch(Protocol):
    """A valve, relay or supply by which a pump is made safe."""

    def switch(self, safe: bool) -> None:
        """Switch, and ask whether it did."""


class WatchedMonitor(Protocol):
    """A monitor as a bench hands it out."""

    @property
    def every_s(self) -> float | None:
        """How often it is to be read; None: only where a case begins and ends."""

    def read(self) -> ChannelReading:
        """All channels now, or a moment ago where several units share it."""


@dataclass(frozen=True)
class UnitUnderTest:
    """One pump unit on the bench with the instruments that watch it.

    ``safe_state`` and ``low_reservoir_nl`` (content at which its alarm comes) are what its profile declares;
    ``switched`` is what diverts its flow or cuts its power, where that is its safe state.
    ``monitors`` by role, ``valves``, ``supply`` and ``bath``: the unit's own and those it shares with the others.
    ``flow_buffered``: the flow sensor need not be read for each sample. ``pump_asked_every_s``: how often the pump
    is interrogated while a case runs; None: only where a step ends.
    """

    serial: str
    pump: InfusionPump
    balance: Balance | None
    flow: FlowSensor | None
    safe_state: SafeState
    low_reservoir_nl: int = 0
    monitors: Mapping[str, WatchedMonitor] = field(default_factory=dict)
    valves: Valves | None = None
    supply: PowerSupply | None = None
    bath: Thermostat | None = None
    switched: SafetySwitch | None = None
    pump_asked_every_s: float | None = 300.0
    flow_buffered: bool = True
