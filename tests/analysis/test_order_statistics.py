import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rig.analysis.order_statistics import confidence_between, ordered_limits


def test_confidence_of_the_extremes_in_closed_form():
    for count in (2, 10, 59, 93):
        p = 0.95
        assert confidence_between(count, 1, p) == pytest.approx(1 - p**count)
        assert confidence_between(count, 2, p) == pytest.approx(
            1 - count * p ** (count - 1) + (count - 1) * p**count
        )


def test_confidence_inside_the_extremes_is_a_binomial_sum():
    n, left_out, p = 30, 5, 0.8
    at_most = sum(math.comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(n - left_out + 1))

    assert confidence_between(n, left_out, p) == pytest.approx(at_most)


@pytest.mark.parametrize(
    ("count", "both", "shown"), [(92, True, False), (93, True, True), (58, False, False), (59, False, True)]
)
def test_how_many_units_show_95_of_100_with_95_confidence(count, both, shown):
    limits = ordered_limits(np.arange(float(count)), 0.95, 0.95, low=both)

    assert limits.shown is shown
    assert limits.high == count - 1
    assert limits.high_rank == count
    assert (limits.low, limits.low_rank) == ((0.0, 1) if both else (-math.inf, None))


def test_with_more_units_the_extremes_are_left_out():
    # Published for 95/95 from above: 93 units allow the second largest, 124 the third.
    for count, rank_from_above in ((92, 1), (93, 2), (123, 2), (124, 3)):
        limits = ordered_limits(np.arange(float(count)), 0.95, 0.95, low=False)
        assert limits.high_rank == count + 1 - rank_from_above
        assert limits.high == count - rank_from_above
    lower = ordered_limits(np.arange(124.0)[::-1], 0.95, 0.95, high=False)
    assert (lower.low, lower.low_rank, lower.high) == (2.0, 3, math.inf)


@settings(max_examples=50)
@given(
    count=st.integers(2, 300),
    coverage=st.floats(0.5, 0.99),
    confidence=st.floats(0.5, 0.99),
    both=st.booleans(),
)
def test_the_tightest_pair_with_the_confidence_is_found(count, coverage, confidence, both):
    limits = ordered_limits(np.arange(float(count)), coverage, confidence, high=both)
    sides = 1 + both

    assert limits.shown == (limits.confidence >= confidence)
    assert limits.confidence == confidence_between(count, sides * limits.low_rank, coverage)
    if limits.low_rank > 1:
        assert limits.shown
    if (limits.low_rank + 1) * sides <= count:
        assert confidence_between(count, sides * (limits.low_rank + 1), coverage) < confidence


def test_ordered_limits_hold_their_coverage_for_a_skewed_population():
    samples = np.random.default_rng(5).exponential(1.0, (4000, 40))
    limits = [ordered_limits(sample, 0.8, 0.9) for sample in samples]

    inside = [math.exp(-limit.low) - math.exp(-limit.high) >= 0.8 for limit in limits]

    assert limits[0].low_rank == 2
    assert np.mean(inside) == pytest.approx(limits[0].confidence, abs=0.015)


def test_what_has_no_limits_is_refused():
    with pytest.raises(ValueError, match="need a side"):
        ordered_limits(np.arange(5.0), 0.9, 0.9, low=False, high=False)
    with pytest.raises(ValueError, match="at least 2 value"):
        ordered_limits(np.array([1.0]), 0.9, 0.9)
    with pytest.raises(ValueError, match="all finite"):
        ordered_limits(np.array([1.0, math.nan]), 0.9, 0.9)
    for left_out in (0, 6):
        with pytest.raises(ValueError, match="cannot be left out"):
            confidence_between(5, left_out, 0.9)


def test_the_two_values_in_the_middle_may_be_enough() -> None:
    # 1 - I_0.1(1, 4) = 0.9^4 = 0.656
    middle = ordered_limits(np.array([4.0, 1.0, 3.0, 2.0]), 0.1, 0.6)

    assert (middle.low, middle.high, middle.low_rank, middle.high_rank) == (2.0, 3.0, 2, 3)
    assert middle.confidence == pytest.approx(0.9**4)
