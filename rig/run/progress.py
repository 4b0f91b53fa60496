"""A bar with the time left, or plain lines where nobody looks at a terminal. Written to standard error."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TextIO, cast

from rig.clock import Clock, s_from_ns
from rig.run.standard_error import StandardError

REFRESH_S = 0.2


@dataclass
class Planned:
    """What a session has before it, in seconds of its clock: all cases, and those it is done with."""

    total_s: float
    done_s: float = 0.0


@contextmanager
def shown_progress(title: str, case_s: float, planned: Planned, clock: Clock) -> Iterator[None]:
    """Show how far ``clock`` has come in a case of ``case_s`` seconds and in all that is planned, during the body."""
    told = StandardError()
    if not told.isatty():
        print(f"{title} ({_duration(case_s)} planned)", file=told, flush=True)
        yield
        planned.done_s += case_s
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    from rig.transport.operator_link import OperatorLink

    started_ns = clock.now_ns()
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(file=cast(TextIO, told)), auto_refresh=False) as progress:
        case_bar = progress.add_task(title, total=case_s)
        all_bar = progress.add_task("all cases", total=planned.total_s)
        ended = threading.Event()

        def show() -> None:
            gone_s = min(case_s, s_from_ns(clock.now_ns() - started_ns))
            progress.update(case_bar, completed=gone_s)
            progress.update(all_bar, completed=planned.done_s + gone_s, refresh=True)

        def follow() -> None:
            while not ended.wait(REFRESH_S):
                if not OperatorLink.asking.is_set():  # a question stands there
                    show()

        follower = threading.Thread(target=follow, name="progress", daemon=True)
        follower.start()
        try:
            yield
        finally:
            ended.set()
            follower.join()
            show()
            planned.done_s += case_s


def _duration(seconds: float) -> str:
    hours, rest = divmod(round(seconds), 3600)
    minutes, seconds_left = divmod(rest, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {seconds_left:02d} s"
