"""A rehearsal in virtual time: a weighing every 30 s, a flow sensor at 10 Hz, all recorded, judged, reported, sealed.

``rig run`` as a user calls it, from its start to its end. One channel is run so many rounds, 16 channels once; shorter
and narrower ones show whether the cost grows in proportion.
"""

from __future__ import annotations

import shutil
import statistics

from benchmarks.findings import Finding, main, scratch
from benchmarks.workspace import make_workspace, rig

HOURS, CHANNELS = 72.0, 16
NOT_STEEPER = 1.25  # what still counts as linear: the noise of single runs


def rehearsed(channels: int, hours: float) -> tuple[float, float]:
    """Seconds by the clock, and of the processor."""
    with scratch() as folder:
        plan, bench = make_workspace(folder / "workspace", channels, hours)
        try:
            return rig(plan.parent, "run", plan, "--bench", bench)
        finally:
            shutil.rmtree(plan.parent / "runs", ignore_errors=True)


def measure(rounds: int, tiny: bool) -> list[Finding]:
    hours, many = (12.0, 2) if tiny else (HOURS, CHANNELS)
    one = [rehearsed(1, hours) for _ in range(rounds)]
    took, used = (statistics.median(values) for values in zip(*one, strict=True))
    _, half_used = rehearsed(1, hours / 2)
    _, start_used = rehearsed(1, hours / 12)
    wide, wide_used = rehearsed(many, hours)
    first_half = (half_used - start_used) / (hours / 2 - hours / 12)  # s of the processor for an hour
    second_half = (used - half_used) / (hours / 2)
    first = (used - start_used) / (hours - hours / 12) * hours  # s of the processor for a channel
    others = (wide_used - used) / (many - 1)
    return [
        Finding(
            f"rehearsal of {hours:g} h, one channel, all bytes, journal, analysis, report, seal", f"{took:.1f} s",
            f"real time {hours * 3600:.0f} s; processor {used:.1f} s", f"{took:.1f} s", "≤ 10 s", took <= 10,
        ),
        Finding(
            f"the same, {many} channels", f"{wide:.1f} s", f"processor {wide_used:.1f} s", f"{wide:.1f} s",
            "≤ 150 s", wide <= 150,
        ),
        linear(
            "its processor time grows with hours", f"{second_half * 1e3:.0f} ms an hour in the second half",
            f"{first_half * 1e3:.0f} ms an hour in the first", second_half / first_half,
        ),
        linear(
            "its processor time grows with channels", f"{others:.1f} s for each further channel",
            f"{first:.1f} s for the first", others / first,
        ),
    ]  # fmt: skip


def linear(what: str, measured: str, beside: str, slope: float) -> Finding:
    """That a slope is no steeper than the one before."""
    figure, target = f"slope {slope:.2f} times as steep", f"linear: ≤ {NOT_STEEPER}"
    return Finding(what, measured, beside, figure, target, slope <= NOT_STEEPER)


if __name__ == "__main__":
    main(measure)
