"""From volume to drug: mass = concentration · volume, with the uncertainty of both.

Source: definition of mass concentration; JCGM 100:2008 (GUM), 5.1.3 (sensitivities of a product).
"""

from __future__ import annotations

import math
from dataclasses import replace

from rig.analysis.uncertainty import Budget, Component


def volume_budget(error: Budget, programmed_ml: float) -> Budget:
    """The delivered volume in mL of a budget of its error in % of ``programmed_ml``: V = V_p (1 + E/100).

    Every sensitivity is multiplied by V_p/100 (GUM 5.1.3).

    Raises ValueError if the error is not in %, or for a programmed volume that is not positive.
    """
    if error.unit != "%":
        raise ValueError(f"an error in {error.unit} is not one in %")
    if not programmed_ml > 0.0:
        raise ValueError(f"nothing was programmed: {programmed_ml:g} mL")
    scale = programmed_ml / 100.0
    return Budget(
        programmed_ml + scale * error.value, "mL", _scaled(error.components, scale), error.confidence
    )


def dose_budget(
    volume: Budget,
    concentration_ug_ml: float,
    concentration_u_ug_ml: float,
    *,
    source: str = "stated for the drug",
    degrees_of_freedom: float = math.inf,
) -> Budget:
    """Drug in µg of a volume in mL (or in µg/day of a flow in mL/day): D = c V, the concentration one more component.

    ``concentration_u_ug_ml`` is the standard uncertainty of the concentration in µg/mL; its sensitivity is V, that of
    every component of the volume is multiplied by c (GUM 5.1.3).

    Raises ValueError for a volume in another unit, a concentration that is not positive, or a negative uncertainty.
    """
    units = {"mL": "ug", "mL/h": "ug/h", "mL/day": "ug/day"}
    if volume.unit not in units:
        raise ValueError(f"a volume in {volume.unit} is neither in mL nor mL/h nor mL/day")
    if not concentration_ug_ml > 0.0 or not concentration_u_ug_ml >= 0.0:
        raise ValueError("a concentration is positive, its uncertainty not negative")
    drug = Component(
        "drug concentration",
        source,
        concentration_ug_ml,
        "ug/mL",
        concentration_u_ug_ml,
        volume.value,
        degrees_of_freedom,
    )
    return Budget(
        concentration_ug_ml * volume.value,
        units[volume.unit],
        (*_scaled(volume.components, concentration_ug_ml), drug),
        volume.confidence,
    )


def bridged_drug_error(
    error: Budget,
    expected_ml: float,
    line_ml: float,
    old_ug_ml: float,
    new_ug_ml: float,
    concentration_u: float,
) -> Budget:
    """Error in % of the drug that leaves a line in a bridge, against all old drug in it: m = c_old L.

    ``error`` (in % of ``expected_ml``, both of what was weighed) gives V; beyond what the two expect apart (L the
    volume of the line in mL), V is the volume bridged. The old drug leaves first, as a piston pushes it, the new one
    after it: m = c_old min(V, L) + c_new max(0, V - L). Where V is about L, the larger of the two concentrations is
    the sensitivity: on the safe side. ``concentration_u``: relative standard uncertainty of each concentration, as
    known when the bridge was computed.

    Raises ValueError as :func:`volume_budget`.
    """
    volume = volume_budget(error, expected_ml)
    bridged_ml = volume.value - (expected_ml - line_ml)
    beyond_ml, planned_ug = max(0.0, bridged_ml - line_ml), old_ug_ml * line_ml
    old_ml = min(bridged_ml, line_ml)
    near = abs(bridged_ml - line_ml) <= volume.expanded_uncertainty
    slope = max(old_ug_ml, new_ug_ml) if near else new_ug_ml if beyond_ml else old_ug_ml
    per_ug = 100.0 / planned_ug
    source = "stated in the plan"
    drugs = (
        Component(
            "old concentration", source, old_ug_ml, "ug/mL", concentration_u * old_ug_ml, old_ml * per_ug
        ),
        Component(
            "new concentration", source, new_ug_ml, "ug/mL", concentration_u * new_ug_ml, beyond_ml * per_ug
        ),
    )
    value_pct = per_ug * (old_ug_ml * old_ml + new_ug_ml * beyond_ml) - 100.0
    return Budget(value_pct, "%", (*_scaled(volume.components, slope * per_ug), *drugs), volume.confidence)


def _scaled(components: tuple[Component, ...], factor: float) -> tuple[Component, ...]:
    return tuple(replace(component, sensitivity=component.sensitivity * factor) for component in components)
