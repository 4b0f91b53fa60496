"""The run's end of its guard: starts it, beats, tells it what goes on, and notices when it is gone."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from rig.clock.wall import WallClock
from rig.errors import BenchBusy, RigError
from rig.guard.kept import forget, kept_file
from rig.guard.orders import Orders

BEAT_EVERY_S = 0.1
STARTED_WITHIN_S = 60.0  # loading takes a third of a second; a busy machine takes longer
ENDED_WITHIN_S = 30.0


class Guard:
    """A guard that is there. Made by :meth:`start`, left by :meth:`end`.

    ``recovered``: what it had to make safe before this run, in words ("" if nothing). ``lost``: why it is no longer
    there ("" while it is).
    """

    def __init__(
        self,
        orders: Orders,
        process: subprocess.Popen[bytes],
        clock: WallClock,
        ask_to_end: Callable[[str], None],
    ) -> None:
        self.recovered, self.lost = "", ""
        self._orders, self._process, self._clock, self._ask_to_end = orders, process, clock, ask_to_end
        self._answers: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._sent = self._echoed = 0  # beats
        self._ending = False
        self._over = threading.Event()
        self._write_lock = threading.Lock()

    @classmethod
    def start(cls, orders: Orders, clock: WallClock, ask_to_end: Callable[[str], None]) -> Guard:
        """Start the guard, which takes its lock and makes safe what an earlier run left behind.

        ``ask_to_end`` is called, from another thread, when somebody asks the run to end, or the guard is lost. Raises
        BenchBusy, RigError when the guard cannot do its work; then it is gone.
        """
        flags = 0
        if sys.platform == "win32":
            flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
        try:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "rig.guard"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,  # Ctrl-C, Ctrl-Z and the end of the terminal are for the run
                creationflags=flags,
            )
        except OSError as error:
            raise RigError(f"the guard cannot be started: {error.strerror or error}") from error
        guard = cls(orders, process, clock, ask_to_end)
        threading.Thread(target=guard._listen, name="guard", daemon=True).start()
        try:
            guard._tell_line(orders.to_line())
            guard._await_ready()
        except BaseException:
            guard._abandon()
            raise
        threading.Thread(target=guard._beat, name="heartbeat", daemon=True).start()
        return guard

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Within it pumps may deliver: the guard answers silence as it answers death."""
        self._tell({"watch": True})
        try:
            yield
        finally:
            self._tell({"watch": False})

    def tell_run_folder(self, folder: Path) -> None:
        """Where the guard may write down what it did."""
        self._tell({"run": str(folder.resolve())})

    def make_safe(self, serials: list[str]) -> list[str]:
        """Let the guard try, which opens the pumps' ports anew; the serial numbers of those that stay unsafe."""
        if self.lost:
            return serials
        self._tell({"make_safe": serials})
        answer = self._answer(ENDED_WITHIN_S)
        return serials if answer is None else list(answer.get("unsafe", serials))

    def end(self, unsafe: list[str]) -> None:
        """The run is over. With pumps that are not safe, what is kept for the next start stays."""
        self._ending = True
        if unsafe:
            self._process.kill()
        elif not self.lost:
            self._tell({"end": True})
        else:
            forget(kept_file(self._orders.lock_folder_path, self._orders.bench_id))
        self._abandon()

    def _abandon(self) -> None:
        self._ending = True
        self._over.set()
        with suppress(OSError), self._write_lock:
            assert self._process.stdin is not None
            self._process.stdin.close()
        try:
            self._process.wait(ENDED_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _await_ready(self) -> None:
        while (answer := self._answer(STARTED_WITHIN_S)) is not None:
            if "busy" in answer:
                raise (BenchBusy if answer.get("held") else RigError)(answer["busy"])
            if "recovered" in answer:
                self.recovered = _words_of_recovery(answer)
            if "ready" in answer:
                return
        raise RigError("the guard did not start; nothing was sent")

    def _answer(self, within_s: float) -> dict[str, Any] | None:
        """The next answer; None if the guard is gone or slow."""
        try:
            answer = self._answers.get(timeout=within_s)
        except queue.Empty:
            return None
        return answer or None

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            message = json.loads(line)
            if "beat" in message:
                self._echoed = message["beat"]
            elif "abort" in message:
                self._ask_to_end(message["abort"])
                self._tell({"heard": message["abort"]})
            else:
                self._answers.put(message)
        self._process.stdout.close()
        self._answers.put({})  # nobody needs to wait for more
        if not self._ending:
            self._lose("the guard died")

    def _beat(self) -> None:
        """Ten times a second, as long as this process lives and the guard echoes."""
        unanswered_max = self._orders.silence_max_s / BEAT_EVERY_S
        while not self._over.wait(BEAT_EVERY_S):
            if self._sent - self._echoed > unanswered_max:
                self._lose(f"the guard did not answer for {self._orders.silence_max_s:g} s")
                self._process.kill()  # after it: its death is not the reason
                return
            self._sent += 1
            self._tell({"beat": self._sent, "quiet_s": self._clock.quiet_s()})

    def _lose(self, why: str) -> None:
        if not self.lost:
            self.lost = why
            self._over.set()
            self._ask_to_end(f"{why}: nothing would make the pumps safe if the run died too")

    def _tell(self, message: dict[str, Any]) -> None:
        with suppress(OSError, ValueError):  # that the guard is gone is noticed at its other line
            self._tell_line(json.dumps(message).encode() + b"\n")

    def _tell_line(self, line: bytes) -> None:
        assert self._process.stdin is not None
        with self._write_lock:
            self._process.stdin.write(line)
            self._process.stdin.flush()


def _words_of_recovery(answer: dict[str, Any]) -> str:
    made = ", ".join(answer["recovered"]) or "no pump of this bench"
    words = f"{answer['because']}; before anything else the safe state was made and confirmed: {made}"
    if answer["gone"]:
        words += f"; NOT REACHED, since no longer on this bench: {', '.join(answer['gone'])}"
    return words
