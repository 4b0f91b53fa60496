import os

import pytest


@pytest.mark.parametrize("number", range(int(os.environ["ITEMS"])))
def test_criterion(number):
    value = 0.12
    assert -14.5 <= value <= 14.5
