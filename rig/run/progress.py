"""A bar with the time left, or plain lines where nobody looks at a terminal. Written to standard error."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rig.clock import Clock, s_from_ns

REFRESH_S = 0.2


@contextmanager
def shown_progress(title: str, planned_s: float, clock: Clock) -> Iterator[None]:
    """Show how far ``clock`` has come in ``planned_s`` seconds, while the body runs."""
    if not sys.stderr.isatty():
        print(f"{title} ({_duration(planned_s)} planned)", file=sys.stderr, flush=True)  # noqa: T201
        yield
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    started_ns = clock.now_ns()
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), auto_refresh=False) as progress:
        task = progress.add_task(title, total=planned_s)
        ended = threading.Event()

        def follow() -> None:
            while not ended.wait(REFRESH_S):
                progress.update(
                    task, completed=min(planned_s, s_from_ns(clock.now_ns() - started_ns)), refresh=True
                )

        follower = threading.Thread(target=follow, name="progress", daemon=True)
        follower.start()
        try:
            yield
        finally:
            ended.set()
            follower.join()
            progress.update(
                task, completed=min(planned_s, s_from_ns(clock.now_ns() - started_ns)), refresh=True
            )


def _duration(seconds: float) -> str:
    hours, rest = divmod(round(seconds), 3600)
    minutes, seconds_left = divmod(rest, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {seconds_left:02d} s"
