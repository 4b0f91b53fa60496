"""A task that works shows it; one that hangs is found out."""

import threading

from rig.clock.wall import WallClock

LONG_S = 2.0  # a wait, and what no busy machine takes for a slice of it


def watch(clock, done, quiet):
    """The longest quiet that is seen until ``done``, or until it is long."""
    while not done.is_set() and max(quiet, default=0.0) < LONG_S:
        clock.sleep_s(0.05)
        quiet.append(clock.quiet_s())
    done.set()


def test_a_long_wait_is_work():
    clock, done, quiet = WallClock(), threading.Event(), []

    def wait():
        clock.sleep_s(LONG_S)
        done.set()

    assert clock.run_all([wait, lambda: watch(clock, done, quiet)]) == [None, None]
    assert 0 < max(quiet) < LONG_S
    assert clock.quiet_s() == 0.0


def test_what_hangs_is_not_hidden_by_the_others():
    clock, done, quiet = WallClock(), threading.Event(), []
    clock.run_all([lambda: watch(clock, done, quiet), done.wait])
    assert max(quiet) >= LONG_S


def test_what_sends_is_at_work_and_outside_of_tasks_nobody_is_watched():
    clock, quiet = WallClock(), []

    def send():
        clock.alive()
        quiet.append(clock.quiet_s())

    clock.alive()
    clock.run_all([send])
    assert quiet[0] < LONG_S
    assert clock.quiet_s() == 0.0
