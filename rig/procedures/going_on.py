"""How a case goes on that was interrupted because the rig was gone: where its procedure can justify it, and only there.

What is decisive is not what was planned but what the pump itself says when it is reached again: its state, its count,
its log. Nothing that may have been dosed is dosed a second time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rig.capabilities import UnitUnderTest
from rig.clock import Clock, ns_from_s, s_from_ns
from rig.definitions.cases import BolusCase, FlowAccuracyCase
from rig.definitions.cases.common import WeighedCase
from rig.errors import RigError
from rig.procedures.bolus import give
from rig.procedures.watching import Watch
from rig.quantities import nl_from_ml, nl_h_from_ml_h
from rig.readings import MassReading, Prescription, PumpEvent, PumpState
from rig.record.case_data import CaseData, Record, Step
from rig.record.case_recorder import CaseRecorder

HARMLESS = frozenset({"identify", "relax_before", "blank_before"})  # steps before anything is delivered
# Codes of a pump's log that speak of delivery. What is not here (alarms, clock, battery, refill) does not.
DELIVERY = frozenset(
    {"PROG", "START", "STOP", "RESET", "STALL_ON", "BOLUS_REQ", "BOLUS_GRANT", "BOLUS_DENY", "BOLUS_END"}
)
COUNT_SHARE, COUNT_S, COUNT_NL = (
    0.02,
    10.0,
    1000.0,
)  # how far a pump's count may be from rate x time, and no stop

Expected = Callable[[int, int], float]  # nl between two instants of the run, in ns


class CannotGoOnError(RigError):
    """Why an interrupted case cannot go on."""


@dataclass(frozen=True)
class Left:
    """What an interrupted case left: its record, the run's zero on the instruments' clock, whether time was kept."""

    data: CaseData
    zero_ns: int
    time_is_known: bool

    @property
    def step(self) -> Step | None:
        """The step in which it was interrupted."""
        return self.data.steps[-1] if self.data.steps else None

    @property
    def last_event(self) -> int:
        """Number of the newest entry of the pump's log that was recorded."""
        return max((int(event["number"]) for event in self.data.pump_events), default=-1)

    def since_ns(self, step: Step) -> int:
        """When a step began, on the instruments' clock."""
        return step.start_ns + self.zero_ns

    def said_of_delivery(self, unit: UnitUnderTest) -> list[str]:
        """What the pump's log tells of delivery since it was read last: codes, the oldest first."""
        return [event.code for event in unit.pump.events_since(self.last_event) if event.code in DELIVERY]


@dataclass(frozen=True)
class GoesOn:
    """How it goes on: in words, what is still to be done, and the program that runs meanwhile."""

    words: str
    rest: Callable[[], None]
    running: Prescription | None = None


def nothing_was_dosed(data: CaseData) -> bool:
    """Whether the case was interrupted before anything was commanded: then it can begin again and doses once."""
    return {step.name for step in data.steps} <= HARMLESS


def flow_accuracy_goes_on(
    unit: UnitUnderTest, case: FlowAccuracyCase, recorder: CaseRecorder, clock: Clock, left: Left
) -> GoesOn:
    """While it settled or was sampled: if the pump never stopped. In the blank afterwards: always."""
    step = left.step
    watch = Watch(unit, recorder, clock, case.flow_every_s, last_event=left.last_event)
    if step is None or step.name not in ("settle", "sample"):
        return blank_goes_on(watch, case, left)
    running = Prescription("continuous", rate_nl_h=nl_h_from_ml_h(case.rate_ml_h))
    never_stopped(unit, running, recorder, left, steadily(running.rate_nl_h))

    def rest() -> None:
        watch.take_up(case)
        since_ns = left.since_ns(step)
        if step.name == "settle":
            watch.weigh_for(case.settle_s, case.sample_every_s, since_ns)
            recorder.step("sample", case.sample_for_s)
            since_ns = clock.now_ns()
            watch.weigh_for(case.sample_for_s, case.sample_every_s)
        else:
            watch.weigh_for(case.sample_for_s, case.sample_every_s, since_ns)
        watch.blank("after", case)
        watch.end()

    return GoesOn(still_running(step), rest, running)


