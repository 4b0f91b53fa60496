import os

import pytest


@pytest.mark.parametrize("number", range(int(os.environ["ITEMS"])))
def test_criterion(number, verify):
    verify("mean_error", 0.12, limit={"low": -14.5, "high": 14.5, "unit": "%"})
