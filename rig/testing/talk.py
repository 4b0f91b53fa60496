"""What a driver is asked in its tests, and what a sound instrument says to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rig.testing.lines import BadLine, Replies
from rig.transport import Link

# Why a field may be silently wrong.
NO_CHECKSUM = "the protocol has no checksum: a digit may become another digit"
NO_NAMES = "replies do not say what they answer: that to another question may be taken for it"
SHORT_CHECKSUM = "the checksum has 8 bits: 1 damage in 256 fits it"

MakeDriver = Callable[[Link], Any]


@dataclass(frozen=True)
class Talk:
    """One call of a driver's method with everything that is said during it.

    ``ask`` makes the call and gives what it learnt, without stamps of time: a value that compares equal to ``truth``,
    or a mapping of fields to such values. ``replies`` has the reply to each request (b"" where there is none), or is
    a function that gives it (None for bytes that are not a whole request). ``prepare`` is what must be done before.

    ``foreign``: sound messages that are no reply to this: of another address, to another question.
    ``untold``: fields that may be silently wrong because the protocol cannot tell, each with the reason ("" is the
    field where ``truth`` is no mapping). A reply that is cut off, with nothing after it, must be told nevertheless.
    ``once``: regular expressions of requests that dose: no call may send two that match.
    ``hurt``: how requests begin whose replies are to be hurt; empty: all that the call makes.
    ``repeats``: how often the protocol lets the driver repeat a request; those replies are hurt as well.
    ``within_s``: the longest that the call may take, its own repetitions included.
    """

    name: str
    ask: Callable[[Any], Any]
    truth: Any
    replies: Replies
    foreign: tuple[bytes, ...] = ()
    untold: Mapping[str, str] = field(default_factory=dict)
    once: tuple[bytes, ...] = ()
    hurt: tuple[bytes, ...] = ()
    repeats: int = 0
    within_s: float = 1.0
    prepare: Callable[[Any], Any] | None = None

    def begin(self, make: MakeDriver) -> tuple[BadLine, Any]:
        """A line and a driver on it, prepared."""
        line = BadLine(self.replies)
        driver = make(line)
        if self.prepare is not None:
            self.prepare(driver)
        return line, driver

    def wrong_fields(self, value: object) -> list[str]:
        """Where ``value`` is not the truth."""
        if value == self.truth:
            return []
        if not (isinstance(self.truth, Mapping) and isinstance(value, Mapping)):
            return [""]
        return sorted(
            name for name in {*self.truth, *value} if self.truth.get(name, self) != value.get(name, self)
        )
