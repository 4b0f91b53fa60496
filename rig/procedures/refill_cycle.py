"""One filling of the reservoir run down: where the alarms come, by what the balance says is left.

No standard gives a method; it follows the check at every refill in the labelling of implantable pumps, with the content
weighed instead of drawn: what was filled in, less what was delivered.
"""

from __future__ import annotations

from dataclasses import replace

from rig.capabilities import UnitUnderTest
from rig.clock import Clock
from rig.definitions.cases import RefillCycleCase
from rig.procedures.therapy import program, refill, therapy_pump
from rig.procedures.watching import Watch
from rig.quantities import nl_from_ml
from rig.record.case_recorder import CaseRecorder


def refill_cycle(unit: UnitUnderTest, case: RefillCycleCase, recorder: CaseRecorder, clock: Clock) -> None:
    """Carry out one case on one unit: the reservoir was filled by hand before; the pump is told, and run empty."""
    pump = therapy_pump(unit)
    watch = Watch(replace(unit, pump_asked_every_s=case.sample_every_s), recorder, clock, case.flow_every_s)
    watch.begin(None)  # it is meant to run empty
    watch.blank("before", case)

    recorder.step("program")
    refill(pump, recorder, clock, nl_from_ml(case.fill_ml), unit.low_reservoir_nl)
    program(unit, recorder, clock, case.prescription)

    recorder.step("sample", case.sample_for_s)
    watch.ask_pump()
    watch.weigh_for(case.sample_for_s, case.sample_every_s)

    watch.blank("after", case)
    watch.end()
