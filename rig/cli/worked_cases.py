"""Numbers worked out elsewhere, for ``rig selftest``: what this installation computes must be the same.

Each case has its source. They are few and go through the libraries that could be broken by an installation (numpy,
scipy); the project's own tests have hundreds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class WorkedCase:
    """``compute()`` must be within ``allowed`` of ``expected``, both in ``unit``."""

    name: str
    source: str
    unit: str
    expected: float
    allowed: float
    compute: Callable[[], float]


def worked_cases() -> Iterator[WorkedCase]:
    """All cases; they are computed when they are asked."""
    import numpy as np

    from rig.analysis.decision import decide
    from rig.analysis.density import air_density_kg_m3, water_density_kg_m3
    from rig.analysis.tolerance import two_sided_factor
    from rig.analysis.trumpet import mean_error_pct, trumpet
    from rig.analysis.uncertainty import coverage_factor
    from rig.quantities import parse

    yield WorkedCase(
        "0.048 mL/day", "by hand: 0.048 / 24", "mL/h", 0.002, 0.0, lambda: parse("0.048 mL/day", "rate")
    )
    yield WorkedCase(
        "density of water at 20 °C",
        "Tanaka et al., Metrologia 38 (2001) 301",
        "kg/m3",
        998.2067455596167,
        1e-9,
        lambda: water_density_kg_m3(20.0),
    )
    yield WorkedCase(
        "density of air at 1013.25 hPa, 50 %RH, 20 °C",
        "OIML R 111-1, E.3-1",
        "kg/m3",
        1.1992943050311118,
        1e-12,
        lambda: air_density_kg_m3(1013.25, 50.0, 20.0),
    )
    # 60 min at 1 mL/h, then 60 min at 1.2 mL/h, weighed every 30 min, set rate 1 mL/h: mean +10 %, worst hour +20 %.
    volume_ml = np.array([0.0, 0.5, 1.0, 1.6, 2.2])
    yield WorkedCase("mean error", "by hand", "%", 10.0, 1e-9, lambda: mean_error_pct(volume_ml, 1800.0, 1.0))
    yield WorkedCase(
        "trumpet, 60 min",
        "IEC 60601-2-24:2012, 201.12.1.102, by hand",
        "%",
        20.0,
        1e-9,
        lambda: trumpet(volume_ml, 1800.0, 1.0, [3600.0])[0].error_max_pct,
    )
    yield WorkedCase(
        "coverage factor, 4 degrees of freedom",
        "JCGM 100:2008, table G.2 (95 %)",
        "",
        2.78,
        0.005,
        lambda: coverage_factor(4.0),
    )
    yield WorkedCase(
        "tolerance factor, 30 units, 95 % of them, 95 %",
        "exact factor, worked independently",
        "",
        2.5549,
        0.0001,
        lambda: two_sided_factor(30, 0.95, 0.95),
    )
    yield WorkedCase(
        "probability that -12.4 ± 2 % (k = 2) is not within 14.5 %",
        "normal distribution, by hand: half of erfc(2.1 / sqrt 2)",
        "",
        0.5 * math.erfc(2.1 / math.sqrt(2)),
        1e-12,
        lambda: decide(-12.4, 2.0, -14.5, 14.5).probability_of_nonconformity,
    )
