"""Detectors on hundreds of seeded series, clean and with each fault at three sizes: what they see, and what they cry.

The short version runs in CI. The long one (marker ``campaign``) writes its table into docs/reference/detectors.md.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from rig.analysis.log_hazards import find_hazards

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "detectors.md"
SIZES = (1 / 3, 1.0, 3.0)  # of the limit
# A series good enough for its limit has an expanded uncertainty of at most a quarter of it. A pump without error passes
# as long as nothing moves the mean by more than the rest.
FLIPS = 0.75


@dataclass(frozen=True)
class Tried:
    """One series through the detectors: the hazards' names, and how far the mean was moved (in limits)."""

    names: frozenset[str]
    moved: float


def names_of(made, t_s, mass_g, series) -> frozenset[str]:
    """Lumps are what they are called if the pump delivers in lumps: no alarm."""
    temperature_c = made.temperature_c if len(t_s) == len(made.t_s) else None
    found = find_hazards(
        t_s,
        mass_g,
        series.density,
        made.rate_ml_h,
        display_step_g=made.resolution_g,
        temperature_c=temperature_c,
    )
    lumps = made.packet_g > 0.02 * made.unit_g
    return frozenset(h.name for h in found if not (h.name == "quantised" and lumps))


def tried(series, fault: str, size: float, seed: int) -> Tried:
    made = series.clean(2, seed)
    before = made.shown()
    t_s, mass_g = series.faults[fault][0](made, size * series.limit)
    flow = (mass_g[-1] - mass_g[0]) / (t_s[-1] - t_s[0])
    true = (before[-1] - before[0]) / (made.t_s[-1] - made.t_s[0])
    names = names_of(made, t_s, mass_g, series)
    if fault == "drops":  # lumps are looked for here
        names |= {h.name for h in find_hazards(t_s, mass_g, series.density, made.rate_ml_h)}
    return Tried(names, abs(flow / true - 1) / series.limit)


def alarms(series, seeds) -> list[tuple[int, list[str]]]:
    found = []
    for seed in seeds:
        made = series.clean(1, seed)
        names = names_of(made, made.t_s, made.shown(), series)
        if names:
            found.append((seed, sorted(names)))
    return found


def test_clean_series_raise_no_alarm(series: SimpleNamespace) -> None:
    assert len(alarms(series, range(60))) <= 1


def test_no_fault_that_would_flip_a_verdict_goes_unseen(series: SimpleNamespace) -> None:
    unseen = []
    for fault in series.faults:
        for seed in range(5):
            one = tried(series, fault, 1.0, seed)
            if not one.names and one.moved >= FLIPS:
                unseen.append((fault, seed, one))
    assert unseen == []


@pytest.mark.campaign
def test_campaign(series: SimpleNamespace) -> None:
    clean = 2000
    false = alarms(series, range(clean))
    rows, unseen = [], []
    for fault, (_, words) in series.faults.items():
        cells = []
        for size in SIZES:
            each = [tried(series, fault, size, seed) for seed in range(200)]
            seen = sum(bool(one.names) for one in each)
            cells.append(f"{seen / 2:g} %")
            unseen += [
                (fault, size, seed) for seed, one in enumerate(each) if not one.names and one.moved >= FLIPS
            ]
            if size == 1.0:
                common = Counter(name for one in each for name in one.names).most_common(2)
        rows.append(f"| {words} | {' | '.join(cells)} | {', '.join(f'`{name}`' for name, _ in common)} |")
    counts = Counter(name for _, names in false for name in names)
    told = ", ".join(f"`{name}` {count}" for name, count in sorted(counts.items()))
    table = "\n".join(
        [
            "| fault | a third of the limit | the limit | three limits | mostly called |",
            "|---|---|---|---|---|",
            *rows,
            "",
            f"False alarms: {len(false)} of {clean} clean series ({100 * len(false) / clean:.2g} %: {told}).",
        ]
    )
    write("logs", table)
    assert unseen == []
    assert len(false) < 0.01 * clean


def write(name: str, table: str) -> None:
    """Put a table between its marks."""
    block = re.compile(rf"(<!-- campaign: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
    page = PAGE.read_text(encoding="utf-8")
    assert block.search(page)
    PAGE.write_text(block.sub(lambda found: found[1] + table + "\n" + found[2], page), encoding="utf-8")


def test_the_series_are_good_enough_for_their_limit(series: SimpleNamespace) -> None:
    """Else the campaign would ask for what no detector can see."""
    moved = []
    for seed in range(200):
        made = series.clean(1, seed)
        shown = made.shown()
        moved.append(abs((shown[-1] - shown[0]) / made.total_g - 1) / series.limit)
    assert np.quantile(moved, 0.95) <= 0.25
