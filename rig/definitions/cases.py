"""The cases of a plan: one model a procedure. A case is data; what is done with it is in rig.procedures."""

from __future__ import annotations

from rig.definitions.bolus_case import BolusCase
from rig.definitions.flow_accuracy_case import FlowAccuracyCase

__all__ = ["PROCEDURES", "BolusCase", "Case", "FlowAccuracyCase"]

Case = FlowAccuracyCase | BolusCase

PROCEDURES: dict[str, type[FlowAccuracyCase] | type[BolusCase]] = {
    "flow_accuracy": FlowAccuracyCase,
    "bolus": BolusCase,
}
