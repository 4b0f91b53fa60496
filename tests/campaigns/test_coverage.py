"""Whether the stated uncertainty is honest: does the truth lie in the stated interval as often as stated?

Each run goes through everything a real one goes through: procedure, drivers, wire bytes, simulated pump and
balance, journal, judge. The bench file states figures; what is true is drawn anew for every run from just
those figures, so that nothing is better than stated. The pump's error is drawn too, and injected.

Many units stand on one bench, only to save the opening of files: each has a truth of its own. RPU/1 ends at
1 mL/h: for the fastest class, the driver's table of possible rates and the simulated pump are both given a
higher ceiling, and nothing else is changed.
"""

from __future__ import annotations

import math
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import beta, binom, chi2

import rig.drivers.pump_rpu1
import rig.sim.build
from rig.bench.open import open_bench
from rig.clock.virtual import VirtualClock
from rig.definitions.bench_file import load_bench
from rig.definitions.plan_file import plan_from_text
from rig.run.run import Run
from rig.sim.balances.weighing import Linearity
from rig.sim.build import SimulatedBench, SimulatedChannel, simulate
from rig.sim.fluid.densities import air_density_g_ml

UNITS = 50  # on one bench
RUNS, FEW_RUNS = 1000, 20
SEED = 20260101
STATED, RISK = 0.95, 0.025  # of the interval; of a PASS at the limit, one end of the interval
LIMIT_PCT = 14.5
CLOCK = 50e-6  # half width of the relative error of the host's clock, as the budget has it
RATE_MAX_NL_H = 10_000_000
TABLE = Path(__file__).parents[2] / "docs" / "reference" / "coverage.md"


@dataclass(frozen=True)
class RateClass:
    """One rate with a balance and a plan that suit it. Standard deviations, but for the half widths named so."""

    name: str
    rate_ml_h: float
    settle: str
    blank: str
    every: str
    period: str
    resolution_g: float
    repeatability_g: float
    linearity_g: float  # half width
    drift_24h_g: float
    evaporation_g_h: float
    swings_s: tuple[float, float]  # periods of the cycles of temperature and evaporation, from, to
    linearity_period_g: tuple[float, float] = (0.004, 0.012)  # shorter than any difference that decides


MICRO = {"resolution_g": 1e-5, "repeatability_g": 2e-5, "linearity_g": 5e-5, "drift_24h_g": 1e-4}
CLASSES = (
    RateClass(
        "0.048 mL/day", 0.048 / 24, "2 h", "4 h", "1 h", "24 h", **MICRO,
        evaporation_g_h=20e-6, swings_s=(1e4, 3e4),
    ),
    RateClass(
        "0.5 mL/day", 0.5 / 24, "1 h", "4 h", "1 h", "12 h", **MICRO,
        evaporation_g_h=50e-6, swings_s=(1e4, 3e4),
    ),
    RateClass(
        "5 mL/h", 5.0, "10 min", "1 h", "10 min", "1 h",
        resolution_g=1e-4, repeatability_g=1e-4, linearity_g=2e-4, drift_24h_g=1e-3, evaporation_g_h=10e-3,
        swings_s=(6e3, 2e4),
    ),
)  # fmt: skip

PUMP = """
[pump]
model = "RPU-Sim"
maker = "Infusion Rig"
mechanism = "peristaltic"
rate_min = "2 uL/h"
rate_max = "10 mL/h"
rate_step = "1 nL/h"
bolus_min = "1 uL"
bolus_max = "2 mL"
reservoir = "40 mL"
low_reservoir = "2 mL"
accuracy = "14.5 %"
safe_state = "stop"
"""
BENCH = """
[bench]
id = "coverage-{seed}"
seed = {seed}
fluid_temperature = "37 degC"
fluid_temperature_u = "0.3 K"
air_temperature = "22 degC"
air_temperature_u = "0.5 K"
air_pressure = "1000 hPa"
air_pressure_u = "5 hPa"
air_humidity = "50 %RH"
air_humidity_u = "5 %RH"
"""
UNIT = """
[[unit]]
serial = "{serial}"
profile = "pump.toml"
outlet_diameter = "1 mm"
vessel_diameter = "15 mm"
dead_volume = "0.2 mL"
dead_volume_swing = "0.1 K"
evaporation_variation = "5 %"
pump = {{ driver = "pump_rpu1", address = "sim://{serial}/pump" }}
[unit.balance]
driver = "balance_mt_sics"
address = "sim://{serial}/balance"
resolution = "{resolution_mg} mg"
repeatability = "{repeatability_mg} mg"
linearity = "{linearity_mg} mg"
drift_24h = "{drift_mg} mg"
sensitivity = "{sensitivity_ppm} ppm"
"""
SENSITIVITY_PPM = 5.0  # half width
PLAN = """
[plan]
id = "coverage"
revision = "A"
title = "Coverage"
reference_temperature = "37 degC"
[[case]]
id = "flow"
procedure = "flow_accuracy"
rate = "{rate}"
settle = "{settle}"
blank = "{blank}"
sample = {{ every = "{every}", for = "{period}" }}
accept = {{ mean_error = "within 14.5 %" }}
"""


