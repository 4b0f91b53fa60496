"""Flow between block means of a weighing, and lines fitted to it against both noises of mass differences.

Mass differences have two noises: the balance's (white in mass: successive differences anticorrelated) and the
pump's (white in flow). Least squares on either alone states a wrong uncertainty if the other is there, so both
variances are estimated: the covariance of n successive differences is a I + b T, with T = tridiagonal (-1, 2,
-1), whose eigenvectors are sine waves for every a and b. In that basis the generalised least-squares line and
its restricted likelihood (Patterson and Thompson 1971) cost a few sums.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_MOST_BLOCKS = 40
FEWEST_BLOCKS = 8
_FEWEST_READINGS = 17
SHARES = np.linspace(0.0, 0.98, 15)  # of the balance's noise in all
CHI2_95, CHI2_84 = 3.84, 2.0  # of one parameter


@dataclass(frozen=True)
class Blocks:
    """Means of blocks of readings at ``t_s``; between them the flow in parts of its mean, at ``place`` -0.5 to 0.5.

    ``starts``: index of the first reading of each block, and the number of readings.
    """

    starts: NDArray[np.intp]
    t_s: Floats
    flow: Floats
    place: Floats
    mean_g_s: float


def finest(readings: int) -> int:
    """The number of equal blocks, at most 40, into which so many readings go."""
    return readings // math.ceil(readings / _MOST_BLOCKS)


def blocks_of(t_s: Floats, mass_g: Floats, blocks: int) -> Blocks | None:
    """``t_s``, ``mass_g``: shape (n,), rising time. None with fewer than 17 readings or if the mass does not rise."""
    if blocks <= FEWEST_BLOCKS or len(t_s) < _FEWEST_READINGS:
        return None
    starts = np.linspace(0, len(t_s), blocks + 1).round().astype(np.intp)
    block_t, block_m = block_means(t_s, starts), block_means(mass_g - mass_g[0], starts)
    mean_g_s = float(block_m[-1] - block_m[0]) / float(block_t[-1] - block_t[0])
    if mean_g_s <= 0:
        return None
    flow = np.diff(block_m) / np.diff(block_t) / mean_g_s
    place = (0.5 * (block_t[1:] + block_t[:-1]) - t_s[0]) / float(t_s[-1] - t_s[0]) - 0.5
    return Blocks(starts, block_t, flow, place, mean_g_s)


def block_means(values: Floats, starts: NDArray[np.intp]) -> Floats:
    """Mean of each block, shape (blocks,), of values, shape (n,), in their unit; ``starts`` of the blocks and n."""
    means: Floats = np.add.reduceat(values, starts[:-1]) / np.diff(starts)
    return means


def chance_of(t: float, degrees_of_freedom: int) -> float:
    """Probability of a Student's t (estimate over standard error, no unit) as far from 0 as that, on either side."""
    from scipy.special import stdtr  # heavy: loaded late

    return float(2 * stdtr(degrees_of_freedom, -t))


def fit_lines(x: Floats, y: Floats, plausible: float = CHI2_95) -> tuple[Floats, Floats]:
    """Lines y = c + slope x for each row of x, shape (k, n): slopes and their standard errors, shape (k,).

    Covariance s2 ((1-r) I + r T): of all r that the restricted likelihood does not rule out (``plausible``: 95 %),
    the one that makes the slope least significant.
    """
    return fit_seen(x @ sines_of(len(y))[0], y, plausible)


def fit_seen(x_seen: Floats, y: Floats, plausible: float = CHI2_95) -> tuple[Floats, Floats]:
    """As :func:`fit_lines`, for x of shape (k, n) already in the basis of :func:`sines_of`, and y of shape (n,).

    Each array below is of shape (k, shares).
    """
    n = len(y)
    sines, eigenvalues = sines_of(n)
    one, y_seen = sines.sum(axis=1), sines @ (y - np.mean(y))
    weight = 1.0 / ((1.0 - SHARES[:, None]) + SHARES[:, None] * eigenvalues)
    s11, s1y, syy = weight @ one**2, weight @ (one * y_seen), weight @ y_seen**2
    s1x, sxy, sxx = x_seen @ (weight * one).T, x_seen @ (weight * y_seen).T, x_seen**2 @ weight.T
    determinant = s11 * sxx - s1x**2
    slope = (s11 * sxy - s1x * s1y) / determinant
    left = syy - s1y**2 / s11 - slope * (sxy - s1x * s1y / s11)
    variance = np.maximum(left, 1e-14 * syy + 1e-300) / (n - 2)
    error = np.sqrt(variance * s11 / determinant)
    likelihood = (n - 2) * np.log(variance) - np.log(weight).sum(axis=1) + np.log(determinant)
    ruled_out = likelihood > likelihood.min(axis=1, keepdims=True) + plausible
    chosen = np.argmin(np.where(ruled_out, np.inf, np.abs(slope) / error), axis=1)
    each = np.arange(len(x_seen))
    return slope[each, chosen], error[each, chosen]


@lru_cache(maxsize=64)
def sines_of(n: int) -> tuple[Floats, Floats]:
    """Eigenvectors (symmetric matrix) and eigenvalues of T."""
    k = np.arange(1, n + 1)
    sines = math.sqrt(2.0 / (n + 1)) * np.sin(np.pi * np.outer(k, k) / (n + 1))
    return sines, 2.0 - 2.0 * np.cos(np.pi * k / (n + 1))
