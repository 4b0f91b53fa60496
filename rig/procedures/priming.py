"""Tubing and catheter primed from the stopped pump, then a bridge bolus to another concentration, then the program.

No standard gives a method; volumes are weighed as in IEC 60601-2-24:2012, 201.12.1. The line is taken to be full of the
old drug where the bridge begins: water has no concentration, so what comes out of it is told by volume.
"""

from __future__ import annotations

from rig.capabilities import UnitUnderTest
from rig.clock import Clock, ns_from_s
from rig.definitions.cases import PrimingCase
from rig.procedures.therapy import bridge, prime, program, therapy_pump
from rig.procedures.watching import Watch
from rig.quantities import nl_from_ml, nl_h_from_ml_h
from rig.record.case_recorder import CaseRecorder


def priming(unit: UnitUnderTest, case: PrimingCase, recorder: CaseRecorder, clock: Clock) -> None:
    """Carry out one case on one unit. After the bridge the pump is told nothing more: its program is to resume."""
    pump = therapy_pump(unit)
    watch = Watch(unit, recorder, clock, case.flow_every_s)
    watch.begin(case.volume_ml)
    watch.blank("before", case)

    recorder.step("prime", case.prime_s + case.settle_s)
    watch.weigh()
    begun_ns = prime(pump, recorder, clock, nl_from_ml(case.line_ml), nl_h_from_ml_h(case.prime_rate_ml_h))
    watch.rest_until(begun_ns + ns_from_s(case.prime_s + case.settle_s))
    watch.weigh()
    watch.ask_pump()

    recorder.step("bridge", case.bridge_duration_s + case.settle_s)
    watch.ask_pump()
    watch.weigh()
    program(unit, recorder, clock, case.prescription)
    begun_ns = bridge(pump, recorder, clock, case.bridge)
    for index in range(1, round(case.bridge_duration_s / case.sample_every_s) + 1):
        watch.rest_until(begun_ns + ns_from_s(index * case.sample_every_s))
        watch.weigh()
    watch.rest(case.settle_s)
    watch.weigh()

    recorder.step("sample", case.sample_for_s)
    watch.ask_pump()
    watch.weigh_for(case.sample_for_s, case.sample_every_s)

    watch.blank("after", case)
    watch.end()
