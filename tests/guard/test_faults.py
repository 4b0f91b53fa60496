"""The short part of the campaign: each fault a few times, side by side, since most of the time they wait."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

SIDE_BY_SIDE = 4
TRIALS = {
    "runner killed": 20,
    "runner frozen": 3,
    "dead loop": 2,
    "guard killed": 2,
    "both killed": 2,
    "recovery killed": 1,
    "closing killed": 2,
    "command killed": 1,
} | {f"{name} {times}": 1 for name in ("SIGTERM", "SIGHUP", "SIGINT") for times in ("once", "thrice")}
AT_ONCE_S = 10.0  # the machine may be busy: how soon is for the campaign to show


@pytest.fixture(scope="module")
def shown(fault_bench, blows):
    """All trials, by fault."""
    waiting = [name for name, count in TRIALS.items() for _ in range(count)]
    found = {name: [] for name in TRIALS}

    def work_off(number):
        place = fault_bench(f"bench-{number}", seed=number)
        while waiting:
            name = waiting.pop()
            found[name].append(blows[name](place))

    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        for done in [pool.submit(work_off, number) for number in range(SIDE_BY_SIDE)]:
            done.result()
    return found


@pytest.mark.parametrize("fault", TRIALS)
def test_pumps_end_safe_and_the_record_stays(shown, fault):
    trials = shown[fault]
    assert len(trials) == TRIALS[fault]
    assert max(trial.latency_s for trial in trials) < AT_ONCE_S
