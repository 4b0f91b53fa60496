"""A daily schedule over months, the reservoir refilled in between.

No standard gives a method. Each filling is weighed between two evaporation blanks, with the pump stopped: so months
need no more of the balance than one filling does, and its vessel may be emptied between them.
"""

from __future__ import annotations

from dataclasses import replace

from rig.capabilities import UnitUnderTest
from rig.clock import Clock
from rig.definitions.cases import EnduranceCase
from rig.procedures.therapy import program, refill, set_clock, therapy_pump
from rig.procedures.watching import Watch
from rig.quantities import nl_from_ml
from rig.record.case_recorder import CaseRecorder


def endurance(unit: UnitUnderTest, case: EnduranceCase, recorder: CaseRecorder, clock: Clock) -> None:
    """Carry out one case on one unit: for each filling a refill, the schedule programmed, weighed, a blank."""
    watch = Watch(replace(unit, pump_asked_every_s=case.sample_every_s), recorder, clock, case.flow_every_s)
    therapy_pump(unit)
    watch.begin(None)  # it is filled below
    watch.blank("before", case)
    fillings_from(0, watch, case)
    watch.end()


def fillings_from(first: int, watch: Watch, case: EnduranceCase) -> None:
    """All fillings from number ``first`` (from 0) on, the blank after each included."""
    unit, recorder, clock, pump = watch.unit, watch.recorder, watch.clock, therapy_pump(watch.unit)
    for place in range(first, case.fillings):
        recorder.step(f"refill_{place + 1}", case.refill_takes_s if place else 0.0)
        if place:
            watch.rest(case.refill_takes_s)
        else:
            set_clock(pump, recorder, clock, case.begin_clock_s)
        refill(pump, recorder, clock, nl_from_ml(case.fill_ml), unit.low_reservoir_nl)
        program(unit, recorder, clock, case.prescription)

        recorder.step(f"sample_{place + 1}", case.filling_s(place))
        watch.ask_pump()
        watch.weigh_for(case.filling_s(place), case.sample_every_s)
        watch.blank(blank_after(place, case), case)


def blank_after(place: int, case: EnduranceCase) -> str:
    """The name of the blank after filling number ``place``."""
    return "after" if place == case.fillings - 1 else f"refill_{place + 2}"
