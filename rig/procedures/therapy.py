"""What procedures for programmable implantable pumps share."""

from __future__ import annotations

from rig.capabilities import TherapyPump, UnitUnderTest
from rig.clock import Clock
from rig.errors import LimitRefused
from rig.record.case_recorder import CaseRecorder


def therapy_pump(unit: UnitUnderTest) -> TherapyPump:
    """The unit's pump as one that has schedules, patient boluses and a clock. Raises LimitRefused."""
    if not isinstance(unit.pump, TherapyPump):
        raise LimitRefused(
            f"refused, nothing was delivered: the pump of unit {unit.serial} has no schedules, patient boluses or "
            "clock that this procedure could use"
        )
    return unit.pump


def set_clock(pump: TherapyPump, recorder: CaseRecorder, clock: Clock, clock_s: int) -> None:
    """Set the pump's clock, and write down when."""
    pump.set_clock(clock_s)
    recorder.pump_clock(clock_s, clock.now_ns())
