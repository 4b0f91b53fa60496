"""The whole kit in one call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rig.testing.campaign import hurt_driver, unplug_driver
from rig.testing.class_shape import class_faults
from rig.testing.talk import Talk
from rig.transport import Link

FRAMES = 5000


class DriverFaults(AssertionError):
    """What is wrong with a driver; ``faults`` one sentence each."""

    def __init__(self, driver: type[Any], faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n- ".join([f"{driver.__name__} is not fit for a bench:", *faults]))


def driver_faults(
    driver: type[Any], talks: Sequence[Talk], *, frames: int = FRAMES, seed: int = 1, **options: object
) -> list[str]:
    """Everything that is wrong with ``driver``, in words; empty if nothing is.

    ``options`` (and ``address``) are what it is made with. At least ``frames`` hurt replies are tried, of each talk
    every kind at every byte, then the plug is pulled at every byte. Costs about 0.1 ms a frame.
    """
    if shape := class_faults(driver):
        return shape
    if not talks:
        return ["no talks were given: nothing but the class could be checked"]

    def make(link: Link) -> Any:
        return driver(link, **options)

    hurt = hurt_driver(make, talks, frames, seed)
    return [*hurt.words(), *(unplug_driver(make, talks).words() if not hurt.faults else ())]


def check_driver(
    driver: type[Any], talks: Sequence[Talk], *, frames: int = FRAMES, seed: int = 1, **options: object
) -> None:
    """Raise :class:`DriverFaults` with everything that :func:`driver_faults` finds."""
    if faults := driver_faults(driver, talks, frames=frames, seed=seed, **options):
        raise DriverFaults(driver, faults)
