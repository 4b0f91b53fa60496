"""Conformance kit for drivers, the rig's own and those of others.

In the tests of a package that brings a driver::

    from rig.testing import Talk, check_driver

    def test_driver():
        check_driver(AcmePump, [
            Talk("state", lambda pump: pump.interrogate().rate_nl_h, 20_833,
                 replies={b"STATE\\r": b"RATE 20833 B7\\r"}, foreign=(b"RATE 20834 B8\\r",)),
        ])

What is wrong is told in words: missing methods, wrong arguments, options without a unit, a wrong value taken from a
hurt reply, an untyped exception, an error without its bytes, a call that takes too long or for ever, a dose that is
repeated by itself, a driver that does not tell or does not survive a pulled plug. How-to: write-a-driver.md.
"""

from __future__ import annotations

from rig.testing.campaign import Campaign, hurt_driver, unplug_driver
from rig.testing.check import DriverFaults, check_driver, driver_faults
from rig.testing.class_shape import CAPABILITY_OF_ROLE, class_faults
from rig.testing.hurt import Hurt, hurt_replies, unplugged_replies
from rig.testing.lines import BadLine, ScriptedLink
from rig.testing.talk import NO_CHECKSUM, NO_NAMES, SHORT_CHECKSUM, Talk

__all__ = [
    "CAPABILITY_OF_ROLE",
    "NO_CHECKSUM",
    "NO_NAMES",
    "SHORT_CHECKSUM",
    "BadLine",
    "Campaign",
    "DriverFaults",
    "Hurt",
    "ScriptedLink",
    "Talk",
    "check_driver",
    "class_faults",
    "driver_faults",
    "hurt_driver",
    "hurt_replies",
    "unplug_driver",
    "unplugged_replies",
]
