"""What looks through the record of a case, by its procedure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rig.definitions.bench_file import BenchFile, UnitFile
from rig.definitions.cases.python import PYTHON
from rig.judge.battery import find_battery
from rig.judge.bolus import find_bolus
from rig.judge.disturbance import find_disturbance
from rig.judge.endurance import find_endurance
from rig.judge.findings import Findings
from rig.judge.flex_schedule import find_flex_schedule
from rig.judge.flow_accuracy import find_flow_accuracy
from rig.judge.occlusion import find_occlusion
from rig.judge.patient_bolus import find_patient_bolus
from rig.judge.periodic_bolus import find_periodic_bolus
from rig.judge.priming import find_priming
from rig.judge.python import find_python
from rig.judge.refill_cycle import find_refill_cycle
from rig.judge.still import find_still
from rig.record.case_data import CaseData

# The record, the case (of the procedure's own model), the unit, the bench, the reference temperature in °C.
Finder = Callable[[CaseData, Any, UnitFile, BenchFile, float], Findings]

FINDERS: dict[str, Finder] = {
    "flow_accuracy": find_flow_accuracy,
    "bolus": find_bolus,
    "flex_schedule": find_flex_schedule,
    "patient_bolus": find_patient_bolus,
    "periodic_bolus": find_periodic_bolus,
    "priming": find_priming,
    "refill_cycle": find_refill_cycle,
    "endurance": find_endurance,
    "occlusion": find_occlusion,
    "still": find_still,
    "disturbance": find_disturbance,
    "battery": find_battery,
    PYTHON: find_python,
}
