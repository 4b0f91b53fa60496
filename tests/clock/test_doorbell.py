"""A sleep that can be ended early, alone and among other tasks."""

from __future__ import annotations

import pytest

from rig.clock.virtual import Doorbell, VirtualClock
from rig.errors import Aborted


@pytest.fixture
def clock():
    return VirtualClock()


@pytest.fixture(params=["main task", "among tasks"])
def alone_or_not(request, clock):
    """Run something on the main task, or as one of two tasks of which the other ticks every nanosecond."""

    def tick():
        for _ in range(200):
            clock.sleep_until_ns(clock.now_ns() + 1)

    def run(task):
        if request.param == "main task":
            return task()
        result = clock.run_all([tick, task])[1]
        if isinstance(result, BaseException):
            raise result
        return result

    return run


def test_sleeps_to_the_end_when_nobody_rings(clock, alone_or_not):
    bell = Doorbell(clock)
    clock.call_at(50, lambda: None)

    def task():
        bell.sleep_until_ns(100)
        return clock.now_ns()

    assert alone_or_not(task) == 100


def test_wakes_when_rung(clock, alone_or_not):
    bell = Doorbell(clock)
    clock.call_at(30, lambda: bell.ring_at(40))

    def task():
        bell.sleep_until_ns(100)
        return clock.now_ns()

    assert alone_or_not(task) == 40


def test_end_of_an_earlier_sleep_does_not_end_a_later_one(clock, alone_or_not):
    bell = Doorbell(clock)
    clock.call_at(30, lambda: bell.ring_at(30))
    clock.call_at(1000, lambda: None)

    def task():
        times = []
        for until_ns in (100, 150, 160):
            bell.sleep_until_ns(until_ns)
            times.append(clock.now_ns())
        return times

    assert alone_or_not(task) == [30, 150, 160]


def test_ring_without_a_sleeper_is_forgotten(clock, alone_or_not):
    bell = Doorbell(clock)
    bell.ring_at(5)

    def task():
        bell.sleep_until_ns(100)
        return clock.now_ns()

    assert alone_or_not(task) == 100


def test_abort_while_asleep(clock, alone_or_not):
    bell = Doorbell(clock)
    clock.call_at(30, lambda: clock.abort("operator"))
    with pytest.raises(Aborted, match="operator"):
        alone_or_not(lambda: bell.sleep_until_ns(100))
    assert clock.now_ns() >= 100
