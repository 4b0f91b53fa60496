"""The slope of the flow and its uncertainty, under either noise and both."""

import numpy as np
import pytest

from rig.analysis.steadiness import flow_slope, flow_trend


def series(rng, count, balance, flow, drift=0.0):
    x = np.arange(count) / count - 0.5
    q = 1 + drift * x + flow * rng.normal(size=count)
    return np.arange(count + 1.0), np.concatenate([[0], np.cumsum(q)]) + balance * rng.normal(size=count + 1)


@pytest.mark.parametrize(("balance", "flow"), [(0.03, 0.0), (0.0, 0.03), (0.02, 0.02)])
@pytest.mark.parametrize("count", [24, 60, 240])
def test_a_steady_flow_is_rarely_called_drifting(balance, flow, count):
    slopes = [flow_slope(*series(np.random.default_rng(seed), count, balance, flow)) for seed in range(300)]
    assert sum(slope.chance < 1e-3 for slope in slopes) <= 6
    assert sum(slope.chance < 0.05 for slope in slopes) <= 45


@pytest.mark.parametrize(("balance", "flow"), [(0.02, 0.0), (0.0, 0.02), (0.01, 0.01)])
def test_the_interval_holds_the_true_drift(balance, flow):
    held = 0
    for seed in range(200):
        slope = flow_slope(*series(np.random.default_rng(seed), 120, balance, flow, drift=-0.1))
        held += abs(slope.change_pct + 10) <= slope.expanded_pct
    assert held >= 0.85 * 200


def test_a_drift_without_noise_is_exact():
    t = np.arange(121.0)
    slope = flow_slope(t, t + 0.1 * (t * t / 240 - t / 2))
    assert slope.change_pct == pytest.approx(10.0, rel=1e-4)


def test_too_few_readings_or_no_rise_give_no_slope():
    t = np.arange(16.0)
    assert flow_slope(t, t) is None
    t = np.arange(60.0)
    assert flow_slope(t, -t) is None


def test_the_trend_passes_over_a_stop_and_a_jump():
    t = np.arange(241.0)
    m = np.where(t < 80, t, np.where(t < 140, 80, t - 60)) + np.where(t > 200, 500, 0)
    trend = flow_trend(t, m)
    assert trend.level_g_s == pytest.approx(1.0, rel=1e-3)
    assert abs(trend.slope_g_s2) < 1e-4
    assert flow_trend(t, -m).level_g_s == 0.0
