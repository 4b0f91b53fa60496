import os

import hardpy
import pytest


@pytest.mark.parametrize("number", range(int(os.environ["ITEMS"])))
def test_criterion(number):
    value = 0.12
    measured = hardpy.NumericMeasurement(value=value, unit="%", lower_limit=-14.5, upper_limit=14.5)
    hardpy.set_case_measurement(measured)
    assert -14.5 <= value <= 14.5
