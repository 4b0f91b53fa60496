"""Every driver on bad lines: thousands of hurt replies, and the plug pulled at each byte of each exchange.

The sound exchanges stand in the files ``talks_*.py``; what a driver cannot tell is said there, field by field.
"""

from __future__ import annotations

import pytest

from rig.drivers import DRIVERS
from rig.testing import hurt_driver, unplug_driver


def test_every_driver_has_talks(all_talks):
    over_a_person = {name for name in DRIVERS if name.endswith("_manual")}  # whose line garbles nothing
    assert {name.split()[0] for name in all_talks} == set(DRIVERS) - over_a_person


def test_thousands_of_hurt_replies(driver_with_talks):
    campaign = hurt_driver(*driver_with_talks, frames=5000)
    assert campaign.words() == []
    assert campaign.frames >= 5000
    assert 0.03 < campaign.right / campaign.frames < 0.9, "deaf or gullible"


@pytest.mark.campaign
def test_a_hundred_thousand_hurt_replies(driver_with_talks):
    campaign = hurt_driver(*driver_with_talks, frames=100_000, seed=2)
    assert campaign.words() == []
    assert campaign.frames >= 100_000


def test_unplugged_at_each_byte(driver_with_talks):
    campaign = unplug_driver(*driver_with_talks)
    assert campaign.words() == []
    assert campaign.frames >= 10
