"""Boluses that the pump gives by itself every so often, weighed one by one.

No standard gives a method; single boluses are weighed as in IEC 60601-2-24:2012, 201.12.1.104.
"""

from __future__ import annotations

from rig.capabilities import UnitUnderTest
from rig.clock import Clock, ns_from_s
from rig.definitions.cases import PeriodicBolusCase
from rig.procedures.therapy import therapy_pump
from rig.procedures.watching import Watch, program_and_read_back
from rig.record.case_recorder import CaseRecorder


def periodic_bolus(
    unit: UnitUnderTest, case: PeriodicBolusCase, recorder: CaseRecorder, clock: Clock
) -> None:
    """Carry out one case on one unit: programmed once, then weighed after each bolus."""
    therapy_pump(unit)
    watch = Watch(unit, recorder, clock, case.flow_every_s)
    watch.begin(case.volume_ml)
    watch.blank("before", case)

    recorder.step("sample", case.sample_s)
    watch.ask_pump()
    watch.weigh()
    program_and_read_back(unit, recorder, case.prescription)
    begin_ns = clock.now_ns()  # the first bolus begins with the commit
    for index in range(case.count):
        after_s = index * case.interval_s + case.bolus_duration_s + case.settle_s
        watch.rest_until(begin_ns + ns_from_s(after_s))
        watch.weigh()
    watch.ask_pump()

    watch.blank("after", case)
    watch.end()
