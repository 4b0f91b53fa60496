"""Faults as large as what the result may be off, through the whole judgement: none flips a verdict unseen.

The pump's own error is chosen so that the fault would flip the verdict. The long version (marker ``campaign``) writes
its table into docs/reference/detectors.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from rig.definitions.bench_file import BenchFile
from rig.definitions.plan_file import Plan
from rig.judge.flow_accuracy import find_flow_accuracy
from rig.judge.verdicts import verdict_on
from rig.record.case_data import CaseData, FlowSeries

Judge = Callable[..., dict]
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "detectors.md"
SIZES = (1, 3, 10)  # expanded uncertainties of the mean error
LIMIT_PCT = 5.0  # of the plan
ACCEPTED = ("PASS", "CONDITIONAL_PASS")
H, NS = 3600.0, 1_000_000_000
SAMPLE_AT_S = 7200.0 + 5.5 * H + 2  # into the run
LASTS_S = 26 * H
RATE_G_S = 0.5 / 24 * 0.99333 / H
TOTAL_G = RATE_G_S * LASTS_S


def _stretch(at_s: float, lasts_s: float, g: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda t_s: g * np.clip((t_s - at_s) / lasts_s, 0.0, 1.0)


# Each fault: what it adds to the display for a size in g and a random place, and the direction of its error.
FAULTS = {
    "bump": (lambda g, at: lambda t: np.where(t > at, g, 0.0), +1, "balance bumped"),
    "stall": (lambda g, at: _stretch(at, g / RATE_G_S, -g), -1, "no flow for a while"),
    "free flow": (lambda g, at: _stretch(at, g / RATE_G_S, g), +1, "siphon or free flow: twice the flow for a while"),
    "reverse": (lambda g, at: _stretch(at, 0.5 * g / RATE_G_S, -g), -1, "flow backwards for a while"),
    "weak": (lambda g, at: _stretch(at, g / (0.3 * RATE_G_S), -g), -1, "flow at 70 % for a while"),
    "less for 6 h": (lambda g, at: _stretch(min(at, SAMPLE_AT_S + 16 * H), 6 * H, -g), -1, "less flow for 6 h"),
    "more for 6 h": (lambda g, at: _stretch(min(at, SAMPLE_AT_S + 16 * H), 6 * H, g), +1, "more flow for 6 h"),
    "last reading": (
        lambda g, _at: lambda t: np.where(np.abs(t - SAMPLE_AT_S - LASTS_S) < 60, g, 0.0),
        +1,
        "last reading wrong",
    ),
}  # fmt: skip


@pytest.fixture
def judge_with(bench: BenchFile, plan: Plan, made: SimpleNamespace) -> Judge:
    """Judge a case with a fault of a size, in expanded uncertainties, or none; without a flow sensor.

    The mean error only, without what a report shows beside it.
    """
    case = plan.case("steady")
    (limit,) = (criterion for criterion in case.criteria if criterion.name == "mean_error")

    def judge(fault: str | None, size: float, seed: int, expanded_pct: float) -> dict:
        rng = np.random.default_rng([11, seed])
        extra, sign, _ = FAULTS[fault or "bump"]
        own_pct = sign * (LIMIT_PCT - expanded_pct - size * expanded_pct / 2) if fault else rng.uniform(-4, 4)
        world = {
            "seed": seed,
            "error_pct": own_pct,
            "noise_g": 0.02e-3 * rng.uniform(0.5, 1.0),
            "drift_24h_g": 0.1e-3 * rng.uniform(0.2, 1.0),
            "evaporation_g_h": rng.uniform(5e-6, 40e-6),
        }
        data = blind(made.steady(made.World(**world)))
        at_s = SAMPLE_AT_S + rng.uniform(2, 20) * H
        if fault:
            data = weighed(data, extra(size * expanded_pct / 100 * TOTAL_G, at_s))
        found = find_flow_accuracy(data, case, bench.units[0], bench, plan.reference_temperature_c)
        return {"flags": found.flags, "mean_error": verdict_on(limit, found.values["mean_error"])}

    return judge


def blind(data: CaseData) -> CaseData:
    none = np.zeros(0)
    no = none.astype(bool)
    return replace(data, flow=FlowSeries(none.astype(np.int64), none, none, no, no))


def weighed(data: CaseData, extra_g: Callable[[np.ndarray], np.ndarray]) -> CaseData:
    shown = np.round(data.mass.mass_g + extra_g(data.mass.t_ns / NS), 5)
    return replace(data, mass=replace(data.mass, mass_g=shown))


def hazards(result: dict) -> list[str]:
    return [flag.name for flag in result["flags"]]


def tried(
    judge_with: Judge, fault: str, size: float, seeds: range, expanded_pct: float
) -> tuple[int, list[int]]:
    """How many were flagged; the seeds of those that flipped a verdict unseen."""
    flagged, unseen = 0, []
    for seed in seeds:
        result = judge_with(fault, size, seed, expanded_pct)
        seen = bool(hazards(result))
        flagged += seen
        if not seen and result["mean_error"]["verdict"] not in (*ACCEPTED, "INCONCLUSIVE"):
            unseen.append(seed)
    return flagged, unseen


def test_a_clean_case_is_not_flagged(judge_with: Judge) -> None:
    results = [judge_with(None, 0, seed, 0.0) for seed in range(12)]
    assert [hazards(result) for result in results] == [[]] * 12
    assert {result["mean_error"]["verdict"] for result in results} == {"PASS"}


@pytest.mark.parametrize("fault", FAULTS)
def test_no_fault_flips_a_verdict_unseen(judge_with: Judge, fault: str) -> None:
    expanded_pct = judge_with(None, 0, 0, 0.0)["mean_error"]["expanded_uncertainty"]
    for size in (3, 10):
        assert tried(judge_with, fault, size, range(3), expanded_pct) == (3, [])


@pytest.mark.campaign
def test_campaign(judge_with: Judge) -> None:
    expanded_pct = judge_with(None, 0, 0, 0.0)["mean_error"]["expanded_uncertainty"]
    clean = 400
    false = [seed for seed in range(clean) if hazards(judge_with(None, 0, seed, 0.0))]
    rows, unseen = [], []
    for fault, (_, _, words) in FAULTS.items():
        cells = []
        for size in SIZES:
            flagged, missed = tried(judge_with, fault, size, range(200), expanded_pct)
            cells.append(f"{flagged / 2:g} %")
            if size > 1:  # what is no larger than U is what U is stated for
                unseen += [(fault, size, seed) for seed in missed]
        rows.append(f"| {words} | {' | '.join(cells)} |")
    table = "\n".join(
        [
            "| fault | U | 3 U | 10 U |",
            "|---|---|---|---|",
            *rows,
            "",
            f"False alarms: {len(false)} of {clean} clean cases ({100 * len(false) / clean:.2g} %). "
            f"Verdicts flipped unseen: {len(unseen)} of {2 * len(FAULTS) * 200} by faults of 3 U and more.",
        ]
    )
    block = re.compile(r"(<!-- campaign: cases -->\n).*?(<!-- end -->)", re.DOTALL)
    page = PAGE.read_text(encoding="utf-8")
    assert block.search(page)
    PAGE.write_text(block.sub(lambda found: found[1] + table + "\n" + found[2], page), encoding="utf-8")
    assert unseen == []
    assert len(false) < 0.01 * clean
