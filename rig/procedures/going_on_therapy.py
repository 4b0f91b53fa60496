"""How therapies that take weeks or months go on after an interruption, by the same evidence as any weighed flow.

:mod:`rig.procedures.going_on` has the words and what is common.
"""

from __future__ import annotations

from dataclasses import replace

from rig.capabilities import UnitUnderTest
from rig.clock import Clock, ns_from_s
from rig.definitions.cases import EnduranceCase, FlexScheduleCase, RefillCycleCase
from rig.definitions.cases.flex_schedule import ScheduledCase
from rig.procedures.endurance import blank_after, fillings_from
from rig.procedures.flex_schedule import weigh_course
from rig.procedures.going_on import (
    DELIVERY,
    CannotGoOnError,
    Expected,
    GoesOn,
    Left,
    blank_goes_on,
    never_stopped,
    steadily,
    still_running,
)
from rig.procedures.watching import Watch
from rig.quantities import nl_from_ml
from rig.record.case_recorder import CaseRecorder
from rig.schedule import ClockCourse, scheduled_ml


def refill_cycle_goes_on(
    unit: UnitUnderTest, case: RefillCycleCase, recorder: CaseRecorder, clock: Clock, left: Left
) -> GoesOn:
    """If the pump never stopped and gave no alarm meanwhile: when it gives one is what is measured."""
    step = left.step
    watch = _watch_of(unit, case, recorder, clock, left)
    if step is None or step.name != "sample":
        return blank_goes_on(watch, case, left)
    is_empty = _ran_empty(left)
    if is_empty and (unit.pump.interrogate().running or left.said_of_delivery(unit)):
        raise CannotGoOnError("the pump delivers, or did, after its reservoir had run empty")
    if not is_empty:
        never_stopped(unit, case.prescription, recorder, left, steadily(case.prescription.rate_nl_h))
    codes = [event.code for event in unit.pump.events_since(left.last_event)]
    if "ALARM_ON" in codes:
        raise CannotGoOnError("the pump gave an alarm while nobody weighed")

    def rest() -> None:
        watch.take_up(case)
        _weigh_on(watch, left, case.sample_for_s, case.sample_every_s)
        watch.blank("after", case)
        watch.end()

    if is_empty:
        return GoesOn("the reservoir had run empty before, and nothing was delivered since", rest)
    return GoesOn(still_running(step), rest, case.prescription)


def flex_schedule_goes_on(
    unit: UnitUnderTest, case: FlexScheduleCase, recorder: CaseRecorder, clock: Clock, left: Left
) -> GoesOn:
    """If the pump never stopped, and its clock was not to be set meanwhile."""
    step = left.step
    watch = Watch(unit, recorder, clock, case.flow_every_s, last_event=left.last_event)
    if step is None or step.name != "sample":
        return blank_goes_on(watch, case, left)
    begin_ns = left.since_ns(step)
    due = [t_ns for t_ns, _ in case.course(begin_ns).settings if t_ns < clock.now_ns()]
    if len(due) > len(left.data.pump_clocks):
        raise CannotGoOnError("the pump's clock was to be set while the rig was gone")
    never_stopped(unit, case.prescription, recorder, left, _by_schedule(case, left))

    def rest() -> None:
        watch.take_up(case)
        if clock.now_ns() > begin_ns + ns_from_s(case.sample_for_s):
            watch.weigh()
        weigh_course(watch, case, begin_ns, clock.now_ns())
        watch.blank("after", case)
        watch.end()

    return GoesOn(still_running(step), rest, case.prescription)


def endurance_goes_on(
    unit: UnitUnderTest, case: EnduranceCase, recorder: CaseRecorder, clock: Clock, left: Left
) -> GoesOn:
    """In a filling if the pump never stopped; in a blank; in a refill of which the pump was not told yet."""
    step = left.step
    watch = _watch_of(unit, case, recorder, clock, left)
    kind, _, number = step.name.rpartition("_") if step is not None else ("", "", "")
    if step is None or kind not in ("sample", "refill"):
        return blank_goes_on(watch, case, left, lambda which: _next_fillings(which, watch, case))
    place = int(number) - 1
    if kind == "refill":
        codes = {event.code for event in unit.pump.events_since(left.last_event)}
        told = any(int(record["sent_t_ns"]) >= step.start_ns for record in left.data.commands)
        if place == 0 or told or codes & {"REFILL", "PROG", "START"} or unit.pump.interrogate().running:
            raise CannotGoOnError(f"it was interrupted in the step '{step.name}'")

        def refill_again() -> None:
            watch.take_up(case)
            fillings_from(place, watch, case)
            watch.end()

        return GoesOn("the pump stood, and had not been told of the refill", refill_again)
    never_stopped(unit, case.prescription, recorder, left, _by_schedule(case, left))

    def rest() -> None:
        watch.take_up(case)
        _weigh_on(watch, left, case.filling_s(place), case.sample_every_s)
        watch.blank(blank_after(place, case), case)
        fillings_from(place + 1, watch, case)
        watch.end()

    return GoesOn(still_running(step), rest, case.prescription)


def _next_fillings(which: str, watch: Watch, case: EnduranceCase) -> None:
    """Those after the blank of this name."""
    if which != "after":
        fillings_from(int(which.removeprefix("refill_")) - 1, watch, case)


def _weigh_on(watch: Watch, left: Left, for_s: float, every_s: float) -> None:
    """The rest of the step it was interrupted in, which was to last ``for_s``; at least once, if that is over."""
    assert left.step is not None
    since_ns = left.since_ns(left.step)
    if watch.clock.now_ns() > since_ns + ns_from_s(for_s):
        watch.weigh()
    watch.weigh_for(for_s, every_s, since_ns)


def _watch_of(
    unit: UnitUnderTest,
    case: RefillCycleCase | EnduranceCase,
    recorder: CaseRecorder,
    clock: Clock,
    left: Left,
) -> Watch:
    """As the procedure watches: the pump is asked as often as it is weighed."""
    asked = replace(unit, pump_asked_every_s=case.sample_every_s)
    return Watch(asked, recorder, clock, case.flow_every_s, last_event=left.last_event)


def _by_schedule(case: ScheduledCase, left: Left) -> Expected:
    """What the schedule delivers by the pump's clock, as it was set."""
    course = ClockCourse(tuple((int(r["set_t_ns"]), int(r["clock_s"])) for r in left.data.pump_clocks))
    if not course.settings:
        raise CannotGoOnError("the pump's clock was never set")

    def due_nl(from_ns: int, to_ns: int) -> float:
        if from_ns < course.settings[0][0]:
            raise CannotGoOnError("the pump was not asked since its clock was set")
        return nl_from_ml(scheduled_ml(case.schedule, course, from_ns, to_ns))

    return due_nl


def _ran_empty(left: Left) -> bool:
    """Whether the last that was recorded of delivery is that the reservoir ended it."""
    said = [record for record in left.data.pump_events if record["code"] in DELIVERY]
    return bool(said) and (said[-1]["code"], said[-1]["arguments"].get("CAUSE")) == ("STOP", "EMPTY")
