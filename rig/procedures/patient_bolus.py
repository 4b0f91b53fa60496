"""The patient's button, pressed at planned times: lock-out, daily maximum, denied requests logged.

No standard gives a method; the requirements are those of patient-controlled infusion (lock-out time, maximum in 24 h, a
record of requests granted and denied).
"""

from __future__ import annotations

from collections.abc import Sequence

from rig.analysis.patient_requests import DAY_S, SAME_S
from rig.capabilities import UnitUnderTest
from rig.clock import Clock, ns_from_s
from rig.definitions.cases import PatientBolusCase
from rig.errors import DeviceError
from rig.procedures.therapy import therapy_pump
from rig.procedures.watching import Watch, program_and_read_back
from rig.readings import PumpEvent, PumpState
from rig.record.case_recorder import CaseRecorder


def patient_bolus(unit: UnitUnderTest, case: PatientBolusCase, recorder: CaseRecorder, clock: Clock) -> None:
    """Carry out one case on one unit: button set and read back, delivery, each request at its time."""
    pump = therapy_pump(unit)
    watch = Watch(unit, recorder, clock, case.flow_every_s)
    state, log = watch.begin(case.volume_ml)
    if (left_s := earlier_boluses_count_for_s(state, log, case)) > 0:
        recorder.step("wait_for_earlier_boluses", left_s)
        pump.stop("boluses before this case still count")
        watch.rest(left_s)
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


def earlier_boluses_count_for_s(state: PumpState, log: Sequence[PumpEvent], case: PatientBolusCase) -> float:
    """How long to wait before the blank, so that no bolus granted before this case counts at its first request.

    The pump's daily maximum and its lock-out look back over them, whoever asked for them. By the pump's own log and
    clock, over the times it was set; 0 where it has no clock, a day at the most.
    """
    if state.clock_s is None:
        return 0.0
    set_by_s = 0  # how far the clock was put forward since an entry
    for entry in reversed(log):
        if entry.code == "CLOCK":
            set_by_s += int(entry.arguments["NEW"]) - int(entry.arguments["OLD"])
        elif entry.code == "BOLUS_GRANT" and entry.arguments.get("SRC") == "PTM":
            ago_s = state.clock_s - (entry.clock_s + set_by_s)
            first_request_s = case.relax_s + case.blank_s + case.requests_s[0]
            return min(DAY_S + SAME_S - ago_s - first_request_s, DAY_S)
    return 0.0
