"""Single boluses weighed one by one, after IEC 60601-2-24:2012, 201.12.1.104 (25 successive boluses)."""

from __future__ import annotations

from rig.capabilities import UnitUnderTest
from rig.clock import Clock, ns_from_s
from rig.definitions.cases import BolusCase
from rig.procedures.watching import Watch, program_and_read_back
from rig.quantities import nl_from_ml
from rig.readings import Prescription
from rig.record.case_recorder import CaseRecorder


def bolus(unit: UnitUnderTest, case: BolusCase, recorder: CaseRecorder, clock: Clock) -> None:
    """Carry out one case on one unit: ``count`` boluses from the stopped pump, each between two weighings."""
    watch = Watch(unit, recorder, clock, case.flow_every_s)
    watch.begin(case.volume_ml)
    watch.blank("before", case)

    recorder.step("sample", case.count * case.interval_s)
    give(watch, case, first=0)
    watch.blank("after", case)
    watch.end()


def give(watch: Watch, case: BolusCase, first: int) -> None:
    """The boluses from number ``first`` on (from 0), each between two weighings."""
    unit, recorder, clock = watch.unit, watch.recorder, watch.clock
    prescription = Prescription(
        "bolus", bolus_nl=nl_from_ml(case.bolus_ml), bolus_duration_s=round(case.bolus_duration_s)
    )
    begun_ns = clock.now_ns()
    for index in range(first, case.count):
        before = watch.weigh()
        recorder.dose_begun(index)
        start_ns = clock.now_ns()
        program_and_read_back(unit, recorder, prescription)
        watch.rest(case.bolus_duration_s)
        end_ns = clock.now_ns()
        watch.rest(case.settle_s)
        after = watch.weigh()
        recorder.dose(index, case.bolus_ml, before, after, start_ns, end_ns)
        watch.ask_pump()
        watch.rest_until(begun_ns + ns_from_s((index + 1 - first) * case.interval_s))
