"""Error of what was delivered between weighings, with its uncertainty budget.

Model, in % of what was programmed (V): E = 100 ((D + e t) F / V - 1), with D the difference of display, e
the rate of evaporation, t the time it acted, F = Z (1 - (d_tube/d_vessel)²) the volume for a gram of
display. For a flow, V = r t.

Estimator: end points, as IEC 60601-2-24 defines it, and no line fitted through the readings. The zero point
of a balance walks; over a day the walk outweighs the noise of a reading several times, and for a walk the
difference of the end points is the best linear unbiased estimator there is (a straight line has a 20 %
larger variance). Besides, it asks nothing of the shape of the flow. The evaporation blanks, where the shape
is known and time is short, are fitted.
"""

from __future__ import annotations

import math

from rig.analysis.density import water_density_kg_m3
from rig.analysis.evaporation import Evaporation
from rig.analysis.gravimetry import S_PER_H, WEIGHTS_KG_M3, BalanceFigures, immersion_factor
from rig.analysis.uncertainty import Budget, Component
from rig.analysis.weighed_difference import Difference, Weighing, delivered_ml

PER_CENT = 100.0
RECTANGLE = math.sqrt(3)
IMMERSION_DOUBT = 0.02  # of the correction: a diameter measured to 1 %, squared
# Amplitude over standard deviation of a cycle of unknown phase (JCGM 101:2008, 6.4.6).
ARC_SINE = math.sqrt(2)
NOT_STATED = "not stated in the bench file: taken as nothing"


def delivery_error(
    difference: Difference,
    programmed_ml: float,
    evaporation: Evaporation,
    weighing: Weighing,
    *,
    timed_over_s: float | None = None,
    lateness_s: float = 0.0,
    extra: tuple[Component, ...] = (),
) -> Budget:
    """Error of the delivered volume in % of the programmed one, with its budget.

    ``timed_over_s`` is the time that made ``programmed_ml`` of a rate, None for a dose; ``lateness_s`` the
    standard uncertainty of that time beyond that of two readings (when a nominal time stands for the actual
    one). ``extra`` components are added as they are. Figures of noise and drift are enlarged when the
    scatter of the blanks exceeds what they explain.

    Raises ValueError for a programmed volume that is not positive.
    """
    if not programmed_ml > 0:
        raise ValueError(f"nothing was programmed: {programmed_ml} mL")
    volume_ml = delivered_ml(difference, evaporation, weighing)
    error_pct = PER_CENT * (volume_ml / programmed_ml - 1)
    per_g = PER_CENT * weighing.volume_per_display_ml_g / programmed_ml
    relative_pct = PER_CENT * volume_ml / programmed_ml  # effect of a relative error of 1
    components = (
        *_of_the_balance(difference, weighing.balance, per_g, evaporation.excess),
        *_of_evaporation(difference, evaporation, weighing.evaporation_variation, per_g),
        *_of_conversion(weighing, relative_pct),
        *_of_time(difference, evaporation, timed_over_s, lateness_s, weighing, relative_pct, per_g),
        dead_volume_component(
            weighing.dead_volume_ml,
            weighing.dead_volume_swing_k,
            weighing.conditions.reference_temperature_c,
            programmed_ml,
            difference.noise_weight,
        ),
        *extra,
    )
    return Budget(error_pct, "%", components)


def _of_the_balance(
    difference: Difference, balance: BalanceFigures, per_g: float, excess: float
) -> tuple[Component, ...]:
    weight = difference.noise_weight
    display_g = difference.display_g
    stated = "stated for the balance"
    scatter = "" if excess == 1.0 else f", times {excess:.2f} by the scatter of the blanks"
    drift_24h = f"stated walk of {balance.drift_24h_g:g} g in 24 h, over the root of the time{scatter}"
    ppm = balance.sensitivity_ppm
    return (
        # The difference of two rectangles is a triangle.
        Component(
            "balance resolution",
            "half a digit, either way, of each reading",
            display_g,
            "g",
            weight * balance.rounding_g,
            per_g,
            distribution="triangular",
        ),
        Component(
            "balance repeatability",
            stated + scatter,
            display_g,
            "g",
            weight * excess * balance.repeatability_g,
            per_g,
        ),
        Component(
            "balance linearity",
            "stated half width, at each of two loads",
            display_g,
            "g",
            math.sqrt(2) * balance.linearity_g / RECTANGLE,
            per_g,
            distribution="triangular",
        ),
        Component(
            "balance zero drift",
            drift_24h,
            display_g,
            "g",
            excess * balance.drift_g(difference.drift_s),
            per_g,
        ),
        Component(
            "balance calibration",
            f"stated half width of the sensitivity, {ppm:g} ppm" if ppm else f"sensitivity {NOT_STATED}",
            1.0,
            "1",
            ppm * 1e-6 / RECTANGLE,
            per_g * display_g,
            distribution="rectangular",
        ),
    )


