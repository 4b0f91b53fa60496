"""The driver is fit for a bench."""

from acme_pump.driver import AcmeP40
from rig.testing import check_driver
from talks import TALKS


def test_driver():
    check_driver(AcmeP40, TALKS)
