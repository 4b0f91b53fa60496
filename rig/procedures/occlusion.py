"""Occlusion, after IEC 60601-2-24:2012, 201.12.4.4: the line is closed while the pump delivers, until the pump alarms;
then it is opened, and what comes is weighed.
"""

from __future__ import annotations

from rig.capabilities import UnitUnderTest
from rig.clock import Clock, ns_from_s
from rig.definitions.cases import OcclusionCase
from rig.definitions.cases.occlusion import HELD_S, RELEASE_READINGS
from rig.procedures.conditions import close_line
from rig.procedures.watching import Watch, program_and_read_back
from rig.quantities import nl_h_from_ml_h
from rig.readings import Prescription
from rig.record.case_recorder import CaseRecorder


def occlusion(unit: UnitUnderTest, case: OcclusionCase, recorder: CaseRecorder, clock: Clock) -> None:
    """Carry out one case on one unit. However the wait ends, the pump is stopped before the line is opened."""
    watch = Watch(unit, recorder, clock, case.flow_every_s)
    watch.begin(case.volume_ml)
    watch.blank("before", case)

    recorder.step("program")
    rate_nl_h = nl_h_from_ml_h(case.rate_ml_h)
    program_and_read_back(unit, recorder, Prescription("continuous", rate_nl_h=rate_nl_h))
    recorder.step("settle", case.settle_s)
    watch.rest(case.settle_s)

    watch.read_monitors(["pressure"])
    earlier = {alarm.name for alarm in watch.ask_pump().alarms}
    recorder.step("closed", case.wait_s)
    close_line(unit, case, True)
    until_ns = clock.now_ns() + ns_from_s(case.wait_s)
    while clock.now_ns() < until_ns:
        watch.rest(case.look_every_s)
        pressure_kpa = watch.line_pressure_kpa()
        if {alarm.name for alarm in watch.ask_pump().alarms} - earlier:
            break
        if pressure_kpa is not None and pressure_kpa >= case.open_at_kpa:
            break
    unit.pump.stop("the line is closed")

    recorder.step("held", HELD_S)
    watch.rest(HELD_S)
    watch.read_monitors(["pressure"])
    watch.weigh()
    recorder.step("released", case.release_s)
    close_line(unit, case, False)
    watch.weigh_for(case.release_s, case.release_s / RELEASE_READINGS)

    watch.blank("after", case)
    watch.end()
