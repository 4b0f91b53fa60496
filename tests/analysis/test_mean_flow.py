import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rig.analysis.gravimetry import BalanceFigures
from rig.analysis.mean_flow import mean_flow

T_S = np.arange(121) * 60.0
NOISE_G = 1e-4


def readings(seed, *, walk_g=0.0, wave_g=0.0):
    random = np.random.default_rng(seed)
    walk = np.cumsum(random.normal(0.0, walk_g, len(T_S))) if walk_g else 0.0
    wave = wave_g * np.sin(2 * np.pi * T_S / 3600.0)
    return 5.0 + T_S / 3600.0 * 0.5 + random.normal(0.0, NOISE_G, len(T_S)) + walk + wave


def test_exact_readings_give_the_flow_by_both():
    found = mean_flow(T_S, 5.0 + 0.5 * T_S / 3600.0)

    assert found.end_points_g_h == pytest.approx(0.5)
    assert found.line_g_h == pytest.approx(0.5)


def test_with_white_noise_the_line_is_better():
    found = mean_flow(T_S, readings(1))

    assert found.better == "line"
    assert found.flow_g_h == found.line_g_h
    assert abs(found.autocorrelation) <= found.white_within == pytest.approx(2 / 11)
    # The closed forms for an even grid: sqrt(12 (n-1) / (n (n+1))) against sqrt 2, times noise over time.
    ratio = math.sqrt(12 * 120 / (121 * 122)) / math.sqrt(2)
    assert found.line_u_g_h / found.end_points_u_g_h == pytest.approx(ratio)
    assert found.end_points_u_g_h == pytest.approx(math.sqrt(2) * NOISE_G / 2.0, rel=0.2)
    residuals = readings(1) - np.polyval(np.polyfit(T_S, readings(1), 1), T_S)
    assert found.end_points_u_g_h == pytest.approx(math.sqrt(2 * np.sum(residuals**2) / 119) / 2.0, rel=1e-6)
    assert found.reason.startswith("the residuals of the line are white")
    assert "4.5 times smaller" in found.reason


def test_stated_uncertainties_are_those_seen_over_many_runs():
    runs = [mean_flow(T_S, readings(seed)) for seed in range(300)]

    assert np.std([run.line_g_h for run in runs]) == pytest.approx(
        np.mean([run.line_u_g_h for run in runs]), rel=0.12
    )
    assert np.std([run.end_points_g_h for run in runs]) == pytest.approx(
        np.mean([run.end_points_u_g_h for run in runs]), rel=0.12
    )
    assert np.mean([run.better == "line" for run in runs]) > 0.92


@pytest.mark.parametrize("fault", [{"walk_g": 1e-4}, {"wave_g": 5e-4}])
def test_correlated_residuals_leave_the_end_points(fault):
    found = mean_flow(T_S, readings(2, **fault))

    assert found.better == "end points"
    assert found.flow_g_h == found.end_points_g_h
    assert found.autocorrelation > found.white_within
    assert "not white" in found.reason


def test_a_walk_that_is_stated_leaves_the_end_points_though_it_does_not_show():
    balance = BalanceFigures(0.0, NOISE_G, 0.0, drift_24h_g=0.01)

    found = mean_flow(T_S, readings(1), balance)

    assert abs(found.autocorrelation) <= found.white_within
    assert found.better == "end points"
    assert "walk outweighs" in found.reason
    walk_g = 0.01 * math.sqrt(2 / 24)
    noise_g = max(NOISE_G, np.std(readings(1) - np.polyval(np.polyfit(T_S, readings(1), 1), T_S), ddof=2))
    assert found.end_points_u_g_h == pytest.approx(math.hypot(walk_g, math.sqrt(2) * noise_g) / 2, rel=1e-6)


def test_a_line_through_a_pure_walk_has_a_fifth_more_variance():
    balance = BalanceFigures(0.0, 0.0, 0.0, drift_24h_g=0.01)
    t_s = np.arange(2001) * 60.0

    found = mean_flow(t_s, t_s / 3600.0, balance)

    assert (found.line_u_g_h / found.end_points_u_g_h) ** 2 == pytest.approx(1.2, rel=1e-3)


def test_scatter_below_what_is_stated_is_not_believed():
    balance = BalanceFigures(0.0, 10 * NOISE_G, 0.0, 0.0)

    found = mean_flow(T_S, readings(1), balance)

    assert found.end_points_u_g_h == pytest.approx(math.sqrt(2) * 10 * NOISE_G / 2.0)


@settings(max_examples=40)
@given(offset_g=st.floats(-200.0, 200.0), scale=st.floats(0.01, 100.0), later_s=st.floats(0.0, 1e6))
def test_only_differences_count(offset_g, scale, later_s):
    here = mean_flow(T_S, readings(3))
    moved = mean_flow(T_S + later_s, readings(3) + offset_g)
    scaled = mean_flow(T_S, readings(3) * scale)

    assert moved.line_g_h == pytest.approx(here.line_g_h, rel=1e-7)
    assert moved.end_points_g_h == pytest.approx(here.end_points_g_h, rel=1e-9)
    assert scaled.line_u_g_h == pytest.approx(here.line_u_g_h * scale, rel=1e-7)
    assert (moved.better, scaled.better) == (here.better, here.better)


def test_three_readings_or_times_that_do_not_rise_are_refused():
    with pytest.raises(ValueError, match="at least 4 readings"):
        mean_flow(np.arange(3.0), np.arange(3.0))
    with pytest.raises(ValueError, match="rising times"):
        mean_flow(np.array([0.0, 1.0, 1.0, 2.0]), np.arange(4.0))
