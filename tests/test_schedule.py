"""What a daily schedule delivers, against a count of seconds one by one."""

from __future__ import annotations

from datetime import datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.schedule import ClockCourse, DaySchedule, change_instants_ns, scheduled_ml

EPOCH = datetime(2000, 1, 1)
S = 1_000_000_000
WORK = ((0, 20_000), (6 * 3600, 50_000), (22 * 3600, 10_000))
REST = ((0, 30_000),)
WEEK = DaySchedule((0, 0, 0, 0, 0, 1, 1), (WORK, REST))


def clock_s(*moment: int) -> int:
    return round((datetime(*moment) - EPOCH).total_seconds())


def rate_at(schedule: DaySchedule, second: int) -> int:
    """By the calendar, not by arithmetic of days."""
    moment = EPOCH + timedelta(seconds=second)
    steps = schedule.groups[schedule.days[moment.weekday()]]
    of_day = moment.hour * 3600 + moment.minute * 60 + moment.second
    return [rate for start, rate in steps if start <= of_day][-1]


def test_from_friday_evening_to_saturday_morning():
    friday, saturday = clock_s(2026, 1, 9, 21, 0), clock_s(2026, 1, 10, 5, 0)
    # 1 h of 50, 2 h of 10, 5 h of 30 ul/h
    assert WEEK.volume_nl(Fraction(friday), Fraction(saturday)) == 50_000 + 20_000 + 150_000
    assert WEEK.changes_s(Fraction(friday), Fraction(saturday)) == [
        clock_s(2026, 1, 9, 22, 0),
        clock_s(2026, 1, 10, 0, 0),
    ]


def test_an_hour_forward_is_an_hour_less_of_the_step_it_skips():
    begin = clock_s(2026, 1, 9, 21, 30)
    course = ClockCourse(((0, begin), (1800 * S, begin + 1800 + 3600)))  # at 22:00 it becomes 23:00
    assert scheduled_ml(WEEK, course, 0, 5400 * S) == pytest.approx((25_000 + 10_000) / 1e6, abs=1e-15)
    assert change_instants_ns(WEEK, course, 0, 5400 * S) == [1800 * S]
    assert change_instants_ns(WEEK, course, 0, 5401 * S) == [1800 * S, 5400 * S]


def test_an_hour_back_comes_twice():
    begin = clock_s(2026, 1, 9, 21, 0)
    course = ClockCourse(((0, begin), (7200 * S, begin + 3600)))  # at 23:00 it becomes 22:00
    assert scheduled_ml(WEEK, course, 0, 4 * 3600 * S) == pytest.approx(
        (50_000 + 3 * 10_000) / 1e6, abs=1e-15
    )


def test_before_the_clock_was_set_nothing_is_known():
    with pytest.raises(ValueError, match="not known so early"):
        scheduled_ml(WEEK, ClockCourse(((100, 0),)), 0, 200)
    with pytest.raises(ValueError, match="runs back"):
        WEEK.volume_nl(Fraction(2), Fraction(1))


steps = st.lists(
    st.tuples(st.integers(1, 1439), st.integers(1, 10**6)), max_size=12, unique_by=lambda step: step[0]
)
groups = st.tuples(st.integers(1, 10**6), steps).map(
    lambda made: tuple(sorted([(0, made[0]), *((60 * minute, rate) for minute, rate in made[1])]))
)


@given(
    days=st.tuples(*[st.integers(0, 1)] * 7),
    both=st.tuples(groups, groups),
    start=st.integers(clock_s(2026, 2, 27), clock_s(2026, 3, 2)),
    length=st.integers(0, 3000),
)
def test_it_is_the_sum_over_the_seconds(days, both, start, length):
    schedule = DaySchedule(days, both)
    seconds = range(start, start + length)
    assert schedule.volume_nl(Fraction(start), Fraction(start + length)) == sum(
        Fraction(rate_at(schedule, second), 3600) for second in seconds
    )


@given(cut=st.integers(0, 10**6), days=st.tuples(*[st.integers(0, 1)] * 7))
def test_two_parts_make_the_whole(cut, days):
    schedule = DaySchedule(days, (WORK, REST))
    start, end = Fraction(clock_s(2026, 1, 1)), Fraction(clock_s(2026, 1, 1) + 10**6)
    parts = schedule.volume_nl(start, start + cut) + schedule.volume_nl(start + cut, end)
    assert parts == schedule.volume_nl(start, end)


@given(second=st.integers(0, 10**6), days=st.tuples(*[st.integers(0, 1)] * 7))
def test_rate_at_a_time(second, days):
    schedule = DaySchedule(days, (WORK, REST))
    assert schedule.rate_nl_h(clock_s(2026, 1, 1) + second) == rate_at(schedule, clock_s(2026, 1, 1) + second)
