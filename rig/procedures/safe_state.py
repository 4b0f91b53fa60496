"""Leaving is safe: the state a pump is left in whatever happened, as its profile declares it."""

from __future__ import annotations

from typing import Protocol

from rig.capabilities import UnitUnderTest
from rig.errors import DeviceError
from rig.readings import Prescription, PumpState


class StateRecorder(Protocol):
    """Where the pump's last state is written down."""

    def pump_state(self, state: PumpState) -> None:
        """Record one state."""


def to_safe_state(unit: UnitUnderTest, reason: str, recorder: StateRecorder | None = None) -> None:
    """Put the unit's pump in its declared safe state and ask it whether it is there.

    Raises DeviceError when the pump says it is not, and whatever the driver raises when it cannot be reached.
    """
    if unit.safe_state == "minimum":
        unit.pump.program(Prescription("minimum"))
        safe_modes = ("minimum",)
    else:
        unit.pump.stop(reason)
        safe_modes = ("stop",)
    state = unit.pump.interrogate()
    if recorder is not None:
        recorder.pump_state(state)
    if state.mode not in safe_modes:
        raise DeviceError(
            f"unit {unit.serial}: the pump is in mode '{state.mode}', its safe state is '{unit.safe_state}'",
            code="not-safe",
        )
