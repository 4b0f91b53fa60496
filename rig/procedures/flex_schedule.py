"""A daily schedule by the pump's own clock, weighed where each step begins.

No standard gives a method; the rates are checked as in IEC 60601-2-24:2012, 201.12.1.102, over each step and each day.
"""

from __future__ import annotations

from rig.capabilities import UnitUnderTest
from rig.clock import Clock, ns_from_s
from rig.definitions.cases import FlexScheduleCase
from rig.procedures.therapy import set_clock, therapy_pump
from rig.procedures.watching import Watch, program_and_read_back
from rig.record.case_recorder import CaseRecorder
from rig.schedule import change_instants_ns


def flex_schedule(unit: UnitUnderTest, case: FlexScheduleCase, recorder: CaseRecorder, clock: Clock) -> None:
    """Carry out one case on one unit: clock set, schedule programmed, weighed at each change and in between."""
    pump = therapy_pump(unit)
    watch = Watch(unit, recorder, clock, case.flow_every_s)
    watch.begin(case.volume_ml)
    watch.blank("before", case)

    recorder.step("program")
    set_clock(pump, recorder, clock, case.begin_clock_s)
    program_and_read_back(unit, recorder, case.prescription)

    recorder.step("sample", case.sample_for_s)
    watch.ask_pump()
    weigh_course(watch, case, clock.now_ns())

    watch.blank("after", case)
    watch.end()


def weigh_course(watch: Watch, case: FlexScheduleCase, begin_ns: int, from_ns: int = 0) -> None:
    """Weigh at each change of the rate and in between, of what began at ``begin_ns``; nothing before ``from_ns``."""
    end_ns = begin_ns + ns_from_s(case.sample_for_s)
    count = round(case.sample_for_s / case.sample_every_s)
    grid = {begin_ns + ns_from_s(place * case.sample_every_s) for place in range(count + 1)}
    course = case.course(begin_ns)
    changes = set(change_instants_ns(case.schedule, course, begin_ns, end_ns))
    clock_settings = dict(course.settings[1:])
    for t_ns in sorted(grid | changes):
        if t_ns < from_ns:
            continue
        watch.rest_until(t_ns)
        watch.weigh()
        if t_ns in clock_settings:
            set_clock(therapy_pump(watch.unit), watch.recorder, watch.clock, clock_settings[t_ns])
    watch.ask_pump()
