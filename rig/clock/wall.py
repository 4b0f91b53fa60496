"""Real time: the monotonic clock of the machine, one thread a task."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Literal, TypeVar

from rig.clock import ns_from_s, s_from_ns
from rig.errors import Aborted

T = TypeVar("T")


class WallClock:
    """The machine's monotonic clock. Steps of the wall clock do not touch it."""

    kind: Literal["wall", "virtual"] = "wall"

    def __init__(self) -> None:
        self.started_utc = datetime.now(UTC)
        self._zero_ns = time.monotonic_ns()
        self._abort_requested = threading.Event()
        self._abort_reason = ""
        self._told = threading.local()

    def now_ns(self) -> int:
        return time.monotonic_ns() - self._zero_ns

    def sleep_until_ns(self, t_ns: int) -> None:
        self.raise_if_aborted()
        while (left_ns := t_ns - self.now_ns()) > 0:
            if getattr(self._told, "aborted", False):  # this task knows: its tear-down may wait in peace
                time.sleep(s_from_ns(left_ns))
            elif self._abort_requested.wait(s_from_ns(left_ns)):
                self.raise_if_aborted()

    def sleep_s(self, seconds: float) -> None:
        self.sleep_until_ns(self.now_ns() + ns_from_s(seconds))

    def run_all(self, tasks: Sequence[Callable[[], T]]) -> list[T | BaseException]:
        results: list[T | BaseException] = [RuntimeError("task did not run")] * len(tasks)

        def carry_out(index: int, task: Callable[[], T]) -> None:
            try:
                results[index] = task()
            except BaseException as error:  # handed to the caller, who judges it
                results[index] = error

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

    def abort(self, reason: str) -> None:
        self._abort_reason = self._abort_reason or reason
        self._abort_requested.set()

    def raise_if_aborted(self) -> None:
        """Raise Aborted, the first time in each thread after :meth:`abort`."""
        if self._abort_requested.is_set() and not getattr(self._told, "aborted", False):
            self._told.aborted = True
            raise Aborted(self._abort_reason)