def bolus_goes_on(
    unit: UnitUnderTest, case: BolusCase, recorder: CaseRecorder, clock: Clock, left: Left
) -> GoesOn:
    """With the next bolus. One that may have been given is weighed if it was given whole, and never given again."""
    step = left.step
    watch = Watch(unit, recorder, clock, case.flow_every_s, last_event=left.last_event)
    if step is None or step.name != "sample":
        return blank_goes_on(watch, case, left)
    begun = max((int(record["index"]) for record in left.data.doses_begun), default=-1) + 1
    weighed = max((dose.index for dose in left.data.doses), default=-1) + 1
    state = unit.pump.interrogate()
    recorder.pump_state(state)
    if begun <= weighed and state.running and state.mode != unit.safe_state:
        raise CannotGoOnError(f"the pump delivers what this case did not command (mode '{state.mode}')")

    def rest() -> None:
        watch.take_up(case)
        first = weighed
        if begun > weighed:
            first = _after_a_bolus_in_doubt(watch, case, left, begun - 1)
        unit.pump.stop("before the next bolus")
        give(watch, case, first)
        watch.blank("after", case)
        watch.end()

    if begun > weighed:
        return GoesOn(f"bolus {begun} was about to be given: the pump's log decides what became of it", rest)
    return GoesOn(f"{weighed} boluses were given and weighed; it goes on with the next", rest)


def _after_a_bolus_in_doubt(watch: Watch, case: BolusCase, left: Left, index: int) -> int:
    """Find out what became of bolus ``index``; the number of the one to go on with."""
    recorder, data = watch.recorder, left.data
    begun = data.doses_begun[-1]
    state, events = watch.ask_pump_and_log()
    said = [
        PumpEvent(0, 0, str(record["code"]), record["arguments"])
        for record in _since(begun, data.pump_events)
    ]
    said = [event for event in [*said, *events] if event.code in DELIVERY]
    counted_nl = [int(record["delivered_nl"]) for record in data.pump_states if record["seq"] < begun["seq"]]
    keeps_log = bool(data.pump_events or events)
    if keeps_log and not said and counted_nl and state.delivered_nl == counted_nl[-1] and not state.running:
        recorder.note(f"bolus {index + 1} never reached the pump, by its log and its count; it is given now")
        return index
    if state.running:
        watch.rest(state.bolus_left_s or case.bolus_duration_s)
    watch.rest(case.settle_s)
    state, more = watch.ask_pump_and_log()
    volume_nl = nl_from_ml(case.bolus_ml)
    said += [event for event in more if event.code in DELIVERY]
    if state.running or not _given_whole(said, volume_nl):
        recorder.note(
            f"bolus {index + 1} was begun, and was or may have been cut short; it is not weighed, nor given again"
        )
        return index + 1
    before = _last_reading(data, int(begun["t_ns"]), left.zero_ns)
    if before is None:
        return index + 1
    after = watch.weigh()
    start_ns = int(begun["t_ns"]) + left.zero_ns
    end_ns = start_ns + ns_from_s(case.bolus_duration_s)
    recorder.dose(index, case.bolus_ml, before, after, start_ns, end_ns)
    late_s = s_from_ns(after.t_ns - end_ns) - case.settle_s
    recorder.note(
        f"bolus {index + 1} was given whole, by the pump's log; it was weighed {late_s:.0f} s later than planned"
    )
    return index + 1


def _since(begun: Record, records: Sequence[Record]) -> list[Record]:
    """Those written after it."""
    return [record for record in records if record["seq"] > begun["seq"]]


def _given_whole(events: list[PumpEvent], volume_nl: int) -> bool:
    """Whether the log tells of one bolus, from its grant to its natural end, and that it was all of it."""
    ends = [event.arguments for event in events if event.code == "BOLUS_END"]
    grants = [event for event in events if event.code == "BOLUS_GRANT"]
    if len(ends) != 1 or len(grants) != 1 or any(event.code in ("RESET", "STALL_ON") for event in events):
        return False
    return ends[0].get("CAUSE") == "DONE" and ends[0].get("GOT") == str(volume_nl)


