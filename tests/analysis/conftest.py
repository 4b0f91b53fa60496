"""Balance series made by formula, clean or with one fault of a known size, for the detectors to be tried on.

Independent of the simulated bench and of the detectors: delivery, evaporation, a wandering zero, noise, display.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import pytest

RATES_ML_H = (0.048 / 24, 0.5 / 24, 1.0, 5.0, 25.0, 150.0)
INTERVALS_S = (10.0, 30.0, 60.0, 120.0, 900.0)
COUNTS = (24, 31, 60, 105, 240, 600, 1500)
DELIVERIES = ("smooth", "peristaltic", "packets", "strokes")
DENSITY_G_ML = 0.998
LIMIT = 0.05  # of the delivered volume: the limit that the mean error is judged by
TEST_UNCERTAINTY_RATIO = 4.0  # every series is good enough to be judged by that limit


@dataclass(frozen=True)
class Made:
    """A series before it is displayed: what the balance would show if it had no steps, and what is behind it."""

    rng: np.random.Generator
    rate_ml_h: float
    t_s: np.ndarray
    true_g: np.ndarray  # from 0, with evaporation
    noise_g: np.ndarray  # wandering and scatter of the balance
    resolution_g: float
    packet_g: float  # lump of one stroke or packet; 0 if smooth
    temperature_c: np.ndarray
    tare_g: float

    @property
    def unit_g(self) -> float:
        """Mass of one sample interval."""
        return float(self.true_g[-1]) / (len(self.t_s) - 1)

    @property
    def total_g(self) -> float:
        return float(self.true_g[-1])

    def flowing(self, factor: np.ndarray) -> Made:
        """The same with the flow of each interval multiplied."""
        gained = np.diff(self.true_g) * factor
        return replace(self, true_g=np.concatenate([[0.0], np.cumsum(gained)]))

    def plus(self, extra_g: np.ndarray) -> Made:
        return replace(self, true_g=self.true_g + extra_g)

    def shown(self) -> np.ndarray:
        """What the display says."""
        mass_g = self.tare_g + self.true_g + self.noise_g
        return np.round(mass_g / self.resolution_g) * self.resolution_g


def displayable(about_g: float) -> float:
    """The step next below: 1, 2 or 5 times a power of ten."""
    ten = 10.0 ** math.floor(math.log10(about_g))
    return ten * max(lead for lead in (1, 2, 5) if lead * ten <= about_g * (1 + 1e-9))


def clean(*seed: int) -> Made:
    """A series without fault, drawn over rates, intervals, lengths, kinds of delivery and balances."""
    rng = np.random.default_rng(list(seed))
    rate, interval = float(rng.choice(RATES_ML_H)), float(rng.choice(INTERVALS_S))
    count, delivery = int(rng.choice(COUNTS)), str(rng.choice(DELIVERIES))
    unit = rate * DENSITY_G_ML / 3600 * interval
    t_s = np.arange(count + 1) * interval
    steady = np.full(count, 1.0) + 10 ** rng.uniform(-4, -1.7) * rng.normal(size=count)
    volume = np.concatenate([[0.0], np.cumsum(steady)])  # in units of one interval
    worst = LIMIT * count / TEST_UNCERTAINTY_RATIO  # the expanded uncertainty of the mean may be that
    packet = 0.0
    if delivery == "peristaltic":
        roller = 10 ** rng.uniform(-1.5, 1.0)
        ripple = rng.uniform(0.05, 0.5)
        swing = ripple * roller / (2 * math.pi)
        volume = volume - min(swing, 0.3 * worst) * np.cos(2 * math.pi * (volume / roller + rng.uniform()))
    elif delivery != "smooth":
        packet = min(
            10 ** (rng.uniform(-2.5, -1.0) if delivery == "packets" else rng.uniform(-1.3, 0.5)), 0.3 * worst
        )
        volume = np.floor(volume / packet + rng.uniform()) * packet
    noise = 10 ** rng.uniform(-3.5, -0.3)
    walk = 10 ** rng.uniform(-4, -1.5)
    expanded = 2 * math.sqrt(2 * noise**2 + walk**2 * count)
    shrink = min(1.0, 0.8 * worst / expanded)
    noise, walk = noise * shrink, walk * shrink
    evaporation = rng.uniform(0.0, 0.01)
    day = 1 + 0.05 * np.sin(2 * math.pi * t_s[1:] / 86400 + rng.uniform(0, 6.3))
    true = volume - volume[0] - np.concatenate([[0.0], np.cumsum(evaporation * day)])
    true *= 1 + 0.02 * rng.normal()
    balance = noise * rng.normal(size=count + 1) + np.cumsum(walk * rng.normal(size=count + 1))
    swing_k = rng.uniform(0.05, 1.0)
    period_s = t_s[-1] / rng.uniform(1.0, 4.0)
    temperature = 22 + swing_k * np.sin(2 * math.pi * t_s / period_s + rng.uniform(0, 6.3))
    temperature += 0.01 * rng.normal(size=count + 1)
    resolution = displayable(unit * min(10 ** rng.uniform(-3.5, 0.3), 0.3 * worst))
    return Made(
        rng, rate, t_s, true * unit, balance * unit, resolution, packet * unit, temperature,
        tare_g=float(rng.uniform(0, 100) * unit * 10),
    )  # fmt: skip


# Faults. ``size`` is a share of the delivered mass: the error that the fault makes in the mean, or, where it makes none
# because what is missing comes later, the share that comes late. Each returns times and displayed masses.

Series = tuple[np.ndarray, np.ndarray]


def _somewhere(made: Made, length: int) -> int:
    """The first interval of a fault of that many intervals, well inside."""
    count = len(made.t_s) - 1
    return int(made.rng.integers(max(2, count // 8), max(3, count - count // 8 - length)))


def _intervals(made: Made, share: float) -> int:
    return max(1, round(share * (len(made.t_s) - 1)))


def _stretch(made: Made, share: float, factor: float) -> Made:
    """Flow multiplied over a stretch, such that ``share`` of the mass is missing or in excess."""
    length = _intervals(made, share / abs(1 - factor))
    first = _somewhere(made, length)
    flow = np.ones(len(made.t_s) - 1)
    part = share * len(flow) / length
    flow[first : first + length] = 1 + math.copysign(part, factor - 1)
    return made.flowing(flow)


def bump(made: Made, size: float) -> Series:
    at = _somewhere(made, 1)
    sign = made.rng.choice([-1.0, 1.0])
    return made.t_s, made.plus(
        np.where(np.arange(len(made.t_s)) > at, sign * size * made.total_g, 0.0)
    ).shown()


def last_reading(made: Made, size: float) -> Series:
    extra = np.zeros(len(made.t_s))
    extra[made.rng.choice([0, -1])] = made.rng.choice([-1.0, 1.0]) * size * made.total_g
    return made.t_s, made.plus(extra).shown()


def draught(made: Made, size: float) -> Series:
    extra = np.zeros(len(made.t_s))
    extra[_somewhere(made, 1)] = made.rng.choice([-1.0, 1.0]) * size * made.total_g
    return made.t_s, made.plus(extra).shown()


def stall(made: Made, size: float) -> Series:
    return made.t_s, _stretch(made, size, 0.0).shown()


def weak(made: Made, size: float) -> Series:
    """Flow at 70 % for a while: a partly closed line."""
    return made.t_s, _stretch(made, min(size, 0.1), 0.7).shown()


def free_flow(made: Made, size: float) -> Series:
    return made.t_s, _stretch(made, size, 2.0).shown()


def reverse(made: Made, size: float) -> Series:
    return made.t_s, _stretch(made, size, -1.0).shown()


def bubble(made: Made, size: float) -> Series:
    """Nothing for a while, then what was missing at three times the flow."""
    length = _intervals(made, size)
    first = _somewhere(made, 2 * length)
    flow = np.ones(len(made.t_s) - 1)
    flow[first : first + length] = 0.0
    after = max(1, round(length / 2))
    flow[first + length : first + length + after] += length / after
    return made.t_s, made.flowing(flow).shown()


def occlusion(made: Made, size: float) -> Series:
    """The flow falls off slowly, as the line stretches, and what was held back comes at once."""
    length = _intervals(made, min(2 * size, 0.4))
    first = _somewhere(made, length + 1)
    flow = np.ones(len(made.t_s) - 1)
    held = (1 - np.exp(-3 * (np.arange(length) + 0.5) / length)) * size * len(flow)
    held /= np.sum(1 - np.exp(-3 * (np.arange(length) + 0.5) / length))
    flow[first : first + length] -= held
    flow[min(first + length, len(flow) - 1)] += held.sum()
    return made.t_s, made.flowing(flow).shown()


def stuck(made: Made, size: float) -> Series:
    length = _intervals(made, size) + 1
    first = _somewhere(made, length)
    shown = made.shown()
    shown[first : first + length] = shown[first]
    return made.t_s, shown


def stuck_to_the_end(made: Made, size: float) -> Series:
    shown = made.shown()
    length = _intervals(made, size)
    shown[-length:] = shown[-length - 1]
    return made.t_s, shown


def missing(made: Made, size: float) -> Series:
    length = _intervals(made, size)
    first = _somewhere(made, length) + 1
    return np.delete(made.t_s, np.s_[first : first + length]), np.delete(
        made.shown(), np.s_[first : first + length]
    )


def clock_jump(made: Made, size: float) -> Series:
    """The clock is set forward: the flow seems less, and no reading is missing."""
    length = _intervals(made, size) + 1
    at = _somewhere(made, 1)
    t_s = made.t_s + np.where(np.arange(len(made.t_s)) > at, length * made.t_s[1], 0.0)
    return t_s, made.shown()


def drift(made: Made, size: float) -> Series:
    """The flow of the second half differs from that of the first by twice the size."""
    x = np.linspace(-1, 1, len(made.t_s) - 1)
    return made.t_s, made.flowing(1 + made.rng.choice([-1.0, 1.0]) * 2 * size * x).shown()


def start_up(made: Made, size: float) -> Series:
    count = len(made.t_s) - 1
    length = max(size * count, 1e-9)
    return made.t_s, made.flowing(1 - np.exp(-(np.arange(count) + 0.5) / length)).shown()


def running_empty(made: Made, size: float) -> Series:
    length = _intervals(made, 2 * size)
    flow = np.ones(len(made.t_s) - 1)
    flow[-length:] = 1 - (np.arange(length) + 0.5) / length
    return made.t_s, made.flowing(flow).shown()


def stops(made: Made, size: float) -> Series:
    flow = np.ones(len(made.t_s) - 1)
    flow[-_intervals(made, size) :] = 0.0
    return made.t_s, made.flowing(flow).shown()


def warmed(made: Made, size: float) -> Series:
    """The dead volume follows the temperature, which swings once to four times in the log."""
    swing = made.temperature_c - made.temperature_c[0]
    return made.t_s, made.plus(size * made.total_g * swing / np.ptp(swing)).shown()


def drops(made: Made, size: float) -> Series:
    drop = size * made.total_g
    return made.t_s, replace(made, true_g=np.floor(made.true_g / drop) * drop).shown()


def tare(made: Made, size: float) -> Series:
    at = _somewhere(made, 1) + 1
    shown = made.shown()
    return made.t_s, np.where(np.arange(len(shown)) >= at, shown - shown[at], shown)


def container(made: Made, size: float) -> Series:
    at = _somewhere(made, 1) + 1
    by = made.rng.choice([-1.0, 1.0]) * (1 + 100 * size) * made.total_g
    return made.t_s, made.plus(np.where(np.arange(len(made.t_s)) >= at, by, 0.0)).shown()


def evaporates(made: Made, size: float) -> Series:
    """Evaporates by a share of the flow; the pump rests in the last fifth, and the log goes on."""
    count = len(made.t_s) - 1
    flow = np.ones(count)
    flow[-(count // 5) :] = 0.0
    lost = size * made.unit_g * np.arange(count + 1)
    return made.t_s, made.flowing(flow).plus(-lost).shown()


FAULTS: dict[str, tuple[Callable[[Made, float], Series], str]] = {
    "bump": (bump, "balance bumped: a step, the flow on both sides the same"),
    "last reading": (last_reading, "first or last reading wrong"),
    "draught": (draught, "one reading wrong"),
    "stall": (stall, "no flow for a while"),
    "weak": (weak, "flow at 70 % for a while"),
    "free flow": (free_flow, "siphon or free flow: twice the flow for a while"),
    "reverse": (reverse, "flow backwards for a while"),
    "bubble": (bubble, "bubble: no flow, then a surge"),
    "occlusion": (occlusion, "occlusion with compliance: the flow falls off, then a dump"),
    "stuck": (stuck, "balance stands still, then catches up"),
    "stuck to the end": (stuck_to_the_end, "balance stands still to the end"),
    "missing": (missing, "readings missing"),
    "clock jump": (clock_jump, "clock set forward"),
    "drift": (drift, "flow drifts in the analysis period"),
    "start-up": (start_up, "slow start-up"),
    "running empty": (running_empty, "reservoir runs empty"),
    "stops": (stops, "pump stops before the end"),
    "warmed": (warmed, "thermal drift: mass follows temperature"),
    "drops": (drops, "drops at the outlet"),
    "tare": (tare, "tare in the middle"),
    "container": (container, "another container"),
    "evaporates": (evaporates, "evaporation not corrected, pump at rest in the last fifth"),
}


@pytest.fixture(scope="session")
def series() -> SimpleNamespace:
    """The makers above, for tests that cannot import them."""
    return SimpleNamespace(clean=clean, faults=FAULTS, limit=LIMIT, density=DENSITY_G_ML)
