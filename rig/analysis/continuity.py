"""How even a flow is for a drug of a given half-life (PK-CV).

Source: the flow-continuity measure in the manner of AAMI TIR101:2021: coefficient of variation of the amount of
drug in a one-compartment body that is fed by the flow. A short half-life feels every pulse, a long one only the
mean.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def continuity_pct(
    flow_ml_h: Floats, sample_every_s: float, half_lives_s: Sequence[float]
) -> tuple[float, ...]:
    """PK-CV in % for each half-life, from flows in mL/h, shape (n,), on an even grid.

    x_k = a x_(k-1) + (1 - a) Q_k with a = exp(-ln 2 · S / T½); 100 · standard deviation of x (over n) / mean of
    x. The body is in its steady state: x starts where it ends, as if the series were repeated for ever. That
    asks for a settled flow; a drift from one end to the other counts as unevenness.

    Raises ValueError for fewer than two flows, one that is not finite, a mean flow, sample interval or half-life that
    is not positive.
    """
    if len(flow_ml_h) < 2 or not np.isfinite(flow_ml_h).all():
        raise ValueError("continuity needs at least two flows, all known")
    if not sample_every_s > 0 or not all(half_life_s > 0 for half_life_s in half_lives_s):
        raise ValueError("sample interval and half-lives must be positive")
    if not float(np.mean(flow_ml_h)) > 0:
        raise ValueError("there is no flow whose evenness could be told")
    mean, count = float(np.mean(flow_ml_h)), len(flow_ml_h)
    # In the steady state each harmonic of the series is damped on its own, and powers add up (Parseval).
    spectrum = np.fft.rfft(flow_ml_h - mean)[1:]
    turn = np.exp(-2j * math.pi * np.arange(1, len(spectrum) + 1) / count)
    power = 2.0 * np.abs(spectrum) ** 2 / count**2
    if count % 2 == 0:
        power[-1] /= 2.0  # the highest harmonic is its own mirror image
    shares = []
    for half_life_s in half_lives_s:
        in_half_lives = math.log(2) * sample_every_s / half_life_s
        gain = -math.expm1(-in_half_lives) / np.abs(1.0 - math.exp(-in_half_lives) * turn)
        shares.append(100.0 * math.sqrt(float(power @ gain**2)) / mean)
    return tuple(shares)
