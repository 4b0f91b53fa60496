"""A driver on bad lines: thousands of hurt replies, and the plug pulled at each byte.

In time the truth, or an error of the rig with the bytes in it; never a wrong value where the protocol can tell;
afterwards the truth again.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from rig.clock import NS_PER_S
from rig.errors import ExchangeError, LinkError, LinkLost, RigError
from rig.testing.hurt import CUT, Hurt, hurt_replies, unplugged_replies
from rig.testing.lines import BadLine, Hang
from rig.testing.talk import MakeDriver, Talk

AFTERWARDS_S = 5  # by then everything late has arrived
LATE_BY = 1.1  # of the deadline
HUNG_AT_MOST = 10  # then enough is known


@dataclass
class Campaign:
    """How many hurt replies were tried, how many gave the truth, how many calls hung, and what was wrong."""

    frames: int = 0
    right: int = 0
    hung: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)

    def note(self, talk: Talk, fault: str, example: object) -> None:
        self.faults[text := f"{talk.name}: {fault}"] += 1
        self.examples.setdefault(text, str(example))

    def words(self) -> list[str]:
        """Each fault with how often it was seen, and its first example."""
        return [
            f"{text} [{count} times, first with {self.examples[text]}]" for text, count in self.faults.items()
        ]


def hurt_driver(make: MakeDriver, talks: Sequence[Talk], frames: int, seed: int = 1) -> Campaign:
    """At least ``frames`` hurt replies, and at least every kind at every byte of every reply once."""
    dice, campaign = random.Random(seed), Campaign()
    sound = [(talk, place, reply) for talk in talks for place, reply in _sound_replies(make, talk, campaign)]
    while sound and (not campaign.frames or campaign.frames < frames):
        for talk, place, reply in sound:
            for hurt in hurt_replies(dice, reply, talk.foreign):
                campaign.frames += 1
                _try(make, talk, range(place, place + 1 + dice.randint(0, talk.repeats)), hurt, campaign)
                if campaign.hung >= HUNG_AT_MOST:
                    return campaign
    return campaign


def unplug_driver(make: MakeDriver, talks: Sequence[Talk]) -> Campaign:
    """The plug is pulled before each byte of each reply, and put back: LinkLost, and then the truth."""
    campaign = Campaign()
    for talk in talks:
        for place, reply in _sound_replies(make, talk, campaign):
            for hurt in unplugged_replies(reply):
                campaign.frames += 1
                _unplug(make, talk, place, hurt, campaign)
    return campaign


def _sound_replies(make: MakeDriver, talk: Talk, campaign: Campaign) -> Iterator[tuple[int, bytes]]:
    """Place and reply of each request of the call, when nothing is hurt."""
    try:
        line, driver = talk.begin(make)
        before = len(line.asked)
        value = talk.ask(driver)
    except Exception as error:
        campaign.note(talk, f"the sound exchange fails with {_named(error)}", str(error))
        return
    except Hang as hang:
        campaign.note(talk, f"the sound exchange hangs: it {hang}", line.asked)
        return
    if talk.wrong_fields(value):
        campaign.note(talk, "the sound exchange does not give the truth", f"{value!r}, not {talk.truth!r}")
        return
    for place, (request, reply) in enumerate(line.asked):
        if place >= before and reply and request.startswith(talk.hurt or b""):
            yield place, reply


def _try(make: MakeDriver, talk: Talk, places: Sequence[int], hurt: Hurt, campaign: Campaign) -> None:
    """Hurt the replies to the requests at these places."""
    line, driver = talk.begin(make)
    line.hurts = dict.fromkeys(places, hurt.arrivals)
    before, begun_ns = len(line.asked), line.t_ns
    value, failure = _call(talk, driver)
    if failure is None:
        wrong = talk.wrong_fields(value)
        untold = set() if hurt.kind == CUT else set(talk.untold)
        campaign.right += not wrong
        if not untold.issuperset(wrong):
            told = f"{value!r} instead of {talk.truth!r}, from {hurt}"
            what = "a reply that was cut off is taken for" if hurt.kind == CUT else "a hurt reply gives"
            campaign.note(talk, f"{what} a wrong value{_of(wrong)}", told)
    else:
        _judge(talk, line, failure, hurt, campaign)
    if line.t_ns - begun_ns > LATE_BY * talk.within_s * NS_PER_S:
        took_s = (line.t_ns - begun_ns) / NS_PER_S
        campaign.note(
            talk, f"it takes longer than its {talk.within_s:g} s and 10 %", f"{took_s:.2f} s for {hurt}"
        )
    for dose in talk.once:
        if sum(re.match(dose, request) is not None for request, _ in line.asked[before:]) > 1:
            campaign.note(talk, f"it repeats by itself what doses: {dose!r}", hurt)
    line.time.sleep_s(AFTERWARDS_S)
    _well_again(talk, driver, hurt, campaign)


def _judge(talk: Talk, line: BadLine, failure: BaseException, hurt: Hurt, campaign: Campaign) -> None:
    """Whether an error is one of the rig's, with everything in it."""
    if isinstance(failure, Hang):
        campaign.hung += 1
        campaign.note(talk, f"it hangs: it {failure}", hurt)
    elif not isinstance(failure, RigError):
        campaign.note(
            talk, f"it raises {_named(failure)}, which is no error of rig.errors", f"{failure} for {hurt}"
        )
    elif not isinstance(failure, ExchangeError):
        campaign.note(talk, f"its {_named(failure)} carries no bytes", f"{failure} for {hurt}")
    else:
        if not failure.sent:
            campaign.note(talk, f"its {_named(failure)} does not say what was sent", f"{failure} for {hurt}")
        if failure.address != line.address:
            campaign.note(talk, f"its {_named(failure)} does not name the address", f"{failure} for {hurt}")
        if not failure.received and not isinstance(failure, LinkError):
            campaign.note(
                talk, f"its {_named(failure)} does not say what was received", f"{failure} for {hurt}"
            )


