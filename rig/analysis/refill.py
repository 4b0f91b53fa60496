"""Refill accuracy of an implanted reservoir: what should be left against what is.

Source: the check at every refill in the labelling of implantable pumps: expected less measured residual volume; to be
looked into above 2 mL or outside the accuracy limit. ISO 14708-4 leaves the limit to the maker.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

S_PER_H = 3600.0
INVESTIGATE_ML = 2.0


@dataclass(frozen=True)
class Refill:
    """Volumes in mL, errors in % of what was programmed.

    ``discrepancy_ml`` is expected less measured residual: positive if more was delivered than programmed.
    ``error_u_pct`` is the standard uncertainty of ``error_pct``, from those of the two volumes.
    """

    expected_residual_ml: float
    measured_residual_ml: float
    programmed_ml: float
    delivered_ml: float
    discrepancy_ml: float
    accuracy_ratio_pct: float
    error_pct: float
    error_u_pct: float

    def reasons_to_investigate(
        self, low_pct: float, high_pct: float, investigate_ml: float = INVESTIGATE_ML
    ) -> tuple[str, ...]:
        """Why this refill is to be looked into, in words; limits of the error in % and of the discrepancy in mL."""
        reasons = []
        if abs(self.discrepancy_ml) > investigate_ml:
            reasons.append(
                f"the residual volume is off by {abs(self.discrepancy_ml):g} mL, more than {investigate_ml:g} mL"
            )
        if not low_pct <= self.error_pct <= high_pct:
            reasons.append(f"the error of {self.error_pct:+.2f} % is outside {low_pct:+g} to {high_pct:+g} %")
        return tuple(reasons)


def refill(
    filled_ml: float,
    programmed_ml: float,
    measured_residual_ml: float,
    *,
    filled_u_ml: float = 0.0,
    measured_u_ml: float = 0.0,
) -> Refill:
    """What a refill shows: delivered = filled - measured residual, accuracy ratio = 100 · delivered / programmed.

    ``filled_u_ml`` and ``measured_u_ml`` are standard uncertainties of the two volumes (GUM, equation 10). All in mL.

    Raises ValueError for a programmed volume that is not positive or above what was filled, or a residual volume that
    is negative.
    """
    if not 0.0 < programmed_ml <= filled_ml:
        raise ValueError(f"{programmed_ml:g} mL cannot have been programmed from a fill of {filled_ml:g} mL")
    if not measured_residual_ml >= 0.0:
        raise ValueError(f"a residual volume of {measured_residual_ml:g} mL is none")
    expected_ml = filled_ml - programmed_ml
    delivered_ml = filled_ml - measured_residual_ml
    ratio_pct = 100.0 * delivered_ml / programmed_ml
    return Refill(
        expected_residual_ml=expected_ml,
        measured_residual_ml=measured_residual_ml,
        programmed_ml=programmed_ml,
        delivered_ml=delivered_ml,
        discrepancy_ml=expected_ml - measured_residual_ml,
        accuracy_ratio_pct=ratio_pct,
        error_pct=ratio_pct - 100.0,
        error_u_pct=100.0 * math.hypot(filled_u_ml, measured_u_ml) / programmed_ml,
    )


def time_to_low_s(filled_ml: float, low_ml: float, rate_ml_h: float) -> float:
    """Time in s until a pump that counts what it was programmed to deliver says that the reservoir is low.

    (filled - low) / rate, volumes in mL (labelling of implantable pumps): not measured, so an over-infusing pump does
    not alarm early.

    Raises ValueError for a rate that is not positive, or unless 0 ≤ low ≤ filled.
    """
    if not rate_ml_h > 0 or not 0.0 <= low_ml <= filled_ml:
        raise ValueError("the rate must be positive, and the low mark between nothing and the fill")
    return (filled_ml - low_ml) / rate_ml_h * S_PER_H
