"""Presets against the number of windows that the standard's figures give."""

import pytest

from rig.definitions.cases.flow_presets import (
    AMBULATORY_1998,
    AMBULATORY_2012,
    PRESETS,
    VOLUMETRIC_1998,
    VOLUMETRIC_2012,
)

MIN = 60.0


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


def test_every_edition_of_every_class_is_there_once():
    assert len({(preset.name, preset.edition) for preset in PRESETS}) == len(PRESETS) == 5
