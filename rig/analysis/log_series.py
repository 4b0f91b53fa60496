"""A balance log prepared for its detectors: intervals, resolution, packets, noise and the flow to expect.

Scales of noise are quantiles, not variances, so that the faults looked for do not hide themselves.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from rig.analysis.steadiness import Trend, flow_trend

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

GAP = 1.5  # sample intervals
_LOCAL = 31  # intervals of a running median
_NORMAL_Q90 = 1.645  # of |x| for a normal x of standard deviation 1
_NORMAL_MEDIAN = 0.6745
_ROUNDING = 1e-13  # relative, of the numbers in a log
_FEWEST_FOR_LUMPS = 20
_SOME = 128
_LUMPY = 0.75
_FEWEST_CHANGES = 8  # of the level; fewer are a stop or a change of flow
_LEAST_LUMP = 0.02  # of one interval's mass; smaller lumps harm no result


@dataclass(frozen=True)
class Hazard:
    """Something in a log that a reader of its numbers must know.

    ``size`` in ``unit``; ``evidence`` is what was seen, ``meaning`` what it may be and what it does to the result.
    ``lost``: the flow in this interval is unknown and no result may include it.
    """

    name: str
    start_s: float
    end_s: float
    size: float
    unit: str
    evidence: str
    meaning: str
    lost: bool = False


@dataclass(frozen=True)
class Series:
    """n readings and n - 1 intervals between them. Mass rises while the pump delivers.

    ``interval_s`` is the median interval, ``noise_g`` the scatter of one interval's mass difference, ``packet_g`` the
    lump in which mass arrives (0: none found). ``known`` marks intervals whose flow is known: no gap, no jump.
    ``mended_g``: the mass with jumps taken out, for detectors that must not see them.
    """

    t_s: Floats
    mass_g: Floats
    interval_s: float
    resolution_g: float
    noise_g: float
    packet_g: float
    trend: Trend
    known: Bools
    mended_g: Floats = field(repr=False)

    def with_mass(self, mended_g: Floats) -> Series:
        """The same with another mended mass, shape (n,)."""
        return replace(self, mended_g=mended_g)

    @property
    def expected_g(self) -> Floats:
        """Mass that each interval should have brought, shape (n - 1,)."""
        return self.trend.at(0.5 * (self.t_s[1:] + self.t_s[:-1])) * np.diff(self.t_s)

    @property
    def typical_g(self) -> float:
        """Mass of one usual interval."""
        return self.trend.level_g_s * self.interval_s


def prepare(t_s: Floats, mass_g: Floats, display_step_g: float | None = None) -> Series:
    """A series with nothing mended yet. ``t_s``, ``mass_g``: shape (n,), n >= 3, rising time.

    ``display_step_g``: one unit of the last digit written in the log, if known.
    """
    dt = np.diff(t_s)
    interval_s = float(np.median(dt))
    known = dt <= GAP * interval_s
    trend = flow_trend(t_s, mass_g)
    typical_g = trend.level_g_s * interval_s
    step_g = common_step(mass_g)
    rounding_g = _ROUNDING * float(np.max(np.abs(mass_g)))
    # Every reading a multiple of a step that no display has: that is how the mass comes, not how it is shown.
    coarse = (
        step_g > 0.05 * typical_g
        and not _could_be_display(step_g, display_step_g)
        and float(np.ptp(np.diff(mass_g)[known])) > 0.5 * step_g
    )
    resolution_g = max(rounding_g, (display_step_g or 0.0) if coarse else step_g)
    dm = np.diff(mass_g)
    rest = local_rest(dm, dt)[known]
    return Series(
        t_s=t_s,
        mass_g=mass_g,
        interval_s=interval_s,
        resolution_g=resolution_g,
        noise_g=max(scatter(rest), 0.5 * resolution_g),
        packet_g=step_g if coarse else packet_of(dm[known], rest, typical_g, resolution_g),
        trend=trend,
        known=known,
        mended_g=mass_g,
    )


def _could_be_display(step_g: float, display_step_g: float | None) -> bool:
    """Whether a balance may show in such steps: 1, 2 or 5 times a power of ten, at most 5 of the last digit."""
    exponent = math.floor(math.log10(step_g) + 1e-9)
    lead = step_g / 10.0**exponent
    plain = any(abs(lead - digit) < 1e-4 for digit in (1.0, 2.0, 5.0))
    return plain and (display_step_g is None or step_g <= 5.01 * display_step_g)


def local_rest(dm_g: Floats, dt_s: Floats) -> Floats:
    """Mass differences, shape (n,), less what the running median of the flow around them makes expect."""
    flow = dm_g / dt_s
    if len(flow) <= _LOCAL:
        return dm_g - float(np.median(flow)) * dt_s
    windows = np.lib.stride_tricks.sliding_window_view(flow, _LOCAL)
    middle = np.median(windows, axis=1)
    half = _LOCAL // 2
    around = np.concatenate([np.full(half, middle[0]), middle, np.full(half, middle[-1])])
    return dm_g - around * dt_s


def scatter(rest: Floats) -> float:
    """Standard deviation, in the unit of ``rest``, shape (n,), that a normal variable with this scatter has: the larger
    of two robust ones.
    """
    size = np.abs(rest)
    if not len(size):
        return 0.0
    return max(
        float(np.quantile(size, 0.9)) / _NORMAL_Q90,
        float(np.median(np.abs(rest - np.median(rest)))) / _NORMAL_MEDIAN,
    )


def middle_scatter(rest: Floats) -> float:
    """As :func:`scatter`, of shape (n,) in any unit, but half of the values may be faults."""
    return float(np.median(np.abs(rest - np.median(rest)))) / _NORMAL_MEDIAN if len(rest) else 0.0


def common_step(mass_g: Floats) -> float:
    """The largest step in g that all differences of the readings, shape (n,), are multiples of.

    0 if there is none above a millionth of their range: computed numbers, not displayed ones.
    """
    steps = np.unique(mass_g - mass_g[0])
    rounding = 4.0 * _ROUNDING * float(np.max(np.abs(mass_g)))
    gaps = np.concatenate([np.diff(steps), np.diff(np.unique(np.diff(mass_g)))])
    gaps = gaps[gaps > max(1e-6 * float(steps[-1] - steps[0]), rounding)]
    if not len(gaps):
        return 0.0
    for part in range(1, 11):  # the smallest gap is a small multiple of the step
        step = float(gaps.min()) / part
        counts = np.round(steps / step)
        step = float(steps @ counts / (counts @ counts))
        if float(np.max(np.abs(steps / step - counts))) <= 0.01 + 2.0 * rounding / step:
            return step
    return 0.0


def packet_of(dm_g: Floats, rest_g: Floats, typical_g: float, resolution_g: float) -> float:
    """The lump in g in which mass arrives, 0 if none: drops, strokes, or the sampling beating with strokes.

    ``dm_g``: mass differences, shape (n,); ``rest_g``: the same less their running median. Lumps of p show as a line
    in the spectrum of their distribution: the mean of exp(2 pi i x / p) has a size near 1 only if the x are
    near multiples of p. Two multiples must be well filled. A ripple that repeats every few intervals looks
    the same; it is told apart by its order, unless the masses themselves are few multiples of p.
    """
    low, high = np.quantile(rest_g, [0.02, 0.98]) if len(rest_g) >= _FEWEST_FOR_LUMPS else (0.0, 0.0)
    spread = float(high - low)
    if spread <= 6.0 * resolution_g:
        return 0.0
    inside = (rest_g >= low - 0.05 * spread) & (rest_g <= high + 0.05 * spread)
    kept, masses = rest_g[inside][:5000], dm_g[inside][:5000]
    smallest = max(6.0 * resolution_g, _LEAST_LUMP * typical_g, 1e-300)
    finest = min(min(12.0, len(kept) / 10.0) / spread, 1.0 / smallest)
    tried = np.arange(0.7 / spread, finest, 0.02 / spread)
    some = kept[:: max(1, len(kept) // _SOME)]  # enough to rule most out
    likely = np.abs(np.exp(2j * np.pi * np.outer(tried, some)).mean(axis=1)) > _LUMPY - 0.1
    for per_g in tried[likely]:
        phase = np.mean(np.exp(2j * np.pi * per_g * kept))
        if abs(phase) < _LUMPY:
            continue
        levels = np.round(kept * per_g - np.angle(phase) / (2 * np.pi))
        counts = np.unique(levels, return_counts=True)[1]
        if np.sum(counts >= 0.1 * len(kept)) < 2 or np.count_nonzero(np.diff(levels)) < _FEWEST_CHANGES:
            continue
        origin = np.mean(np.exp(2j * np.pi * per_g * masses))
        drops = abs(origin) >= _LUMPY and abs(np.angle(origin)) < 0.5 and typical_g * per_g <= 12
        if drops or not _repeats(kept):
            return float(1.0 / per_g)
    return 0.0


def _repeats(rest: Floats) -> bool:
    """Whether values come again in the same order every few intervals."""
    size = float(np.mean((rest - rest.mean()) ** 2))
    return any(float(np.mean((rest[lag:] - rest[:-lag]) ** 2)) < 0.4 * size for lag in range(2, 13))
