"""Both clocks keep the same promises; only how time passes differs."""

import threading

import pytest

from rig.clock import NS_PER_S
from rig.clock.virtual import VirtualClock
from rig.clock.wall import WallClock
from rig.errors import Aborted


@pytest.fixture(params=[WallClock, VirtualClock])
def clock(request):
    return request.param()


def test_sleep_until_reaches_the_instant_and_never_goes_back(clock):
    target = clock.now_ns() + 3_000_000
    clock.sleep_until_ns(target)
    after = clock.now_ns()
    assert after >= target
    clock.sleep_until_ns(0)
    assert clock.now_ns() >= after


def test_run_all_returns_results_and_exceptions_in_the_order_of_the_tasks(clock):
    def slow():
        clock.sleep_s(0.02)
        return "slow"

    def broken():
        clock.sleep_s(0.01)
        raise ValueError("broken")

    results = clock.run_all([slow, broken, lambda: "fast"])
    assert results[0] == "slow"
    assert isinstance(results[1], ValueError)
    assert results[2] == "fast"


def test_an_abort_is_raised_once_in_each_task_and_tear_down_can_wait(clock):
    tidied = []

    def task(index):
        try:
            clock.sleep_s(3600)  # whoever waits for it has not been raised out of it
        finally:
            clock.sleep_s(0.1 * index)  # in wall time: longer than a busy machine takes to wake a thread
            tidied.append(index)

    def asker():
        clock.sleep_s(0.01)
        clock.abort("pressed")

    results = clock.run_all([lambda: task(1), lambda: task(2), asker])
    assert tidied == [1, 2]
    assert [str(result) for result in results[:2]] == ["pressed", "pressed"]
    assert all(isinstance(result, Aborted) for result in results[:2])


def test_virtual_tasks_take_turns_in_the_order_of_time_then_of_asking():
    clock, order = VirtualClock(), []

    def task(name, pauses):
        for pause in pauses:
            clock.sleep_s(pause)
            order.append((clock.now_ns() // NS_PER_S, name))

    clock.run_all([lambda: task("a", [1, 2, 3]), lambda: task("b", [2, 1, 1])])
    assert order == [(1, "a"), (2, "b"), (3, "a"), (3, "b"), (4, "b"), (6, "a")]


def test_virtual_actions_happen_at_their_time_while_others_sleep():
    clock, happened = VirtualClock(), []
    clock.call_at(5 * NS_PER_S, lambda: happened.append(clock.now_ns()))
    clock.sleep_s(4)
    assert happened == []
    clock.sleep_s(4)
    assert happened == [5 * NS_PER_S]
    assert clock.now_ns() == 8 * NS_PER_S


def test_virtual_time_of_a_month_costs_no_real_time():
    clock = VirtualClock()
    clock.sleep_s(30 * 86400)  # if it did, this test would not come to its end
    assert clock.now_ns() == 30 * 86400 * NS_PER_S


def test_wall_tasks_run_at_the_same_time():
    clock, barrier = WallClock(), threading.Barrier(3, timeout=5)
    assert sorted(clock.run_all([barrier.wait] * 3)) == [0, 1, 2]
