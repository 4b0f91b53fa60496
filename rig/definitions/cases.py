"""The cases of a plan: one model a procedure. A case is data; what is done with it is in rig.procedures."""

from __future__ import annotations

from rig.definitions.bolus_case import BolusCase
from rig.definitions.case_common import CommonCase
from rig.definitions.endurance_case import EnduranceCase
from rig.definitions.flex_schedule_case import FlexScheduleCase
from rig.definitions.flow_accuracy_case import FlowAccuracyCase
from rig.definitions.patient_bolus_case import PatientBolusCase
from rig.definitions.periodic_bolus_case import PeriodicBolusCase
from rig.definitions.priming_case import PrimingCase
from rig.definitions.refill_cycle_case import RefillCycleCase

__all__ = [
    "PROCEDURES",
    "BolusCase",
    "Case",
    "EnduranceCase",
    "FlexScheduleCase",
    "FlowAccuracyCase",
    "PatientBolusCase",
    "PeriodicBolusCase",
    "PrimingCase",
    "RefillCycleCase",
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
}
