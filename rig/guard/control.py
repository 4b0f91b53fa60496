"""From outside, a run can be asked to end: a port on this machine's loopback, and a token that only its user can read.

The file with port and token lies in a folder of the user alone. A request is one line of JSON, ``{"token": ...,
"abort": reason}``, the answer ``{"asked": true}`` or ``{"refused": why}``. Nothing else can be asked. Whoever connects
is heard at once, whatever others who are connected do or fail to do.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from rig.errors import NoAnswer, RigError
from rig.record.lock import file_stem
from rig.transport.private_folder import private_folder

LINE_LIMIT = 4096
WITHIN_S = 2.0
HEARD_AT_ONCE = 32
REASON_LIMIT = 200


def control_file(bench_id: str) -> Path:
    """Port and token of the guard of a bench, for this user. Raises RigError where no private folder can be had."""
    return private_folder() / f"{file_stem(bench_id)}.json"


class ControlPort:
    """The listening end, in the guard."""

    def __init__(self, listener: socket.socket, file: Path, asked: Callable[[str], None]) -> None:
        """Use :meth:`open`."""
        self._listener, self._file, self._asked = listener, file, asked
        self._token = secrets.token_hex(16)
        self._closed = threading.Event()
        self._turns = threading.BoundedSemaphore(HEARD_AT_ONCE)

    @classmethod
    def open(cls, bench_id: str, asked: Callable[[str], None]) -> ControlPort | None:
        """None where this machine offers no private folder or no port: the run goes on without."""
        try:
            file = control_file(bench_id)
            listener = socket.create_server(("127.0.0.1", 0))
            port = cls(listener, file, asked)
            file.unlink(missing_ok=True)
            told = json.dumps({"port": listener.getsockname()[1], "token": port._token, "pid": os.getpid()})
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as out:
                out.write(told)
        except (OSError, RigError):
            return None
        threading.Thread(target=port._serve, name="control", daemon=True).start()
        return port

    def close(self) -> None:
        self._closed.set()
        with suppress(OSError):
            self._file.unlink()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # or the waiting accept would take one more
        self._listener.close()

    def _serve(self) -> None:
        while not self._closed.is_set():
            self._turns.acquire()
            try:
                client, _ = self._listener.accept()
                threading.Thread(target=self._hear, args=(client,), name="asked", daemon=True).start()
            except (OSError, RuntimeError):  # closed; or no file, no thread can be had just now
                self._turns.release()
                self._closed.wait(0.05)

    def _hear(self, client: socket.socket) -> None:
        try:
            with client, suppress(OSError, ValueError, RecursionError):
                line = _line(client, time.monotonic() + WITHIN_S)
                client.sendall(json.dumps(self._answer(line)).encode() + b"\n")
        finally:
            self._turns.release()

    def _answer(self, line: bytes) -> dict[str, Any]:
        request = json.loads(line)
        if not isinstance(request, dict) or not secrets.compare_digest(
            str(request.get("token")).encode(), self._token.encode()
        ):
            return {"refused": "wrong token"}
        reason = str(request.get("abort", ""))[:REASON_LIMIT]
        if not reason.strip() or not reason.isprintable():
            return {"refused": "no reason is given"}
        self._asked(reason)
        return {"asked": True}


def ask_to_end(bench_id: str, reason: str) -> None:
    """Ask the run on a bench to end in order.

    Raises NoAnswer when the guard may have heard and may not; RigError when there is none of this user, or it refuses.
    """
    try:
        told = json.loads(control_file(bench_id).read_text(encoding="utf-8"))
        request = json.dumps({"token": told["token"], "abort": reason}).encode() + b"\n"
        connection = socket.create_connection(("127.0.0.1", int(told["port"])), WITHIN_S)
    except FileNotFoundError:
        raise RigError(f"no run of this user on bench '{bench_id}' has a guard") from None
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise RigError(f"the guard of bench '{bench_id}' cannot be asked: {error}") from error
    try:
        with connection:
            connection.sendall(request)
            answer = json.loads(_line(connection, time.monotonic() + WITHIN_S))
    except (OSError, ValueError) as error:
        raise NoAnswer(
            f"the guard of bench '{bench_id}' gave no answer ({error}): it is not known whether it heard"
        ) from error
    if not isinstance(answer, dict) or "asked" not in answer:
        why = answer.get("refused") if isinstance(answer, dict) else answer
        raise RigError(f"the guard of bench '{bench_id}' refuses: {why}")


def _line(connection: socket.socket, until_s: float) -> bytes:
    """What comes up to the end of a line. Raises TimeoutError if it has not come by then."""
    data = b""
    while not data.endswith(b"\n") and len(data) < LINE_LIMIT:
        connection.settimeout(max(0.001, until_s - time.monotonic()))
        more = connection.recv(LINE_LIMIT)
        if not more:
            break
        data += more
    return data
