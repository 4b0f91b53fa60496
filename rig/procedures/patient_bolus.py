"""The patient's button, pressed at planned times: lock-out, daily maximum, denied requests logged.

No standard gives a method; the requirements are those of patient-controlled infusion (lock-out time, maximum in 24 h, a
record of requests granted and denied).
"""

from __future__ import annotations

from rig.capabilities import UnitUnderTest
from rig.clock import Clock, ns_from_s
from rig.definitions.cases import PatientBolusCase
from rig.errors import DeviceError
from rig.procedures.therapy import therapy_pump
from rig.procedures.watching import Watch, program_and_read_back
from rig.record.case_recorder import CaseRecorder


def patient_bolus(unit: UnitUnderTest, case: PatientBolusCase, recorder: CaseRecorder, clock: Clock) -> None:
    """Carry out one case on one unit: button set and read back, delivery, each request at its time."""
    pump = therapy_pump(unit)
    watch = Watch(unit, recorder, clock, case.flow_every_s)
    watch.begin(case.volume_ml)
    watch.blank("before", case)

    recorder.step("program")
    pump.set_patient_bolus(case.patient_bolus)
    active = pump.patient_bolus()
    if active != case.patient_bolus:
        raise DeviceError(f"the pump allows {active}, commanded was {case.patient_bolus}", code="read-back")
    program_and_read_back(unit, recorder, case.prescription)

    recorder.step("sample", case.sample_for_s)
    watch.ask_pump()
    begin_ns = clock.now_ns()
    count = round(case.sample_for_s / case.sample_every_s)
    weighings = {begin_ns + ns_from_s(place * case.sample_every_s) for place in range(count + 1)}
    requests = {begin_ns + ns_from_s(request_s) for request_s in case.requests_s}
    for t_ns in sorted(weighings | requests):
        watch.rest_until(t_ns)
        if t_ns in requests:
            asked_ns = clock.now_ns()
            recorder.patient_request(pump.request_patient_bolus(), asked_ns)
        if t_ns in weighings:
            watch.weigh()
    watch.ask_pump()

    watch.blank("after", case)
    watch.end()
