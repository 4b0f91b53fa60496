"""What the units of a run say of all others: tolerance intervals over units, and the reliability shown.

Sources: ISO 16269-6:2014 (tolerance intervals, normal population, exact factors); C. J. Clopper and E. S. Pearson,
Biometrika 26 (1934) 404 (reliability shown by so many units with so many failures).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rig.analysis.decision import Outcome
from rig.analysis.sample_size import reliability_shown, units_for_reliability
from rig.analysis.tolerance import tolerance_interval
from rig.definitions.plan_file import Plan

Result = dict[str, Any]
USUAL_COVERAGE = 0.95  # of a tolerance interval, where the plan asks for no reliability
FEWEST_UNITS = 3  # fewer say nothing of a spread
UNDECIDED = (Outcome.INCONCLUSIVE, Outcome.ERROR, Outcome.ABORTED, Outcome.SKIPPED)


def population(plan: Plan, units: list[Result], cases: list[Result]) -> Result:
    """The entry ``population`` of results.json, JSON-able. ``units`` and ``cases`` as they stand there.

    A unit counts as passed if its outcome is PASS, as failed if it is another that was decided; a unit without a
    decision counts in neither. Shares are of 1.
    """
    asked = None if plan.reliability_pct is None else plan.reliability_pct / 100
    confidence = plan.confidence_pct / 100
    coverage = USUAL_COVERAGE if asked is None else asked
    return {
        "rationale": plan.sample_size,
        "confidence": confidence,
        "reliability_asked": asked,
        "units_needed": None if asked is None else units_for_reliability(asked, confidence),
        **units_counted([Outcome(unit["outcome"]) for unit in units], confidence),
        "coverage": coverage,
        "intervals": intervals(cases, coverage, confidence),
    }


def units_counted(outcomes: list[Outcome], confidence: float) -> Result:
    """How many units, how many decided and failed, and the reliability that shows (a share of 1; None: nothing)."""
    decided = [outcome for outcome in outcomes if outcome not in UNDECIDED]
    failed = sum(outcome is not Outcome.PASS for outcome in decided)
    return {
        "units": len(outcomes),
        "units_decided": len(decided),
        "units_failed": failed,
        "reliability_shown": reliability_shown(len(decided), failed, confidence) if decided else None,
    }


def intervals(cases: list[Result], coverage: float, confidence: float) -> list[Result]:
    """Tolerance interval of each measured criterion over the units, where at least three were measured.

    Two-sided where the criterion has two limits, else one-sided. ``fits``: it lies inside the limits.
    """
    measured: dict[tuple[str, str], dict[str, Result]] = {}
    for case in cases:
        for criterion in case["criteria"]:
            if criterion["value"] is not None and criterion["expanded_uncertainty"] is not None:
                measured.setdefault((case["id"], criterion["name"]), {})[case["unit"]] = criterion
    return [
        _interval(case, list(of_units.values()), coverage, confidence)
        for (case, _), of_units in measured.items()
        if len(of_units) >= FEWEST_UNITS
    ]


def _interval(case: str, found: list[Result], coverage: float, confidence: float) -> Result:
    first = found[0]
    low, high = first["limit_low"], first["limit_high"]
    values = np.array([criterion["value"] for criterion in found], dtype=np.float64)
    sides = (low is not None, high is not None) if low is not None or high is not None else (True, True)
    interval = tolerance_interval(values, coverage, confidence, low=sides[0], high=sides[1])
    inside = (low is None or interval.low >= low) and (high is None or interval.high <= high)
    return {
        "case": case,
        "criterion": first["name"],
        "unit": first["unit"],
        "count": interval.count,
        "mean": interval.mean,
        "standard_deviation": interval.standard_deviation,
        "factor": interval.factor,
        "low": interval.low if sides[0] else None,
        "high": interval.high if sides[1] else None,
        "limit": first["limit"],
        "limit_low": low,
        "limit_high": high,
        "fits": inside,
    }
