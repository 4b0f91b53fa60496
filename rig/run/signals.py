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

_noted: list[str] = []  # reasons to end, told while no clock was there to hear them


def _reason(number: int) -> str:
    return f"stopped by {signal.Signals(number).name}"


@contextmanager
def abort_on_signals(clock: Clock) -> Iterator[None]:
    """Within it, a signal asks the clock's tasks to end; each one's tear-down runs. More signals change nothing."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ask(number: int, frame: FrameType | None) -> None:
        clock.abort(_reason(number))

    before = {number: signal.signal(number, ask) for number in SIGNALS}
    if _noted:
        clock.abort(_noted[0])
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def note_signals() -> None:
    """From now on a signal is only noted, for the next :func:`abort_on_signals`.

    For a process that does nothing but runs: a signal that comes while it loads, or builds a report, is not lost
    and breaks nothing. Also takes in what waited since :func:`signals_waiting`.
    """

    def note(number: int, frame: FrameType | None) -> None:
        _noted.append(_reason(number))

    for number in SIGNALS:
        signal.signal(number, note)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


@contextmanager
def signals_waiting() -> Iterator[None]:
    """Within it, signals wait; for a child that is born in it, until it calls :func:`note_signals`."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
