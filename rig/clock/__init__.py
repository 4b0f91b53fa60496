"""The only source of time.

Code that drives instruments never asks the operating system for the time: it is given a :class:`Clock`, real
(:class:`rig.clock.wall.WallClock`) or virtual (:class:`rig.clock.virtual.VirtualClock`), and reads the same
on both. All times are integers in nanoseconds since the clock was made; they never jump.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Literal, Protocol, TypeVar

NS_PER_S = 1_000_000_000

T = TypeVar("T")


def ns_from_s(seconds: float) -> int:
    """Seconds to whole nanoseconds, rounded to nearest."""
    return round(seconds * NS_PER_S)


def s_from_ns(t_ns: int) -> float:
    """Nanoseconds to seconds."""
    return t_ns / NS_PER_S


class Clock(Protocol):
    """Time, and waiting. Waits raise :class:`rig.errors.Aborted` once per task after :meth:`abort`."""

    @property
    def kind(self) -> Literal["wall", "virtual"]:
        """Which of the two; recorded with the run, never asked by procedures or drivers."""

    @property
    def started_utc(self) -> datetime:
        """UTC at time zero of this clock."""

    def now_ns(self) -> int:
        """Nanoseconds since the clock was made."""

    def sleep_until_ns(self, t_ns: int) -> None:
        """Wait until ``now_ns() >= t_ns``; return at once if that is past."""

    def sleep_s(self, seconds: float) -> None:
        """Wait for a duration in seconds."""

    def run_all(self, tasks: Sequence[Callable[[], T]]) -> list[T | BaseException]:
        """Run the tasks side by side, wait for all; each one's result, or the exception it ended with."""

    def raise_if_aborted(self) -> None:
        """Raise Aborted if the task was asked to end and was not told yet (for waits outside the clock)."""

    def alive(self) -> None:
        """The calling task is at work. Waits say so by themselves; links do with every command they send."""

    def abort(self, reason: str) -> None:
        """Ask every running task to end: its next wait raises Aborted(reason), once. Safe from any thread."""
