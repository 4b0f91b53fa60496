"""The only words procedures know: what an instrument on a bench can be asked to do.

A driver fulfils a capability by having its methods; nothing is inherited. Every call blocks until the instrument has
answered or its deadline on the injected clock has passed, and raises only the errors of :mod:`rig.errors`
(LinkTimeout, LinkLost, ProtocolError, DeviceError).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from rig.readings import (
    FlowBlock,
    Identity,
    MassReading,
    Prescription,
    PumpEvent,
    PumpLimits,
    PumpState,
)


class Instrument(Protocol):
    """What every instrument can do."""

    def identify(self) -> Identity:
        """Maker, model, serial number, firmware, as the instrument tells them."""

    def close(self) -> None:
        """Give the link back. Never raises."""


class InfusionPump(Instrument, Protocol):
    """A programmable infusion pump, the unit under test."""

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


class Balance(Instrument, Protocol):
    """A balance that weighs what was delivered."""

    def read(self) -> MassReading:
        """The weight now, stable or not."""

    def zero(self) -> None:
        """Set the zero point; never during a measurement."""


class FlowSensor(Instrument, Protocol):
    """A liquid flow sensor that samples by itself into a buffer."""

    def start(self, interval_s: float) -> None:
        """Begin sampling every ``interval_s`` seconds."""

    def read_buffer(self) -> list[FlowBlock]:
        """All samples since the last call, oldest first; empty if there is none yet."""

    def stop(self) -> None:
        """End sampling."""


@dataclass(frozen=True)
class UnitUnderTest:
    """One pump unit on the bench with the instruments that watch it.

    ``safe_state`` and ``low_reservoir_nl`` (content at which its alarm comes) are what its profile declares.
    """

    serial: str
    pump: InfusionPump
    balance: Balance | None
    flow: FlowSensor | None
    safe_state: Literal["stop", "minimum"]
    low_reservoir_nl: int = 0
