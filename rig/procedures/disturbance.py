"""Something is done to a pump that delivers: a magnet, its power, a reset. It is to tell, to recover, and to go on.

No standard gives a method; ISO 14708-4 asks for protection against magnetic fields, and for what a pump does after its
power failed. The delivery before and after is weighed as in IEC 60601-2-24:2012, 201.12.1.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from rig.capabilities import PowerSupply, TherapyPump, UnitUnderTest
from rig.clock import Clock, ns_from_s
from rig.definitions.cases import DisturbanceCase
from rig.errors import DeviceError, LimitRefused, LinkTimeout, ProtocolError
from rig.procedures.conditions import valves_of
from rig.procedures.therapy import therapy_pump
from rig.procedures.watching import Watch, program_and_read_back
from rig.record.case_recorder import CaseRecorder


def disturbance(unit: UnitUnderTest, case: DisturbanceCase, recorder: CaseRecorder, clock: Clock) -> None:
    """Carry out one case on one unit. What was done is undone whatever happens."""
    pump = therapy_pump(unit)
    feed(unit, case)
    watch = Watch(unit, recorder, clock, case.flow_every_s)
    watch.begin(case.volume_ml)
    watch.blank("before", case)

    recorder.step("program")
    program_and_read_back(unit, recorder, case.prescription)
    recorder.step("settle", case.settle_s)
    watch.rest(case.settle_s)

    recorder.step("sample", case.after_s)
    begin_ns = clock.now_ns()
    watch.weigh_for(case.after_s, case.after_s / max(1, round(case.after_s / case.sample_every_s)))

    recorder.step("disturbed", case.deed_for_s)
    with _deed(unit, case, pump):
        if case.deed == "power":
            clock.sleep_until_ns(clock.now_ns() + ns_from_s(case.deed_for_s))  # nobody answers
        else:
            _look(watch, case, case.deed_for_s)
    recorder.step("recovering", case.recover_s)
    until_ns = clock.now_ns() + ns_from_s(case.recover_s)
    if case.deed == "power":
        _until_it_answers(pump, clock, until_ns)
    while clock.now_ns() < until_ns:
        _look(watch, case, min(case.look_every_s, (until_ns - clock.now_ns()) / 1e9))
    _ask_program(pump, case, recorder, clock)
    if case.deed == "reset":
        pump.program(case.prescription)  # the record keeps what was read back after the reset

    recorder.step("resettle", case.settle_s)
    watch.rest(case.settle_s)
    recorder.step("resumed")
    left_s = case.sample_for_s - (clock.now_ns() - begin_ns) / 1e9
    watch.weigh_for(left_s, left_s / max(1, round(left_s / case.sample_every_s)))

    watch.blank("after", case)
    watch.end()


def _ask_program(pump: TherapyPump, case: DisturbanceCase, recorder: CaseRecorder, clock: Clock) -> None:
    """What the pump says its program is; that it says none is an answer too."""
    asked_ns = clock.now_ns()
    try:
        recorder.read_back(case.prescription, pump.read_back())
    except DeviceError as error:
        recorder.flag(
            "program_not_told", f"the pump does not say its program: {error}", asked_ns, clock.now_ns()
        )


def supply_of(unit: UnitUnderTest) -> PowerSupply:
    """The supply in the place of the pump's battery. Raises LimitRefused."""
    if unit.supply is None:
        raise LimitRefused(f"refused, nothing was delivered: no supply feeds unit {unit.serial}")
    return unit.supply


def feed(unit: UnitUnderTest, case: DisturbanceCase) -> None:
    """The supply gives what a battery would, if the case has one."""
    if case.voltage_v is not None:
        supply_of(unit).set_voltage(case.voltage_v, case.current_limit_a)
        supply_of(unit).switch(True)


@contextmanager
def _deed(unit: UnitUnderTest, case: DisturbanceCase, pump: TherapyPump) -> Iterator[None]:
    """Do it, and undo it."""
    try:
        if case.deed == "reset":
            pump.restart()
        elif case.channel is not None:
            valves_of(unit).switch(case.channel, True)
        elif case.deed == "power":
            if case.brown_out_v:
                supply_of(unit).set_voltage(case.brown_out_v, case.current_limit_a)
            else:
                supply_of(unit).switch(False)
        yield
    finally:
        if case.channel is not None:
            valves_of(unit).switch(case.channel, False)
        feed(unit, case)


def _look(watch: Watch, case: DisturbanceCase, for_s: float) -> None:
    """Ask the pump every so often."""
    until_ns = watch.clock.now_ns() + ns_from_s(for_s)
    while watch.clock.now_ns() < until_ns:
        watch.rest(min(case.look_every_s, (until_ns - watch.clock.now_ns()) / 1e9))
        watch.ask_pump()


def _until_it_answers(pump: TherapyPump, clock: Clock, until_ns: int) -> None:
    """A pump whose power came back has to begin a new session. Raises the last error when it never answers."""
    while clock.now_ns() < until_ns:
        with suppress(LinkTimeout, ProtocolError):
            pump.identify()
            return
    pump.identify()
