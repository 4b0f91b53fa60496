"""Several simulated devices on one line (RS-485): what the host sends reaches all, and whoever is meant answers.

Not modelled: that a device hears the answers of the others, and two that answer at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rig.transport import WirePort


class Joined:
    """The devices' common end of one line; a :class:`rig.transport.WirePort`. Each has its own address."""

    def __init__(self, devices: Sequence[WirePort]) -> None:
        self.devices = tuple(devices)

    def attach(self, send: Callable[[int, bytes], None]) -> None:
        for device in self.devices:
            device.attach(send)

    def receive(self, data: bytes) -> None:
        """Raises OSError when nobody hears: all are unplugged."""
        deaf = 0
        for device in self.devices:
            try:
                device.receive(data)
            except OSError:
                deaf += 1
                if deaf == len(self.devices):
                    raise
