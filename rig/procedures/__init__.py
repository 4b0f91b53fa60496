"""How a test is carried out: each procedure reads like the standard's text.

A procedure knows capabilities, not drivers, and never asks whether the bench is simulated. ``PROCEDURES`` is the
closed set that plans may name; the parameters of each are in :mod:`rig.definitions.cases`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rig.capabilities import UnitUnderTest
from rig.clock import Clock
from rig.procedures.battery import battery
from rig.procedures.bolus import bolus
from rig.procedures.disturbance import disturbance
from rig.procedures.endurance import endurance
from rig.procedures.flex_schedule import flex_schedule
from rig.procedures.flow_accuracy import flow_accuracy
from rig.procedures.going_on import GoesOn, Left, bolus_goes_on, flow_accuracy_goes_on
from rig.procedures.going_on_therapy import endurance_goes_on, flex_schedule_goes_on, refill_cycle_goes_on
from rig.procedures.occlusion import occlusion
from rig.procedures.patient_bolus import patient_bolus
from rig.procedures.periodic_bolus import periodic_bolus
from rig.procedures.priming import priming
from rig.procedures.refill_cycle import refill_cycle
from rig.procedures.still import still
from rig.record.case_recorder import CaseRecorder

Procedure = Callable[[UnitUnderTest, Any, CaseRecorder, Clock], None]

PROCEDURES: dict[str, Procedure] = {
    "flow_accuracy": flow_accuracy,
    "bolus": bolus,
    "flex_schedule": flex_schedule,
    "patient_bolus": patient_bolus,
    "periodic_bolus": periodic_bolus,
    "priming": priming,
    "refill_cycle": refill_cycle,
    "endurance": endurance,
    "occlusion": occlusion,
    "still": still,
    "disturbance": disturbance,
    "battery": battery,
}

# Those of which a case that was interrupted can go on; of the others it can only begin again.
GOES_ON: dict[str, Callable[[UnitUnderTest, Any, CaseRecorder, Clock, Left], GoesOn]] = {
    "flow_accuracy": flow_accuracy_goes_on,
    "bolus": bolus_goes_on,
    "flex_schedule": flex_schedule_goes_on,
    "refill_cycle": refill_cycle_goes_on,
    "endurance": endurance_goes_on,
}
