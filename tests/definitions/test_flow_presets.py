"""Presets against the number of windows that the standard's figures give."""

import pytest

from rig.definitions.flow_presets import (
    AMBULATORY_1998,
    AMBULATORY_2012,
    IMPLANTABLE,
    PRESETS,
    VOLUMETRIC_1998,
    VOLUMETRIC_2012,
)

MIN, HOUR = 60.0, 3600.0


@pytest.mark.parametrize(
    ("preset", "minutes", "counts"),
    [
        (VOLUMETRIC_2012, [1, 2, 5, 11, 19, 31], [119, 117, 111, 99, 83, 59]),
        (VOLUMETRIC_1998, [2, 5, 11, 19, 31], [117, 111, 99, 83, 59]),
        (AMBULATORY_2012, [15, 60, 150, 330, 570, 930], [100, 97, 91, 79, 63, 39]),
        (AMBULATORY_1998, [15, 60, 150, 330, 570, 930], [100, 97, 91, 79, 63, 39]),
    ],
)
def test_windows_and_their_number(preset, minutes, counts):
    assert [window_s / MIN for window_s in preset.windows_s] == minutes
    assert [
        (preset.period_s - window_s) / preset.sample_every_s + 1 for window_s in preset.windows_s
    ] == counts


def test_periods_of_a_volumetric_pump_are_the_second_hour_and_the_last():
    assert VOLUMETRIC_2012.period_a_s(100.0) == (100.0 + HOUR, 100.0 + 2 * HOUR)
    assert VOLUMETRIC_2012.period_b_s(24 * HOUR) == (23 * HOUR, 24 * HOUR)


def test_an_ambulatory_pump_runs_a_day_first_and_has_one_period():
    assert AMBULATORY_2012.period_a_s(0.0) == (24 * HOUR, 49 * HOUR)
    with pytest.raises(ValueError, match="'ambulatory' has no period B"):
        AMBULATORY_2012.period_b_s(72 * HOUR)


def test_an_implantable_pump_has_no_period_but_that_of_the_plan():
    assert IMPLANTABLE.sample_every_s is None
    with pytest.raises(ValueError, match="'implantable' has no period of its own"):
        IMPLANTABLE.period_a_s(0.0)
    with pytest.raises(ValueError, match="no period B"):
        IMPLANTABLE.period_b_s(0.0)


def test_every_edition_of_every_class_is_there_once():
    assert len({(preset.name, preset.edition) for preset in PRESETS}) == len(PRESETS) == 5
