"""Ctrl-C, SIGTERM, SIGHUP: asked once or thrice, the run ends in order, never in the middle of a byte."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from rig.clock import Clock

SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)
)


_noted: list[str] = []  # reasons to end, told while no clock was there to hear them
_hearing: list[Clock] = []  # the clocks of what goes on now, the innermost last


def heard_signals() -> list[signal.Signals]:
    """All of these, but for a SIGHUP that is to be ignored: ``nohup`` asked for a run that outlives its terminal."""
    return [
        number
        for number in SIGNALS
        if number.name != "SIGHUP" or signal.getsignal(number) is not signal.SIG_IGN
    ]


def _reason(number: int) -> str:
    return f"stopped by {signal.Signals(number).name}"


@contextmanager
def abort_on_signals(clock: Clock) -> Iterator[None]:
    """Within it, a signal asks the clock's tasks to end; each one's tear-down runs. More signals change nothing."""
    with heard_by(clock):
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        with _signals_heard_by(clock):
            yield


@contextmanager
def heard_by(clock: Clock) -> Iterator[None]:
    """Within it, what is asked by :func:`ask_to_end` ends the clock's tasks; signals are left alone."""
    _hearing.append(clock)
    if _noted:
        clock.abort(_noted[0])
    try:
        yield
    finally:
        _hearing.remove(clock)


@contextmanager
def _signals_heard_by(clock: Clock) -> Iterator[None]:
    def ask(number: int, frame: FrameType | None) -> None:
        clock.abort(_reason(number))

    before = {number: signal.signal(number, ask) for number in heard_signals()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def interrupt_on_signals() -> None:
    """From now on SIGTERM and SIGHUP end pytest as Ctrl-C does, where no case runs: its tear-down is not skipped."""
    if threading.current_thread() is not threading.main_thread():
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        _noted.append(_reason(number))
        raise KeyboardInterrupt(_reason(number))

    for number in heard_signals():
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, interrupt)


def noted_reason() -> str:
    """Why the run is to end, of what was told first; "" if nothing was."""
    return _noted[0] if _noted else ""


def ask_to_end(reason: str) -> None:
    """As a signal, for whoever else wants the run to end; from any thread. Heard now, or when it next can be."""
    _noted.append(reason)
    for clock in list(_hearing):
        clock.abort(reason)


def end_with_parent() -> None:
    """Ask the run to end when standard input does: the command that started this process holds the other end."""

    def wait_for_its_end() -> None:
        with suppress(OSError):
            while os.read(0, 1024):
                continue
        ask_to_end("the command 'rig run' is gone")

    threading.Thread(target=wait_for_its_end, name="parent", daemon=True).start()


def note_signals() -> None:
    """From now on a signal is only noted, for the next :func:`abort_on_signals`.

    For a process that does nothing but runs: a signal that comes while it loads, or builds a report, is not lost
    and breaks nothing. Also takes in what waited since :func:`signals_waiting`.
    """

    def note(number: int, frame: FrameType | None) -> None:
        _noted.append(_reason(number))

    for number in heard_signals():
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
