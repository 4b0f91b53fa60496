"""From what a bench file says of an instrument to its driver on an open line; for a run, and for its guard."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rig.clock import Clock
from rig.drivers import driver_class
from rig.errors import DefinitionError
from rig.transport import WirePort, WireSink
from rig.transport.open import open_link


def open_driver(
    name: str,
    address: str,
    device: int | None,
    arguments: Mapping[str, Any],
    clock: Clock,
    sink: WireSink,
    sim_port: WirePort | None = None,
) -> Any:
    """The driver ``name`` made with its link, its number on the line and its ``arguments``; sends nothing.

    Raises DefinitionError (also for arguments that do not go together), LinkLost.
    """
    driver = driver_class(name)
    framing = getattr(driver, "DEFAULT_FRAMING", "8N1")
    link = open_link(
        address,
        clock,
        sink,
        sim_port=sim_port,
        baud=driver.DEFAULT_BAUD,
        bits=int(framing[0]),
        parity=framing[1],
        stop=int(framing[2]),
    )
    number = () if device is None else (device,)
    try:
        return driver(link, *number, **arguments)
    except DefinitionError:
        link.close()
        raise
