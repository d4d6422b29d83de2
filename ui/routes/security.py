"""What holds for every route: errors as JSON in the user's words, and no changes asked for by other sites."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from fastapi import FastAPI, Request, WebSocket
from fastapi.responses import JSONResponse, Response

from ssldiff_core.errors import SSLDiffError

from ..questions import NeedsAnswer

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


def same_origin(request: Request | WebSocket) -> bool:
    """Whether the page that asks came from this server; programs that send no Origin are no browsers."""
    origin = request.headers.get("origin")
    if origin is None:
        return True
    hosts = (request.headers.get("host"), request.headers.get("x-forwarded-host"))
    return urlsplit(origin).netloc in [host for host in hosts if host]


def add_guards(app: FastAPI) -> None:
    """Refuse changes from other origins; turn an ``SSLDiffError`` into 422 with its text."""

    @app.middleware("http")
    async def refuse_other_origins(request: Request, proceed: Callable[[Request], Awaitable[Response]]) -> Response:
        if request.method not in SAFE_METHODS and not same_origin(request):
            return JSONResponse({"error": "This request came from another site."}, status_code=403)
        response = await proceed(request)
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("Referrer-Policy", "same-origin")
        return response

    @app.exception_handler(SSLDiffError)
    async def tell(_: Request, error: SSLDiffError) -> JSONResponse:
        return JSONResponse({"error": str(error), "asks": isinstance(error, NeedsAnswer)}, status_code=422)
