"""Setting the clock of the day, by hand or by a time service, moves no time of a run."""

from __future__ import annotations

import time

import pytest

from rig.clock.wall import WallClock

YEAR_NS = 365 * 86_400 * 1_000_000_000


@pytest.mark.parametrize("step_ns", [YEAR_NS, -YEAR_NS, 3_600_000_000_000, -3_600_000_000_000])
def test_a_step_of_the_clock_of_the_day_is_none_of_the_runs_clock(monkeypatch, step_ns):
    real_ns, real_s = time.time_ns, time.time
    clock = WallClock()
    before_ns = clock.now_ns()
    monkeypatch.setattr(time, "time_ns", lambda: real_ns() + step_ns)
    monkeypatch.setattr(time, "time", lambda: real_s() + step_ns / 1e9)
    assert 0 <= before_ns <= clock.now_ns() < 600_000_000_000  # it began at zero, a moment ago
    clock.sleep_s(0.001)
