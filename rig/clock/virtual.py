"""Virtual time: one logical thread in which sleeping advances the simulated world.

Tasks are greenlets; a hub wakes whichever is due next, in the order (time, sequence number), so two runs are
the same to the bit. A sleep that ends before anything else is due costs one addition.
"""

from __future__ import annotations

import heapq
import weakref
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Literal, TypeVar

import greenlet

from rig.clock import ns_from_s
from rig.errors import Aborted

T = TypeVar("T")


NEVER_NS = 2**63 - 1


class Doorbell:
    """How one task waits for what an action of the simulated world may bring before its time."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self.at_ns = NEVER_NS
        self.wake: Callable[[], object] | None = None  # set while the task sleeps and others run

    def ring_at(self, t_ns: int) -> None:
        """The sleep, if there is one, ends at ``t_ns`` at the latest."""
        if t_ns < self.at_ns:
            self.at_ns = t_ns
            if self.wake is not None:
                self._clock.call_at(t_ns, self.wake)

    def sleep_until_ns(self, t_ns: int) -> None:
        """Wait until ``t_ns``, or until an earlier ring. Raises Aborted as every wait."""
        self._clock.sleep_until_rung_ns(t_ns, self)


class VirtualClock:
    """Time that passes only while everybody waits."""

    kind: Literal["wall", "virtual"] = "virtual"

    def __init__(self) -> None:
        self.started_utc = datetime.now(UTC)
        self._now_ns = 0
        self._due: list[tuple[int, int, Callable[[], object]]] = []
        self._sequence = 0
        self._abort_reason: str | None = None
        self._told: weakref.WeakSet[greenlet.greenlet] = weakref.WeakSet()

    def now_ns(self) -> int:
        return self._now_ns

    def call_at(self, t_ns: int, action: Callable[[], object]) -> None:
        self._sequence += 1
        heapq.heappush(self._due, (max(t_ns, self._now_ns), self._sequence, action))

    def sleep_s(self, seconds: float) -> None:
        self.sleep_until_ns(self._now_ns + ns_from_s(seconds))

    def sleep_until_ns(self, t_ns: int) -> None:
        self.sleep_until_rung_ns(t_ns, Doorbell(self))

    def sleep_until_rung_ns(self, t_ns: int, doorbell: Doorbell) -> None:
        """Sleep until ``t_ns``, or until ``doorbell`` rings, whichever is first."""
        self.raise_if_aborted()
        doorbell.at_ns = NEVER_NS
        current = greenlet.getcurrent()
        if current.parent is None:  # the main task, alone: let the world run until then
            while self._due and self._due[0][0] <= min(t_ns, doorbell.at_ns):
                self._do_next()
            self._now_ns = max(self._now_ns, min(t_ns, doorbell.at_ns))
        elif self._due and self._due[0][0] <= t_ns:
            self._hand_over(t_ns, doorbell, current)
        else:
            self._now_ns = max(self._now_ns, t_ns)
        self.raise_if_aborted()

    def _hand_over(self, t_ns: int, doorbell: Doorbell, current: greenlet.greenlet) -> None:
        """Let the others run; come back when due or rung, only once whichever is first."""
        asleep = True

        def wake() -> None:
            if asleep:
                current.switch()

        doorbell.wake = wake
        self.call_at(t_ns, wake)
        current.parent.switch()
        asleep, doorbell.wake = False, None

    def _do_next(self) -> None:
        """Let the next thing happen, and time pass until then."""
        due_ns, _, action = heapq.heappop(self._due)
        self._now_ns = max(self._now_ns, due_ns)
        action()

    def run_all(self, tasks: Sequence[Callable[[], T]]) -> list[T | BaseException]:
        results: list[T | BaseException] = [RuntimeError("task did not run")] * len(tasks)
        left = len(tasks)

        def carry_out(index: int, task: Callable[[], T]) -> None:
            nonlocal left
            try:
                results[index] = task()
            except BaseException as error:  # handed to the caller, who judges it
                results[index] = error
            left -= 1

        for index, task in enumerate(tasks):
            self.call_at(self._now_ns, greenlet.greenlet(lambda i=index, t=task: carry_out(i, t)).switch)
        while left:
            self._do_next()
        return results

    def alive(self) -> None:
        """Nobody watches: what hangs in virtual time moves no fluid."""

    def abort(self, reason: str) -> None:
        self._abort_reason = self._abort_reason or reason

    def raise_if_aborted(self) -> None:
        """Raise Aborted, the first time in each task after :meth:`abort`."""
        if self._abort_reason is None or (task := greenlet.getcurrent()) in self._told:
            return
        self._told.add(task)
        raise Aborted(self._abort_reason)
