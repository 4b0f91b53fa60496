"""Curves: extremes kept, gaps kept, nothing invented."""

import numpy as np

from rig.report.series import Curve, deviation_from, envelope, rate_of


def test_envelope_keeps_every_extreme() -> None:
    t_h = np.linspace(0.0, 26.0, 93601)
    y = np.sin(t_h)
    y[12345], y[54321] = 99.0, -99.0
    band = envelope(t_h, y, bins=240)
    assert band.t_h.size == 240
    assert np.nanmax(band.high) == 99.0
    assert np.nanmin(band.low) == -99.0
    assert np.all(band.low <= band.mean)
    assert np.all(band.mean <= band.high)


def test_a_gap_stays_a_gap() -> None:
    t_h = np.concatenate([np.linspace(0.0, 1.0, 1000), np.linspace(3.0, 4.0, 1000)])
    band = envelope(t_h, np.ones(2000), bins=40)
    inside = (band.t_h > 1.2) & (band.t_h < 2.8)
    assert inside.any()
    assert np.isnan(band.low[inside]).all()
    assert np.isnan(band.mean[inside]).all()


def test_nothing_gives_nothing() -> None:
    assert envelope(np.empty(0), np.empty(0)).t_h.size == 0
    assert envelope(np.array([1.0, 2.0]), np.array([np.nan, np.nan])).t_h.size == 0


def test_few_samples_leave_no_holes() -> None:
    band = envelope(np.arange(20.0), np.arange(20.0), bins=240)
    assert not np.isnan(band.low).any()


def test_flow_and_deviation_of_a_steady_pump() -> None:
    t_h = np.arange(0.0, 5.0, 0.25)
    volume = Curve(t_h, 0.515 * t_h)
    assert np.allclose(rate_of(volume).y, 0.515)
    assert np.allclose(deviation_from(volume, 0.5).y, 0.015 * t_h)


def test_two_readings_of_one_instant_make_no_infinite_flow() -> None:
    flow = rate_of(Curve(np.array([0.0, 1.0, 1.0, 2.0]), np.array([0.0, 1.0, 1.1, 2.0])))
    assert np.isfinite(flow.y).all()
