"""Work that several threads ask for at once, done by the first of them for all."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Once(Generic[Key, Value]):
    """Makes what is asked for under a key, once for all who ask while it is being made; it remembers nothing."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._making: dict[Key, Future[Value]] = {}

    def get(self, key: Key, make: Callable[[], Value]) -> Value:
        """What ``make`` gives, or gave to the thread that asked before; no other key waits for it.

        Raises:
            Exception: what ``make`` raises, in each thread that waits.
        """
        with self._lock:
            under_way = self._making.get(key)
            if under_way is None:
                mine = self._making[key] = Future()
        if under_way is not None:
            return under_way.result()
        try:
            value = make()
        except BaseException as error:
            mine.set_exception(error)
            raise
        else:
            mine.set_result(value)
            return value
        finally:
            with self._lock:
                del self._making[key]