def bench_text(of: RateClass, seed: int, units: int) -> str:
    figures = {
        "resolution_mg": of.resolution_g,
        "repeatability_mg": of.repeatability_g,
        "linearity_mg": of.linearity_g,
        "drift_mg": of.drift_24h_g,
    }
    stated = {name: f"{1000 * value:g}" for name, value in figures.items()}
    stated["sensitivity_ppm"] = f"{SENSITIVITY_PPM:g}"
    texts = [UNIT.format(serial=f"SIM-{number:04}", **stated) for number in range(units)]
    return BENCH.format(seed=seed) + "".join(texts)


def lift_the_ceiling(patch: pytest.MonkeyPatch) -> None:
    """Let the driver believe rates above 1 mL/h, wherever it lists which ones RPU/1 can express."""
    known = (range(2000, 1_000_001), range(1_200_001))

    def lift(table: dict[str, Any], set_item: Callable[[Any, str, Any], None], where: Any) -> None:
        for name, value in list(table.items()):
            if value in known:
                set_item(where, name, range(value.start, RATE_MAX_NL_H + 1))
            elif isinstance(value, dict) and not name.startswith("__"):
                lift(value, patch.setitem, value)

    for name in [
        name for name in sys.modules if name.startswith(("rig.drivers.pump_rpu1", "rig.drivers.rpu1_"))
    ]:
        lift(vars(sys.modules[name]), patch.setattr, sys.modules[name])


def make_true(
    channel: SimulatedChannel, of: RateClass, error_pct: float, random: np.random.Generator
) -> None:
    """Draw what is true of one unit from what the bench file states of it."""
    fluid, balance = channel.fluid, channel.balance
    assert balance is not None
    device = channel.pump.unit
    device.limits = replace(device.limits, rate_max=RATE_MAX_NL_H)
    # The host's clock runs wrong: in its time the pump is slower or faster by that much.
    fluid.rate_error = (1 + error_pct / 100) / (1 + random.uniform(-CLOCK, CLOCK)) - 1
    fluid.temperature_c = random.normal(37.0, 0.3)
    fluid.evaporation_g_h = of.evaporation_g_h
    fluid.evaporation_variation = 0.05
    fluid.dead_volume_nl, fluid.temperature_swing_k = 200_000, 0.1
    fluid.day_phase_rad, fluid.temperature_phase_rad = random.uniform(0, 2 * math.pi, 2)
    fluid.evaporation_period_s, fluid.temperature_period_s = random.uniform(*of.swings_s, 2)
    balance.noise_g = of.repeatability_g
    balance.drift.sd_24h_g = of.drift_24h_g
    balance.sensitivity_error = random.uniform(-SENSITIVITY_PPM, SENSITIVITY_PPM) * 1e-6
    balance.linearity = Linearity(of.linearity_g, random.uniform(*of.linearity_period_g), random.uniform())
    pan = balance.pan
    pan.air_density_g_ml = air_density_g_ml(
        random.normal(22, 0.5), random.normal(1000, 5), random.normal(50, 5)
    )
    pan.outlet_to_vessel = 1 / 15 * random.normal(1.0, 0.01)
    balance.offset_g = random.uniform(0.0, 0.1)  # anywhere between two digits


@dataclass(frozen=True)
class Judged:
    """One run: what was injected, and what the results say of it. In %."""

    true: float
    value: float
    expanded: float
    factor: float
    verdict: str
    shares: dict[str, float]  # of the variance, by component

    @property
    def inside(self) -> bool:
        return abs(self.value - self.true) <= self.expanded

    @property
    def deviation(self) -> float:
        """In standard uncertainties."""
        return (self.value - self.true) / self.expanded * self.factor


