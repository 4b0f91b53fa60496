import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rig.analysis.strokes import (
    aliased_windows,
    stroke_averaged_flow_ml_h,
    stroke_period_s,
    stroke_window,
    whole_stroke_window_s,
)
from rig.analysis.trumpet import trumpet


def test_a_perfect_pump_sampled_between_its_strokes_shows_20_and_minus_40_per_cent():
    assert stroke_period_s(0.05, 10.0) == pytest.approx(18.0)

    window = stroke_window(30.0, 18.0)

    assert (window.error_max_pct, window.error_min_pct) == (pytest.approx(20.0), pytest.approx(-40.0))
    assert window.strokes == pytest.approx(5 / 3)
    assert not window.whole
    assert window.worst_pct == pytest.approx(40.0)


@pytest.mark.parametrize("window_s", [18.0, 90.0, 1800.0])
def test_whole_strokes_are_not_aliased(window_s):
    window = stroke_window(window_s, 18.0)

    assert window.whole
    assert (window.strokes, window.worst_pct) == (window_s / 18.0, 0.0)


def test_a_window_shorter_than_a_stroke_may_see_nothing():
    window = stroke_window(6.0, 18.0)

    assert (window.error_max_pct, window.error_min_pct) == (pytest.approx(200.0), -100.0)


@settings(max_examples=80)
@given(stroke_s=st.integers(3, 40), every_s=st.integers(2, 30), length=st.integers(1, 12))
def test_the_worst_is_what_a_perfect_pump_shows_and_no_more(stroke_s, every_s, length):
    # Whole seconds: over stroke_s samples every phase of the strokes against the samples has come round.
    t_s = every_s * np.arange(stroke_s + length + 1)
    volume = np.floor_divide(t_s, stroke_s) * (stroke_s / 3600)  # 1 mL/h in packets

    (shown,) = trumpet(volume, float(every_s), 1.0, [float(length * every_s)])
    expected = stroke_window(float(length * every_s), float(stroke_s))

    assert shown.error_max_pct == pytest.approx(expected.error_max_pct, abs=1e-6)
    assert shown.error_min_pct == pytest.approx(expected.error_min_pct, abs=1e-6)


def test_what_is_aliased_by_more_than_is_allowed_is_named_the_sample_interval_first():
    found = aliased_windows(18.0, 30.0, [60.0, 90.0, 900.0, 930.0], allowed_pct=1.5)

    assert [window.window_s for window in found] == [30.0, 60.0]
    assert [w.window_s for w in aliased_windows(18.0, 30.0, [60.0, 90.0, 900.0, 930.0])] == [
        30.0,
        60.0,
        930.0,
    ]
    assert aliased_windows(18.0, 90.0, [900.0]) == ()


@pytest.mark.parametrize(
    ("wanted_s", "allowed_pct", "found_s"),
    [(60.0, 0.0, 90.0), (130.0, 0.0, 90.0), (135.0, 0.0, 90.0), (140.0, 0.0, 180.0), (930.0, 2.0, 930.0)],
)
def test_the_nearest_window_of_whole_strokes(wanted_s, allowed_pct, found_s):
    assert whole_stroke_window_s(wanted_s, 18.0, 30.0, 3600.0, allowed_pct) == found_s


def test_there_may_be_no_window_of_whole_strokes():
    assert whole_stroke_window_s(60.0, 18.0, 30.0, 89.0) is None
    assert whole_stroke_window_s(60.0, 18.0, 30.0, 90.0) == 90.0
    assert whole_stroke_window_s(60.0, 17.3, 30.0, 3600.0) is None
    assert whole_stroke_window_s(60.0, 17.3, 30.0, 3600.0, allowed_pct=1.0) is not None


def test_averaging_over_whole_strokes_leaves_no_ripple():
    t_s = np.arange(0.0, 181.0, 1.0)
    volume = 10.0 / 3600 * (t_s - 18.0 / (2 * np.pi) * np.sin(2 * np.pi * t_s / 18.0)) + 4.0

    for strokes, count in ((1, 163), (3, 127)):
        flow = stroke_averaged_flow_ml_h(t_s, volume, 18.0, strokes)
        assert len(flow) == count
        assert flow == pytest.approx(np.full(count, 10.0), abs=1e-9)
    assert np.ptp(stroke_averaged_flow_ml_h(t_s, volume, 9.0)) > 5.0


def test_between_readings_volumes_lie_on_a_straight_line():
    flow = stroke_averaged_flow_ml_h(np.array([0.0, 10.0, 20.0]), np.array([0.0, 1.0, 3.0]), 15.0)

    assert flow == pytest.approx([2.0 * 240.0])


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda: stroke_period_s(0.0, 1.0), "must be positive"),
        (lambda: stroke_period_s(0.1, 0.0), "must be positive"),
        (lambda: stroke_window(0.0, 18.0), "must be positive"),
        (lambda: stroke_window(30.0, -18.0), "must be positive"),
        (lambda: whole_stroke_window_s(0.0, 18.0, 30.0, 90.0), "must be positive"),
        (lambda: stroke_averaged_flow_ml_h(np.arange(3.0), np.arange(3.0), 1.0, 0), "no time to average"),
        (lambda: stroke_averaged_flow_ml_h(np.arange(3.0), np.arange(3.0), 2.5), "shorter than 1 strokes"),
    ],
)
def test_what_has_no_strokes_is_refused(ask, said):
    with pytest.raises(ValueError, match=said):
        ask()


def test_strokes_may_be_faster_than_a_second():
    assert stroke_window(0.5, 0.25).strokes == 2.0
    assert stroke_window(0.5, 0.4).error_max_pct == pytest.approx(60.0)
    assert stroke_averaged_flow_ml_h(np.array([0.0, 0.5]), np.array([0.0, 0.5]), 0.5) == pytest.approx(
        [3600.0]
    )
    assert stroke_period_s(0.5, 0.9) == pytest.approx(2000.0)
    assert whole_stroke_window_s(0.5, 0.25, 0.25, 1.0) == 0.5
