"""Flex and periodic programs against schedules counted second by second, by the calendar of numpy."""

from __future__ import annotations

from datetime import datetime, timedelta
from fractions import Fraction

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from rig.clock.virtual import VirtualClock
from rig.sim.fluid.mechanisms import Peristaltic
from rig.sim.fluid.path import FluidPath
from rig.sim.implantable.program import Program
from rig.sim.implantable.pump import ImplantablePump
from rig.sim.implantable.words import RequestDenied

S = 10**9
DAY_S = 86_400
WORKING = ((0, 20_833), (480, 41_667), (1320, 20_833))
WEEKEND = ((0, 20_833), (600, 30_001))
OFFICE_WEEK = Program("FLEX", week="1111122", groups={1: WORKING, 2: WEEKEND})


def local_time(*moment: int) -> int:
    """Pump seconds of a date."""
    return int((datetime(*moment) - datetime(2000, 1, 1)).total_seconds())


def records(pump, first=1):
    arguments = ("SRC", "RATE", "GOT", "CAUSE", "MODE")
    return [
        (record.code, *(record.arguments[name] for name in arguments if name in record.arguments))
        for record in pump.log
        if record.number >= first
    ]


@pytest.fixture
def fluid(clock):
    return FluidPath(clock, Peristaltic(0.2, 250.0))


@pytest.fixture
def pump(clock, fluid):
    return ImplantablePump(clock, fluid)


