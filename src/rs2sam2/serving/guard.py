"""Who is let in: the server's own page, programs without a browser, and, where there is a token, who knows it."""

import hmac
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from rs2sam2.serving.refusals import refused
from rs2sam2.serving.settings import Settings

_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


class Guard:
    """Refuses requests before anything is read of them.

    Without a token, what protects a server on loopback from other sites' pages, open in a browser of the same machine,
    is that their requests name them: in `Origin`, in `Sec-Fetch-Site`, or, after a name of theirs was made to mean
    127.0.0.1 (DNS rebinding), in `Host`.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        """Wrap an application."""
        self._app = app
        self._token = None if settings.token is None else settings.token.encode()
        local_only = settings.on_loopback and settings.token is None
        self._hosts = _LOCAL_NAMES | {settings.host} if local_only else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application does, or refuse."""
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            response = None
            if reason := self._foreign(headers, scope["path"]):
                response = refused(403, reason)
            elif self._token is not None and _needs_token(scope["path"]) and not self._knows_token(headers):
                message = "this server asks for its token: send the header 'Authorization: Bearer TOKEN'"
                response = refused(401, message, {"WWW-Authenticate": "Bearer"})
            if response is not None:
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _foreign(self, headers: Headers, path: str) -> str | None:
        host = headers.get("host", "")
        if self._hosts is not None and _name(host) not in self._hosts:
            return "this server answers to localhost only: ask for it by that name"
        origin = headers.get("origin")
        if origin is not None and origin.partition("://")[2].lower() != host.lower():
            return "requests of other sites' pages are not answered"
        if path.startswith("/v1") and headers.get("sec-fetch-site") == "cross-site":
            return "requests of other sites' pages are not answered"
        return None

    def _knows_token(self, headers: Headers) -> bool:
        scheme, _, value = headers.get("authorization", "").partition(" ")
        known = self._token or b""
        return scheme.lower() == "bearer" and hmac.compare_digest(value.strip().encode("latin-1"), known)


def _needs_token(path: str) -> bool:
    return path.startswith("/v1") or path == "/metrics"


def _name(host: str) -> str:
    """A Host header without its port and an address's brackets."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
