"""What holds for every route: errors as JSON in the user's words, and no changes asked for by other sites."""

from __future__ import annotations

import errno
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from fastapi import FastAPI, Request, WebSocket
from fastapi.responses import JSONResponse, Response

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


def same_origin(request: Request | WebSocket) -> bool:
    """Whether the page that asks came from this server; programs that send no Origin are no browsers."""
    origin = request.headers.get("origin")
    if origin is None:
        return True
    hosts = (request.headers.get("host"), request.headers.get("x-forwarded-host"))
    return urlsplit(origin).netloc in [host for host in hosts if host]


def add_guards(app: FastAPI, config: AppConfig) -> None:
    """Refuse changes from other origins, and what is closed; turn an ``SSLDiffError`` into 422 with its text."""

    @app.middleware("http")
    async def refuse_other_origins(request: Request, proceed: Callable[[Request], Awaitable[Response]]) -> Response:
        if request.method not in SAFE_METHODS and not same_origin(request):
            return JSONResponse({"error": "This request came from another site."}, status_code=403)
        if request.url.path.rstrip("/").endswith("/gradio_api/upload"):  # our own routes take files, with their limits
            return JSONResponse({"error": "Files are opened from the start page."}, status_code=403)
        if config.kiosk and CLOSED.fullmatch(request.url.path):
            return JSONResponse({"error": REFUSAL}, status_code=403)
        response = await proceed(request)
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("Referrer-Policy", "same-origin")
        response.headers.setdefault("Content-Security-Policy", POLICY)
        return response

    @app.exception_handler(OSError)
    async def tell_of_the_disk(_: Request, error: OSError) -> JSONResponse:
        if error.errno not in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EROFS):
            raise error
        return JSONResponse({"error": "The server's disk is full. Nothing that was saved is lost."}, status_code=507)

    @app.exception_handler(SSLDiffError)
    async def tell(_: Request, error: SSLDiffError) -> JSONResponse:
        return JSONResponse({"error": str(error), "asks": isinstance(error, NeedsAnswer)}, status_code=422)
