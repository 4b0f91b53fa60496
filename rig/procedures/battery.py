"""The battery: current by mode, and what the pump says as its voltage falls.

No standard gives a method; ISO 14708-4 asks for an indicator before the end of service. A source-meter stands in the
place of the battery.
"""

from __future__ import annotations

from rig.capabilities import UnitUnderTest
from rig.clock import Clock, ns_from_s
from rig.definitions.cases import BatteryCase
from rig.definitions.cases.battery import LOOKS_WHILE_WAITING
from rig.errors import LimitRefused
from rig.procedures.therapy import therapy_pump
from rig.procedures.watching import Watch, program_and_read_back
from rig.quantities import nl_h_from_ml_h
from rig.readings import Prescription
from rig.record.case_recorder import CaseRecorder

METERS = ("supply", "current")


def battery(unit: UnitUnderTest, case: BatteryCase, recorder: CaseRecorder, clock: Clock) -> None:
    """Carry out one case on one unit. It ends with the voltage of a fresh battery."""
    therapy_pump(unit)
    supply = unit.supply
    if supply is None:
        raise LimitRefused(f"refused, nothing was delivered: no supply feeds unit {unit.serial}")
    supply.set_voltage(case.voltage_v, case.current_limit_a)
    supply.switch(True)
    watch = Watch(unit, recorder, clock, case.flow_every_s)
    watch.begin(case.volume_ml)
    meters = [role for role in METERS if role in unit.monitors]

    def hold(step: str, voltage_v: float | None = None) -> None:
        recorder.step(step, case.hold_s)
        if voltage_v is not None:
            supply.set_voltage(voltage_v, case.current_limit_a)
        watch.rest(case.hold_s)
        watch.read_monitors(meters)
        watch.ask_pump()

    try:
        unit.pump.stop("current of the stopped pump")
        hold("stopped")
        for place, rate_ml_h in enumerate(case.rates_ml_h):
            rate_nl_h = nl_h_from_ml_h(rate_ml_h)
            program_and_read_back(unit, recorder, Prescription("continuous", rate_nl_h=rate_nl_h))
            hold(f"rate_{place}")
        if case.voltages_v:
            first = Prescription("continuous", rate_nl_h=nl_h_from_ml_h(case.rates_ml_h[0]))
            program_and_read_back(unit, recorder, first)
        for place, voltage_v in enumerate(case.voltages_v):
            hold(f"voltage_{place}", voltage_v)
        recorder.step("waiting", case.wait_for_end_s)
        begun_ns = clock.now_ns()
        for look in range(1, LOOKS_WHILE_WAITING + 1 if case.wait_for_end_s else 0):
            clock.sleep_until_ns(begun_ns + ns_from_s(look * case.wait_for_end_s / LOOKS_WHILE_WAITING))
            watch.ask_pump()
    finally:
        supply.set_voltage(case.voltage_v, case.current_limit_a)
    watch.end()
