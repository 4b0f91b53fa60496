"""Looks after all run folders from one thread, and tells whoever listens what is new, twice a second."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rig.transport.prompts import Prompt, open_prompts
from rig.watch.notices import Notices
from rig.watch.past_runs import PastRuns, as_json
from rig.watch.so_far import SoFar
from rig.watch.standing import text
from rig.watch.watched_run import Message, WatchedRun

TICK_S = 0.5
REST_S = 0.1  # between two ticks at least, on a machine that has no time: others want the lock too
LOOK_EVERY_S = 1.0  # for new run folders
FINISHED_KEPT = 4  # runs that are over and were looked at


@dataclass(eq=False)
class Listener:
    """Somebody who looks at one run. ``tell`` is called from the thread of :class:`Live`, and must not wait."""

    tell: Callable[[bytes], None]
    run: str | None = None


class Live:
    """``start()``, then listeners; all methods may be called from any thread."""

    def __init__(self, runs_dir: Path, notices: Notices | None = None) -> None:
        self.past = PastRuns(runs_dir)
        self._notices = notices
        self._runs: dict[str, WatchedRun] = {}  # open ones
        self._finished: OrderedDict[str, WatchedRun] = OrderedDict()
        self._known: set[str] = set()
        self._old: set[str] = set()  # runs of which only what was before has been read
        self._listeners: list[Listener] = []
        self._prompts: list[Prompt] = []
        self._told_open: Message = {}
        self._looked_s = 0.0
        self._so_far = SoFar()
        self._lock = threading.RLock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, name="live", daemon=True)

    def start(self) -> None:
        """From now on it looks. A long record is caught up with step by step; what was before is no notice."""
        with self._lock:
            self._look_for_runs()
            self._prompts = open_prompts()
            self._old = set(self._runs)
        self._thread.start()

    def catch_up(self) -> None:
        """Return when every record that is looked at was read to its end."""
        while self._catch_up():
            continue

    def close(self) -> None:
        """Tell nothing more."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(5)
        self._so_far.close()

    # Listening

    def listen(self, listener: Listener) -> None:
        """From now on it is told; first what is open and what is asked."""
        with self._lock:
            self._listeners.append(listener)
            listener.tell(as_json(self._open()))
            listener.tell(as_json(self._asked()))

    def leave(self, listener: Listener) -> None:
        """It is told nothing more. Waits for nobody: it is called by who hears the aborts of all pages."""
        with suppress(ValueError):
            self._listeners.remove(listener)

    def watch(self, listener: Listener, name: str | None, ask: int | None = None) -> None:
        """From now on it is told of this run (None: the newest), first the message ``run``. Raises LookupError."""
        with self._lock:
            run = self._run(name or self._newest())
            listener.run = run.name
            listener.tell(as_json({**run.whole(), "ask": ask}))

    def curves(
        self, listener: Listener, numbers: list[int], from_s: float, to_s: float, buckets: int
    ) -> Message:
        """Of the run it watches. Raises LookupError."""
        with self._lock:
            return self._run(listener.run).curves(numbers, from_s, to_s, buckets)

    def bench_of(self, name: str) -> str:
        """The id of the bench of an open run. Waits for nobody: it is asked for to abort. Raises LookupError."""
        return self._runs[name].standing.bench_id

    def open_runs(self) -> list[WatchedRun]:
        """Those that have no end yet, newest first. Only for who runs in the thread of :class:`Live`."""
        return [self._runs[name] for name in sorted(self._runs, reverse=True)]

    def _run(self, name: str | None) -> WatchedRun:
        if name in self._runs:
            return self._runs[name]
        if name is None or name not in self._known:
            raise LookupError("there is no such run")
        if name in self._finished:
            self._finished.move_to_end(name)
            return self._finished[name]
        run = self._finished[name] = WatchedRun(self.past.runs_dir / name)
        while len(self._finished) > FINISHED_KEPT:
            self._finished.popitem(last=False)
        run.take_in()
        return run

    def _newest(self) -> str | None:
        """The newest that is open; else the newest of all."""
        return max(self._runs, default=max(self._known, default=None))

    # Telling

    def _work(self) -> None:
        due_s = time.monotonic()
        while not self._ended.is_set():
            self.tick()
            due_s = max(due_s + TICK_S, time.monotonic() + REST_S)
            while (left_s := due_s - time.monotonic()) > 0 and not self._ended.is_set():
                if not self._catch_up():
                    self._ended.wait(left_s)

    def _catch_up(self) -> bool:
        """One step with a record that is long; whether there was one. Others get their turn between the steps."""
        with self._lock:
            behind = next((run for run in self._all() if run.is_behind), None)
            if behind is not None:
                behind.take_in()
        return behind is not None

    def _all(self) -> list[WatchedRun]:
        return [*self._runs.values(), *self._finished.values()]

    def tick(self) -> None:
        """Look at everything once, and tell."""
        with self._lock:
            if time.monotonic() - self._looked_s >= LOOK_EVERY_S:
                self._look_for_runs()
            for run in self._all():
                run.take_in()
            self._judge_so_far()
            told = {run.name: run.news() for run in self._all()}
            bodies = {name: as_json(message) for name, message in told.items()}
            self._tell_all(self._open(), self._told_open)
            prompts, before = open_prompts(), self._prompts
            if prompts != before:
                self._prompts = prompts
                self._tell_all(self._asked(), None)
            self._notice(told, [prompt for prompt in prompts if prompt not in before])
            nothing = as_json({"type": "tick"})
            for listener in list(self._listeners):
                listener.tell(bodies.get(listener.run or "", nothing))
            for name, run in list(self._runs.items()):
                if "events" not in told[name] and run.is_over and not run.is_behind:
                    self._finished[name] = self._runs.pop(name)

    def _notice(self, told: dict[str, Message], prompts: list[Prompt]) -> None:
        for name, run in self._runs.items():
            if self._notices is not None and name not in self._old:
                self._notices.of_run(name, told[name])
            if not run.is_behind:
                self._old.discard(name)
        if self._notices is not None:
            self._notices.of_prompts(prompts)

    def _tell_all(self, message: Message, before: Message | None) -> None:
        if message == before:
            return
        if message["type"] == "runs":
            self._told_open = message
        body = as_json(message)
        for listener in list(self._listeners):
            listener.tell(body)

    def _open(self) -> Message:
        runs = [
            {
                "name": run.name,
                "plan": run.standing.run.get("plan", ""),
                "bench": run.standing.run.get("bench", ""),
                "state": run.state()[0],
                "rehearsal": bool(run.standing.run.get("rehearsal")),
            }
            for run in self.open_runs()
        ]
        return {"type": "runs", "open": runs, "latest": self._newest()}

    def _asked(self) -> Message:
        asked: list[dict[str, Any]] = [
            {"id": prompt.id, "question": text(prompt.question), "asked_utc": prompt.asked_utc}
            for prompt in self._prompts
        ]
        return {"type": "prompts", "open": asked}

    def _look_for_runs(self) -> None:
        self._looked_s = time.monotonic()
        names = self.past.names()
        for name in names:
            if name not in self._known:
                run = WatchedRun(self.past.runs_dir / name)
                if not run.is_over:
                    self._runs[name] = run
                    self._finished.pop(name, None)
                    run.take_in()
        self._known = set(names)
        for name in set(self._runs) - self._known:
            del self._runs[name]

    def _judge_so_far(self) -> None:
        looked_at = {listener.run for listener in list(self._listeners)}
        wanted = [
            run.path
            for run in self._runs.values()
            if run.name in looked_at and run.standing.run["state"] == "running" and not run.is_behind
        ]
        judged = self._so_far.step(wanted)
        if judged is not None and judged[0].name in self._runs:
            self._runs[judged[0].name].set_so_far(judged[1])
