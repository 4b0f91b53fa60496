"""A pump that is reprogrammed while it delivers, and stopped in the middle.

    pytest test_plans/test_reprogramming.py --bench fixtures/simulated.bench.toml

A plan file says one program a case; here it is changed under way, which a Python plan can. How to write one:
docs/how-to/write-a-python-plan.md.
"""

import math

import pytest

from rig.analysis.density import water_density_kg_m3
from rig.readings import Prescription

pytestmark = pytest.mark.plan(
    id="reprogramming",
    revision="A",
    title="Reprogrammed while it delivers",
    requirements="requirements.csv",
    reference_temperature="37 degC",
    pumps=["implantable"],
)

WEIGHED_U_G = (
    0.1e-3  # expanded: two readings of a balance with a repeatability of 0.02 mg, evaporation of some minutes
)
DENSITY_U_PCT = 0.12  # expanded: air buoyancy, which is not corrected here, and the temperature of the water
DENSITY_G_ML = water_density_kg_m3(37.0) / 1000


@pytest.mark.verifies("SRS-001")
def test_a_new_rate_is_followed(pump, record, verify):
    """The volume after a change from 0.5 mL/h to 1 mL/h

    Patients are titrated while the pump runs: nothing may be lost or given twice at the change.
    """
    record.step("first-rate")
    pump.program(Prescription("continuous", rate_nl_h=500_000))
    record.watch("15 min")
    record.step("second-rate")
    pump.program(Prescription("continuous", rate_nl_h=1_000_000))
    record.watch("2 min")
    weighed = record.watch("30 min", weigh_every="5 min")
    volume_ml = (weighed[-1].mass_g - weighed[0].mass_g) / DENSITY_G_ML
    error_pct = 100 * (volume_ml / 0.5 - 1)
    u_pct = math.hypot(100 * WEIGHED_U_G / DENSITY_G_ML / 0.5, DENSITY_U_PCT)
    verify("rate_error", error_pct, unit="%", expanded_uncertainty=u_pct, limit="within 14.5 %")


@pytest.mark.verifies("SRS-001")
def test_a_stop_is_obeyed(pump, balance, clock, record, verify):
    """What flows after a stop in the middle of delivery"""
    pump.program(Prescription("continuous", rate_nl_h=1_000_000))
    record.watch("10 min")
    pump.stop("in the middle")
    clock.sleep_s(60)  # the elastic tube empties
    before = balance.read()
    record.watch("20 min")
    after = balance.read()
    assert pump.interrogate().mode == "stop"
    verify(
        "volume_after_stop",
        1000 * (after.mass_g - before.mass_g) / DENSITY_G_ML,
        unit="uL",
        expanded_uncertainty=1000 * WEIGHED_U_G / DENSITY_G_ML,
        limit="within 1 uL",
    )
