"""What procedures for programmable implantable pumps share."""

from __future__ import annotations

from dataclasses import asdict

from rig.capabilities import TherapyPump, UnitUnderTest
from rig.clock import Clock
from rig.errors import LimitRefused
from rig.procedures.watching import program_and_read_back
from rig.readings import Bridge, Prescription
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


def program(unit: UnitUnderTest, recorder: CaseRecorder, clock: Clock, prescription: Prescription) -> int:
    """Program the pump, read back, and write down when it was sent (returned too, in ns)."""
    sent_ns = clock.now_ns()
    program_and_read_back(unit, recorder, prescription)
    recorder.command("program", sent_ns, rate_nl_h=prescription.rate_nl_h)
    return sent_ns


def refill(pump: TherapyPump, recorder: CaseRecorder, clock: Clock, volume_nl: int, low_nl: int) -> None:
    """Tell the pump what its reservoir holds and where its low alarm comes, and write down when."""
    sent_ns = clock.now_ns()
    pump.refill(volume_nl, low_nl)
    recorder.command("refill", sent_ns, volume_nl=volume_nl, low_nl=low_nl)


def prime(pump: TherapyPump, recorder: CaseRecorder, clock: Clock, volume_nl: int, rate_nl_h: int) -> int:
    """Fill the tubing, and write down when it was sent (returned too, in ns)."""
    sent_ns = clock.now_ns()
    pump.prime(volume_nl, rate_nl_h)
    recorder.command("prime", sent_ns, volume_nl=volume_nl, rate_nl_h=rate_nl_h)
    return sent_ns


def bridge(pump: TherapyPump, recorder: CaseRecorder, clock: Clock, order: Bridge) -> int:
    """Begin a bridge bolus, and write down when it was sent (returned too, in ns)."""
    sent_ns = clock.now_ns()
    pump.bridge(order)
    recorder.command("bridge", sent_ns, **asdict(order))
    return sent_ns
