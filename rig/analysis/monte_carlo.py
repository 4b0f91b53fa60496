"""Propagation of distributions by drawing them, beside the budget, and whether the budget's interval stands up to it.

Source: JCGM 101:2008 (GUM supplement 1): 6.4 (distributions), 7.7 (coverage interval), 7.9 (adaptive number of
trials), 8.1 (validation of the GUM's interval). Seeded, so that the same budget always gives the same numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rig.analysis.uncertainty import Budget, Component

Floats = NDArray[np.float64]

_BLOCK = 10_000
_FEWEST_BLOCKS = 10
SIGNIFICANT_DIGITS = 2  # of the standard uncertainty, that the interval must be right to (8.1, note 2)


@dataclass(frozen=True)
class Propagation:
    """What ``trials`` draws gave, in the unit of the budget, against the budget's own interval.

    ``low`` and ``high`` bound the probabilistically symmetric interval with the budget's confidence. ``tolerance`` is
    the numerical tolerance δ of the standard uncertainty (7.9.2); ``low_difference`` and ``high_difference`` are the
    distances of the ends of both intervals (8.1.3). ``settled`` is False if the trials were too few to tell.
    """

    value: float
    standard_uncertainty: float
    low: float
    high: float
    tolerance: float
    low_difference: float
    high_difference: float
    trials: int
    settled: bool

    @property
    def validated(self) -> bool:
        """Whether value ± U of the budget may be used: neither end is off by more than δ (JCGM 101:2008, 8.1.3)."""
        return self.settled and max(self.low_difference, self.high_difference) <= self.tolerance

    @property
    def warning(self) -> str:
        """What to tell the reader, empty if validated."""
        if self.validated:
            return ""
        if not self.settled:
            return f"{self.trials} trials are too few to tell whether the interval is right to {self.tolerance:g}"
        off = max(self.low_difference, self.high_difference)
        return (
            f"by Monte Carlo the interval is {self.low:.6g} to {self.high:.6g}: the budget's differs by {off:.2g}, "
            f"more than {self.tolerance:g}"
        )


def propagate(
    budget: Budget,
    model: Callable[[Floats], Floats] | None = None,
    *,
    seed: int = 0,
    digits: int = SIGNIFICANT_DIGITS,
    most_trials: int = 2_000_000,
) -> Propagation:
    """Draw every component of a budget, and compare (JCGM 101:2008, 7.9 and 8.1).

    ``model`` takes inputs, shape (components, trials), each in its component's unit, to results, shape
    (trials,), in the unit of the budget; without it the budget's own linear form is drawn, value + Σ c (x -
    estimate). Blocks of 10,000 trials are added until it is certain, with two standard errors to spare, whether both
    ends of the budget's interval agree within δ, the tolerance of the uncertainty to ``digits`` significant digits;
    or until the ends are known to δ / 5 (8.2); at ``most_trials`` it is enough that they are known to δ.

    Raises ValueError for a budget without uncertainty, a distribution that is not known, digits below 1, or too few
    trials for two blocks.
    """
    if digits < 1 or most_trials < 2 * _BLOCK:
        raise ValueError(f"{digits} digits from at most {most_trials} trials is no propagation")
    if budget.combined_standard_uncertainty == 0.0:
        raise ValueError("the budget has no uncertainty to propagate")
    random = np.random.default_rng(seed)
    estimates = np.array([component.value for component in budget.components])
    sensitivities = np.array([component.sensitivity for component in budget.components])
    tail = (1.0 - budget.confidence) / 2.0
    expanded = budget.expanded_uncertainty
    ends_of_budget = np.array([budget.value - expanded, budget.value + expanded])
    blocks: list[Floats] = []
    ends: list[Floats] = []
    variances: list[float] = []
    settled = known = False
    while not settled and (len(blocks) + 1) * _BLOCK <= most_trials:
        drawn = np.array([drawn_deviations(component, _BLOCK, random) for component in budget.components])
        results = budget.value + sensitivities @ drawn if model is None else model(estimates[:, None] + drawn)
        blocks.append(results)
        ends.append(np.quantile(results, (tail, 1.0 - tail)))
        variances.append(float(results.var(ddof=1)))
        if len(blocks) >= _FEWEST_BLOCKS:
            doubt = 2.0 * np.std(ends, axis=0, ddof=1) / math.sqrt(len(ends))
            off = np.abs(np.mean(ends, axis=0) - ends_of_budget)
            allowed = numerical_tolerance(math.sqrt(float(np.mean(variances))), digits)
            agree, differ = bool(np.all(off + doubt <= allowed)), bool(np.any(off - doubt > allowed))
            settled = agree or differ or bool(np.all(doubt <= allowed / 5.0))
            known = bool(np.all(doubt <= allowed))
    trials = np.concatenate(blocks)
    uncertainty = float(trials.std(ddof=1))
    low, high = (float(end) for end in np.quantile(trials, (tail, 1.0 - tail)))
    return Propagation(
        value=float(trials.mean()),
        standard_uncertainty=uncertainty,
        low=low,
        high=high,
        tolerance=numerical_tolerance(uncertainty, digits),
        low_difference=abs(float(ends_of_budget[0]) - low),
        high_difference=abs(float(ends_of_budget[1]) - high),
        trials=len(trials),
        settled=settled or known,
    )


def numerical_tolerance(standard_uncertainty: float, digits: int = SIGNIFICANT_DIGITS) -> float:
    """δ = 10^l / 2 with the uncertainty written as c · 10^l, c of so many digits (JCGM 101:2008, 7.9.2).

    In the unit of the uncertainty: 0.05 for 1.03 and 2 digits. Raises ValueError for one that is not positive.
    """
    if not 0.0 < standard_uncertainty < math.inf:
        raise ValueError(f"an uncertainty of {standard_uncertainty} has no significant digits")
    exponent = int(f"{standard_uncertainty:.{digits - 1}e}".split("e")[1]) - digits + 1
    return 0.5 * 10.0**exponent


def drawn_deviations(component: Component, count: int, random: np.random.Generator) -> Floats:
    """``count`` draws of an input's deviation from its estimate, shape (count,), in the component's unit.

    JCGM 101:2008, table 1 (6.4): normal; t with the component's degrees of freedom, scaled by its standard
    uncertainty, if they are finite (6.4.9); rectangular (6.4.2), triangular (6.4.5), arc sine (6.4.6), each with
    that standard uncertainty.

    Raises ValueError for any other distribution.
    """
    u = component.standard_uncertainty
    if component.distribution == "normal":
        if math.isinf(component.degrees_of_freedom):
            return random.normal(0.0, u, count)
        return u * random.standard_t(component.degrees_of_freedom, count)
    if component.distribution == "rectangular":
        return random.uniform(-1.0, 1.0, count) * (u * math.sqrt(3.0))
    if component.distribution == "triangular":
        return (random.uniform(-1.0, 1.0, count) + random.uniform(-1.0, 1.0, count)) * (u * math.sqrt(1.5))
    if component.distribution == "arc sine":
        return np.sin(random.uniform(0.0, 2.0 * math.pi, count)) * (u * math.sqrt(2.0))
    raise ValueError(f"'{component.name}': no draws of a distribution '{component.distribution}'")
