import math

import numpy as np
import pytest

from rig.analysis.capability import capability

VALUES = np.array([-1.2, 0.4, -0.7, 1.1, -2.0, 0.3, -0.9, 0.6, -1.5, 0.1])


def test_worked_capability_to_the_last_digit():
    worked = capability(VALUES, -5.0, 5.0)

    assert worked.cpk == pytest.approx(1.5088052140887616, rel=1e-14)
    assert worked.lower_bound == pytest.approx(0.898693207241117, rel=1e-13)
    assert (worked.mean, worked.standard_deviation) == (
        pytest.approx(-0.38, rel=1e-14),
        pytest.approx(1.0206751578135806, rel=1e-14),
    )
    assert (worked.count, worked.confidence) == (10, 0.95)


def test_the_nearer_limit_counts_and_a_missing_one_does_not():
    assert capability(VALUES, -5.0, 500.0).cpk == capability(VALUES, -5.0, 5.0).cpk
    assert capability(VALUES, None, 5.0).cpk == pytest.approx(5.38 / 3 / 1.0206751578135806)
    assert capability(-VALUES, -5.0, 5.0).cpk == pytest.approx(1.5088052140887616)
    assert capability(VALUES, -5.0, None).lower_bound == capability(VALUES, -5.0, 5.0).lower_bound


def test_a_mean_outside_has_a_negative_index():
    assert capability(VALUES + 6.0, -5.0, 5.0).cpk == pytest.approx(-0.62 / 3 / 1.0206751578135806)


def test_neither_shift_nor_unit_changes_it():
    for moved, low, high in ((VALUES + 7.0, 2.0, 12.0), (VALUES * 1e3, -5e3, 5e3)):
        assert capability(moved, low, high).lower_bound == pytest.approx(0.898693207241117)


def test_the_bound_holds_about_as_often_as_it_says():
    samples = np.random.default_rng(3).normal(0.0, 1.0, (2000, 25))

    held = [capability(sample, -4.0, None).lower_bound <= 4 / 3 for sample in samples]

    assert np.mean(held) == pytest.approx(0.95, abs=0.02)  # the bound is an approximation


@pytest.mark.parametrize(
    ("values", "low", "high", "said"),
    [
        (VALUES, None, None, "no limit"),
        (VALUES[:1], -5.0, 5.0, "at least 2"),
        (np.array([1.0, math.inf]), -5.0, 5.0, "finite"),
        (np.array([1.0, 1.0, 1.0]), -5.0, 5.0, "all the same"),
    ],
)
def test_what_has_no_capability_is_refused(values, low, high, said):
    with pytest.raises(ValueError, match=said):
        capability(values, low, high)
