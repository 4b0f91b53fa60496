"""No flow from a stopped pump: neither forward nor back.

No standard gives a method; IEC 60601-2-24:2012, 201.12.4.1 and 201.12.4.3 ask for protection against free flow and
reverse flow. What evaporates is weighed with the line closed, so that a flow is not taken for evaporation.
"""

from __future__ import annotations

from rig.capabilities import UnitUnderTest
from rig.clock import Clock
from rig.definitions.cases import StillCase
from rig.procedures.watching import Watch, program_and_read_back
from rig.quantities import nl_h_from_ml_h
from rig.readings import Prescription
from rig.record.case_recorder import CaseRecorder


def still(unit: UnitUnderTest, case: StillCase, recorder: CaseRecorder, clock: Clock) -> None:
    """Carry out one case on one unit: it delivers, is stopped, is weighed with the line open, and delivers again."""
    watch = Watch(unit, recorder, clock, case.flow_every_s)
    watch.begin(case.volume_ml)
    watch.blank("before", case)

    def run(which: str) -> None:
        recorder.step(f"program_{which}")
        rate_nl_h = nl_h_from_ml_h(case.rate_ml_h)
        program_and_read_back(unit, recorder, Prescription("continuous", rate_nl_h=rate_nl_h))
        recorder.step(f"run_{which}", case.run_for_s)
        watch.weigh()
        watch.rest(case.run_for_s)
        recorder.step(f"stop_{which}", case.relax_s)
        unit.pump.stop("flow at rest")
        watch.rest(case.relax_s)
        watch.weigh()

    run("before")
    recorder.step("sample", case.sample_for_s)
    watch.weigh_for(case.sample_for_s, case.sample_every_s)
    run("after")  # a balance that stands still, or a line that is closed, shows no flow either

    watch.blank("after", case)
    watch.end()
