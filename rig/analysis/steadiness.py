"""Is the flow the same all along? Typical flow, a robust trend, and a slope with its uncertainty.

Mass differences have two noises: the balance's (white in mass: successive differences anticorrelated) and the
pump's (white in flow). Least squares on either alone states a wrong uncertainty if the other is there, so both
variances are estimated: the covariance of n successive differences is a I + b T, with T = tridiagonal (-1, 2,
-1), whose eigenvectors are sine waves for every a and b. In that basis the generalised least-squares line and
its restricted likelihood (Patterson and Thompson 1971) cost a few sums.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_MOST_BLOCKS = 40
_FEWEST_BLOCKS = 8
_TREND_BLOCKS, _FEWEST_TREND_BLOCKS = 24, 6
_CHI2_95 = 3.84  # of one parameter
_DELIVERING = 0.5  # of the upper quartile of the flow


@dataclass(frozen=True)
class Slope:
    """Change of flow from the first to the last reading of a stretch, in % of its mean flow.

    ``standard_error_pct`` on ``degrees_of_freedom``; ``t`` is their ratio.
    """

    change_pct: float
    standard_error_pct: float
    degrees_of_freedom: int

    @property
    def t(self) -> float:
        """Change over standard error."""
        return self.change_pct / self.standard_error_pct if self.standard_error_pct > 0 else math.inf

    @property
    def expanded_pct(self) -> float:
        """Half width of the 95 % interval."""
        from scipy.stats import t as student  # heavy: loaded late

        return float(student.ppf(0.975, self.degrees_of_freedom)) * self.standard_error_pct

    @property
    def chance(self) -> float:
        """Probability of so large a change in either direction if the flow is steady."""
        from scipy.stats import t as student  # heavy: loaded late

        return float(2 * student.sf(abs(self.t), self.degrees_of_freedom))


@dataclass(frozen=True)
class Trend:
    """A robust line through the flow while it is delivered: ``at(t_s)`` in g/s."""

    level_g_s: float
    slope_g_s2: float
    centre_s: float

    def at(self, t_s: Floats) -> Floats:
        """Flow of the line at times; never less than a fifth of the level."""
        flow = self.level_g_s + self.slope_g_s2 * (t_s - self.centre_s)
        return np.maximum(flow, 0.2 * self.level_g_s)


def flow_trend(t_s: Floats, mass_g: Floats) -> Trend:
    """Robust trend of the flow (Theil 1950, Sen 1968) over blocks in which it is delivered.

    ``t_s``, ``mass_g``: shape (n,), rising time. A block delivers if its flow is above half the upper quartile, so
    stops up to half of the log, single jumps and gaps do not matter. Level 0 if the mass does not rise.
    """
    blocks = _TREND_BLOCKS
    while True:
        ends = np.unique(np.linspace(0, len(t_s) - 1, blocks + 1).round().astype(int))
        flow = np.diff(mass_g[ends]) / np.diff(t_s[ends])
        centre = 0.5 * (t_s[ends][1:] + t_s[ends][:-1])
        middle = float(np.median(flow))
        if blocks <= _FEWEST_TREND_BLOCKS or np.median(np.abs(flow - middle)) <= 0.1 * abs(middle):
            break
        blocks //= 2  # too noisy: longer blocks
    high = float(np.quantile(flow, 0.75, method="higher"))
    if high <= 0:
        return Trend(0.0, 0.0, float(centre[0]))
    kept = (flow > _DELIVERING * high) & (flow < high / _DELIVERING)
    flow, centre = flow[kept], centre[kept]
    first, second = np.triu_indices(len(flow), 1)
    slopes = (flow[second] - flow[first]) / (centre[second] - centre[first])
    slope = float(np.median(slopes)) if len(slopes) >= 15 else 0.0
    middle = float(np.median(centre))
    return Trend(float(np.median(flow - slope * (centre - middle))), slope, middle)


def flow_slope(t_s: Floats, mass_g: Floats) -> Slope | None:
    """Change of flow over a stretch, by generalised least squares on differences of block means.

    ``t_s``, ``mass_g``: shape (n,), rising time, no jump within. None if there are fewer than 17 readings, or
    the mass does not rise.
    """
    blocks = min(_MOST_BLOCKS, len(t_s) // 2)
    if blocks <= _FEWEST_BLOCKS:
        return None
    starts = np.linspace(0, len(t_s), blocks + 1).round().astype(int)
    sizes = np.diff(starts)
    block_t = np.add.reduceat(t_s, starts[:-1]) / sizes
    block_m = np.add.reduceat(mass_g - mass_g[0], starts[:-1]) / sizes
    span_s = float(t_s[-1] - t_s[0])
    dt = np.diff(block_t)
    flow = np.diff(block_m) / dt
    place = (0.5 * (block_t[1:] + block_t[:-1]) - t_s[0]) / span_s - 0.5
    mean = float(block_m[-1] - block_m[0]) / float(block_t[-1] - block_t[0])
    if mean <= 0:
        return None
    slope, error = _line(place, flow / mean)
    return Slope(100.0 * slope, 100.0 * error, len(flow) - 2)


def _line(x: Floats, y: Floats) -> tuple[float, float]:
    """Slope and its standard error with covariance s2 ((1-r) I + r T): of all r that the restricted likelihood
    does not rule out (95 %), the one that makes the slope least significant."""
    n = len(y)
    k = np.arange(1, n + 1)
    sines = math.sqrt(2.0 / (n + 1)) * np.sin(np.pi * np.outer(k, k) / (n + 1))
    eigenvalues = 2.0 - 2.0 * np.cos(np.pi * k / (n + 1))
    design = sines @ np.column_stack([np.ones(n), x])
    seen = sines @ y
    fits = []
    for share in np.linspace(0.0, 0.98, 15):
        weight = 1.0 / ((1.0 - share) + share * eigenvalues)
        normal = design.T @ (weight[:, None] * design)
        inverse = np.linalg.inv(normal)
        line = inverse @ (design.T @ (weight * seen))
        variance = float(weight @ (seen - design @ line) ** 2) / (n - 2)
        minus_two_log_likelihood = (
            (n - 2) * math.log(max(variance, 1e-300))
            - float(np.sum(np.log(weight)))
            + math.log(float(np.linalg.det(normal)))
        )
        fits.append((minus_two_log_likelihood, float(line[1]), math.sqrt(variance * float(inverse[1, 1]))))
    best = min(fits)[0]
    plausible = [(slope, error) for likelihood, slope, error in fits if likelihood <= best + _CHI2_95]
    return min(plausible, key=lambda fit: abs(fit[0]) / max(fit[1], 1e-300))
