"""The driver is fit for a bench."""

from acme_pump.driver import AcmeP40
from talks import TALKS

from rig.testing import check_driver


def test_driver():
    check_driver(AcmeP40, TALKS)
