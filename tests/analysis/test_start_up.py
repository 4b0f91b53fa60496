import math

import numpy as np
import pytest

from rig.analysis.start_up import start_up


def volumes(flow_ml_h, every_s=60.0):
    return np.concatenate([[0.0], np.cumsum(flow_ml_h)]) * every_s / 3600


def test_a_flow_that_comes_up_over_three_intervals():
    curve = start_up(volumes([0.0, 2.0, 4.4, 4.8, 5.1, 5.0]) + 7.0, 60.0, 5.0, band_pct=10.0)

    assert curve.end_s.tolist() == [60.0, 120.0, 180.0, 240.0, 300.0, 360.0]
    assert curve.flow_ml_h == pytest.approx([0.0, 2.0, 4.4, 4.8, 5.1, 5.0])
    assert curve.settled_s == 180.0
    assert curve.deficit_ml == pytest.approx((5.0 + 3.0 + 0.6) / 60)


def test_an_overshoot_counts_as_too_much():
    curve = start_up(volumes([9.0, 5.0, 5.0]), 60.0, 5.0, band_pct=10.0)

    assert (curve.settled_s, curve.deficit_ml) == (60.0, pytest.approx(-4.0 / 60))


def test_a_later_excursion_is_not_settled_before_it():
    assert start_up(volumes([5.0, 5.0, 6.0, 5.0]), 60.0, 5.0, band_pct=10.0).settled_s == 180.0


def test_the_edge_of_the_band_is_inside():
    assert start_up(volumes([4.75, 5.25]), 3600.0, 5.0 / 60, band_pct=5.000001).settled_s == 0.0


def test_a_flow_that_is_outside_to_the_end_never_settles():
    curve = start_up(volumes([5.0, 5.0, 3.0]), 60.0, 5.0, band_pct=10.0)

    assert curve.settled_s is None
    assert curve.deficit_ml == pytest.approx(2.0 / 60)


def test_a_missing_reading_is_neither_inside_nor_outside():
    volume = volumes([0.0, 2.0, 5.0, 5.0, 5.0])
    volume[2] = math.nan

    curve = start_up(volume, 60.0, 5.0, band_pct=10.0)

    assert np.isnan(curve.flow_ml_h).tolist() == [False, True, True, False, False]
    assert (curve.settled_s, curve.deficit_ml) == (60.0, pytest.approx(5.0 / 60))


@pytest.mark.parametrize(
    ("volume", "every_s", "rate_ml_h", "band_pct", "said"),
    [
        (volumes([]), 60.0, 5.0, 10.0, "two volumes"),
        (volumes([5.0]), 0.0, 5.0, 10.0, "above zero"),
        (volumes([5.0]), 60.0, 0.0, 10.0, "above zero"),
        (volumes([5.0]), 60.0, 5.0, 0.0, "above zero"),
        (np.array([0.0, math.nan]), 60.0, 5.0, 10.0, "no interval"),
    ],
)
def test_what_is_no_start_up_curve_is_refused(volume, every_s, rate_ml_h, band_pct, said):
    with pytest.raises(ValueError, match=said):
        start_up(volume, every_s, rate_ml_h, band_pct)


def test_slow_flows_and_short_intervals_are_start_up_curves_too():
    curve = start_up(volumes([0.1, 0.5], every_s=0.5), 0.5, 0.5, band_pct=0.5)

    assert (curve.settled_s, curve.deficit_ml) == (0.5, pytest.approx(0.4 * 0.5 / 3600))
