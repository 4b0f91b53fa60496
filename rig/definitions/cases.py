"""The cases of a plan: one model a procedure. A case is data; what is done with it is in rig.procedures."""

from __future__ import annotations

from rig.definitions.battery_case import BatteryCase
from rig.definitions.bolus_case import BolusCase
from rig.definitions.case_common import CommonCase
from rig.definitions.disturbance_case import DisturbanceCase
from rig.definitions.endurance_case import EnduranceCase
from rig.definitions.flex_schedule_case import FlexScheduleCase
from rig.definitions.flow_accuracy_case import FlowAccuracyCase
from rig.definitions.occlusion_case import OcclusionCase
from rig.definitions.patient_bolus_case import PatientBolusCase
from rig.definitions.periodic_bolus_case import PeriodicBolusCase
from rig.definitions.priming_case import PrimingCase
from rig.definitions.refill_cycle_case import RefillCycleCase
from rig.definitions.still_case import StillCase

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
