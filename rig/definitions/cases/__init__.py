"""The cases of a plan: one model a procedure. A case is data; what is done with it is in rig.procedures."""

from __future__ import annotations

from rig.definitions.cases.battery import BatteryCase
from rig.definitions.cases.bolus import BolusCase
from rig.definitions.cases.common import CommonCase
from rig.definitions.cases.disturbance import DisturbanceCase
from rig.definitions.cases.endurance import EnduranceCase
from rig.definitions.cases.flex_schedule import FlexScheduleCase
from rig.definitions.cases.flow_accuracy import FlowAccuracyCase
from rig.definitions.cases.occlusion import OcclusionCase
from rig.definitions.cases.patient_bolus import PatientBolusCase
from rig.definitions.cases.periodic_bolus import PeriodicBolusCase
from rig.definitions.cases.priming import PrimingCase
from rig.definitions.cases.refill_cycle import RefillCycleCase
from rig.definitions.cases.still import StillCase

__all__ = [
    "PROCEDURES",
    "BatteryCase",
    "BolusCase",
    "Case",
    "DisturbanceCase",
    "EnduranceCase",
    "FlexScheduleCase",
    "FlowAccuracyCase",
    "OcclusionCase",
    "PatientBolusCase",
    "PeriodicBolusCase",
    "PrimingCase",
    "RefillCycleCase",
    "StillCase",
]

# Every case is a CommonCase; what only one procedure has is asked of its own model.
Case = CommonCase

PROCEDURES: dict[str, type[CommonCase]] = {
    "flow_accuracy": FlowAccuracyCase,
    "bolus": BolusCase,
    "flex_schedule": FlexScheduleCase,
    "patient_bolus": PatientBolusCase,
    "periodic_bolus": PeriodicBolusCase,
    "priming": PrimingCase,
    "refill_cycle": RefillCycleCase,
    "endurance": EnduranceCase,
    "occlusion": OcclusionCase,
    "still": StillCase,
    "disturbance": DisturbanceCase,
    "battery": BatteryCase,
}
