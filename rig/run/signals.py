"""Ctrl-C, SIGTERM, SIGHUP: asked once or thrice, the run ends in order, never in the middle of a byte."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from rig.clock import Clock

SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)
)


@contextmanager
def abort_on_signals(clock: Clock) -> Iterator[None]:
    """Within it, a signal asks the clock's tasks to end; each one's tear-down runs. More signals change nothing."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ask(number: int, frame: FrameType | None) -> None:
        clock.abort(f"stopped by {signal.Signals(number).name}")

    before = {number: signal.signal(number, ask) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
