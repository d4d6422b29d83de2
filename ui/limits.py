"""What a client may send: bodies of a bounded size, and messages at a bounded rate."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

MAX_BODY_BYTES = 16 << 20
"""Of a request that is no upload: a stroke over all cells has some hundred kilobytes."""

_FILES = re.compile(r"/(uploads|document-files)")
_PALETTE = re.compile(r"/documents/[^/]+/(palette/file|annotations)")
_FORM_BYTES = 1 << 20
"""What a form adds to the file in it."""


class BodyLimit:
    """An ASGI app around another: what is too large is refused while it arrives, not after it filled the disk."""

    def __init__(self, app: App, max_upload_bytes: int, max_palette_bytes: int = 256 << 20) -> None:
        self._app, self._upload, self._palette = app, max_upload_bytes, max_palette_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit, arrived, answered = self._limit_of(scope["path"]), 0, False

        async def counted() -> Message:
            nonlocal arrived
            message = await receive()
            arrived += len(message.get("body", b""))
            return message if arrived <= limit else {"type": "http.disconnect"}

        async def noted(message: Message) -> None:
            nonlocal answered
            if arrived <= limit or answered:  # what the app says of a body that was cut off is not the reason
                answered = True
                await send(message)

        told = dict(scope["headers"]).get(b"content-length", b"0")
        if not told.isdigit() or int(told) > limit:
            await _refuse(send, limit)
            return
        try:
            await self._app(scope, counted, noted)
        except Exception:
            if arrived <= limit:
                raise
        if arrived > limit and not answered:
            await _refuse(send, limit)

    def _limit_of(self, path: str) -> int:
        if _FILES.fullmatch(path):
            return self._upload + _FORM_BYTES
        return self._palette + _FORM_BYTES if _PALETTE.fullmatch(path) else MAX_BODY_BYTES


async def _refuse(send: Send, limit: int) -> None:
    text = f'{{"error": "This is larger than {limit / 2**20:.3g} MiB, which is the most that is taken here."}}'
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": text.encode()})


class Rate:
    """How fast messages may come: ``burst`` at once, then ``per_second``."""

    def __init__(self, per_second: float = 120.0, burst: float = 400.0) -> None:
        self._rate, self._burst, self._left, self._last = per_second, burst, burst, time.monotonic()

    def take(self) -> float:
        """Count one message; returns the seconds that the sender is to be kept waiting."""
        now = time.monotonic()
        self._left = min(self._burst, self._left + (now - self._last) * self._rate) - 1.0
        self._last = now
        return max(0.0, -self._left / self._rate)
