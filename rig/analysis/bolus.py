"""Statistics of successive boluses.

Source: IEC 60601-2-24:2012, 201.12.1 (25 successive boluses: mean, its deviation, largest deviations) and,
beside it, the share of single doses inside a limit: a mean of -0.3 % can hide that most single doses are
outside.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rig.errors import DefinitionError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class DoseStatistics:
    """Deviations in % of the commanded volume; indices from 0 in the order delivered.

    ``standard_deviation_pct`` is None for a single dose. ``inside`` counts the doses within the limit,
    ``inside_surely`` those that are so by more than the uncertainty of a dose, ``inside_possibly`` those
    that are not outside by more than it; all three are None without a limit.
    """

    count: int
    mean_ml: float
    mean_error_pct: float
    error_pct: Floats
    standard_deviation_pct: float | None
    largest_pct: float
    largest_index: int
    smallest_pct: float
    smallest_index: int
    inside: int | None = None
    inside_surely: int | None = None
    inside_possibly: int | None = None

    @property
    def furthest_pct(self) -> float:
        """The single deviation furthest from zero."""
        return self.largest_pct if abs(self.largest_pct) >= abs(self.smallest_pct) else self.smallest_pct


def dose_statistics(
    dose_ml: Floats,
    commanded_ml: float,
    low_pct: float | None = None,
    high_pct: float | None = None,
    expanded_uncertainty_pct: float = 0.0,
) -> DoseStatistics:
    """What 25 (or any number of) doses say, shape (n,) in mL, against the volume commanded.

    Raises DefinitionError without a dose or for a commanded volume that is not positive.
    """
    if len(dose_ml) == 0:
        raise DefinitionError("there is no dose to judge")
    if not commanded_ml > 0:
        raise DefinitionError(f"the commanded dose {commanded_ml:g} mL is not positive")
    error_pct = 100.0 * (dose_ml - commanded_ml) / commanded_ml
    mean_ml = float(np.mean(dose_ml))
    inside = inside_surely = inside_possibly = None
    if low_pct is not None or high_pct is not None:
        low = -np.inf if low_pct is None else low_pct
        high = np.inf if high_pct is None else high_pct
        margin = np.minimum(high - error_pct, error_pct - low)
        inside = int(np.sum(margin >= 0))
        inside_surely = int(np.sum(margin >= expanded_uncertainty_pct))
        inside_possibly = int(np.sum(margin >= -expanded_uncertainty_pct))
    return DoseStatistics(
        count=len(dose_ml),
        mean_ml=mean_ml,
        mean_error_pct=100.0 * (mean_ml - commanded_ml) / commanded_ml,
        error_pct=error_pct,
        standard_deviation_pct=float(np.std(error_pct, ddof=1)) if len(dose_ml) > 1 else None,
        largest_pct=float(error_pct.max()),
        largest_index=int(error_pct.argmax()),
        smallest_pct=float(error_pct.min()),
        smallest_index=int(error_pct.argmin()),
        inside=inside,
        inside_surely=inside_surely,
        inside_possibly=inside_possibly,
    )
