"""How a flow departs from steady: another level for a while, a wave, something it follows; and a rate at rest."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from rig.analysis.block_flow import (
    CHI2_84,
    CHI2_95,
    SHARES,
    Floats,
    block_means,
    blocks_of,
    chance_of,
    finest,
    fit_lines,
    fit_seen,
    sines_of,
)

_MOST_CYCLES, _PHASES = 6.0, 8
_ENOUGH = 30  # blocks, to tell the two noises apart


def steady_rate(t_s: Floats, mass_g: Floats) -> tuple[float, float]:
    """Rate of change in g/s, shape (n,) with n >= 4, and the probability of so large a one if there is none.

    Against both noises as in :func:`rig.analysis.steadiness.flow_slope`.
    """
    starts = np.linspace(0, len(t_s), finest(len(t_s)) + 1).round().astype(np.intp)
    flow = np.diff(block_means(mass_g - mass_g[0], starts)) / np.diff(block_means(t_s, starts))
    sines, eigenvalues = sines_of(len(flow))
    one, seen, freedom = sines.sum(axis=1), sines @ flow, len(flow) - 1
    fits = []
    for share in SHARES:
        weight = 1.0 / ((1.0 - share) + share * eigenvalues)
        information = float(weight @ one**2)
        rate = float((weight * one) @ seen) / information
        variance = max(float(weight @ (seen - rate * one) ** 2), 1e-300) / freedom
        likelihood = freedom * math.log(variance) - float(np.sum(np.log(weight))) + math.log(information)
        fits.append((likelihood, rate, abs(rate) / math.sqrt(variance / information)))
    best = min(fits)[0]
    _, rate, t = min((fit for fit in fits if fit[0] <= best + CHI2_95), key=lambda fit: fit[2])
    return rate, chance_of(t, freedom)


@dataclass(frozen=True)
class Excursion:
    """The stretch of time (s) in which the flow differs most from the rest, and the mass in g that makes.

    ``change_pct``: flow in the stretch less that of the rest, in % of the mean flow; ``standard_error_pct`` of it;
    ``chance``: probability of so large a change anywhere if the flow is steady, at most (Bonferroni).
    """

    start_s: float
    end_s: float
    size_g: float
    change_pct: float
    standard_error_pct: float
    chance: float


def flow_excursion(t_s: Floats, mass_g: Floats) -> Excursion | None:
    """Where the flow stepped to another level, for a while or for good: of all stretches between block means the one
    that fits best, against both noises as in :func:`rig.analysis.steadiness.flow_slope`. Arguments, shapes
    (n,), and None as there.
    """
    blocks = blocks_of(t_s, mass_g, finest(len(t_s)))
    if blocks is None:
        return None
    count = len(blocks.flow)
    first, last, seen = _stretches_of(count)
    change, error = fit_seen(seen, blocks.flow, CHI2_84 if count >= _ENOUGH else CHI2_95)
    t = np.abs(change) / error
    best = int(np.argmax(t))
    start_s, end_s = float(blocks.t_s[first[best]]), float(blocks.t_s[last[best] + 1])
    return Excursion(
        start_s,
        end_s,
        float(change[best]) * blocks.mean_g_s * (end_s - start_s),
        100.0 * float(change[best]),
        100.0 * float(error[best]),
        len(t) * chance_of(float(t[best]), count - 2),
    )


@lru_cache(maxsize=64)
def _stretches_of(count: int) -> tuple[NDArray[np.intp], NDArray[np.intp], Floats]:
    """First and last interval of every stretch but the whole, and the stretches in the basis of the fit."""
    first, last = np.triu_indices(count)
    kept = last - first + 1 < count
    first, last = first[kept], last[kept]
    summed = np.vstack([np.zeros(count), np.cumsum(sines_of(count)[0], axis=0)])
    return first, last, summed[last + 1] - summed[first]


@dataclass(frozen=True)
class Wave:
    """A sine in the mass about a steady rise: from crest to trough ``swing_g``."""

    period_s: float
    swing_g: float
    chance: float


def flow_wave(t_s: Floats, mass_g: Floats) -> Wave | None:
    """The sine of one to a few periods in the stretch that fits best, tried as :func:`flow_excursion` tries steps.

    ``t_s``, ``mass_g``: shapes (n,).
    """
    blocks = blocks_of(t_s, mass_g, finest(len(t_s)))
    if blocks is None:
        return None
    cycles = np.arange(1.0, min(_MOST_CYCLES, len(blocks.flow) / 4), 0.25)
    phases = np.arange(_PHASES) * np.pi / _PHASES
    pairs = np.stack(np.meshgrid(cycles, phases, indexing="ij"), axis=-1).reshape(-1, 2)
    waves = np.cos(2 * np.pi * pairs[:, :1] * blocks.place + pairs[:, 1:])
    change, error = fit_lines(waves, blocks.flow)
    t = np.abs(change) / error
    best = int(np.argmax(t))
    period_s = float(t_s[-1] - t_s[0]) / float(pairs[best, 0])
    swing_g = abs(float(change[best])) * blocks.mean_g_s * period_s / np.pi
    return Wave(period_s, swing_g, len(t) * chance_of(float(t[best]), len(blocks.flow) - 2))


@dataclass(frozen=True)
class Follows:
    """How the mass follows another quantity x: ``per_x_g`` a unit of x, ``swing_g`` with the whole range of x."""

    per_x_g: float
    swing_g: float
    chance: float


def follows(t_s: Floats, mass_g: Floats, x: Floats) -> Follows | None:
    """Whether the mass goes up and down with x (shape (n,), such as the temperature at each reading; any unit) besides
    the flow.

    Differences are compared, so that two quantities that merely drift do not seem to follow each other. None as in
    :func:`rig.analysis.steadiness.flow_slope`, or if x does not change.
    """
    blocks = blocks_of(t_s, mass_g, finest(len(t_s)))
    if blocks is None or float(np.ptp(x)) == 0.0:
        return None
    averaged = block_means(x, blocks.starts)
    rate = np.diff(averaged) / np.diff(blocks.t_s)
    if float(np.ptp(rate)) == 0.0:
        return None
    per_x, error = fit_lines(rate[None, :], blocks.flow)
    per_x_g = float(per_x[0]) * blocks.mean_g_s
    return Follows(
        per_x_g, per_x_g * float(np.ptp(averaged)), chance_of(float(abs(per_x[0]) / error[0]), len(rate) - 2)
    )
