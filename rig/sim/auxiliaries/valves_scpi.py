"""Simulated switch unit with relays that speaks SCPI (34980A SCPI reference, ROUTe subsystem; the commands are those
of the 34970A and U2751A too).

SCPI as in :mod:`rig.sim.wire.scpi`, numbers with their sign: ``+0,"No error"``. ``ROUT:CLOS (@101,103:105)`` closes,
``ROUT:OPEN`` opens, both with a question mark tell ``1`` or ``0`` for each channel, divided by commas. Channels are
slot and number: cards with ``channels`` relays stand in ``slots``. *RST opens all.

From memory, to be confirmed at a real one: the numbers of the errors of channel lists (111 slot, 112 channel).

NOT modelled: scanning, multiplexers, exclusive closing, analogue busses, counts of operations, contact resistance;
several mainframes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from rig.sim.wire.line import WorldClock
from rig.sim.wire.scpi import ScpiError, ScpiInstrument

LIST = re.compile(r"\(@\s*(\d+(?:\s*:\s*\d+)?(?:\s*,\s*\d+(?:\s*:\s*\d+)?)*)\s*\)")


class SimulatedSwitchUnit(ScpiInstrument):
    """The unit. Plain attributes: ``closed`` (channels), ``slots``, ``channels`` (of each card), ``stuck`` (channels
    whose relay does not move, whatever the unit says), ``moved``: told channel and state of each relay that moves.
    """

    def __init__(
        self,
        clock: WorldClock,
        *,
        moved: Callable[[int, bool], None] = lambda _channel, _closed: None,
        serial: str = "SIM-34980A",
    ) -> None:
        super().__init__(
            clock, maker="Agilent Technologies (simulated)", model="34980A", serial=serial, firmware="2.51"
        )
        self.closed: set[int] = set()
        self.stuck: set[int] = set()
        self.slots, self.channels, self.moved = (1, 2), 20, moved
        self.understand("[:ROUTe]:CLOSe", lambda words: self._put(words, True), lambda w: self._tell(w, True))
        self.understand(
            "[:ROUTe]:OPEN", lambda words: self._put(words, False), lambda w: self._tell(w, False)
        )
        self.understand(":SYSTem:CTYPe", ask=self._card)

    def whole(self, value: int) -> str:
        return f"{value:+d}"

    def preset(self) -> None:
        for channel in sorted(self.closed):
            self._set(channel, False)

    def _put(self, words: list[str], closed: bool) -> None:
        for channel in list(self._listed(words)):
            self._set(channel, closed)

    def _set(self, channel: int, closed: bool) -> None:
        if (channel in self.closed) == closed:
            return
        self.closed ^= {channel}
        if channel not in self.stuck:
            self.moved(channel, closed)

    def _tell(self, words: list[str], closed: bool) -> str:
        return ",".join(str(int((channel in self.closed) == closed)) for channel in self._listed(words))

    def _card(self, words: list[str]) -> str:
        if (
            not words
            or not words[0].isdigit()
            or int(words[0]) % 100
            or int(words[0]) // 100 not in range(1, 9)
        ):
            raise ScpiError(-224 if words else -109)
        card = "34937A" if int(words[0]) // 100 in self.slots else "0"
        return f"{self.maker},{card},0,1.00"

    def _listed(self, words: list[str]) -> Iterator[int]:
        """The channels of a list. Raises ScpiError."""
        if not words:
            raise ScpiError(-109)
        if (match := LIST.fullmatch(words[0])) is None:
            raise ScpiError(-102)
        for part in match[1].split(","):
            first, _, last = part.partition(":")
            for channel in range(int(first), int(last or first) + 1):
                slot, index = divmod(channel, 100 if channel < 1000 else 1000)
                if slot not in self.slots:
                    raise ScpiError(111, "Channel list: slot number out of range")
                if not 1 <= index <= self.channels:
                    raise ScpiError(112, "Channel list: channel number out of range")
                yield channel
