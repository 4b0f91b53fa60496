"""Leaving is safe: the state a pump is left in whatever happened, as its profile declares it.

Four there are. ``stop`` and ``minimum`` are commanded to the pump and confirmed by it. ``divert`` (a valve leads the
flow away from where it is harmful) and ``power off`` (a relay or the supply) are for a pump that has no stop, or is not
to be trusted with one; they are switched, and confirmed by what switches. Run and guard share this one function.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from rig.capabilities import PowerSupply, SafetySwitch, UnitUnderTest, Valves
from rig.clock import NS_PER_S, Clock
from rig.errors import DeviceError, LinkTimeout, ProtocolError, RigError
from rig.readings import Prescription, PumpState, SafeState

SWITCHED = ("divert", "power off")
UP_WITHIN_NS = 10 * NS_PER_S  # from the power being back to the pump's first answer


class StateRecorder(Protocol):
    """Where the pump's last state is written down."""

    def pump_state(self, state: PumpState) -> None:
        """Record one state."""


def to_safe_state(
    unit: UnitUnderTest, reason: str, recorder: StateRecorder | None = None
) -> PumpState | None:
    """Put the unit's pump in its declared safe state, ask it whether it is there, and return what it says.

    A disturbed line gets a second chance: what is done here may be done twice, nothing of it is a dose. None for a pump
    that is switched and does not answer. Raises DeviceError when the pump says it is not there, and whatever a
    driver raises when pump or switch cannot be reached.
    """
    try:
        state = _command(unit, reason)
    except (LinkTimeout, ProtocolError):
        state = _command(unit, reason)
    if recorder is not None and state is not None:
        recorder.pump_state(state)
    mode = "" if state is None else state.mode
    if unit.switched is None and mode != unit.safe_state:
        raise DeviceError(
            f"unit {unit.serial}: the pump is in mode '{mode}', its safe state is '{unit.safe_state}'",
            code="not-safe",
        )
    return state


def _command(unit: UnitUnderTest, reason: str) -> PumpState | None:
    if unit.switched is not None:
        unit.switched.switch(True)
        return _asked_kindly(unit)
    unit.pump.stop(reason)  # before the minimum rate too: a bolus would refuse any other program
    if unit.safe_state == "minimum":
        unit.pump.program(Prescription("minimum"))
    return unit.pump.interrogate()


def _asked_kindly(unit: UnitUnderTest) -> PumpState | None:
    """For the record only: a pump without power does not answer."""
    if unit.safe_state == "power off":
        return None
    try:
        return unit.pump.interrogate()
    except RigError:
        return None


def out_of_safe_state(unit: UnitUnderTest, clock: Clock) -> None:
    """Before a case: lead the flow back, give the power back. A pump that stopped or idles waits for its program.

    Raises what the driver of the valve, relay or supply raises, or of a pump that does not come up in time.
    """
    if unit.switched is None:
        return
    unit.switched.switch(False)
    up_by_ns = clock.now_ns() + UP_WITHIN_NS
    while unit.safe_state == "power off":
        try:
            unit.pump.identify()
            return
        except (LinkTimeout, ProtocolError):
            if clock.now_ns() > up_by_ns:
                raise


def safety_switch(
    safe_state: SafeState, drivers: Mapping[str, Any], channel: int | None, safe_on: bool
) -> SafetySwitch | None:
    """What makes the pump safe, of ``drivers`` (by role): channel ``channel`` of its valves, else its supply."""
    if safe_state not in SWITCHED:
        return None
    return (
        SupplySwitch(drivers["supply"])
        if channel is None
        else ChannelSwitch(drivers["valves"], channel, safe_on)
    )


@dataclass(frozen=True)
class ChannelSwitch:
    """A valve that diverts the flow, or a relay that cuts the power: ``channel``, safe when it is ``safe_on``."""

    board: Valves
    channel: int
    safe_on: bool

    def switch(self, safe: bool) -> None:
        self.board.switch(self.channel, self.safe_on if safe else not self.safe_on)


@dataclass(frozen=True)
class SupplySwitch:
    """The output of the supply in the place of the pump's battery."""

    supply: PowerSupply

    def switch(self, safe: bool) -> None:
        self.supply.switch(not safe)
