"""Real time: the monotonic clock of the machine, one thread a task.

Each task shows that it is at work (:meth:`WallClock.alive`): in every wait, which is cut in slices for it, and with
every command it sends. :meth:`WallClock.quiet_s` tells who watches how long the quietest task has shown nothing: a
thread that computes for ever, or waits outside the clock, is found out by that.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Literal, TypeVar

from rig.clock import ns_from_s, s_from_ns
from rig.errors import Aborted

T = TypeVar("T")

SLICE_S = 0.1  # longest wait in which a task shows nothing


class WallClock:
    """The machine's monotonic clock. Steps of the wall clock do not touch it."""

    kind: Literal["wall", "virtual"] = "wall"

    def __init__(self) -> None:
        self.started_utc = datetime.now(UTC)
        self._zero_ns = time.monotonic_ns()
        self._abort_requested = threading.Event()
        self._abort_reason = ""
        self._told = threading.local()
        self._shown_ns: dict[int, int] = {}  # by task (its thread), when it was last seen at work

    def now_ns(self) -> int:
        return time.monotonic_ns() - self._zero_ns

    def sleep_until_ns(self, t_ns: int) -> None:
        self.raise_if_aborted()
        while (left_ns := t_ns - self.now_ns()) > 0:
            wait_s = min(SLICE_S, s_from_ns(left_ns))
            if getattr(self._told, "aborted", False):  # this task knows: its tear-down may wait in peace
                time.sleep(wait_s)
                self.alive()
            else:
                self._abort_requested.wait(wait_s)
                self.raise_if_aborted()

    def sleep_s(self, seconds: float) -> None:
        self.sleep_until_ns(self.now_ns() + ns_from_s(seconds))

    def run_all(self, tasks: Sequence[Callable[[], T]]) -> list[T | BaseException]:
        results: list[T | BaseException] = [RuntimeError("task did not run")] * len(tasks)

        def carry_out(index: int, task: Callable[[], T]) -> None:
            self._shown_ns[threading.get_ident()] = time.monotonic_ns()
            try:
                results[index] = task()
            except BaseException as error:  # handed to the caller, who judges it
                results[index] = error
            finally:
                del self._shown_ns[threading.get_ident()]

        threads = [
            threading.Thread(target=carry_out, args=(index, task), name=f"unit-{index}")
            for index, task in enumerate(tasks)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():  # short joins: signals reach the main thread between them
                thread.join(0.1)
        return results

    def alive(self) -> None:
        if (thread := threading.get_ident()) in self._shown_ns:
            self._shown_ns[thread] = time.monotonic_ns()

    def quiet_s(self) -> float:
        """For how long the quietest of the running tasks has not shown itself at work; 0 if none runs."""
        now_ns = time.monotonic_ns()
        return s_from_ns(now_ns - min(list(self._shown_ns.values()), default=now_ns))

    def abort(self, reason: str) -> None:
        self._abort_reason = self._abort_reason or reason
        self._abort_requested.set()

    def raise_if_aborted(self) -> None:
        """Raise Aborted, the first time in each thread after :meth:`abort`."""
        self.alive()
        if self._abort_requested.is_set() and not getattr(self._told, "aborted", False):
            self._told.aborted = True
            raise Aborted(self._abort_reason)
