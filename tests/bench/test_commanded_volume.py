"""How much commands allow to have flowed: worked by hand, hour by hour."""

from __future__ import annotations

import pytest

from rig.bench.commanded_volume import CommandedVolume, patient_allowance_nl, rates_nl_h
from rig.readings import FlexStep, PatientBolus, Prescription

S = 1_000_000_000
H = 3600 * S
START = 5 * H  # the run's clock need not begin at zero


def at(count, hours):
    """The least and the most, so many hours after the start."""
    count.advance(START + round(hours * H))
    return count.least_nl, count.most_nl


def continuous(rate_nl_h):
    return Prescription("continuous", rate_nl_h=rate_nl_h)


def begun(prescription, hours=0.0, **known):
    count = CommandedVolume(START, **known)
    count.begin(prescription, START + round(hours * H))
    return count


def test_before_any_command_nothing_is_counted_and_nothing_is_known():
    count = CommandedVolume(0)
    count.advance(10 * H)
    assert (count.least_nl, count.most_nl, count.known) == (0.0, 0.0, False)
    assert at(CommandedVolume(START, least_nl=3.0, most_nl=7.0), 2) == (3.0, 7.0)


def test_a_continuous_rate_flows_from_its_command_on_until_the_next():
    count = begun(continuous(1000), hours=2.0)
    assert count.known
    assert at(count, 2.5) == (500, 500)
    assert at(count, 2.5) == (500, 500)
    assert at(count, 3.5) == (1500, 1500)
    count.begin(continuous(100), START + 4 * H)
    assert at(count, 5) == (2100, 2100)
    count.begin(Prescription("stop"), START + 6 * H)
    assert at(count, 9) == (2200, 2200)


def test_the_minimum_rate_lies_between_nothing_and_the_most_it_can_be():
    assert at(begun(Prescription("minimum"), minimum_nl_h=50), 2) == (0, 100)
    assert at(begun(Prescription("minimum")), 2) == (0, 0)


def test_a_flex_schedule_lies_between_its_lowest_and_highest_rate():
    groups = ((FlexStep(0, 300), FlexStep(60, 100)), (FlexStep(0, 700),))
    assert at(begun(Prescription("flex", days=(1,) * 7, groups=groups)), 2) == (200, 1400)


def test_the_rates_of_programs():
    assert rates_nl_h(continuous(7)) == (7, 7)
    assert rates_nl_h(Prescription("minimum")) == (0, 0)
    assert rates_nl_h(Prescription("minimum"), 9) == (0, 9)
    assert rates_nl_h(Prescription("flex")) == (0, 0)
    for mode in ("stop", "bolus", "periodic"):
        assert rates_nl_h(Prescription(mode, rate_nl_h=5, bolus_nl=5), 9) == (0, 0)


def test_a_bolus_counts_at_once_to_the_most_and_when_it_is_over_to_the_least():
    count = begun(Prescription("bolus", bolus_nl=400, bolus_duration_s=1800), hours=1.0)
    assert at(count, 1.0) == (0, 400)
    assert at(count, 1.5 - 1e-9) == (0, 400)
    assert at(count, 1.5) == (400, 400)
    assert at(count, 9.0) == (400, 400)


def test_after_a_bolus_program_the_program_before_may_go_on_or_nothing():
    count = begun(continuous(1000))
    count.begin(Prescription("bolus", bolus_nl=400, bolus_duration_s=3600), START + 2 * H)
    assert at(count, 3) == (2400, 3400)
    assert at(count, 4) == (2400, 4400)


def test_a_bolus_takes_the_place_of_the_basal_rate_which_goes_on_after_it():
    count = begun(continuous(1000))
    count.bolus(400, 1800.0, START + H)
    assert at(count, 1.0) == (1000, 1400)
    assert at(count, 1.25) == (1000, 1650)
    assert at(count, 2.0) == (1900, 2400)
    assert at(count, 3.0) == (2900, 3400)


