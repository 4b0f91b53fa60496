"""rig analyze's numbers: intervals counted, mean error, trumpet across gaps and tares, windows that do not fit."""

import json
from fractions import Fraction

import numpy as np
import pytest

from rig.analysis.log_analysis import analyze_log
from rig.definitions.logs.balance_log import log_from_bytes
from rig.errors import DefinitionError

DENSITY, RATE = 0.998, 10.0
TOY = [10.0, 11.0, 10.0, 9.0] * 6  # mL/h every 0.5 min


def log_of(t_min, mass_g, digits=9):
    rows = "".join(f"{t:.9g},{m:.{digits}f}\n" for t, m in zip(t_min, mass_g, strict=True))
    return log_from_bytes(f"Time (min),Weight (g)\n{rows}".encode(), "log.csv")


def masses(flow_ml_h, interval_min, start_g=0.0):
    return start_g + np.concatenate([[0.0], np.cumsum(flow_ml_h)]) * interval_min / 60 * DENSITY


def steady(count=120, interval_min=1.0, seed=1, flow=RATE):
    rng = np.random.default_rng(seed)
    return np.arange(count + 1) * interval_min, masses(
        flow * (1 + 0.01 * rng.normal(size=count)), interval_min, 3.0
    )


def test_toy_series_gives_its_fractions():
    log = log_of(np.arange(25) * 0.5, masses(TOY, 0.5), 12)
    analysis = analyze_log(log, RATE, DENSITY, windows_s=[30, 60, 120, 300, 660])
    assert analysis.mean_error_pct == pytest.approx(0.0, abs=1e-9)
    wanted = {30: (24, 10), 60: (23, 5), 120: (21, 0), 300: (15, 1), 660: (3, Fraction(5, 11))}
    for window in analysis.windows:
        count, error = wanted[window.window_s]
        assert window.count == count
        assert window.error_max_pct == pytest.approx(float(error), abs=1e-7)
        assert window.error_min_pct == pytest.approx(-float(error), abs=1e-7)


def test_the_second_hour_is_30_intervals_of_2_min_and_none_of_the_first():
    flow = np.where(np.arange(90) < 30, 99.0, np.where(np.arange(90) < 60, 10.5, 55.0))
    log = log_of(np.arange(91) * 2.0, masses(flow, 2.0))
    analysis = analyze_log(log, RATE, DENSITY, from_s=3600, to_s=7200)
    assert analysis.intervals == 30
    assert analysis.period_s == (3600.0, 7200.0)
    assert analysis.mean_error_pct == pytest.approx(5.0, abs=1e-6)
    assert {w.window_s: w.count for w in analysis.windows} == {120: 30, 240: 29, 600: 26, 1080: 22, 1800: 16}


def test_a_period_between_readings_takes_the_whole_intervals_within():
    log = log_of(*steady())
    analysis = analyze_log(log, RATE, DENSITY, from_s=59 * 60 + 1, to_s=70 * 60 + 59)
    assert analysis.period_s == (3600.0, 4200.0)
    assert analysis.intervals == 10


def test_windows_that_do_not_fit_are_left_out_by_name_or_refused_if_asked_for():
    log = log_of(*steady(count=30, interval_min=2.0))
    analysis = analyze_log(log, RATE, DENSITY)
    assert [(w.window_s, w.standard) for w in analysis.windows] == [
        (120, True), (240, False), (600, False), (1080, False), (1800, False)
    ]  # fmt: skip
    assert [window_s for window_s, _ in analysis.windows_left_out] == [300, 660, 1140, 1860]
    assert all("no whole multiple" in reason for _, reason in analysis.windows_left_out)
    with pytest.raises(DefinitionError, match=r"5 min is no whole multiple of the sample interval, 2 min"):
        analyze_log(log, RATE, DENSITY, windows_s=[300])
    with pytest.raises(DefinitionError, match="longer than the period"):
        analyze_log(log, RATE, DENSITY, windows_s=[7200])


def test_a_log_every_15_min_gets_the_ambulatory_windows():
    analysis = analyze_log(log_of(*steady(count=100, interval_min=15.0)), RATE, DENSITY)
    assert [w.window_s / 60 for w in analysis.windows] == [15, 60, 150, 330, 570, 930]
    assert [w.count for w in analysis.windows] == [100, 97, 91, 79, 63, 39]


@pytest.mark.parametrize("fault", ["gap", "tare", "container"])
def test_nothing_is_averaged_over_a_gap_a_tare_or_another_container(fault):
    t_min, mass_g = steady(flow=10.2)
    if fault == "gap":
        kept = np.r_[0:41, 70:121]
        t_min, mass_g = t_min[kept], mass_g[kept]
    else:
        mass_g = np.where(t_min >= 60, mass_g - (mass_g[60] if fault == "tare" else -55.0), mass_g)
    analysis = analyze_log(log_of(t_min, mass_g), RATE, DENSITY)
    ((start, end, why),) = analysis.left_out
    assert (start, end) == ((2400, 4200) if fault == "gap" else (3540, 3600))
    assert fault in why
    assert analysis.analysed_s == 7200 - (end - start)
    assert analysis.mean_error_pct == pytest.approx(2.0, abs=0.5)
    for window in analysis.windows:
        assert -4 < window.error_min_pct <= window.error_max_pct < 8
        length = round(window.window_s / 60)
        before, after = round(start / 60), round((7200 - end) / 60)
        assert window.count == max(0, before - length + 1) + max(0, after - length + 1)


