"""What a fault is that a plan is held against, and ways to put one into a simulated unit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from rig.definitions.cases import Case
from rig.sim.build import SimulatedChannel

Injury = Callable[[SimulatedChannel, float], None]
Fits = Callable[[SimulatedChannel], bool]

# Criteria, by quantity, of what is delivered. A name alone means that of every procedure.
DELIVERY = frozenset({
    "mean_error", "trumpet", "delivered_drug", "single_dose", "share_inside", "step_volume", "day_volume",
    "portion_volume", "prime_volume", "bridge_volume", "bridge_drug",
})  # fmt: skip


@dataclass(frozen=True)
class Fault:
    """One kind of fault. ``unit``: that of the sizes ("" where there is only one); ``of``: whose fault it is.

    ``sizes`` rise: what is caught at one is expected to be caught at all above it. ``breaks``: the criteria, as
    "procedure.quantity" or "quantity", that a large one of a pump must not leave at PASS; a plan with none of them is
    not about it. ``in_cases``: the cases in which it shows; ``later``: it begins in the middle of the longest delivery
    of the plan (once more in that of a case with a requirement that nothing has proven), else it is there from the
    start. ``fits``: whether this simulated unit can have it. Of an instrument: ``role``, and ``hides``, faults of a
    pump that it could hide, of which one is tried together with it.
    """

    name: str
    words: str
    of: Literal["pump", "instrument"]
    unit: str
    sizes: tuple[float, ...]
    inject: Injury
    breaks: frozenset[str] = frozenset()
    in_cases: Callable[[Case], bool] = lambda case: True
    later: bool = False
    fits: Fits = lambda channel: True
    role: str = ""
    hides: tuple[str, ...] = ()


def sets(path: str, factor: float = 1.0) -> Injury:
    """Set an attribute of the unit's world to the size times ``factor``."""

    def inject(channel: SimulatedChannel, size: float) -> None:
        *owners, name = path.split(".")
        target: Any = channel
        for owner in owners:
            target = getattr(target, owner)
        setattr(target, name, type(getattr(target, name))(size * factor))

    return inject


def has_channel(*channels: int) -> Callable[[Case], bool]:
    """Whether a case keeps one of these valves on."""
    return lambda case: bool(set(channels) & set(getattr(case, "channels_on", ())))


def is_implantable(channel: SimulatedChannel) -> bool:
    """A pump that is programmed, and has a log, a clock and alarms of its own."""
    return hasattr(channel.pump, "unit")


def is_bench_pump(channel: SimulatedChannel) -> bool:
    """A pump whose motor drives a syringe or a set."""
    return hasattr(channel.pump, "drive")


def has(role: str) -> Fits:
    """Whether the unit has an instrument of this role."""
    return lambda channel: role in channel.devices
