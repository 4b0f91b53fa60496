import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rig.analysis.gravimetry import BalanceFigures
from rig.analysis.sample_size import (
    measuring_time_s,
    reliability_shown,
    units_for_ordered_limits,
    units_for_reliability,
    units_for_tolerance,
)
from rig.analysis.tolerance import one_sided_factor, two_sided_factor


@pytest.mark.parametrize(
    ("reliability", "confidence", "failures", "units"),
    [
        (0.95, 0.95, 0, 59), (0.95, 0.95, 1, 93), (0.95, 0.95, 2, 124), (0.90, 0.95, 0, 29), (0.99, 0.95, 0, 299),
        (0.90, 0.90, 0, 22), (0.95, 0.90, 0, 45), (0.99, 0.90, 0, 230), (0.90, 0.95, 1, 46), (0.5, 0.5, 0, 1),
        (0.999, 0.95, 0, 2995), (0.5, 0.75, 0, 2),
    ],
)  # fmt: skip
def test_units_for_a_reliability_as_tabled(reliability, confidence, failures, units):
    assert units_for_reliability(reliability, confidence, failures) == units


@settings(max_examples=60)
@given(reliability=st.floats(0.5, 0.995), confidence=st.floats(0.5, 0.99), failures=st.integers(0, 5))
def test_as_many_units_show_it_and_one_fewer_does_not(reliability, confidence, failures):
    units = units_for_reliability(reliability, confidence, failures)

    assert reliability_shown(units, failures, confidence) >= reliability - 1e-9
    if units > failures + 1:
        assert reliability_shown(units - 1, failures, confidence) < reliability


def test_the_success_run_in_closed_form():
    for reliability, confidence in ((0.9, 0.9), (0.97, 0.8), (0.995, 0.99)):
        run = math.log(1 - confidence) / math.log(reliability)
        assert units_for_reliability(reliability, confidence) == math.ceil(run)
        assert reliability_shown(40, 0, confidence) == pytest.approx((1 - confidence) ** (1 / 40))


def test_reliability_that_failures_leave():
    # Clopper-Pearson: P(at most 2 failures of 20) is the risk.
    shown = reliability_shown(20, 2, 0.95)
    below = sum(math.comb(20, i) * (1 - shown) ** i * shown ** (20 - i) for i in range(3))

    assert below == pytest.approx(0.05, abs=1e-12)
    assert shown == pytest.approx(0.7174, abs=5e-5)
    assert reliability_shown(3, 3, 0.95) == 0.0


def test_units_whose_tolerance_interval_fits():
    # k(20) is 2.7603 for 95/95: a spread of 1 fits ± 2.77 with 20 units, and ± 2.75 with 21.
    assert units_for_tolerance(0.0, 1.0, -2.77, 2.77, 0.95, 0.95) == 20
    assert units_for_tolerance(0.0, 1.0, -2.75, 2.75, 0.95, 0.95) == 21
    assert units_for_tolerance(2.0, 0.5, -0.77, 3.385, 0.95, 0.95) == 20
    one = units_for_tolerance(0.0, 1.0, None, 2.2, 0.95, 0.95)
    assert one_sided_factor(one, 0.95, 0.95) <= 2.2 < one_sided_factor(one - 1, 0.95, 0.95)
    assert units_for_tolerance(0.0, 1.0, -2.2, None, 0.95, 0.95) == one
    assert units_for_tolerance(0.0, 1.0, -1000.0, 1000.0, 0.95, 0.95) == 2
    two = units_for_tolerance(0.0, 1.0, -2.1, 2.1, 0.95, 0.95)
    assert two_sided_factor(two, 0.95, 0.95) <= 2.1 < two_sided_factor(two - 1, 0.95, 0.95)


def test_a_spread_too_large_fits_with_no_number_of_units():
    assert units_for_tolerance(0.0, 1.0, -1.9, 1.9, 0.95, 0.95) is None
    assert units_for_tolerance(3.0, 1.0, -2.0, 2.0, 0.95, 0.95) is None