class ByTheSecond:
    """What a flex program asks for, one rate a second of the pump's own time, summed."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.sum_nl_h_s = 0

    def pass_by(self, clock_s: int, seconds: int) -> None:
        shown = np.datetime64("2000-01-01T00:00:00") + (clock_s + np.arange(seconds)).astype("timedelta64[s]")
        days = shown.astype("datetime64[D]")
        minutes = (shown - days).astype("timedelta64[m]").astype(int)
        weekdays = (days.astype(int) + 3) % 7  # 1970-01-01 was a Thursday
        for weekday, group in enumerate(self.program.week):
            here = minutes[weekdays == weekday]
            starts, rates = zip(*self.program.groups[int(group)], strict=True)
            which = np.searchsorted(starts, here, side="right") - 1
            self.sum_nl_h_s += int(np.asarray(rates, dtype=np.int64)[which].sum())

    @property
    def delivered_nl(self) -> int:
        return self.sum_nl_h_s // 3600


@st.composite
def flex_programs(draw):
    week = draw(st.text("1234567", min_size=7, max_size=7))
    groups = {}
    for group in sorted(set(week)):
        later = draw(st.sets(st.integers(1, 1439), max_size=12))
        groups[int(group)] = tuple(
            (minute, draw(st.integers(2_000, 1_000_000))) for minute in [0, *sorted(later)]
        )
    return Program("FLEX", week=week, groups=groups)


@given(
    program=flex_programs(),
    begin_s=st.integers(0, 2**32 - 20 * DAY_S),
    happenings=st.lists(
        st.tuples(
            st.integers(1, DAY_S),
            st.sampled_from([None, None, 3600, -3600, 7, -DAY_S, 3 * DAY_S]),
        ),
        min_size=1,
        max_size=6,
    ),
)
@settings(max_examples=40)
def test_any_schedule_delivers_to_the_nanolitre_what_its_seconds_ask_for(program, begin_s, happenings):
    clock = VirtualClock()
    pump = ImplantablePump(clock, FluidPath(clock, Peristaltic()), reservoir_nl=2**40)
    model = ByTheSecond(program)
    pump.set_clock(begin_s)
    pump.commit(program)
    for seconds, moved_s in happenings:
        model.pass_by(pump.clock_s, seconds)
        clock.sleep_s(seconds)
        assert pump.delivered_nl == model.delivered_nl
        if moved_s is not None:
            pump.set_clock(max(0, pump.clock_s + moved_s))


def test_steps_begin_with_their_minute_across_midnight_and_into_the_weekend(clock, pump, fluid):
    pump.set_clock(local_time(2026, 1, 9, 11, 20))  # a Friday, in the middle of a step
    pump.commit(OFFICE_WEEK)
    seen = []
    for minutes in range(-1, 3000):
        clock.sleep_until_ns(max(0, minutes * 60 - 1) * S)
        before = pump.rate_nl_h
        clock.sleep_until_ns(max(0, minutes) * 60 * S)
        if pump.rate_nl_h != before:
            shown = datetime(2000, 1, 1) + timedelta(seconds=pump.clock_s)
            seen.append((f"{shown:%a %H:%M:%S}", pump.rate_nl_h))
        assert fluid.rate_nl_h == pytest.approx(pump.rate_nl_h)
    assert seen == [
        ("Fri 22:00:00", 20_833), ("Sat 10:00:00", 30_001), ("Sun 00:00:00", 20_833), ("Sun 10:00:00", 30_001),
    ]  # fmt: skip
    assert records(pump, 3) == [("PROG", "FLEX"), ("START", 41_667)]  # steps are not put on record


@pytest.mark.parametrize(
    ("set_to", "by_hand_nl_h_h"),
    [
        (None, 8 * 20_833 + 14 * 41_667 + 2 * 20_833),
        # forward by an hour at 02:00: the hour from 2 to 3 is missing
        ((2026, 1, 5, 3), 7 * 20_833 + 14 * 41_667 + 2 * 20_833),
        # back by an hour at 08:30: what is left of the morning's step, and the hour from 8 to 9 again
        ((2026, 1, 5, 7, 30), 8 * 20_833 + 0.5 * 41_667 + 0.5 * 20_833 + 14 * 41_667 + 2 * 20_833),
    ],
)
def test_a_day_with_a_change_of_the_clock(clock, pump, fluid, set_to, by_hand_nl_h_h):
    pump.set_clock(local_time(2026, 1, 5))
    pump.commit(OFFICE_WEEK)
    if set_to is not None:
        clock.sleep_s(2 * 3600 if set_to[3] == 3 else 8.5 * 3600)
        pump.set_clock(local_time(*set_to))
    while pump.clock_s < local_time(2026, 1, 6):
        clock.sleep_s(60)
    assert pump.delivered_nl == by_hand_nl_h_h // 1
    assert fluid.displaced_nl([clock.now_ns()])[0] == pytest.approx(by_hand_nl_h_h, abs=50)


def test_a_clock_that_drifts_moves_the_steps_with_it(clock, pump):
    pump.set_clock(local_time(2026, 1, 5))
    pump.own_clock.drift_ppm = 500.0
    pump.commit(OFFICE_WEEK)
    true_s = 8 * 3600 / 1.0005
    clock.sleep_until_ns(int(true_s * S))
    assert (pump.clock_s, pump.rate_nl_h) == (local_time(2026, 1, 5, 7, 59, 59), 20_833)
    clock.sleep_until_ns(int(true_s * S) + 1)
    assert (pump.clock_s, pump.rate_nl_h) == (local_time(2026, 1, 5, 8), 41_667)
    before_s = pump.clock_s
    pump.own_clock.drift_ppm = -500.0  # from now on, nothing jumps
    assert pump.clock_s == before_s
    clock.sleep_s(2000)
    assert pump.clock_s == before_s + 1999


def test_the_clock_begins_anew_after_136_years_and_the_schedule_with_it(clock, pump):
    pump.set_clock(2**32 - 10)
    pump.commit(Program("FLEX", week="1234567", groups={n: ((0, n * 10_000),) for n in range(1, 8)}))
    assert pump.rate_nl_h == 20_000  # a Tuesday in 2136
    clock.sleep_s(10)
    assert (pump.clock_s, pump.rate_nl_h) == (0, 60_000)  # the Saturday with which 2000 began
    clock.sleep_s(DAY_S)
    assert pump.rate_nl_h == 70_000


def test_boluses_replace_a_schedule_that_goes_on_by_the_clock(clock, pump):
    pump.set_clock(local_time(2026, 1, 5, 7, 59))
    pump.commit(OFFICE_WEEK)
    pump.commit(Program("SB", vol=50_000, dur=300))
    clock.sleep_s(120)
    assert (pump.mode, pump.rate_nl_h) == ("SB", 600_000)
    clock.sleep_s(180 + 60)
    assert (pump.mode, pump.rate_nl_h) == ("FLEX", 41_667)
    assert pump.delivered_nl == 50_000 + 41_667 * 60 // 3600
    with pytest.raises(RequestDenied) as denied:  # slower than a step of another time of the day
        pump.commit(Program("SB", vol=41_666, dur=3600))
    assert denied.value.pairs == {"KEY": "VOL"}


def test_180_days_of_a_full_flex_schedule_cost_next_to_nothing(clock):
    calls = []
    call_at = clock.call_at
    clock.call_at = lambda t_ns, action: (calls.append(t_ns), call_at(t_ns, action))
    steps = tuple((minute, 2_000 + minute) for minute in range(0, 13 * 100, 100))
    fluid = FluidPath(clock, Peristaltic(0.2, 250.0), compliance_time_s=20.0, reservoir_nl=40e6)
    pump = ImplantablePump(clock, fluid)
    pump.commit(Program("FLEX", week="1234123", groups=dict.fromkeys(range(1, 5), steps)))
    clock.sleep_until_ns(180 * DAY_S * S)
    a_day_nl = sum(Fraction((2_000 + minute) * 100, 60) for minute in range(0, 1200, 100))
    a_day_nl += Fraction(3_200 * 240, 60)
    assert pump.delivered_nl == int(180 * a_day_nl)
    assert len(calls) < 180 * 14


# Periodic boluses

FOUR_HOURLY = Program("PB", vol=10_000, dur=300, interval=4 * 3600)


def test_a_periodic_bolus_is_given_at_each_period_and_nothing_between(clock, pump):
    pump.commit(FOUR_HOURLY)
    assert (pump.mode, pump.source, pump.running, pump.rate_nl_h) == ("PB", "BASAL", True, 120_000)
    for period in range(20):
        clock.sleep_until_ns((period * 4 * 3600 + 150) * S)
        assert (pump.rate_nl_h, pump.delivered_nl) == (120_000, 10_000 * period + 5_000)
        clock.sleep_until_ns((period * 4 * 3600 + 300) * S)
        assert (pump.rate_nl_h, pump.delivered_nl, pump.running) == (0, 10_000 * (period + 1), True)
    assert records(pump, 2)[:5] == [
        ("PROG", "PB"), ("BOLUS_GRANT", "PB"), ("START", 120_000),
        ("BOLUS_END", "PB", 10_000, "DONE"), ("BOLUS_GRANT", "PB"),
    ]  # fmt: skip
    assert len(pump.log) == 4 + 2 * 20 - 1


def test_periods_without_a_pause_between(clock, pump):
    pump.commit(Program("PB", vol=601, dur=600, interval=600))
    clock.sleep_s(1800)
    assert (pump.rate_nl_h, pump.delivered_nl) == (3606, 3 * 601)
    assert records(pump)[-2:] == [("BOLUS_END", "PB", 601, "DONE"), ("BOLUS_GRANT", "PB")]


def test_a_single_bolus_takes_its_share_of_the_period_it_falls_into(clock, pump):
    pump.commit(FOUR_HOURLY)
    clock.sleep_s(100)
    pump.commit(Program("SB", vol=30_000, dur=100))  # instead of the second third of the period
    clock.sleep_s(50)
    assert (pump.source, pump.delivered_nl) == ("SB", 3_333 + 15_000)
    clock.sleep_s(250)
    assert pump.delivered_nl == 30_000 + 6_666
    assert records(pump)[-2:] == [("BOLUS_END", "SB", 30_000, "DONE"), ("BOLUS_END", "PB", 6_666, "DONE")]
    clock.sleep_until_ns((4 * 3600 - 10) * S)
    pump.commit(Program("SB", vol=30_000, dur=400))  # instead of a whole one, which goes by on record
    clock.sleep_s(500)
    assert pump.delivered_nl == 2 * 30_000 + 6_666
    assert records(pump)[-3:] == [
        ("BOLUS_GRANT", "PB"), ("BOLUS_END", "PB", 0, "DONE"), ("BOLUS_END", "SB", 30_000, "DONE"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("end", "cause", "after"),
    [
        (lambda pump: pump.stop(), "STOP", ("STOP", "CMD")),
        (lambda pump: pump.commit(Program("SC", rate=5_000)), "STOP", ("START", 5_000)),
        (lambda pump: pump.commit(Program("STOP")), "STOP", ("STOP", "PROG")),
        (lambda pump: pump.damage_memory("PROG"), "ALARM", ("STOP", "MEM")),
        (lambda pump: pump.refill(0), "ALARM", ("STOP", "EMPTY")),
    ],
)
def test_what_ends_a_periodic_bolus_early(clock, pump, end, cause, after):
    pump.commit(FOUR_HOURLY)
    clock.sleep_s(30)
    end(pump)
    assert ("BOLUS_END", "PB", 1_000, cause) in records(pump)
    assert records(pump)[-1] == after
    clock.sleep_s(5 * 3600)
    assert records(pump)[-1] == after
    assert pump.period is None


def test_after_a_reset_periods_begin_anew(clock, pump):
    pump.commit(FOUR_HOURLY)
    clock.sleep_s(3600)
    pump.reset("WATCHDOG")
    clock.sleep_s(1)
    assert records(pump)[-3:] == [("RESET", "WATCHDOG"), ("BOLUS_GRANT", "PB"), ("START", 120_000)]
    clock.sleep_s(100)
    pump.reset("POWER")
    clock.sleep_s(1)
    assert ("BOLUS_END", "PB", 3_333, "RESET") in records(pump)
    clock.sleep_s(4 * 3600)
    assert records(pump)[-2:] == [("BOLUS_END", "PB", 10_000, "DONE"), ("BOLUS_GRANT", "PB")]


def test_a_stall_is_noticed_and_stays_over_the_pause_between_periods(clock, pump):
    pump.commit(Program("PB", vol=1_000, dur=20, interval=600))
    clock.sleep_s(5)
    pump.rotor_held = True
    clock.sleep_s(60)
    assert (pump.alarms.on, pump.running) == ({"MOTOR_STALL"}, False)
    pump.rotor_held = False
    clock.sleep_s(300)
    assert pump.alarms.on == {"MOTOR_STALL"}  # nothing has turned yet
    clock.sleep_until_ns(601 * S)
    assert (pump.alarms.on, pump.rate_nl_h) == (set(), 180_000)
    assert pump.delivered_nl == 250 + 50
