"""Uncertainty budgets after the GUM (JCGM 100:2008)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Component:
    """One line of a budget.

    ``value`` is the estimate of the input in ``unit``, ``standard_uncertainty`` in the same unit,
    ``sensitivity`` the partial derivative of the result with respect to it (GUM 5.1.3),
    ``degrees_of_freedom`` infinite for what a certificate or data sheet states (GUM G.4.3). ``source`` says
    where the figure comes from.
    """

    name: str
    source: str
    value: float
    unit: str
    standard_uncertainty: float
    sensitivity: float = 1.0
    degrees_of_freedom: float = math.inf
    distribution: str = "normal"

    @property
    def contribution(self) -> float:
        """|c u|, in the unit of the result."""
        return abs(self.sensitivity * self.standard_uncertainty)


@dataclass(frozen=True)
class Budget:
    """Independent components of one result and what they amount to. All in ``unit`` of the result."""

    value: float
    unit: str
    components: tuple[Component, ...]
    confidence: float = CONFIDENCE

    @property
    def combined_standard_uncertainty(self) -> float:
        """Root of the sum of squared contributions (GUM 5.1.2, equation 10)."""
        return math.sqrt(math.fsum(component.contribution**2 for component in self.components))

    @property
    def effective_degrees_of_freedom(self) -> float:
        """Welch-Satterthwaite (GUM G.4.1, equation G.2b), not rounded; infinite if no component has finite
        ones.
        """
        denominator = math.fsum(
            component.contribution**4 / component.degrees_of_freedom for component in self.components
        )
        return self.combined_standard_uncertainty**4 / denominator if denominator else math.inf

    @property
    def coverage_factor(self) -> float:
        """Quantile of t for ``confidence``, with the degrees of freedom rounded down (GUM G.4.1)."""
        return coverage_factor(self.effective_degrees_of_freedom, self.confidence)

    @property
    def expanded_uncertainty(self) -> float:
        """Coverage factor times combined standard uncertainty (GUM 6.2.1)."""
        return self.coverage_factor * self.combined_standard_uncertainty


def coverage_factor(degrees_of_freedom: float, confidence: float = CONFIDENCE) -> float:
    """Two-sided quantile of Student's t (GUM G.3.2); degrees of freedom rounded down, at least 1; normal if infinite.

    ``confidence`` is a share of 1; the factor has no unit.

    Raises ValueError for a confidence outside 0 to 1.
    """
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence {confidence} is not between 0 and 1")
    upper = (1 + confidence) / 2
    if math.isinf(degrees_of_freedom):
        return NormalDist().inv_cdf(upper)
    from scipy.special import stdtrit

    return float(stdtrit(max(math.floor(degrees_of_freedom), 1), upper))


def distribution_function(deviate: float, degrees_of_freedom: float = math.inf) -> float:
    """Probability that a t variable (normal if its degrees of freedom are infinite) is below ``deviate``.

    ``deviate`` is in standard uncertainties (GUM G.3).
    """
    if math.isinf(degrees_of_freedom):
        return 0.5 * math.erfc(-deviate / math.sqrt(2))
    from scipy.special import stdtr

    return float(stdtr(degrees_of_freedom, deviate))
