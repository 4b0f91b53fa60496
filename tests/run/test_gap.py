"""How long the rig was gone: by the monotonic clock within one start of the machine, else by the clock of the day."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from rig.clock.virtual import VirtualClock
from rig.clock.wall import WallClock
from rig.record.case_data import RunRecord
from rig.run import gap
from rig.run.gap import boot_id, gap_until_now, time_zero

H = 3600 * 10**9
LAST_NS = 10 * H


def record_of(zero, *steps_ns, resumed=None):
    """A run that began 12 h ago, of which 10 h are recorded; with steps of the clock of the day."""
    other = [{"kind": "clock_step", "seq": 5 + n, "step_ns": step_ns} for n, step_ns in enumerate(steps_ns)]
    if resumed is not None:
        other.append({"kind": "resumed", "seq": 20, "zero": resumed})
    return RunRecord(Path(), {"seq": 0, "zero": zero}, (), (), None, other=tuple(other))


def zero_of(ago_ns, boot, by_day_ns=0):
    return {
        "boot": boot,
        "monotonic_ns": time.monotonic_ns() - ago_ns,
        "utc_ns": time.time_ns() - ago_ns + by_day_ns,
    }


@pytest.fixture
def same_boot(monkeypatch):
    monkeypatch.setattr(gap, "boot_id", lambda: "this start")


def about(ns):
    return pytest.approx(ns, abs=10**9)


def test_the_zero_of_a_run_in_real_time_is_known_on_both_clocks_and_in_virtual_time_on_none():
    clock = WallClock()
    zero = time_zero(clock, clock.now_ns() - 5 * H)
    assert time.monotonic_ns() - zero["monotonic_ns"] == about(5 * H)
    assert time.time_ns() - zero["utc_ns"] == about(5 * H)
    assert zero["boot"] == boot_id()
    assert time_zero(VirtualClock(), 0) is None


def test_within_one_start_of_the_machine(same_boot):
    found = gap_until_now(record_of(zero_of(12 * H, "this start")), LAST_NS)
    assert (found.start_ns, found.end_ns, found.is_known) == (LAST_NS, about(12 * H), True)
    assert "for 7200.0 s by the monotonic clock of this machine" in found.words


def test_if_the_clock_of_the_day_says_otherwise_both_are_told(same_boot):
    found = gap_until_now(record_of(zero_of(12 * H, "this start", by_day_ns=-H)), LAST_NS)
    assert found.end_ns == about(12 * H)
    assert "by the clock of the day 10800" in found.words


@pytest.mark.parametrize("steps_ns", [(), (H,), (H, -3 * H)])
def test_after_a_restart_with_the_steps_that_were_recorded(same_boot, steps_ns):
    zero = zero_of(12 * H, "an earlier start", by_day_ns=-sum(steps_ns))
    found = gap_until_now(record_of(zero, *steps_ns), LAST_NS)
    assert (found.end_ns, found.is_known) == (about(12 * H), True)
    assert "7200 s by the clock of the day" in found.words


@pytest.mark.parametrize("zero", [zero_of(9 * H, "an earlier start"), None])
def test_a_clock_that_is_behind_the_record_or_no_zero_tells_nothing(same_boot, zero):
    found = gap_until_now(record_of(zero), LAST_NS)
    assert (found.end_ns, found.is_known) == (LAST_NS + 1, False)


def test_what_counts_is_the_last_time_it_was_taken_up(same_boot):
    zero, resumed = zero_of(12 * H, "an earlier start"), zero_of(11 * H, "this start")
    assert gap_until_now(record_of(zero, H, resumed=resumed), LAST_NS).end_ns == about(11 * H)
