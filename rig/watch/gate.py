"""Who is let in, and what a browser may do with what it gets: before every request, whatever it is for.

``Host`` must be a name of this server (a page elsewhere whose name was turned to this address is refused), ``Origin``
this server itself wherever something could be done, and a session be there but for the login and its style.
"""

from __future__ import annotations

from collections.abc import Collection
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rig.watch.people import SESSION_S, People, Sessions

OPEN_PATHS = ("/login", "/page/page.css", "/page/icon.svg")
NO_SESSION = 4401  # why a connection is closed
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "cache-control": "no-store",
}


class Gate:
    """Around the application. ``people`` is None on the loopback, where the token in the address lets in."""

    def __init__(
        self, app: ASGIApp, names: Collection[str], port: int, sessions: Sessions, people: People | None
    ) -> None:
        self._app, self._sessions, self._people = app, sessions, people
        self.scheme = "http" if people is None else "https"
        usual = 80 if people is None else 443
        self._hosts = {f"{name}:{port}" for name in names} | ({*names} if port == usual else set())
        # Cookies do not know ports: two servers of one machine must not take each other's.
        self.cookie = f"rig-watch-{port}" if people is None else f"__Host-rig-watch-{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if not self._is_ours(headers.get("host", "")):
            refusal = PlainTextResponse("this server does not go by that name", 421)
        elif not self._is_from_here(scope, headers):
            refusal = PlainTextResponse("asked by a page of another server", 403)
        else:
            scope["user_name"] = self.name_of(headers)
            if scope["user_name"] is not None or scope["path"] in OPEN_PATHS:
                await self._app(scope, receive, _with_headers(send))
                return
            if scope["type"] == "websocket":  # a page is told by a code, which it hears once it was accepted
                await send({"type": "websocket.accept"})
                await send({"type": "websocket.close", "code": NO_SESSION})
                return
            await self._without_session(scope)(scope, receive, _with_headers(send))
            return
        if scope["type"] == "websocket":
            await send({"type": "websocket.close"})
        else:
            await refusal(scope, receive, _with_headers(send))

    def name_of(self, headers: Headers) -> str | None:
        """Whose session comes with a request; "" for this machine's, None without one."""
        try:
            found = SimpleCookie(headers.get("cookie", "")).get(self.cookie)
        except CookieError:
            return None
        name = self._sessions.name(found.value) if found is not None else None
        if self._people is not None and name not in self._people.names():
            return None
        return name

    def set_cookie(self, value: str) -> str:
        """The header that gives a browser its session; without a value it is taken away."""
        age = SESSION_S if value else 0
        secure = "" if self._people is None else "; Secure"
        return f"{self.cookie}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite=Strict{secure}"

    def _is_ours(self, host: str) -> bool:
        return host.lower() in self._hosts

    def _is_from_here(self, scope: Scope, headers: Headers) -> bool:
        """Whatever can do something must come from a page of this server; a link from elsewhere may be followed."""
        if scope["type"] == "http" and scope["method"] in ("GET", "HEAD"):
            return True
        return headers.get("origin", "") == f"{self.scheme}://{headers.get('host', '').lower()}"

    def _without_session(self, scope: Scope) -> ASGIApp:
        if scope["path"] == "/" and self._people is None:
            token = dict(parse_qsl(scope["query_string"].decode("latin-1"))).get("token", "")
            if self._sessions.is_token(token):
                return RedirectResponse("/", 303, {"set-cookie": self.set_cookie(self._sessions.give(""))})
        if scope["path"] == "/" and self._people is not None:
            return RedirectResponse("/login", 303)
        words = (
            "log in first" if self._people else "open the address that 'rig watch' printed: it has the token"
        )
        return PlainTextResponse(words, 401)


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sending