def _unplug(make: MakeDriver, talk: Talk, place: int, hurt: Hurt, campaign: Campaign) -> None:
    line, driver = talk.begin(make)
    begun = len(line.asked)
    line.hurts = {place: hurt.arrivals}
    value, failure = _call(talk, driver)
    if failure is None and talk.wrong_fields(value):
        campaign.note(talk, "it gives a value although the plug was pulled", f"{value!r} for {hurt}")
    elif failure is not None and not isinstance(failure, LinkLost):
        campaign.note(talk, f"it raises {_named(failure)} instead of LinkLost when the plug is pulled", hurt)
    line.replug()
    asked = len(line.asked)
    _well_again(talk, driver, hurt, campaign)
    needed = _requests(make, talk)
    if isinstance(failure, LinkLost) and begun == 0 and len(line.asked) - asked < needed:
        complaint = "after LinkLost it does not begin its session anew, and the instrument may have been off"
        campaign.note(talk, complaint, hurt)


def _requests(make: MakeDriver, talk: Talk) -> int:
    """How many requests a new driver makes for the call."""
    line, driver = talk.begin(make)
    before = len(line.asked)
    talk.ask(driver)
    return len(line.asked) - before


def _well_again(talk: Talk, driver: Any, hurt: Hurt, campaign: Campaign) -> None:
    value, failure = _call(talk, driver)
    if failure is not None:
        campaign.note(
            talk, f"afterwards, on a sound line, it raises {_named(failure)}", f"{failure} after {hurt}"
        )
    elif wrong := talk.wrong_fields(value):
        campaign.note(
            talk,
            f"afterwards, on a sound line, it gives a wrong value{_of(wrong)}",
            f"{value!r} after {hurt}",
        )


def _call(talk: Talk, driver: Any) -> tuple[Any, BaseException | None]:
    try:
        return talk.ask(driver), None
    except (Exception, Hang) as error:
        return None, error


def _of(fields: list[str]) -> str:
    return f" of {', '.join(fields)}" if fields != [""] else ""


def _named(error: BaseException) -> str:
    return type(error).__name__
