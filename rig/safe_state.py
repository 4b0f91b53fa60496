"""Leaving is safe: the state a pump is left in whatever happened, as its profile declares it."""

from __future__ import annotations

from typing import Protocol

from rig.capabilities import UnitUnderTest
from rig.errors import DeviceError, LinkTimeout, ProtocolError
from rig.readings import Prescription, PumpState


class StateRecorder(Protocol):
    """Where the pump's last state is written down."""

    def pump_state(self, state: PumpState) -> None:
        """Record one state."""


def to_safe_state(unit: UnitUnderTest, reason: str, recorder: StateRecorder | None = None) -> None:
    """Put the unit's pump in its declared safe state and ask it whether it is there.

    A disturbed line gets a second chance: what is done here may be done twice, nothing of it is a dose. Raises
    DeviceError when the pump says it is not there, and whatever the driver raises when it cannot be reached.
    """
    try:
        state = _command(unit, reason)
    except (LinkTimeout, ProtocolError):
        state = _command(unit, reason)
    if recorder is not None:
        recorder.pump_state(state)
    if state.mode != unit.safe_state:
        raise DeviceError(
            f"unit {unit.serial}: the pump is in mode '{state.mode}', its safe state is '{unit.safe_state}'",
            code="not-safe",
        )


def _command(unit: UnitUnderTest, reason: str) -> PumpState:
    unit.pump.stop(reason)  # before the minimum rate too: a bolus would refuse any other program
    if unit.safe_state == "minimum":
        unit.pump.program(Prescription("minimum"))
    return unit.pump.interrogate()
