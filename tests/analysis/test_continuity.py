import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rig.analysis.continuity import continuity_pct

TOY = np.array([10.0, 11.0, 10.0, 9.0] * 6)
HALF_LIVES_S = (60.0, 120.0, 300.0, 600.0)


def test_worked_values_to_the_last_digit_given():
    assert [round(value, 4) for value in continuity_pct(TOY, 30.0, HALF_LIVES_S)] == [
        1.6910,
        0.8611,
        0.3462,
        0.1732,
    ]


def test_it_is_the_gain_of_the_filter_for_a_sine():
    # A sine of amplitude 1 on a mean of 10 with a period of 4 intervals: |H|² = (1-a)² / (1 + a²).
    for half_life_s in (10.0, 60.0, 3600.0):
        kept = 2.0 ** (-30.0 / half_life_s)
        gain = (1 - kept) / np.sqrt(1 + kept**2)
        assert continuity_pct(TOY, 30.0, [half_life_s])[0] == pytest.approx(
            10.0 * gain / np.sqrt(2), rel=1e-12
        )


def test_a_long_series_started_anywhere_comes_to_the_same():
    body, seen = 0.0, []
    kept = 2.0 ** (-30.0 / 300.0)
    for flow in np.tile(TOY, 40):
        body = kept * body + (1 - kept) * flow
        seen.append(body)

    assert continuity_pct(TOY, 30.0, [300.0])[0] == pytest.approx(100 * np.std(seen[-96:]) / 10.0, rel=1e-9)


@settings(max_examples=60)
@given(
    flow=st.lists(st.floats(0.5, 20.0), min_size=2, max_size=50),
    scale=st.floats(0.01, 100.0),
    turn=st.integers(0, 49),
)
def test_properties_of_every_series(flow, scale, turn):
    series = np.array(flow)
    short, middle, long = continuity_pct(series, 30.0, [1.0, 300.0, 1e6])

    assert short >= middle - 1e-9
    assert middle >= long - 1e-9
    assert short == pytest.approx(
        100 * np.std(series) / np.mean(series), rel=1e-6, abs=1e-6
    )  # nothing is smoothed
    assert continuity_pct(series * scale, 30.0, [300.0])[0] == pytest.approx(middle, rel=1e-9, abs=1e-9)
    assert continuity_pct(np.roll(series, turn), 30.0, [300.0])[0] == pytest.approx(
        middle, rel=1e-6, abs=1e-9
    )
    assert continuity_pct(series, 60.0, [600.0])[0] == pytest.approx(middle, rel=1e-12)


@pytest.mark.parametrize(
    ("flow", "interval_s", "half_life_s", "said"),
    [
        (TOY[:1], 30.0, 60.0, "at least two"),
        (np.array([1.0, np.nan]), 30.0, 60.0, "all known"),
        (TOY, 0.0, 60.0, "must be positive"),
        (TOY, 30.0, 0.0, "must be positive"),
        (np.zeros(4), 30.0, 60.0, "no flow"),
    ],
)
def test_what_has_no_continuity_is_refused(flow, interval_s, half_life_s, said):
    with pytest.raises(ValueError, match=said):
        continuity_pct(flow, interval_s, [half_life_s])
