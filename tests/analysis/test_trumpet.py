import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rig.analysis.trumpet import interval_flow_ml_h, mean_error_pct, trumpet
from rig.errors import DefinitionError

MIN = 60.0
PERIODIC = [10, 11, 10, 9] * 6
DROPOUT = [10] * 12 + [4, 16] + [10] * 10
RAMP = [Fraction(109, 12) + Fraction(i, 12) for i in range(24)]

# Window in min, number of windows, largest and smallest error in % as exact fractions, first interval of each.
EXACT = {
    "periodic": (
        PERIODIC,
        Fraction(0),
        [
            (0.5, 24, "10", "-10", 2, 4),
            (1, 23, "5", "-5", 1, 3),
            (2, 21, "0", "0", 1, 1),
            (5, 15, "1", "-1", 1, 3),
            (11, 3, "5/11", "-5/11", 1, 3),
        ],
    ),
    "dropout and recoil": (
        DROPOUT,
        Fraction(0),
        [
            (0.5, 24, "60", "-60", 14, 13),
            (1, 23, "30", "-30", 14, 12),
            (2, 21, "15", "-15", 14, 10),
            (5, 15, "6", "-6", 14, 4),
            (11, 3, "0", "0", 1, 1),
        ],
    ),
    "ramp": (
        RAMP,
        Fraction(5, 12),
        [
            (0.5, 24, "10", "-55/6", 24, 1),
            (1, 23, "115/12", "-35/4", 23, 1),
            (2, 21, "35/4", "-95/12", 21, 1),
            (5, 15, "25/4", "-65/12", 15, 1),
            (11, 3, "5/4", "-5/12", 3, 1),
        ],
    ),
}


def volumes_ml(flow_ml_h: list, interval_min: float = 0.5) -> np.ndarray:
    """Cumulative volume of given interval flows, rounded once."""
    total, volumes = Fraction(0), [0.0]
    for flow in flow_ml_h:
        total += Fraction(flow) * Fraction(interval_min) / 60
        volumes.append(float(total))
    return np.array(volumes)


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("offset_ml", [0.0, 100.0])
def test_series_with_exact_answers(name: str, offset_ml: float) -> None:
    flow, mean, rows = EXACT[name]
    volume = volumes_ml(flow) + offset_ml

    windows = trumpet(volume, 0.5 * MIN, 10.0, [row[0] * MIN for row in rows])

    assert mean_error_pct(volume, 0.5 * MIN, 10.0) == pytest.approx(float(mean), abs=1e-9)
    assert interval_flow_ml_h(volume, 0.5 * MIN) == pytest.approx([float(q) for q in flow], abs=1e-9)
    for window, (minutes, count, largest, smallest, first_of_max, first_of_min) in zip(
        windows, rows, strict=True
    ):
        assert window.window_s == minutes * MIN
        assert (window.count, window.left_out) == (count, 0)
        assert window.error_max_pct == pytest.approx(float(Fraction(largest)), abs=1e-9)
        assert window.error_min_pct == pytest.approx(float(Fraction(smallest)), abs=1e-9)
        assert (window.first_of_max, window.first_of_min) == (first_of_max, first_of_min)


# 5 mL/h with error -1.5 % + 8 % sin(2 pi t / 7 min), an hour at 0.5 min: values and bounds in closed form.
SINUSOID = [
    (1, 119, 6.0402202687715345, -9.040220268771535, 88, 94, 6.2341310824684175, -9.234131082468418),
    (2, 117, 5.293503719289937, -8.293503719289937, 101, 108, 5.468211325580482, -8.468211325580482),
    (5, 111, 1.2174014877159762, -4.217401487715975, 84, 105, 1.287284530232193, -4.287284530232193),
    (11, 99, 0.04024737740605711, -3.040247377406052, 99, 50, 0.07985770861671249, -3.0798577086167125),
    (19, 83, -0.7848943453379003, -2.2151056546620977, 70, 7, -0.7665040709915281, -2.233495929008472),
    (31, 59, -0.9534606080172066, -2.0465393919827926, 43, 8, -0.9394053292005217, -2.0605946707994782),
]


