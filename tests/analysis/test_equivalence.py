import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from rig.analysis.equivalence import equivalence

FIRST = np.array([-1.2, 0.4, -0.7, 1.1, -2.0, 0.3, -0.9, 0.6, -1.5, 0.1])
SECOND = np.array([0.3, -0.4, 0.9, -0.1, 0.5, 0.2, -0.6, 0.8])


def test_both_tests_are_those_of_scipy():
    found = equivalence(FIRST, SECOND, -1.5, 1.0)

    above_low = stats.ttest_ind(FIRST + 1.5, SECOND, equal_var=False, alternative="greater")
    below_high = stats.ttest_ind(FIRST - 1.0, SECOND, equal_var=False, alternative="less")
    assert found.p_below == pytest.approx(above_low.pvalue, rel=1e-10)
    assert found.p_above == pytest.approx(below_high.pvalue, rel=1e-10)
    assert found.degrees_of_freedom == pytest.approx(below_high.df)
    assert found.difference == pytest.approx(-0.38 - 0.2)
    interval = stats.ttest_ind(FIRST, SECOND, equal_var=False).confidence_interval(0.90)
    assert found.interval == pytest.approx((interval.low, interval.high))


@settings(max_examples=80)
@given(
    shift=st.floats(-3.0, 3.0), low=st.floats(-4.0, -0.1), high=st.floats(0.1, 4.0), risk=st.floats(0.01, 0.2)
)
def test_equivalent_just_when_the_interval_lies_inside_the_margins(shift, low, high, risk):
    found = equivalence(FIRST + shift, SECOND, low, high, risk)

    inside = low < found.interval[0] and found.interval[1] < high
    assert found.equivalent == inside
    mirrored = equivalence(SECOND, FIRST + shift, -high, -low, risk)
    assert mirrored.equivalent == found.equivalent
    assert mirrored.p == pytest.approx(found.p, rel=1e-9, abs=1e-300)


def test_groups_that_differ_by_the_margin_are_called_equivalent_as_rarely_as_stated():
    random = np.random.default_rng(11)
    called = [
        equivalence(random.normal(1.0, 1.0, 40), random.normal(0.0, 0.5, 25), -1.0, 1.0).equivalent
        for _ in range(3000)
    ]

    assert np.mean(called) == pytest.approx(0.05, abs=0.012)


def test_few_scattered_units_show_no_equivalence_though_no_difference_either():
    few = equivalence(np.array([-3.0, 3.0]), np.array([-2.0, 2.5]), -1.0, 1.0)

    assert abs(few.difference) < 0.5
    assert not few.equivalent


@pytest.mark.parametrize(
    ("first", "second", "low", "high", "risk", "said"),
    [
        (FIRST, SECOND, 1.0, 1.0, 0.05, "hold nothing"),
        (FIRST[:1], SECOND, -1.0, 1.0, 0.05, "at least 2"),
        (FIRST, np.array([0.0, math.nan]), -1.0, 1.0, 0.05, "all finite"),
        (np.ones(3), np.ones(3), -1.0, 1.0, 0.05, "neither group has a spread"),
        (FIRST, SECOND, -1.0, 1.0, 0.5, "risk"),
    ],
)
def test_what_cannot_be_compared_is_refused(first, second, low, high, risk, said):
    with pytest.raises(ValueError, match=said):
        equivalence(first, second, low, high, risk)