def test_a_bump_is_kept_and_its_effect_stated():
    t_min, mass_g = steady()
    bumped = analyze_log(log_of(t_min, np.where(t_min >= 60, mass_g + 0.1, mass_g)), RATE, DENSITY)
    plain = analyze_log(log_of(t_min, mass_g), RATE, DENSITY)
    (found,) = bumped.hazards
    assert found.hazard.name == "step"
    assert found.in_period
    effect = 100 * 0.1 / DENSITY / (RATE * 2)
    assert bumped.mean_error_pct - plain.mean_error_pct == pytest.approx(effect, abs=1e-6)
    assert found.mean_error_without_pct == pytest.approx(plain.mean_error_pct, abs=0.1)


def test_drift_of_the_log_is_told_for_a_period_too_short_to_show_it():
    rng = np.random.default_rng(3)
    count = 220  # 2 % noise, 15 % drift over 7 h: one hour shows 2 %
    flow = 150 * (1 - 0.15 * np.arange(count) / count + 0.02 * rng.normal(size=count))
    log = log_of(np.arange(count + 1) * 2.0, np.round(masses(flow, 2.0), 2), 2)
    analysis = analyze_log(log, 150.0, DENSITY, from_s=3600, to_s=7200)
    (found,) = analysis.hazards
    assert found.hazard.name == "drift"
    assert found.in_period
    assert found.hazard.size == pytest.approx(-16.2, abs=2.5)  # of the mean flow
    assert "analysis period by itself" in found.hazard.evidence


def test_uneven_intervals_are_named_and_the_mean_uses_the_times_as_logged():
    rng = np.random.default_rng(4)
    t_min = np.arange(121) + np.concatenate([[0], rng.uniform(-0.2, 0.2, 119), [0]])
    log = log_of(t_min, RATE * 1.03 / 60 * DENSITY * t_min)
    analysis = analyze_log(log, RATE, DENSITY)
    assert [found.hazard.name for found in analysis.hazards] == ["uneven_intervals"]
    assert analysis.interval_s == 60.0
    assert analysis.mean_error_pct == pytest.approx(3.0, abs=1e-5)
    assert all(w.error_max_pct == pytest.approx(3.0, abs=1e-4) for w in analysis.windows)


def test_a_container_that_is_emptied_is_the_mirror_of_one_that_is_filled():
    t_min, mass_g = steady()
    collected = analyze_log(log_of(t_min, mass_g), RATE, DENSITY)
    emptied = analyze_log(log_of(t_min, 500 - mass_g), RATE, DENSITY, weighs="source")
    assert emptied.mean_error_pct == pytest.approx(collected.mean_error_pct, abs=1e-6)
    assert emptied.hazards == ()


def test_a_constant_weight_changes_nothing_and_the_mean_lies_within_the_trumpet():
    t_min, mass_g = steady()
    one, two = (analyze_log(log_of(t_min, mass_g + shift), RATE, DENSITY) for shift in (0.0, 750.0))
    assert one.mean_error_pct == pytest.approx(two.mean_error_pct, abs=1e-6)
    for window in one.windows:
        assert window.error_min_pct <= one.mean_error_pct + 1.0
        assert window.error_max_pct >= one.mean_error_pct - 1.0
    (whole,) = analyze_log(log_of(t_min, mass_g), RATE, DENSITY, windows_s=[7200]).windows
    assert whole.error_min_pct == whole.error_max_pct == pytest.approx(one.mean_error_pct, abs=1e-9)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"rate_ml_h": 0.0}, "must be above zero"),
        ({"rate_ml_h": -5.0}, "must be above zero"),
        ({"density_g_ml": 0.0}, "no density"),
        ({"density_g_ml": 998.0}, "no density"),
        ({"from_s": -60.0}, "-1 min is not in the log (the log runs from 0 min to 120 min)"),
        ({"to_s": 9999.0}, "166.65 min is not in the log"),
        ({"from_s": 3600.0, "to_s": 3600.0}, "before it begins"),
        ({"from_s": 3600.0, "to_s": 3700.0}, "only 1 sample intervals"),
    ],
)
def test_settings_that_make_no_sense(settings, said):
    wanted = {"rate_ml_h": RATE, "density_g_ml": DENSITY, **settings}
    with pytest.raises(DefinitionError) as caught:
        analyze_log(log_of(*steady()), **wanted)
    assert said in str(caught.value)


def test_as_data_it_is_plain_and_the_same_each_time():
    t_min, mass_g = steady()
    text = [
        json.dumps(analyze_log(log_of(t_min, mass_g), RATE, DENSITY).to_json(), allow_nan=False) for _ in "ab"
    ]
    assert text[0] == text[1]
    data = json.loads(text[0])
    assert data["log"]["readings"] == 121
    assert len(data["start_up"]["flow_ml_h"]) == 120
    assert data["period"]["left_out"] == []
