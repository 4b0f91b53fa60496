"""Stopcocks, magnets and buttons that the operator works by hand.

No manual; the wire format is that of :mod:`rig.transport.operator_link`. ``positions`` names what each channel is, such
as "stopcock at the outlet, magnet on the pump". What was confirmed is believed: nothing else can tell.
"""

from __future__ import annotations

from rig.drivers.operator_words import Operator, parse_done
from rig.errors import LimitRefused
from rig.readings import Identity
from rig.transport import Link


class ManualValves:
    """Channels from 1, each worked by hand; all are off at first."""

    ROLE = "valves"
    DEFAULT_BAUD = 9600
    ASKS_A_PERSON = True

    def __init__(self, link: Link, *, positions: str, answer_within_s: float = 600.0) -> None:
        self._operator = Operator(link, answer_within_s)
        self._names = [name.strip() for name in positions.split(",") if name.strip()]
        self._on: set[int] = set()

    def identify(self) -> Identity:
        """Nobody is asked."""
        return Identity(model="worked by the operator")

    def switch(self, channel: int, on: bool) -> None:
        name = self._name(channel)
        self._operator.ask(
            f"{name}: put it {'ON (closed)' if on else 'OFF (open)'}, then answer done", parse_done
        )
        (self._on.add if on else self._on.discard)(channel)

    def is_on(self, channel: int) -> bool:
        self._name(channel)
        return channel in self._on

    def close(self) -> None:
        self._operator.close()

    def _name(self, channel: int) -> str:
        if not 1 <= channel <= len(self._names):
            raise LimitRefused(f"channel {channel} is not one of 1 to {len(self._names)}; nobody was asked")
        return self._names[channel - 1]
