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
from rig.errors import NoAnswer, RigError
from rig.guard.control import ask_to_end
from rig.transport.prompts import LONGEST, answer_prompt
from rig.watch.live import TICK_S, Listener, Live
from rig.watch.past_runs import as_json
from rig.watch.standing import text
from rig.watch.watched_run import Message

WAITING_MOST = 40  # messages; a page that takes none for so long is let go, and comes back by itself
ASKED_AT_ONCE = 16  # requests that wait for their answer; the page itself asks for one curve at a time
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
        sending = asyncio.create_task(self._send())
        requests: set[asyncio.Task[None]] = set()
        try:
            # Nothing is waited for here but the next request: it may be an abort. (What came before the page went away
            # is still there to be received; receive_text would refuse to once a tick could not be sent.)
            while (asked := (await self._socket.receive()).get("text")) is not None:
                requests.add(request := asyncio.create_task(self._hear(asked, len(requests) < ASKED_AT_ONCE)))
                request.add_done_callback(requests.discard)
        finally:
            self._live.leave(self._listener)
            sending.cancel()  # and no request: an abort that came goes to the guard, whether or not the page stays

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

    async def _hear(self, asked: str, has_room: bool) -> None:
        """One request, and always an answer to it. What is no request harms nobody."""
        ask: Any = None
        try:
            request = json.loads(asked)
            ask = request.get("ask") if isinstance(request.get("ask"), int) else None
            if not has_room and request["do"] != "abort":
                raise RigError("too much is asked at once")
            if request["do"] == "watch":  # told by Live itself: before the first tick of that run
                await to_thread.run_sync(self._live.watch, self._listener, request.get("run"), ask)
            elif request["do"] == "curve":
                self._put(await to_thread.run_sync(lambda: as_json({**self._curve(request), "ask": ask})))
            else:
                answer = self._answers[request["do"]]
                told = await to_thread.run_sync(answer, request, limiter=self._threads_to_act)
                self._put(as_json({**told, "ask": ask}))
            return
        except NoAnswer as error:
            refusal: Message = {"words": str(error), "may_be_done": True}
        except RigError as error:
            refusal = {"words": str(error)}
        except Exception as error:  # whatever it is: who asked must not be left without an answer
            refusal = {"words": f"this request is not understood: {error}"}
        self._put(as_json({"type": "refused", **refusal, "ask": ask}))

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
        return {"type": "done", "words": f"the guard of bench {text(bench)} has heard it"}

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
