"""Mean flow from the end points or from a line through all readings: which of the two, and why.

Sources: ordinary least squares and its standard error, JCGM 100:2008 (GUM), H.3; its failure with correlated
residuals, J. Durbin and G. S. Watson, Biometrika 37 (1950) 409; the limits 2/sqrt(n) of the lag-1
autocorrelation of white residuals, M. S. Bartlett (1946). The variance of either estimator under a balance's
noise and walk follows from the weights that the readings have in it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rig.analysis.gravimetry import DAY_S, S_PER_H, BalanceFigures, lag_one_autocorrelation

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class MeanFlow:
    """Two estimates of one flow in g/h, each with its standard uncertainty by noise and walk of the balance.

    ``autocorrelation`` is that of the line's residuals at lag 1; white ones stay within ± ``white_within``.
    ``better`` names the estimate to use, ``reason`` says why in words.
    """

    end_points_g_h: float
    end_points_u_g_h: float
    line_g_h: float
    line_u_g_h: float
    autocorrelation: float
    white_within: float
    better: Literal["end points", "line"]
    reason: str

    @property
    def flow_g_h(self) -> float:
        """The better estimate."""
        return self.line_g_h if self.better == "line" else self.end_points_g_h


def mean_flow(t_s: Floats, mass_g: Floats, balance: BalanceFigures | None = None) -> MeanFlow:
    """Compare the end-point flow with the slope of a least-squares line; ``t_s`` (s, rising), ``mass_g``: shapes (n,).

    The line is better only if its residuals are white (lag-1 autocorrelation within 2/sqrt(n), Bartlett 1946)
    and its uncertainty is smaller. With white noise σ that is u = σ / sqrt(Σ(t - mean t)²) against σ sqrt(2) /
    T; a zero point that walks by D in 24 h (random walk) adds D² Σ_k (sum of the weights after interval k)²
    Δt_k / 24 h, which is 20 % more for the line. σ is the larger of what the residuals show and, with
    ``balance``, what is stated.

    Raises ValueError for fewer than 4 readings, or times that do not rise.
    """
    count = len(t_s)
    if count < 4 or not bool(np.all(np.diff(t_s) > 0)):
        raise ValueError("a line needs at least 4 readings, at rising times")
    centred_s = t_s - t_s.mean()
    weights = centred_s / (centred_s @ centred_s)  # of the readings in the slope
    rise_g = mass_g - mass_g[0]
    slope_g_s = float(weights @ rise_g)
    residuals = rise_g - rise_g.mean() - slope_g_s * centred_s
    stated_g = 0.0 if balance is None else balance.reading_g
    noise_g = max(math.sqrt(float(residuals @ residuals) / (count - 2)), stated_g)
    drift_g = 0.0 if balance is None else balance.drift_24h_g
    span_s = float(t_s[-1] - t_s[0])
    after = -np.cumsum(weights)[:-1]  # the weights sum to nothing: what comes after is what came before
    line_u = math.hypot(
        noise_g * math.sqrt(float(weights @ weights)),
        drift_g * math.sqrt(float(after**2 @ np.diff(t_s)) / DAY_S),
    )
    ends_u = math.hypot(noise_g * math.sqrt(2), drift_g * math.sqrt(span_s / DAY_S)) / span_s
    autocorrelation, limit = lag_one_autocorrelation(residuals), 2.0 / math.sqrt(count)
    better: Literal["end points", "line"] = "end points"
    if abs(autocorrelation) > limit:
        reason = (
            f"the residuals of the line are not white (lag-1 autocorrelation {autocorrelation:.2f}, white within "
            f"±{limit:.2f}): its uncertainty cannot be told from them, and the flow may not be a line"
        )
    elif line_u >= ends_u:
        reason = "the zero point's walk outweighs the noise of a reading: a line has the larger uncertainty"
    else:
        better = "line"
        reason = (
            f"the residuals of the line are white (lag-1 autocorrelation {autocorrelation:.2f}, white within "
            f"±{limit:.2f}) and its uncertainty is {ends_u / line_u:.1f} times smaller"
        )
    return MeanFlow(
        end_points_g_h=float(rise_g[-1]) / span_s * S_PER_H,
        end_points_u_g_h=ends_u * S_PER_H,
        line_g_h=slope_g_s * S_PER_H,
        line_u_g_h=line_u * S_PER_H,
        autocorrelation=autocorrelation,
        white_within=limit,
        better=better,
        reason=reason,
    )