def test_two_boluses_side_by_side_both_count_and_the_basal_rate_waits_for_the_longer():
    count = begun(continuous(1000))
    count.bolus(400, 3600.0, START)
    count.bolus(30, 1800.0, START + H // 4)
    assert at(count, 0.75) == (30, 430 + 750)
    assert at(count, 1.0) == (430, 430 + 1000)
    assert at(count, 2.0) == (1430, 2430)


def test_a_new_program_ends_a_bolus_that_was_under_way_and_the_wait_for_it():
    count = begun(continuous(1000))
    count.bolus(400, 7200.0, START)
    count.begin(continuous(100), START + H)
    assert at(count, 2) == (100, 1500)
    assert at(count, 3) == (200, 1600)  # it never ended


PERIODIC = Prescription("periodic", bolus_nl=50, bolus_duration_s=600, interval_s=3600)


def test_periodic_boluses_begin_at_once_and_then_at_every_interval():
    count = begun(PERIODIC, hours=1.0)
    assert (count.least_nl, count.most_nl) == (0, 50)  # before anybody counts on
    assert at(count, 1.0) == (0, 50)
    assert at(count, 1 + 1 / 6 - 1e-9) == (0, 50)
    assert at(count, 1 + 1 / 6) == (50, 50)
    assert at(count, 2.0 - 1e-9) == (50, 50)
    assert at(count, 2.0) == (50, 100)
    assert at(count, 2.5) == (100, 100)
    assert at(count, 4.5) == (200, 200)
    count.begin(continuous(0), START + 5 * H)
    assert at(count, 9.0) == (200, 250)


def test_a_second_periodic_program_counts_from_its_own_beginning():
    count = begun(PERIODIC)
    at(count, 3.5)
    count.begin(PERIODIC, START + 4 * H)
    assert at(count, 4.5) == (
        250,
        300,
    )  # 4 and 1 over; of the one begun at 4 h nobody knows whether it was cut
    assert at(count, 5.5) == (300, 350)


def test_an_interval_of_a_second_is_one_too():
    often = Prescription("periodic", bolus_nl=5, bolus_duration_s=1, interval_s=1)
    assert at(begun(often), 10 / 3600) == (50, 55)


def test_without_an_interval_there_is_one():
    once = Prescription("periodic", bolus_nl=50, bolus_duration_s=600)
    assert at(begun(once), 99.0) == (50, 50)
    assert at(begun(once), 0.0) == (0, 50)


def test_a_program_that_was_perhaps_taken_may_flow_or_what_was_before():
    for before, after in ((1000, 100), (100, 1000)):
        count = begun(continuous(before))
        count.perhaps(continuous(after), START + H)
        assert count.known
        assert at(count, 1) == (before, before)
        assert at(count, 3) == (before, before + 2000)


def test_a_bolus_that_was_perhaps_taken_counts_to_the_most_only():
    count = begun(continuous(1000))
    count.perhaps(Prescription("bolus", bolus_nl=400, bolus_duration_s=1800), START + H)
    assert at(count, 1) == (1000, 1400)
    assert at(count, 2) == (1000, 2400)


def test_a_bolus_under_way_may_be_cut_by_a_program_that_was_perhaps_taken():
    count = begun(continuous(1000))
    count.bolus(400, 3600.0, START)
    count.perhaps(continuous(0), START + H // 2)
    assert at(count, 2) == (0, 400 + 2000)


def test_periodic_boluses_that_were_perhaps_taken_count_all_and_those_before_are_not_lost():
    count = begun(continuous(0))
    count.perhaps(PERIODIC, START + H)
    assert at(count, 1.1) == (0, 50)
    assert count.most_nl == 50
    assert at(count, 3.05)[1] == 150
    count = begun(PERIODIC)
    count.perhaps(continuous(10), START + 3 * H // 2)
    assert at(count, 1.5)[1] == 100
    assert at(count, 4.5) == (100, 250 + 30)  # the two that were over; three more if it was not heard


def test_from_when_it_may_have_stopped_nothing_is_sure_to_flow():
    count = begun(continuous(1000))
    count.bolus(400, 1800.0, START + H)
    count.may_have_stopped(START + H + H // 4)
    assert at(count, 3) == (1000, 1400 + 2000)


def test_so_it_is_with_periodic_boluses_until_they_are_commanded_anew():
    count = begun(PERIODIC)
    count.may_have_stopped(START + H + H // 20)  # the second is under way
    assert at(count, 3.5) == (50, 200)
    count.begin(PERIODIC, START + 4 * H)
    assert at(count, 4.5) == (100, 300)


@pytest.mark.parametrize(
    ("hours", "lockout_s", "per_day", "boluses"),
    [
        (0, 3600, 4, 1),
        (0.999, 3600, 4, 1),
        (1, 3600, 4, 2),
        (2.5, 3600, 4, 3),
        (10, 3600, 4, 4),
        (23.999, 3600, 4, 4),
        (24, 3600, 4, 8),
        (49, 3600, 4, 12),
        (5, 0, 4, 4),
        (0, 1, 100, 1),
        (1, 1, 5000, 3601),
    ],
)
def test_a_patient_can_have_drawn_so_many(hours, lockout_s, per_day, boluses):
    bolus = PatientBolus(True, 70, 60, lockout_s, per_day)
    assert patient_allowance_nl(bolus, round(hours * H)) == 70 * boluses
    off = PatientBolus(False, 70, 60, lockout_s, per_day)
    assert patient_allowance_nl(off, round(hours * H)) == 0
