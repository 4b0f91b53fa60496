"""Flow accuracy by weighing, after the method of IEC 60601-2-24:2012, 201.12.1.102 to 201.12.1.106.

The standard excludes implantable pumps and ISO 14708-4 leaves the method to the maker: periods, sample interval and
windows are the plan's. Evaporation is measured with the pump stopped, before *and* after.
"""

from __future__ import annotations

from rig.capabilities import UnitUnderTest
from rig.clock import Clock
from rig.definitions.cases import FlowAccuracyCase
from rig.procedures.watching import Watch, program_and_read_back
from rig.quantities import nl_h_from_ml_h
from rig.readings import Prescription
from rig.record.case_recorder import CaseRecorder


def flow_accuracy(unit: UnitUnderTest, case: FlowAccuracyCase, recorder: CaseRecorder, clock: Clock) -> None:
    """Carry out one case on one unit. Ends with the pump stopped and the blank after it weighed."""
    watch = Watch(unit, recorder, clock, case.flow_every_s)
    watch.begin(case.volume_ml)
    watch.blank("before", case)

    recorder.step("program")
    rate_nl_h = nl_h_from_ml_h(case.rate_ml_h)
    program_and_read_back(unit, recorder, Prescription("continuous", rate_nl_h=rate_nl_h))

    recorder.step("settle", case.settle_s)
    watch.weigh_for(case.settle_s, case.sample_every_s)
    recorder.step("sample", case.sample_for_s)
    watch.weigh_for(case.sample_for_s, case.sample_every_s)

    watch.blank("after", case)
    watch.end()
