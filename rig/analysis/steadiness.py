"""Is the flow the same all along? Typical flow, a robust trend, and a slope with its uncertainty."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from rig.analysis.block_flow import Floats, blocks_of, chance_of, finest, fit_lines

_TREND_BLOCKS, _FEWEST_TREND_BLOCKS = 24, 6
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
        return chance_of(abs(self.t), self.degrees_of_freedom)


@dataclass(frozen=True)
class Trend:
    """A robust line through the flow while it is delivered: ``at(t_s)`` in g/s."""

    level_g_s: float
    slope_g_s2: float
    centre_s: float

    def at(self, t_s: Floats) -> Floats:
        """Flow of the line in g/s at times, shape (n,); never less than a fifth of the level."""
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
    blocks = blocks_of(t_s, mass_g, finest(len(t_s)))
    if blocks is None:
        return None
    slope, error = fit_lines(blocks.place[None, :], blocks.flow)
    return Slope(100.0 * float(slope[0]), 100.0 * float(error[0]), len(blocks.flow) - 2)
