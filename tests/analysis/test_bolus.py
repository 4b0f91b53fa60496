import numpy as np
import pytest

from rig.analysis.bolus import dose_statistics
from rig.errors import DefinitionError


def test_four_doses_by_hand() -> None:
    statistics = dose_statistics(np.array([0.099, 0.104, 0.100, 0.093]), 0.1, -5.0, 5.0, 0.5)

    assert statistics.count == 4
    assert statistics.mean_ml == pytest.approx(0.099)
    assert statistics.mean_error_pct == pytest.approx(-1.0)
    assert statistics.error_pct == pytest.approx([-1.0, 4.0, 0.0, -7.0])
    assert statistics.standard_deviation_pct == pytest.approx((62 / 3) ** 0.5)
    assert (statistics.largest_pct, statistics.largest_index) == (pytest.approx(4.0), 1)
    assert (statistics.smallest_pct, statistics.smallest_index) == (pytest.approx(-7.0), 3)
    assert statistics.furthest_pct == pytest.approx(-7.0)
    assert (statistics.inside, statistics.inside_surely, statistics.inside_possibly) == (3, 3, 3)


def test_doses_near_the_limit_are_inside_but_not_surely() -> None:
    statistics = dose_statistics(np.array([0.1048, 0.1052, 0.0949, 0.1]), 0.1, -5.0, 5.0, 0.5)

    assert (statistics.inside, statistics.inside_surely, statistics.inside_possibly) == (2, 1, 4)


def test_a_mean_inside_can_hide_single_doses_outside() -> None:
    statistics = dose_statistics(np.array([0.09, 0.11] * 12 + [0.1]), 0.1, -5.0, 5.0)

    assert statistics.mean_error_pct == pytest.approx(0.0, abs=1e-9)
    assert statistics.inside == 1


def test_one_dose_has_no_spread_and_no_limit_no_share() -> None:
    statistics = dose_statistics(np.array([0.1]), 0.1)

    assert statistics.standard_deviation_pct is None
    assert statistics.inside is None


def test_refusals() -> None:
    with pytest.raises(DefinitionError, match="no dose"):
        dose_statistics(np.array([]), 0.1)
    with pytest.raises(DefinitionError, match="not positive"):
        dose_statistics(np.array([0.1]), 0.0)