def test_sinusoid_gives_the_worked_values_inside_its_closed_form_bounds() -> None:
    t_min = np.arange(121) * 0.5
    integral = -1.5 * t_min + 8 * 7 / (2 * math.pi) * (1 - np.cos(2 * math.pi * t_min / 7))
    volume = 5.0 * (t_min + integral / 100) / 60

    windows = trumpet(volume, 30.0, 5.0, [row[0] * MIN for row in SINUSOID])

    assert mean_error_pct(volume, 30.0, 5.0) == pytest.approx(-1.2176213141422232, abs=1e-9)
    for window, (_, count, largest, smallest, at_max, at_min, above, below) in zip(
        windows, SINUSOID, strict=True
    ):
        assert window.count == count
        assert window.error_max_pct == pytest.approx(largest, abs=1e-9)
        assert window.error_min_pct == pytest.approx(smallest, abs=1e-9)
        # The wave repeats and is symmetric: of equal extremes the first is named, the worked one is another.
        length = round(window.window_s / 30)
        error = 100 * ((volume[length:] - volume[:-length]) / (5.0 * window.window_s / 3600) - 1)
        assert window.first_of_max <= at_max
        assert window.first_of_min <= at_min
        assert error[window.first_of_max - 1] == pytest.approx(error[at_max - 1], abs=1e-9)
        assert error[window.first_of_min - 1] == pytest.approx(error[at_min - 1], abs=1e-9)
        assert below <= window.error_min_pct <= window.error_max_pct <= above


@pytest.mark.parametrize("window_s", [45.0, 29.9999, 0.0, -60.0, 75.0])
def test_a_window_that_is_no_whole_multiple_is_refused(window_s: float) -> None:
    with pytest.raises(DefinitionError, match=r"no whole multiple of the sample interval, 0\.5 min"):
        trumpet(volumes_ml(PERIODIC), 30.0, 10.0, [window_s])


def test_a_window_longer_than_the_period_is_refused() -> None:
    with pytest.raises(DefinitionError, match="longer than the period analysed, 12 min"):
        trumpet(volumes_ml(PERIODIC), 30.0, 10.0, [13 * MIN])


def test_a_set_rate_of_zero_is_refused() -> None:
    with pytest.raises(DefinitionError, match="not positive"):
        trumpet(volumes_ml(PERIODIC), 30.0, 0.0, [60.0])


def test_windows_that_end_on_a_missing_reading_are_left_out_and_counted() -> None:
    volume = volumes_ml(DROPOUT)
    volume[13] = math.nan  # between the drop-out and the recoil

    (half, whole) = trumpet(volume, 30.0, 10.0, [30.0, 60.0])

    assert (half.count, half.left_out, half.error_max_pct) == (22, 2, pytest.approx(0.0, abs=1e-9))
    assert (whole.count, whole.left_out) == (21, 2)


def test_a_window_without_any_reading_has_no_error_and_leaves_the_others_theirs() -> None:
    volume = np.array([0.0, math.nan, 0.2, math.nan, 0.4])

    short, longer = trumpet(volume, 30.0, 12.0, [30.0, 60.0])

    assert (short.count, short.left_out) == (0, 4)
    assert math.isnan(short.error_max_pct)
    assert math.isnan(short.error_min_pct)
    assert (longer.count, longer.left_out, longer.error_max_pct) == (2, 1, pytest.approx(0.0))


