"""One page: what it is told over its WebSocket, and what it asks for."""

from __future__ import annotations

import asyncio
import getpass
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from anyio import CapacityLimiter, to_thread
from starlette.websockets import WebSocket, WebSocketDisconnect

from rig import __version__
from rig.errors import RigError
from rig.guard.control import ask_to_end
from rig.transport.prompts import LONGEST, answer_prompt
from rig.watch.live import TICK_S, Listener, Live
from rig.watch.past_runs import as_json
from rig.watch.watched_run import Message

WAITING_MOST = 40  # messages; a page that takes none for so long is let go, and comes back by itself
ASKED_AT_ONCE = 8
MOST_BUCKETS, MOST_CURVES = 2000, 256
LONGEST_NAME, LONGEST_REASON = 60, 100  # of what goes into the record: the guard takes 200 characters in all

Request = dict[str, Any]


class PageConnection:
    """From the first message to the last."""

    def __init__(self, live: Live, socket: WebSocket, user: str) -> None:
        self._live, self._socket, self._user = live, socket, user
        self._waiting: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._threads_to_act = CapacityLimiter(4)  # of its own: those that all share may wait for curves
        loop = asyncio.get_running_loop()
        self._listener = Listener(lambda body: _call(loop, self._put, body))
        self._answers: dict[str, Callable[[Request], Message]] = {
            "curve": self._curve,
            "abort": self._abort,
            "answer": self._answer,
        }

    async def serve(self) -> None:
        """Until the page goes away."""
        await self._socket.accept()
        self._put(
            as_json(
                {
                    "type": "hello",
                    "version": __version__,
                    "user": self._user or None,
                    "name": self._user or _login_name(),
                    "every_s": TICK_S,
                }
            )
        )
        await to_thread.run_sync(self._live.listen, self._listener)
        tasks = {asyncio.create_task(self._send())}
        try:
            while True:
                text = await self._socket.receive_text()
                if (
                    len(tasks) < ASKED_AT_ONCE or '"do":"curve"' not in text
                ):  # an abort never waits for curves
                    tasks.add(task := asyncio.create_task(self._hear(text)))
                    task.add_done_callback(tasks.discard)
                else:
                    await self._hear(text)
        except (WebSocketDisconnect, RuntimeError, KeyError):  # it went away, was let go, or sent bytes
            return
        finally:
            self._live.leave(self._listener)
            for task in list(tasks):
                task.cancel()

    def _put(self, body: bytes | None) -> None:
        if self._waiting.qsize() < WAITING_MOST:
            self._waiting.put_nowait(body)
        elif self._waiting.qsize() == WAITING_MOST:
            self._waiting.put_nowait(None)

    async def _send(self) -> None:
        with suppress(WebSocketDisconnect, RuntimeError):  # it went away
            while (body := await self._waiting.get()) is not None:
                await self._socket.send_text(body.decode())
            await self._socket.close(1013, "too slow")

    async def _hear(self, text: str) -> None:
        """One request. What is no request is answered like any refusal, and harms nobody."""
        ask: Any = None
        try:
            request = json.loads(text)
            ask = request.get("ask")
            if request["do"] == "watch":  # told by Live itself: before the first tick of that run
                await to_thread.run_sync(self._live.watch, self._listener, request.get("run"), ask)
                return
            threads = None if request["do"] == "curve" else self._threads_to_act
            answer = await to_thread.run_sync(self._answers[request["do"]], request, limiter=threads)
        except RigError as error:
            answer = {"type": "refused", "words": str(error)}
        except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
            answer = {"type": "refused", "words": f"this request is not understood: {error}"}
        self._put(as_json({**answer, "ask": ask if isinstance(ask, int) else None}))

    # What can be asked, in a thread that may wait

    def _curve(self, request: Request) -> Message:
        from_s, to_s, buckets = float(request["from_s"]), float(request["to_s"]), int(request["buckets"])
        numbers = [int(number) for number in request["channels"]]
        if not (0 < buckets <= MOST_BUCKETS and len(numbers) <= MOST_CURVES and 0 < to_s - from_s < 1e9):
            raise ValueError("outside of what can be drawn")
        return {"type": "curve", **self._live.curves(self._listener, numbers, from_s, to_s, buckets)}

    def _abort(self, request: Request) -> Message:
        by, reason = self._by(request), _line(request, "reason", LONGEST_REASON)
        try:
            bench = self._live.bench_of(str(request["run"]))
        except LookupError:
            raise RigError("this run is over") from None
        ask_to_end(bench, f"stopped by {by} on the live page: {reason}")
        return {"type": "done", "words": "the run was asked to end; its pumps go to their safe state first"}

    def _answer(self, request: Request) -> Message:
        answer_prompt(str(request["prompt"]), self._by(request), _line(request, "answer", LONGEST))
        return {"type": "done", "words": "answered"}

    def _by(self, request: Request) -> str:
        """Who is logged in; where nobody is, who they say they are."""
        return self._user or _line(request, "by", LONGEST_NAME)


def _line(request: Request, key: str, longest: int) -> str:
    value = " ".join(str(request.get(key) or "").split())
    if not value:
        raise RigError(f"the {'name' if key == 'by' else key} is missing")
    if len(value) > longest or not value.isprintable():
        what = "name" if key == "by" else key
        raise RigError(
            f"the {what} must be one line of at most {longest} characters, without control characters"
        )
    return value


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user id without a name, as in containers
        return ""


def _call(loop: asyncio.AbstractEventLoop, function: Callable[[bytes], None], body: bytes) -> None:
    with suppress(RuntimeError):  # the server ends
        loop.call_soon_threadsafe(function, body)