def blank_goes_on(
    watch: Watch, case: WeighedCase, left: Left, then: Callable[[str], None] | None = None
) -> GoesOn:
    """All was delivered; the pump is to stand, and what evaporates is weighed. Raises CannotGoOnError.

    ``then(which)``: what follows the blank of that name, where it is not the end.
    """
    step = left.step
    kind, _, which = step.name.partition("_") if step else ("start", "", "")
    if step is None or kind not in ("relax", "blank") or which == "before":
        raise CannotGoOnError(f"it was interrupted in the step '{step.name if step else kind}'")

    def rest() -> None:
        watch.take_up(case)
        watch.unit.pump.stop("evaporation blank")
        if kind == "relax":
            watch.rest_until(left.since_ns(step) + ns_from_s(case.relax_s))
            watch.recorder.step(f"blank_{which}", case.blank_s)
            watch.weigh_blank(case)
        else:
            end_ns = left.since_ns(step) + ns_from_s(case.blank_s)
            # A blank that was over meanwhile, or nearly, gets its length from now: two ends of a line need to be seen.
            watch.weigh_blank(case, left.since_ns(step) if end_ns > watch.clock.now_ns() else None)
        if then is not None:
            then(which)
        watch.end()

    return GoesOn(f"all was delivered before; the step '{step.name}' goes on", rest)


def still_running(step: Step) -> str:
    """How a step goes on in which the pump delivers, in words."""
    return f"the pump never stopped; the step '{step.name}' goes on, and the gap stays a gap"


def steadily(rate_nl_h: int) -> Expected:
    """What a constant rate delivers."""
    return lambda from_ns, to_ns: rate_nl_h * s_from_ns(to_ns - from_ns) / 3600


def never_stopped(
    unit: UnitUnderTest, running: Prescription, recorder: CaseRecorder, left: Left, expected_nl: Expected
) -> None:
    """Raises CannotGoOnError unless the pump runs, with this program, and all it says fits that it always did.

    ``expected_nl``: what the program delivers between two instants of the run.
    """
    if not left.time_is_known:
        raise CannotGoOnError("it is not known how long the rig was gone")
    if unit.switched is not None:
        raise CannotGoOnError("its flow or its power may have been switched meanwhile")
    state = unit.pump.interrogate()
    if not state.running or state.mode != running.mode:
        raise CannotGoOnError(f"the pump was stopped meanwhile (it is in mode '{state.mode}')")
    if (active := unit.pump.read_back()) != running:
        raise CannotGoOnError(f"the pump has another program now: {active}")
    said = left.said_of_delivery(unit)
    if not _was_asked_since_the_start(left.data) and said[:2] == ["PROG", "START"]:
        said = said[2:]  # the pump's own words on the program of this case
    if said:
        raise CannotGoOnError(f"the pump's log tells of {said[0]} meanwhile")
    _check_count(state, left, expected_nl)
    recorder.pump_state(
        state
    )  # only now: who asks after another interruption counts from the last sound state


def _was_asked_since_the_start(data: CaseData) -> bool:
    """Whether the pump's log was read after it had been programmed."""
    programs = [step for step in data.steps if step.name == "program" or step.name.startswith("refill_")]
    return bool(programs) and any(int(record["t_ns"]) > programs[-1].start_ns for record in data.pump_states)


def _check_count(state: PumpState, left: Left, expected_nl: Expected) -> None:
    """Raises CannotGoOnError unless the pump counted what should have flowed since it was last asked."""
    running = [record for record in left.data.pump_states if record["running"]]
    if not running:
        return  # it was never asked while it ran; its log and its program have spoken
    then, then_ns, now_ns = running[-1], int(running[-1]["t_ns"]), state.t_ns - left.zero_ns
    due_nl = expected_nl(then_ns, now_ns)
    counted_nl = state.delivered_nl - int(then["delivered_nl"])
    slack_nl = COUNT_SHARE * due_nl + expected_nl(now_ns, now_ns + ns_from_s(COUNT_S)) + COUNT_NL
    if abs(counted_nl - due_nl) > slack_nl:
        raise CannotGoOnError(
            f"the pump counted {counted_nl} nL where {due_nl:.0f} nL should have flowed: it stood for a while"
        )


def _last_reading(data: CaseData, until_ns: int, zero_ns: int) -> MassReading | None:
    """The balance reading before a moment of the run."""
    before = [index for index, t_ns in enumerate(data.mass.t_ns.tolist()) if t_ns <= until_ns]
    if not before:
        return None
    last = before[-1]
    return MassReading(
        int(data.mass.t_ns[last]) + zero_ns, float(data.mass.mass_g[last]), bool(data.mass.stable[last]), b""
    )
