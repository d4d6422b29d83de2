"""News of a document for every page that shows it: worker threads publish, WebSockets of the event loop receive."""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

Message = dict[str, object]
QUEUE_SIZE = 256


class Subscription:
    """One page's queue of messages. A page that reads too slowly loses the oldest: each tells the whole state."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._queue: asyncio.Queue[Message] = asyncio.Queue(QUEUE_SIZE)

    async def next(self) -> Message:
        return await self._queue.get()

    def put(self, message: Message) -> None:
        """Hand over a message from any thread."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._put, message)

    def _put(self, message: Message) -> None:
        if self._queue.full():
            self._queue.get_nowait()
        self._queue.put_nowait(message)


class Events:
    """Who listens to which document."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._subscriptions: defaultdict[str, set[Subscription]] = defaultdict(set)

    def publish(self, document_id: str, message: Message) -> None:
        with self._lock:
            listeners = list(self._subscriptions.get(document_id, ()))
        for listener in listeners:
            listener.put(message)

    @contextmanager
    def subscribe(self, document_id: str) -> Iterator[Subscription]:
        """A subscription for as long as the block runs; to be entered on the event loop."""
        subscription = Subscription(asyncio.get_running_loop())
        with self._lock:
            self._subscriptions[document_id].add(subscription)
        try:
            yield subscription
        finally:
            with self._lock:
                self._subscriptions[document_id].discard(subscription)
                if not self._subscriptions[document_id]:
                    del self._subscriptions[document_id]
