"""Curves as they are drawn: from the record to a few hundred points, nothing smoothed, extremes kept."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rig.analysis.evaporation import Evaporation, Slope, corrected_reading_g, slope
from rig.analysis.gravimetry import BalanceFigures, immersion_factor, volume_per_reading_ml_g
from rig.definitions.bench_file import BenchFile
from rig.definitions.plan_file import Plan
from rig.judge.weighing import conditions_on, figures_of
from rig.record.case_data import CaseData, FlowSeries, Step

Floats = NDArray[np.float64]
NS_PER_H = 3.6e12


@dataclass(frozen=True)
class Curve:
    """Points (t_h, y); hours since ``zero``, y in the unit of the caller."""

    t_h: Floats
    y: Floats


@dataclass(frozen=True)
class Band:
    """Least, greatest and mean value in each of some hundred equal intervals of time, their middles in h."""

    t_h: Floats
    low: Floats
    high: Floats
    mean: Floats


EMPTY = Curve(np.empty(0), np.empty(0))


def envelope(t_h: Floats, y: Floats, bins: int = 240) -> Band:
    """Least, greatest and mean ``y`` in each of ``bins`` equal intervals of time; nan where there are no samples."""
    finite = np.isfinite(y)
    t_h, y = t_h[finite], y[finite]
    if t_h.size == 0:
        return Band(np.empty(0), np.empty(0), np.empty(0), np.empty(0))
    bins = max(1, min(bins, t_h.size // 4))  # few samples: no interval without one
    begin, end = float(t_h[0]), float(t_h[-1])
    width = (end - begin) / bins or 1.0
    place = np.clip(((t_h - begin) / width).astype(np.int64), 0, bins - 1)
    low, high = np.full(bins, np.inf), np.full(bins, -np.inf)
    np.minimum.at(low, place, y)
    np.maximum.at(high, place, y)
    empty = np.isinf(low)
    low[empty], high[empty] = np.nan, np.nan
    count = np.bincount(place, minlength=bins).astype(np.float64)
    count[empty] = np.nan
    mean = np.bincount(place, weights=y, minlength=bins) / count
    middles = np.arange(bins, dtype=np.float64) + 0.5
    return Band(np.asarray(begin + middles * width, dtype=np.float64), low, high, mean)


def flow_band(flow: FlowSeries, step: Step, zero_ns: int, bins: int = 240) -> Band:
    """Least and greatest flow (mL/h) the sensor saw during ``step``."""
    chosen = (flow.t_ns >= step.start_ns) & (flow.t_ns <= step.end_ns)
    return envelope((flow.t_ns[chosen] - zero_ns) / NS_PER_H, flow.flow_ml_h[chosen], bins)


def temperature_band(data: CaseData, zero_ns: int, bins: int = 120) -> Band:
    """Least and greatest temperature (°C) of the liquid at the flow sensor, during the whole case."""
    return envelope((data.flow.t_ns - zero_ns) / NS_PER_H, data.flow.temperature_c, bins)


def mass_in(data: CaseData, step: Step, zero_ns: int) -> Curve:
    """Balance readings (g) during ``step``."""
    chosen = (data.mass.t_ns >= step.start_ns) & (data.mass.t_ns <= step.end_ns)
    return Curve((data.mass.t_ns[chosen] - zero_ns) / NS_PER_H, data.mass.mass_g[chosen])


@dataclass(frozen=True)
class Weighing:
    """What turns balance readings into a volume: mL per g on the display, and the loss between the blanks."""

    ml_per_g: float
    evaporation: Evaporation | None = None


def weighing(data: CaseData, plan: Plan, bench: BenchFile) -> Weighing:
    """The same correction as the verdict's: density, buoyancy, immersed outlet, evaporation from both blanks.

    Where a blank is missing (the case ended early) the other stands for both; without any, nothing is corrected.
    """
    conditions = conditions_on(bench, plan.reference_temperature_c)
    unit = next((unit for unit in bench.units if unit.serial == data.unit), None)
    ml_per_g = volume_per_reading_ml_g(conditions.fluid_kg_m3, conditions.air_kg_m3)
    if unit is None or unit.balance is None:
        return Weighing(ml_per_g)
    figures = figures_of(unit.balance)
    ml_per_g *= immersion_factor(unit.outlet_diameter_mm, unit.vessel_diameter_mm)
    before, after = (_blank(data, name, figures) for name in ("blank_before", "blank_after"))
    first, second = before or after, after or before
    if first is None or second is None:
        return Weighing(ml_per_g)
    if second is first:  # one blank for both: any later moment will do
        second = replace(first, t_s=first.t_s + 1.0)
    return Weighing(ml_per_g, Evaporation(first, second))


def _blank(data: CaseData, name: str, figures: BalanceFigures) -> Slope | None:
    step = data.step(name)
    if step is None:
        return None
    mass = mass_in(data, step, 0)
    if mass.t_h.size < 3 or np.ptp(mass.t_h) <= 0:
        return None
    return slope(mass.t_h * 3600.0, mass.y, figures)


def volume_in(data: CaseData, step: Step, zero_ns: int, weighed: Weighing) -> Curve:
    """Volume (mL) delivered since the first reading of ``step``, corrected as the verdict is."""
    mass = mass_in(data, step, zero_ns)
    if mass.t_h.size == 0:
        return EMPTY
    grams = mass.y - mass.y[0]
    if weighed.evaporation is not None:
        grams = corrected_reading_g(mass.t_h * 3600.0 + zero_ns / 1e9, mass.y, weighed.evaporation)
    return Curve(mass.t_h, grams * weighed.ml_per_g)


def rate_of(volume: Curve) -> Curve:
    """Mean flow (mL/h) from each reading to the next, at the later one; readings of one instant are passed over."""
    if volume.t_h.size < 2:
        return EMPTY
    later = np.diff(volume.t_h) > 0
    flow = np.diff(volume.y)[later] / np.diff(volume.t_h)[later]
    return Curve(volume.t_h[1:][later], flow)


def deviation_from(volume: Curve, rate_ml_h: float) -> Curve:
    """Delivered minus programmed volume (mL) since the first reading."""
    if volume.t_h.size == 0:
        return EMPTY
    return Curve(volume.t_h, volume.y - rate_ml_h * (volume.t_h - volume.t_h[0]))
