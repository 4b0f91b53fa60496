"""Instants of a step at which the rig was gone: the next reading of that step stands for them."""

from types import SimpleNamespace

import numpy as np
import pytest

from rig.judge.portions import weighed_instants
from rig.record.case_data import Interruption

S = 1_000_000_000


@pytest.fixture
def record():
    """record(readings, gap) in s: what the function looks at."""

    def make(readings_s, gap_s):
        gap = Interruption(gap_s[0] * S, gap_s[1] * S, "gone")
        mass = SimpleNamespace(t_ns=np.array(readings_s, dtype=np.int64) * S)
        return SimpleNamespace(mass=mass, interruptions=(gap,))

    return make


@pytest.mark.parametrize(
    ("readings_s", "gap_s", "instants_s", "expected_s"),
    [
        ([600, 900, 1200, 1500], (2000, 2100), [600, 1200, 1500], [600, 1200, 1500]),
        ([600, 900, 1800, 2100], (950, 1700), [600, 1200, 2100], [600, 1800, 2100]),
        ([600, 900, 1800, 2100], (950, 1700), [600, 1200, 1500, 2100], [600, 1800, 2100]),
        ([600, 900, 2400], (950, 2300), [600, 1200, 1800], [600, 2400]),
        # The last reading of the blank before is near, but of another step: then the pump stood.
        ([590, 900, 1200], (601, 880), [600, 1200], [900, 1200]),
    ],
)
def test_the_next_reading_of_the_step_stands_for_an_instant_without_one(
    record, readings_s, gap_s, instants_s, expected_s
):
    found = weighed_instants(record(readings_s, gap_s), [t * S for t in instants_s])
    assert [t // S for t in found] == expected_s
