"""What holds for every route: errors as JSON in the user's words, and no changes asked for by other sites."""

from __future__ import annotations

import errno
from urllib.parse import urlsplit

from fastapi import FastAPI, Request, WebSocket
from fastapi.responses import JSONResponse
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ssldiff_core.errors import SSLDiffError

from ..config import AppConfig
from ..kiosk import CLOSED, REFUSAL
from ..questions import NeedsAnswer

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
POLICY = (
    "default-src 'self' data: blob:; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; worker-src 'self' blob:; connect-src 'self' data: blob:; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
)
"""A browser asks no other host, whatever stands in a document; Gradio's page needs its inline scripts."""


HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Content-Security-Policy": POLICY,
}


def same_origin(request: Request | WebSocket) -> bool:
    """Whether the page that asks came from this server; programs that send no Origin are no browsers."""
    origin = request.headers.get("origin")
    if origin is None:
        return True
    hosts = (request.headers.get("host"), request.headers.get("x-forwarded-host"))
    return urlsplit(origin).netloc in [host for host in hosts if host]


class Guard:
    """Refuses changes from other origins, and what is closed; tells browsers what a page may do.

    Plain ASGI: Starlette's own kind of middleware makes an error of every page that leaves before its answer.
    """

    def __init__(self, app: ASGIApp, config: AppConfig) -> None:
        self._app, self._config = app, config

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(Request(scope))
        if refusal is not None:
            status, text = refusal
            await JSONResponse({"error": text}, status_code=status)(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, with_headers)

    def _refusal(self, request: Request) -> tuple[int, str] | None:
        if request.method not in SAFE_METHODS and not same_origin(request):
            return 403, "This request came from another site."
        if request.url.path.rstrip("/").endswith("/gradio_api/upload"):  # our own routes take files, with their limits
            return 403, "Files are opened from the start page."
        if self._config.kiosk and CLOSED.fullmatch(request.url.path):
            return 403, REFUSAL
        return None


def add_guards(app: FastAPI, config: AppConfig) -> None:
    """Put the :class:`Guard` before every route; turn an ``SSLDiffError`` into 422 with its text."""
    app.add_middleware(Guard, config=config)

    @app.exception_handler(OSError)
    async def tell_of_the_disk(_: Request, error: OSError) -> JSONResponse:
        if error.errno not in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EROFS):
            raise error
        return JSONResponse({"error": "The server's disk is full. Nothing that was saved is lost."}, status_code=507)

    @app.exception_handler(SSLDiffError)
    async def tell(_: Request, error: SSLDiffError) -> JSONResponse:
        return JSONResponse({"error": str(error), "asks": isinstance(error, NeedsAnswer)}, status_code=422)
