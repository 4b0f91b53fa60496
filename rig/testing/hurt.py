"""All the ways in which a reply can be hurt on its way."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rig.clock import NS_PER_S
from rig.testing.lines import PAUSE_NS, Arrivals

CUT = "cut"  # nothing follows: every protocol can tell this, if only by the silence


class Hurt(NamedTuple):
    """One hurt reply: what was done to it, and what arrives in its place."""

    kind: str
    arrivals: Arrivals

    def __str__(self) -> str:
        arrived = ", ".join(
            f"{data!r} after {at_ns / NS_PER_S:.3f} s" for at_ns, data in self.arrivals if data
        )
        return f"a {self.kind} reply ({arrived or 'nothing'})"


def hurt_replies(dice: random.Random, sound: bytes, foreign: Sequence[bytes]) -> Iterator[Hurt]:
    """What may come instead of ``sound``, with it or around it: one of each kind at each of its bytes.

    ``foreign`` are sound messages that are not the reply: of another instrument, or to another question.
    """
    for index, byte in enumerate(sound):
        before, after = sound[:index], sound[index:]
        noise, other = dice.randbytes(dice.randrange(1, 20)), dice.choice([*foreign, b"\n", b"\r"])
        wrong = bytes([byte ^ dice.randrange(1, 256)])
        yield Hurt(CUT, [(PAUSE_NS, before)])
        yield Hurt(
            "cut and continued",
            [(PAUSE_NS, before + dice.choice([b"\n", b"\r\n", noise, other, sound[-1:]]))],
        )
        yield Hurt("corrupted", [(PAUSE_NS, before + wrong + after[1:])])
        yield Hurt("interleaved", [(PAUSE_NS, before + other + after)])
        yield Hurt("interrupted", [(PAUSE_NS, before), (dice.randrange(2 * NS_PER_S), noise + after)])
        yield Hurt(
            "late and doubled", [(dice.randrange(3 * NS_PER_S), sound), (dice.randrange(3 * NS_PER_S), sound)]
        )
        yield Hurt(
            "foreign",
            [(dice.randrange(NS_PER_S), other), (dice.randrange(2 * NS_PER_S), dice.choice([noise, sound]))],
        )
        yield Hurt(
            "noisy",
            [(PAUSE_NS, dice.randbytes(dice.randrange(600)) + dice.choice([b"", b"\n", b"\n" + sound]))],
        )


def unplugged_replies(sound: bytes) -> Iterator[Hurt]:
    """The plug is pulled before each byte of ``sound``."""
    for index in range(len(sound)):
        arrivals = [(PAUSE_NS, sound[:index] or None), (2 * PAUSE_NS, None)]
        yield Hurt(f"unplugged after {index} of {len(sound)} bytes of the", arrivals)