@pytest.fixture
def carry_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., list[Judged]]:
    """Runs of a class with these errors, UNITS at a time, from the wire to the verdicts."""

    def runs(of: RateClass, seed: int, errors_pct: NDArray[np.float64]) -> list[Judged]:
        judged: list[Judged] = []
        for batch, begin in enumerate(range(0, len(errors_pct), UNITS)):
            own_seed = [seed, CLASSES.index(of), batch]
            folder = tmp_path / "-".join(map(str, own_seed))
            folder.mkdir()
            errors = errors_pct[begin : begin + UNITS]
            judged += _one_bench(of, np.random.default_rng(own_seed), errors, monkeypatch, folder)
            shutil.rmtree(folder)
        return judged

    return runs


def _one_bench(
    of: RateClass,
    random: np.random.Generator,
    errors_pct: NDArray[np.float64],
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
) -> list[Judged]:
    truths = {f"SIM-{number:04}": float(error_pct) for number, error_pct in enumerate(errors_pct)}
    bench_seed = int(random.integers(2**32))

    def simulate_truth(*arguments: Any) -> SimulatedBench:
        world = simulate(*arguments)
        for serial, error_pct in truths.items():
            make_true(world.units[serial], of, error_pct, random)
        return world

    (folder / "pump.toml").write_text(PUMP)
    (folder / "coverage.bench.toml").write_text(bench_text(of, bench_seed, len(truths)))
    plan = plan_from_text(
        PLAN.format(
            rate=f"{of.rate_ml_h!r} mL/h", settle=of.settle, blank=of.blank, every=of.every, period=of.period
        ),
        "coverage.plan.toml",
    )
    with monkeypatch.context() as patch:
        patch.setattr(rig.sim.build, "simulate", simulate_truth)
        lift_the_ceiling(patch)
        with open_bench(load_bench(folder / "coverage.bench.toml"), VirtualClock()) as bench:
            run = Run(plan, bench, folder / "runs", "campaign")
            results = run.carry_out(plan.cases[0], list(truths))
            run.folder.journal.close()
    return [_judged(results[serial], error_pct) for serial, error_pct in truths.items()]


def _judged(result: dict[str, Any], true_pct: float) -> Judged:
    assert result["ended"] == "completed", result["message"]
    (mean,) = result["criteria"]
    budget = result["budgets"]["mean_error"]
    combined = budget["combined_standard_uncertainty"]
    return Judged(
        true_pct,
        mean["value"],
        mean["expanded_uncertainty"],
        mean["coverage_factor"],
        mean["verdict"],
        {part["name"]: (part["contribution"] / combined) ** 2 for part in budget["components"]},
    )


def any_error(seed: int, count: int) -> NDArray[np.float64]:
    return np.random.default_rng(seed).uniform(-20.0, 20.0, count)


def at_the_limit(seed: int, count: int) -> NDArray[np.float64]:
    return LIMIT_PCT * np.random.default_rng(seed).choice([-1.0, 1.0], count)


@pytest.mark.parametrize("of", CLASSES, ids=lambda of: of.name)
def test_the_truth_is_inside_and_deviations_are_as_large_as_stated(of, carry_out):
    runs = carry_out(of, SEED, any_error(SEED, FEW_RUNS))
    squares = sum(run.deviation**2 for run in runs)
    inside = sum(run.inside for run in runs)

    # With an honest 95 % each of these bounds is crossed by one seed in a thousand.
    assert inside >= binom.ppf(0.001, FEW_RUNS, STATED)
    assert chi2.ppf(0.001, FEW_RUNS) < squares < chi2.ppf(0.999, FEW_RUNS)


@pytest.mark.campaign
def test_coverage_and_risk_of_each_rate_class(carry_out):
    """A thousand runs each: the truth inside the interval as often as stated, and no more wrong PASS."""
    spread = [(of, carry_out(of, SEED, any_error(SEED, RUNS))) for of in CLASSES]
    edge = [carry_out(of, SEED + 1, at_the_limit(SEED + 1, RUNS)) for of in CLASSES]
    TABLE.write_text(page(spread, edge), encoding="utf-8")

    wrongs = [sum(run.verdict == "PASS" for run in at_limit) for at_limit in edge]
    for (of, runs), wrong in zip(spread, wrongs, strict=True):
        inside = sum(run.inside for run in runs)
        assert 0.93 <= inside / RUNS <= 0.97, f"{of.name}: {inside} of {RUNS} inside"
        # More than this a risk of 2.5 % would bring in one class of a hundred.
        assert wrong <= binom.ppf(0.99, RUNS, RISK), f"{of.name}: {wrong} of {RUNS} wrong PASS"
    assert sum(wrongs) <= RISK * RUNS * len(CLASSES)