@settings(max_examples=60)
@given(
    flow=st.lists(st.floats(0.0, 30.0), min_size=12, max_size=60),
    offset_ml=st.floats(-1e3, 1e3),
    scale=st.floats(0.1, 10.0),
)
def test_properties_of_every_series(flow: list[float], offset_ml: float, scale: float) -> None:
    volume = np.concatenate([[0.0], np.cumsum(flow)]) / 120
    period_s = len(flow) * 30.0
    lengths = [30.0, 60.0, 150.0, period_s]
    windows = trumpet(volume, 30.0, 10.0, lengths)
    mean = mean_error_pct(volume, 30.0, 10.0)

    assert windows[-1].error_max_pct == pytest.approx(windows[-1].error_min_pct, abs=1e-9)
    assert windows[-1].error_max_pct == pytest.approx(mean, abs=1e-9)
    # The shortest windows divide the period, so that the mean is a mean of them.
    assert windows[0].error_min_pct - 1e-9 <= mean <= windows[0].error_max_pct + 1e-9
    shifted = trumpet(volume + offset_ml, 30.0, 10.0, lengths)
    scaled = trumpet(volume * scale, 30.0, 10.0 * scale, lengths)
    for window, other, same in zip(windows, shifted, scaled, strict=True):
        assert other.error_max_pct == pytest.approx(window.error_max_pct, abs=1e-8)
        assert same.error_min_pct == pytest.approx(window.error_min_pct, abs=1e-8)
    assert trumpet(volume, 30.0, 10.0, lengths[::-1])[::-1] == windows


@settings(max_examples=60)
@given(
    steps=st.lists(st.integers(-3, 40), min_size=20, max_size=80),
    start=st.integers(0, 20_000_000),
    missing=st.sets(st.integers(0, 19), max_size=6),
)
def test_whole_steps_of_a_display_come_back_exactly(steps: list[int], start: int, missing: set[int]) -> None:
    # Readings are whole digits of the display; the extremes are whole digits again, and the first such window is named.
    counts = np.cumsum([start, *steps]).tolist()
    volume = np.array(counts) * 1e-5
    volume[list(missing)] = math.nan
    for length in (1, 2, 7):
        found = {
            i: counts[i + length] - counts[i]
            for i in range(len(counts) - length)
            if not {i, i + length} & missing
        }
        if not found:
            continue

        (window,) = trumpet(volume, 30.0, 1.0, [30.0 * length])

        programmed_steps = 30.0 * length / 3600 / 1e-5
        most, least = max(found.values()), min(found.values())
        assert (1 + window.error_max_pct / 100) * programmed_steps == pytest.approx(most, abs=1e-3)
        assert (1 + window.error_min_pct / 100) * programmed_steps == pytest.approx(least, abs=1e-3)
        assert window.first_of_max == min(i for i, steps in found.items() if steps == most) + 1
        assert window.first_of_min == min(i for i, steps in found.items() if steps == least) + 1
        assert (window.count, window.left_out) == (len(found), len(counts) - length - len(found))


def test_a_long_series_is_the_same_by_brute_force() -> None:
    # Longer than two blocks, with the extremes late and equal ones early in the next block.
    flow = np.full(40_000, 5)
    flow[[20_000, 35_000]] = 9
    flow[[17_000, 39_999]] = 1
    counts = np.concatenate([[0], np.cumsum(flow)])
    lengths = [1, 2, 300]

    windows = trumpet(counts * 0.001, 30.0, 0.6, [30.0 * length for length in lengths])

    for length, window in zip(lengths, windows, strict=True):
        delivered = [int(sum(flow[j : j + length])) for j in range(16_000, 21_000)]
        assert window.error_max_pct == pytest.approx(100 * (max(delivered) / (5 * length) - 1), abs=1e-7)
        assert window.error_min_pct == pytest.approx(100 * (min(delivered) / (5 * length) - 1), abs=1e-7)
        assert window.first_of_max == 16_001 + delivered.index(max(delivered))
        assert window.first_of_min == 16_001 + delivered.index(min(delivered))
        assert window.count == 40_001 - length


def test_a_block_without_a_reading_counts_as_left_out() -> None:
    volume = np.arange(40_001) * 0.005
    volume[100:36_000] = math.nan

    (window,) = trumpet(volume, 30.0, 0.6, [30.0])

    assert (window.count, window.left_out) == (99 + 4000, 35_901)
    assert window.error_max_pct == pytest.approx(0.0, abs=1e-6)
