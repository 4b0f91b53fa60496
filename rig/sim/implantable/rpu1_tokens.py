"""The tokens of RPU/1: what was asked in step 1, until step 2 (docs/reference/rpu-1.md, section 5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rig.sim.implantable.words import RequestDenied
from rig.sim.wire.line import NS_PER_S, WorldClock

STAGE_LIFE_S, ACTION_LIFE_S = 600, 60


@dataclass(frozen=True)
class Token:
    value: int
    until_ns: int
    verb: str
    values: Mapping[str, str]


class Tokens:
    """One of each kind at most: of a staged program (verb COMMIT) and of an action. ``next_values`` are given out
    before the drawn ones.
    """

    def __init__(self, clock: WorldClock, random: np.random.Generator) -> None:
        self.clock = clock
        self.next_values: list[int] = []
        self._random = random
        self._last = -1
        self._stage: Token | None = None
        self._action: Token | None = None

    def issue(self, verb: str, values: Mapping[str, str]) -> dict[str, object]:
        """A new one for step 2 of ``verb``, which voids the old one of its kind; as the reply tells it."""
        value = self._last
        while value == self._last:
            value = self.next_values.pop(0) if self.next_values else int(self._random.integers(0x10000))
        self._last = value
        life_s = STAGE_LIFE_S if verb == "COMMIT" else ACTION_LIFE_S
        token = Token(value, self.clock.now_ns() + life_s * NS_PER_S, verb, values)
        if verb == "COMMIT":
            self._stage = token
        else:
            self._action = token
        return {"TOKEN": f"{value:04X}", "EXP": life_s}

    def check(self, verb: str, given: str) -> Mapping[str, str]:
        """What was asked in step 1 of ``verb``. Raises RequestDenied if it is not that token, or too old."""
        token = self._stage if verb == "COMMIT" else self._action
        if token is None or token.verb != verb or token.value != int(given, 16) or self._is_over(token):
            raise RequestDenied("05")
        return token.values

    @property
    def stage_is_over(self) -> bool:
        return self._stage is None or self._is_over(self._stage)

    def _is_over(self, token: Token) -> bool:
        return self.clock.now_ns() >= token.until_ns

    def use_up(self, verb: str) -> None:
        if verb == "COMMIT":
            self._stage = None
        else:
            self._action = None

    def void(self) -> None:
        self._stage = self._action = None
