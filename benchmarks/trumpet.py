"""The trumpet curve of six windows, as a case is judged: beside literal loops, pandas and numpy, and exact.

Ours takes volumes, which a case has (readings corrected for evaporation are no whole steps), leaves out what is missing
and names the first window with each extreme; the others only find the extremes of whole steps.
"""

from __future__ import annotations

import time
import timeit
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.findings import Finding, in_turn, main

MINUTES = (2, 5, 11, 15, 30, 60)
STEP_ML, RATE_ML_H = 1e-5, 1.0


def counts_of(intervals: int, every_s: float) -> NDArray[np.int64]:
    """Cumulative steps of a balance's display under a pump with noise."""
    random = np.random.default_rng(3)
    true = RATE_ML_H / 3600 * every_s / STEP_ML
    return np.concatenate([[0], np.cumsum(np.rint(true + random.normal(0, 2, intervals)).astype(np.int64))])


def lengths(intervals: int) -> list[int]:
    """Six windows, in intervals."""
    return [max(1, intervals * minutes // 240) for minutes in MINUTES]


def ours(volume_ml: NDArray[np.float64], every_s: float, windows: list[int]) -> Any:
    """As a case is judged."""
    from rig.analysis.trumpet import trumpet

    return trumpet(volume_ml, every_s, RATE_ML_H, [length * every_s for length in windows])


def loops(counts: NDArray[np.int64], windows: list[int]) -> list[tuple[int, int]]:
    """As the standard writes it."""
    given = counts.tolist()
    found = []
    for length in windows:
        sums = [given[i + length] - given[i] for i in range(len(given) - length)]
        found.append((max(sums), min(sums)))
    return found


def numpy_only(counts: NDArray[np.int64], windows: list[int]) -> list[tuple[int, int]]:
    found = []
    for length in windows:
        differences = counts[length:] - counts[:-length]
        found.append((int(differences.max()), int(differences.min())))
    return found


def pandas_rolling(counts: NDArray[np.int64], windows: list[int]) -> list[tuple[float, float]]:
    import pandas as pd

    steps = pd.Series(np.diff(counts))
    found = []
    for length in windows:
        sums = steps.rolling(length).sum()
        found.append((sums.max(), sums.min()))
    return found


def exact(counts: NDArray[np.int64], every_s: float, windows: list[int]) -> bool:
    """Whether every extreme is the literal loops' whole number of steps, and the first window with it is named."""
    given = counts.tolist()
    found = ours(counts * STEP_ML, every_s, windows)
    for window, length, (most, least) in zip(found, windows, loops(counts, windows), strict=True):
        programmed = RATE_ML_H * length * every_s / 3600.0
        told = (
            (window.error_max_pct, window.first_of_max, most),
            (window.error_min_pct, window.first_of_min, least),
        )
        for error_pct, first, steps in told:
            delivered = (1 + error_pct / 100) * programmed / STEP_ML
            is_first = steps not in (given[i + length] - given[i] for i in range(first - 1))
            named = given[first - 1 + length] - given[first - 1]
            if abs(delivered - steps) > 1e-3 or round(delivered) != steps or named != steps or not is_first:
                return False
    return True


def per_call(call: Callable[[], object], number: int) -> float:
    """Seconds of the processor."""
    return timeit.timeit(call, timer=time.process_time, number=number) / number


def measure(rounds: int, tiny: bool) -> list[Finding]:
    findings = []
    short, long = counts_of(240, 60.0), counts_of(10_000 if tiny else 1_000_000, 60.0)
    windows, long_windows = lengths(240), lengths(10_000 if tiny else 1_000_000)
    short_ml, long_ml = short * STEP_ML, long * STEP_ML
    number = 10 if tiny else 2000
    found = in_turn(
        {
            "ours": lambda: per_call(lambda: ours(short_ml, 60.0, windows), number),
            "loops": lambda: per_call(lambda: loops(short, windows), max(number // 10, 1)),
            "pandas": lambda: per_call(lambda: pandas_rolling(short, windows), max(number // 50, 1)),
            "numpy": lambda: per_call(lambda: numpy_only(short, windows), number),
        },
        rounds,
    )
    is_exact = exact(short, 60.0, windows) and exact(long, 60.0, long_windows)
    us = {name: value * 1e6 for name, value in found.items()}
    findings.append(
        Finding("trumpet curve, six windows, 240 samples", f"{us['ours']:.0f} µs",
                f"loops {us['loops']:.0f} µs, pandas rolling {us['pandas']:.0f} µs, numpy {us['numpy']:.0f} µs",
                f"{us['ours']:.0f} µs", "≤ 40 µs", us["ours"] <= 40)
    )  # fmt: skip
    found = in_turn(
        {
            "ours": lambda: per_call(lambda: ours(long_ml, 60.0, long_windows), 3),
            "pandas": lambda: per_call(lambda: pandas_rolling(long, long_windows), 1),
            "numpy": lambda: per_call(lambda: numpy_only(long, long_windows), 3),
            "loops": lambda: per_call(lambda: loops(long, long_windows), 1),
        },
        rounds,
    )
    ns = {name: value * 1e9 / (len(long) - 1) for name, value in found.items()}
    findings.append(
        Finding("six windows, a million samples: a sample, all windows", f"{ns['ours']:.2f} ns",
                f"loops {ns['loops']:.0f} ns, pandas rolling {ns['pandas']:.1f} ns, numpy {ns['numpy']:.1f} ns",
                f"{ns['ours']:.2f} ns", "≤ 5 ns", ns["ours"] <= 5)
    )  # fmt: skip
    hours = 1 if tiny else 72
    every = counts_of(hours * 3600 // 30, 30.0)
    every_ml = every * STEP_ML
    all_windows = list(range(1, len(every)))
    found = in_turn(
        {
            "ours": lambda: per_call(lambda: ours(every_ml, 30.0, all_windows), 1),
            "numpy": lambda: per_call(lambda: numpy_only(every, all_windows), 1),
        },
        rounds,
    )
    findings.append(
        Finding(f"all {len(all_windows)} windows of {hours} h, a weighing every 30 s", f"{found['ours'] * 1e3:.0f} ms",
                f"numpy {found['numpy'] * 1e3:.0f} ms", f"{found['ours'] * 1e3:.0f} ms", "≤ 60 ms",
                found["ours"] <= 0.06)
    )  # fmt: skip
    findings.append(
        Finding("whole steps, exact", "steps and windows as by loops" if is_exact else "DIFFERENT", "literal loops",
                "equal" if is_exact else "not equal", "integer counts, exact", is_exact)
    )  # fmt: skip
    return findings


if __name__ == "__main__":
    main(measure)
