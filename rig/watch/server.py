"""The server of the live page: routes, login, and how it is started."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import nullcontext
from importlib.resources import files
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import parse_qs

import uvicorn
from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from rig.errors import DefinitionError, RigError, Where
from rig.record.doctor_file import kept_examinations
from rig.watch.gate import HEADERS, Gate
from rig.watch.live import Live
from rig.watch.page_connection import PageConnection
from rig.watch.past_runs import SHOWN_FILES, as_json
from rig.watch.people import People, Sessions

PAGE_FILES = {
    "bench.js": "text/javascript",
    "connection.js": "text/javascript",
    "curves.js": "text/javascript",
    "elements.js": "text/javascript",
    "icon.svg": "image/svg+xml",
    "main.js": "text/javascript",
    "page.css": "text/css",
    "past.js": "text/javascript",
    "prompts.js": "text/javascript",
    "uPlot.iife.min.js": "text/javascript",
    "uPlot.min.css": "text/css",
}
# A report is somebody's words laid out: nothing in it may act, not even with this page's own rights.
REPORT_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; "
    "frame-ancestors 'none'"
)
LOGIN_LIMIT = 8192  # bytes
FREE_TRIES, LOCKED_S = 5, 30.0  # wrong passwords from one address, and how long it waits then


class Pages:
    """What is answered to a browser that was let in."""

    def __init__(self, live: Live, sessions: Sessions, people: People | None) -> None:
        self._live, self._sessions, self._people = live, sessions, people
        self._wrong: dict[str, tuple[int, float]] = {}  # by address: how often, since when
        self._hashing = CapacityLimiter(1)  # a hash takes 32 MiB

    def gate(self, names: list[str], port: int) -> Gate:
        """The whole application."""
        routes = [
            Route("/", self._index),
            Route("/login", self._login_page, methods=["GET"]),
            Route("/login", self._login, methods=["POST"]),
            Route("/logout", self._logout, methods=["POST"]),
            Route("/page/{name}", self._page_file),
            Route("/api/runs", self._runs),
            Route("/api/doctor", self._doctor),
            Route("/runs/{run}/{inside:path}", self._run_file),
            WebSocketRoute("/live", self._connection),
        ]
        self._gate = Gate(Starlette(routes=routes), names, port, self._sessions, self._people)
        return self._gate

    async def _index(self, request: Request) -> Response:
        return Response(_page("index.html"), media_type="text/html")

    async def _login_page(self, request: Request, words: str = "", status: int = 200) -> Response:
        content = _page("login.html").replace(b"<!-- words -->", words.encode())
        return Response(content, status, media_type="text/html")

    async def _login(self, request: Request) -> Response:
        address = request.client.host if request.client else ""
        count, since_s = self._wrong.get(address, (0, 0.0))
        if count >= FREE_TRIES and time.monotonic() - since_s < LOCKED_S:
            return await self._login_page(request, "Too many wrong passwords. Wait half a minute.", 429)
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > LOGIN_LIMIT:
                return await self._login_page(request, "That is too long.", 413)
        told = parse_qs(body.decode("utf-8", "replace"))
        name, password = (told.get(key, [""])[0] for key in ("name", "password"))
        people = self._people
        if people is None or not await to_thread.run_sync(
            people.is_password, name, password, limiter=self._hashing
        ):
            self._wrong[address] = (count + 1, time.monotonic())
            return await self._login_page(request, "Name or password is wrong.", 403)
        self._wrong.pop(address, None)
        return RedirectResponse("/", 303, {"set-cookie": self._gate.set_cookie(self._sessions.give(name))})

    async def _logout(self, request: Request) -> Response:
        return RedirectResponse("/login", 303, {"set-cookie": self._gate.set_cookie("")})

    async def _page_file(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in PAGE_FILES:
            return Response(status_code=404)
        return Response(_page(name), media_type=PAGE_FILES[name])

    async def _runs(self, request: Request) -> Response:
        found = await to_thread.run_sync(self._live.past.found, request.query_params.get("words", ""))
        return Response(as_json(found), media_type="application/json")

    async def _doctor(self, request: Request) -> Response:
        return Response(as_json(await to_thread.run_sync(kept_examinations)), media_type="application/json")

    async def _run_file(self, request: Request) -> Response:
        run, inside = request.path_params["run"], request.path_params["inside"]
        path = await to_thread.run_sync(self._live.past.file, run, inside)
        if path is None:
            return Response("there is no such file", 404, media_type="text/plain")
        # Chromium shows no PDF in a sandbox; it has one of its own for them.
        policy = HEADERS["content-security-policy"] if inside.endswith(".pdf") else REPORT_POLICY
        headers = {"content-security-policy": policy}
        return FileResponse(path, media_type=SHOWN_FILES[inside][1], headers=headers)

    async def _connection(self, socket: WebSocket) -> None:
        await PageConnection(self._live, socket, socket.scope["user_name"]).serve()


def _page(name: str) -> bytes:
    return files("rig.watch").joinpath("page", name).read_bytes()


class _Server(uvicorn.Server):
    """Ends on a signal as if it had been asked to: status 0, and no word about it."""

    def capture_signals(self) -> Any:
        return nullcontext()


def serve(
    live: Live,
    host: str,
    port: int,
    tls: tuple[Path, Path] | None,
    started: Callable[[str], None],
) -> None:
    """Serve until a signal comes. ``started`` is told the address, with the token where one is asked for.

    Raises DefinitionError for an address that cannot be had or a certificate that cannot be used.
    """
    sessions, people = Sessions(), None if tls is None else People()
    names = ["127.0.0.1", "localhost", "[::1]"] if tls is None else [*_names_in(tls[0]), _bracketed(host)]
    bound = _bound(host, port)
    port = int(bound.getsockname()[1])
    pages = Pages(live, sessions, people)
    config = uvicorn.Config(
        pages.gate(names, port),
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        ws_max_size=1 << 16,
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=5,
        ssl_certfile=tls[0] if tls else None,
        ssl_keyfile=tls[1] if tls else None,
    )
    try:
        config.load()
    except (OSError, ssl.SSLError) as error:
        bound.close()
        raise DefinitionError(
            f"certificate or key cannot be used: {error}", Where(key="--tls-cert")
        ) from error
    server = _Server(config)

    def end(number: int, frame: FrameType | None) -> None:
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # no word about pages slow to let go
        server.should_exit = True

    for name in ("SIGINT", "SIGTERM", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), end)
    query = "" if people else f"?token={sessions.token}"
    started(f"{'https' if people else 'http'}://{names[0]}:{port}/{query}")
    asyncio.run(server.serve([bound]))


def _bound(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=64)
    except OSError as error:
        hint = "another 'rig watch' may be there: --port chooses another one"
        raise DefinitionError(
            f"{host}:{port}: {error.strerror or error}", Where(key="--port"), hint
        ) from error


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _names_in(certificate: Path) -> list[str]:
    """The names and addresses the certificate is for. Raises DefinitionError."""
    from cryptography import x509

    try:
        read = x509.load_pem_x509_certificate(certificate.read_bytes())
        told = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, x509.ExtensionNotFound) as error:
        raise DefinitionError(f"no certificate with names in it: {error}", Where(str(certificate))) from error
    found = [name.lower() for name in told.get_values_for_type(x509.DNSName)]
    return found + [_bracketed(str(address)) for address in told.get_values_for_type(x509.IPAddress)]


def check_is_allowed(host: str, tls: tuple[Path, Path] | None, people: People) -> None:
    """Anything but the loopback needs TLS and somebody who can log in. Raises DefinitionError, RigError."""
    if tls is None and host not in ("127.0.0.1", "localhost", "::1"):
        raise DefinitionError(
            "a page that others can reach needs TLS", Where(key="--host"), "give --tls-cert and --tls-key"
        )
    if tls is not None and not people.names():
        raise RigError(f"nobody can log in: {people.path} has no name; rig watch --add-user NAME makes one")