@pytest.mark.parametrize(
    ("coverage", "confidence", "sides", "units"),
    [
        (0.95, 0.95, 2, 93),
        (0.95, 0.95, 1, 59),
        (0.90, 0.95, 2, 46),
        (0.99, 0.99, 2, 662),
        (0.90, 0.90, 2, 38),
    ],
)
def test_units_for_limits_without_a_distribution_as_tabled(coverage, confidence, sides, units):
    assert units_for_ordered_limits(coverage, confidence, sides) == units


FINE = BalanceFigures(0.0, 1e-4 / math.sqrt(2), 0.0, 0.0)


def test_five_hours_for_a_tenth_of_a_milligram_and_one_per_cent_at_the_lowest_rate():
    time_s = measuring_time_s(1.0, 0.002, 0.998, FINE, coverage_factor=1.0)

    assert time_s / 3600 == pytest.approx(0.1 / (0.01 * 2 * 0.998))
    assert time_s / 3600 == pytest.approx(5.0, abs=0.02)


@settings(max_examples=60)
@given(
    wanted_pct=st.floats(0.5, 20.0),
    rate_ml_h=st.floats(0.002, 50.0),
    digit_g=st.floats(0.0, 1e-3),
    linearity_g=st.floats(0.0, 1e-3),
    drift_g=st.floats(1e-6, 1e-2),
    relative_u_pct=st.floats(0.0, 0.2),
)
def test_the_budget_over_that_time_is_what_was_wanted(
    wanted_pct, rate_ml_h, digit_g, linearity_g, drift_g, relative_u_pct
):
    balance = BalanceFigures(digit_g, 1e-5, linearity_g, drift_g)
    evaporation_g_h = rate_ml_h * 1e-4
    time_s = measuring_time_s(
        wanted_pct,
        rate_ml_h,
        0.998,
        balance,
        evaporation_u_g_h=evaporation_g_h,
        relative_u_pct=relative_u_pct,
    )

    delivered_g = rate_ml_h * 0.998 * time_s / 3600
    u_g = math.sqrt(
        2 * (digit_g**2 / 12 + 1e-10 + linearity_g**2 / 3)
        + drift_g**2 * time_s / 86400
        + (evaporation_g_h * time_s / 3600) ** 2
        + (delivered_g * relative_u_pct / 100) ** 2
    )
    assert 2 * u_g / delivered_g * 100 == pytest.approx(wanted_pct, rel=1e-9)


def test_no_time_is_long_enough_for_what_grows_with_it():
    assert measuring_time_s(1.0, 0.002, 1.0, FINE, evaporation_u_g_h=1.0001e-5) is None
    assert measuring_time_s(1.0, 0.002, 1.0, FINE, relative_u_pct=0.5001) is None
    assert measuring_time_s(1.0, 0.002, 1.0, FINE, relative_u_pct=0.4999) is not None


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda: units_for_reliability(1.0, 0.95), "reliability 1.0"),
        (lambda: units_for_reliability(0.95, 0.95, -1), "-1 failures"),
        (lambda: units_for_reliability(0.999999, 0.95), "more than 1000000 units"),
        (lambda: reliability_shown(5, 6, 0.95), "6 of 5 units"),
        (lambda: reliability_shown(0, 0, 0.95), "0 of 0 units"),
        (lambda: units_for_tolerance(0.0, 1.0, None, None, 0.9, 0.9), "no limit"),
        (lambda: units_for_tolerance(0.0, 0.0, -1.0, 1.0, 0.9, 0.9), "not positive"),
        (lambda: units_for_ordered_limits(0.9, 0.9, 3), "1 or 2 sides"),
        (lambda: measuring_time_s(0.0, 1.0, 1.0, FINE), "must be positive"),
        (lambda: measuring_time_s(1.0, 1.0, 1.0, FINE, coverage_factor=-2.0), "must be positive"),
    ],
)
def test_what_cannot_be_planned_is_refused(ask, said):
    with pytest.raises(ValueError, match=said):
        ask()
