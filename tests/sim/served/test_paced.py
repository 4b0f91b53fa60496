"""The paced clock, on a machine clock that the test turns by hand."""

from __future__ import annotations

import pytest

from rig.sim.served.paced import PacedClock


class Machine:
    def __init__(self):
        self.t_ns = 5_000

    def __call__(self):
        return self.t_ns


@pytest.fixture
def machine():
    return Machine()


def test_time_moves_only_in_advance_and_at_its_speed(machine):
    clock = PacedClock(60.0, machine)
    machine.t_ns += 10**9
    assert clock.now_ns() == 0
    clock.advance()
    assert clock.now_ns() == 60 * 10**9


def test_actions_see_the_moment_they_were_due_and_come_in_order(machine):
    clock = PacedClock(2.0, machine)
    seen = []
    clock.call_at(300, lambda: seen.append(("late", clock.now_ns())))
    clock.call_at(100, lambda: clock.call_at(200, lambda: seen.append(("made on the way", clock.now_ns()))))
    clock.call_at(300, lambda: seen.append(("later", clock.now_ns())))
    clock.call_at(2001, lambda: seen.append(("not yet", clock.now_ns())))
    machine.t_ns += 1000
    clock.advance()
    assert seen == [("made on the way", 200), ("late", 300), ("later", 300)]
    assert clock.now_ns() == 2000


def test_it_says_how_long_to_wait(machine):
    clock = PacedClock(10.0, machine)
    assert clock.seconds_to_next() is None
    clock.call_at(20 * 10**9, lambda: None)
    assert clock.seconds_to_next() == pytest.approx(2.0)
    machine.t_ns += 3 * 10**9
    assert clock.seconds_to_next() == 0.0