def _of_evaporation(
    difference: Difference, evaporation: Evaporation, variation: float, per_g: float
) -> tuple[Component, ...]:
    hours = difference.evaporating_s / S_PER_H
    rate_g_h = float(evaporation.rate_g_h(difference.middle_s))
    return (
        Component(
            "evaporation rate",
            "least squares through the blanks before and after, interpolated",
            rate_g_h,
            "g/h",
            evaporation.interpolated_u_g_h(difference.middle_s),
            per_g * hours,
            evaporation.interpolated_degrees_of_freedom(difference.middle_s),
        ),
        Component(
            "change of evaporation",
            "difference between the blanks beyond their own uncertainty and the cycles stated",
            0.0,
            "g/h",
            evaporation.change_u_g_h(variation),
            per_g * hours,
            distribution="rectangular",
        ),
        Component(
            "cycles of evaporation",
            f"stated amplitude of {100 * variation:g} % of it, in phases unknown"
            if variation
            else NOT_STATED,
            0.0,
            "g/h",
            evaporation.cycle_u_g_h(variation),
            per_g * hours,
            distribution="arc sine",
        ),
    )


def _of_conversion(weighing: Weighing, relative_pct: float) -> tuple[Component, ...]:
    conditions = weighing.conditions
    fluid, air = conditions.fluid_kg_m3, conditions.air_kg_m3
    by_fluid = -1 / (fluid - air)  # of ln Z
    by_air = 1 / (fluid - air) - 1 / (WEIGHTS_KG_M3 - air)
    factor = immersion_factor(weighing.tube_mm, weighing.vessel_mm)
    return (
        Component(
            "air density (buoyancy)",
            "stated pressure, humidity and temperature of the air",
            air,
            "kg/m³",
            conditions.air_u_kg_m3,
            relative_pct * by_air,
        ),
        Component(
            "fluid density",
            "stated temperature of the fluid in the pump"
            if conditions.fluid is None
            else f"stated temperature; {conditions.fluid.source}",
            fluid,
            "kg/m³",
            conditions.fluid_u_kg_m3,
            relative_pct * by_fluid,
        ),
        Component(
            "immersed outlet",
            "2 % of the correction, for a diameter measured to 1 %"
            if factor != 1.0
            else "the outlet is not immersed",
            factor,
            "1",
            IMMERSION_DOUBT * (1 - factor),
            relative_pct / factor,
        ),
    )


def _of_time(
    difference: Difference,
    evaporation: Evaporation,
    timed_over_s: float | None,
    lateness_s: float,
    weighing: Weighing,
    relative_pct: float,
    per_g: float,
) -> tuple[Component, ...]:
    """Moments and clock. Of a flow they make the volume programmed, of a dose only what evaporated."""
    if timed_over_s is None:
        per_s = per_g * float(evaporation.rate_g_h(difference.middle_s)) / S_PER_H
        timed_over_s = difference.evaporating_s
    else:
        per_s = -relative_pct / timed_over_s
    return (
        Component(
            "moments of the readings",
            "two readings" if lateness_s == 0.0 else "two readings, nominal for actual times",
            timed_over_s,
            "s",
            math.hypot(math.sqrt(2) * weighing.time_u_s, lateness_s),
            per_s,
        ),
        Component(
            "clock",
            "half width of its relative error",
            1.0,
            "1",
            weighing.clock_ppm * 1e-6 / RECTANGLE,
            per_s * timed_over_s,
            distribution="rectangular",
        ),
    )


def dead_volume_component(
    dead_volume_ml: float,
    swing_k: float,
    temperature_c: float,
    programmed_ml: float,
    noise_weight: float = math.sqrt(2),
) -> Component:
    """Fluid that a dead volume pushed out or took in because its temperature changed, not corrected for.

    The temperature cycles by ``swing_k`` about ``temperature_c``, its phase at each reading being unknown:
    arc sine, u = swing / sqrt 2 (JCGM 101:2008, 6.4.6). ``noise_weight`` as in :class:`Difference`. 1 mL
    warming 1 K at 25 °C is 0.26 µL. Raises DefinitionError for a temperature without a known density.
    """
    step_k = 0.01
    below, above = max(temperature_c - step_k, 0.0), min(temperature_c + step_k, 40.0)
    lighter = water_density_kg_m3(below) / water_density_kg_m3(above) - 1
    expansion_per_k = lighter / (above - below)
    stated = f"{dead_volume_ml:g} mL of fluid whose temperature cycles by {swing_k:g} K"
    return Component(
        "warming of the dead volume",
        stated if dead_volume_ml and swing_k else f"dead volume and its temperature {NOT_STATED}",
        0.0,
        "mL",
        dead_volume_ml * abs(expansion_per_k) * swing_k / ARC_SINE * noise_weight,
        PER_CENT / programmed_ml,
        distribution="arc sine",
    )