def page(spread: list[tuple[RateClass, list[Judged]]], edge: list[list[Judged]]) -> str:
    """What the campaign found, as the page of the reference."""
    rows, risks, shares = [], [], []
    for (of, runs), at_limit in zip(spread, edge, strict=True):
        inside = sum(run.inside for run in runs)
        expanded = float(np.median([run.expanded for run in runs]))
        size = math.sqrt(float(np.mean([run.deviation**2 for run in runs])))
        rows.append(f"| {of.name} | {expanded:.2g} % | {proportion(inside, len(runs))} | {size:.2f} |")
        counts = [sum(run.verdict == word for run in at_limit) for word in VERDICTS]
        risks.append(
            f"| {of.name} | {proportion(counts[0], len(at_limit))} | {' | '.join(map(str, counts[1:]))} |"
        )
    for name in spread[0][1][0].shares:
        means = [float(np.mean([run.shares[name] for run in runs])) for _, runs in spread]
        shares.append(f"| {name} | {' | '.join(f'{100 * mean:.1f} %' for mean in means)} |")
    passes = sum(run.verdict == "PASS" for at_limit in edge for run in at_limit)
    told = proportion(passes, sum(map(len, edge))).split(" | ")
    names = " | ".join(of.name for of, _ in spread)
    return PAGE.format(
        runs=RUNS,
        seed=SEED,
        next_seed=SEED + 1,
        limit=f"{LIMIT_PCT:g}",
        rows="\n".join(rows),
        risks="\n".join(risks),
        all_risks=f"{told[0]} PASS, {told[1]} ({told[2]})",
        names=names,
        lines="---:|" * len(spread),
        shares="\n".join(shares),
    )


def proportion(count: int, total: int) -> str:
    """Count, share, and the two-sided 95 % interval of Clopper and Pearson."""
    low = 0.0 if count == 0 else float(beta.ppf(0.025, count, total - count + 1))
    high = 1.0 if count == total else float(beta.ppf(0.975, count + 1, total - count))
    return f"{count} | {100 * count / total:.1f} % | {100 * low:.1f} to {100 * high:.1f} %"


VERDICTS = ("PASS", "CONDITIONAL_PASS", "CONDITIONAL_FAIL", "FAIL", "INCONCLUSIVE")
PAGE = """# Coverage

Does the truth lie in the stated interval as often as stated? Written by `make campaign`
(`tests/campaigns/test_coverage.py`); not edited by hand.

Each of {runs} seeded runs of a rate class goes through everything a real one goes through: procedure, drivers, bytes
on the wire, simulated pump and balance, journal, judge. The bench file states figures; what is true is drawn anew for
each run, from just those figures: noise and walk of the balance, errors of linearity and sensitivity, temperature of
the fluid, density of the air, diameter of the outlet, cycles of temperature and evaporation with periods and phases of
their own, error of the clock. So is the error of the pump (anything within ±20 %), which the mean error of the results
must recover. RPU/1 ends at 1 mL/h; for the fastest class driver and simulated pump are given a higher ceiling.

## The true error inside the stated 95 % interval

| rate | median U | inside | share | 95 % of Clopper and Pearson | root mean square of deviation / u |
|---|---:|---:|---:|---:|---:|
{rows}

Seed {seed}. Accepted: 93 to 97 %.

## Verdicts on a pump that is just at the limit

The true error is -{limit} % or +{limit} %, the limit `within {limit} %`. A PASS claims more than the truth allows;
with a guard band as wide as U that happens in at most 2.5 % of the runs.

| rate | PASS | share | 95 % of Clopper and Pearson | CONDITIONAL_PASS | CONDITIONAL_FAIL | FAIL | INCONCLUSIVE |
|---|---:|---:|---:|---:|---:|---:|---:|
{risks}

All classes together: {all_risks}. Seed {next_seed}. Accepted: all together at most 2.5 %, none above it by more than
chance explains (1 %).

## What the variance is made of

Mean share of each component in the combined variance.

| component | {names} |
|---|{lines}
{shares}
"""
