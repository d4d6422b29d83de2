"""What an operator watches: counts of requests, strokes, pages and jobs, disk and memory, as Prometheus reads it."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

import psutil

if TYPE_CHECKING:
    from .workspace import Workspace

log = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Metrics:
    """Counters of a running server; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: defaultdict[tuple[str, int], int] = defaultdict(int)
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self.strokes = 0
        self.refused_strokes = 0
        self.sockets = 0

    def count_request(self, route: str, status: int, seconds: float) -> None:
        with self._lock:
            self._requests[route, status // 100] += 1
            self._seconds[route] += seconds

    def count_stroke(self, accepted: bool) -> None:
        with self._lock:
            self.strokes += accepted
            self.refused_strokes += not accepted

    def open_socket(self, change: int) -> int:
        """Count a page that comes (1) or goes (-1); returns how many are open."""
        with self._lock:
            self.sockets += change
            return self.sockets

    def lines(self, workspace: Workspace) -> list[str]:
        """All figures in Prometheus' text format."""
        with self._lock:
            requests, seconds = dict(self._requests), dict(self._seconds)
            found: list[tuple[str, str, float]] = [
                ("ssldiff_strokes_total", "", self.strokes),
                ("ssldiff_strokes_refused_total", "", self.refused_strokes),
                ("ssldiff_pages_open", "", self.sockets),
            ]
        found += [
            ("ssldiff_requests_total", f'{{route="{r}",status="{s}xx"}}', n) for (r, s), n in sorted(requests.items())
        ]
        found += [("ssldiff_request_seconds_total", f'{{route="{r}"}}', v) for r, v in sorted(seconds.items())]
        found += [
            ("ssldiff_jobs", f'{{state="{state}"}}', n) for state, n in sorted(workspace.jobs.count_states().items())
        ]
        found += [
            ("ssldiff_disk_free_bytes", "", shutil.disk_usage(workspace.config.data_dir).free),
            ("ssldiff_memory_bytes", "", psutil.Process().memory_info().rss),
        ]
        return [f"{name}{labels} {value:.10g}" for name, labels, value in found]


class Watch:
    """An ASGI app around another: counts and times requests by route, never by address, and logs them."""

    def __init__(self, app: App, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            seconds = time.perf_counter() - began
            route = getattr(scope.get("route"), "path", "") or "other"
            self._metrics.count_request(route, status, seconds)
            facts = {"method": scope["method"], "route": route, "status": status, "ms": round(seconds * 1000, 1)}
            log.info("%(method)s %(route)s %(status)s", facts, extra=facts)
