"""The fluid's density is that of the fluid in the pump, the air's that of the room."""

from rig.analysis.density import air_density_kg_m3, water_density_kg_m3
from rig.analysis.gravimetry import Conditions

WARM = Conditions(
    reference_temperature_c=37.0,
    reference_temperature_u_k=0.1,
    air_temperature_c=20.0,
    air_temperature_u_k=0.5,
    air_pressure_hpa=1013.0,
    air_pressure_u_hpa=2.0,
    air_humidity_pct=50.0,
    air_humidity_u_pct=5.0,
)


def test_each_at_its_own_temperature() -> None:
    assert WARM.fluid_kg_m3 == water_density_kg_m3(37.0) != water_density_kg_m3(20.0)
    assert WARM.air_kg_m3 == air_density_kg_m3(1013.0, 50.0, 20.0)
