"""How much memory a network call takes, measured as it runs, how many windows fit a budget, and pages that are kept."""

from __future__ import annotations

import ctypes
import sys
import weakref
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

MAX_BATCH = 64
"""More windows in one call gain nothing."""


class _LiveBytes(TorchDispatchMode):
    """Bytes of tensors alive at once, made while it is active, on any device."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = 0
        self.known: set[int] = set()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        made = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(made):
            if isinstance(tensor, Tensor):
                self._count(tensor.untyped_storage())
        return made

    def _count(self, storage: torch.UntypedStorage) -> None:
        key = storage._cdata
        if key in self.known:
            return
        self.known.add(key)
        self.now += storage.nbytes()
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._forget, key, storage.nbytes())

    def _forget(self, key: int, size: int) -> None:
        self.known.discard(key)
        self.now -= size


def measure_bytes(call: Callable[[], Any]) -> int:
    """The most bytes that tensors made by ``call`` occupy at once; what a kernel borrows for itself is not seen."""
    with _LiveBytes() as live:
        call()
    peak: int = live.peak
    return peak


def windows_within(budget_bytes: int, window_bytes: int) -> int:
    """How many windows a network call may take, 1 … :data:`MAX_BATCH`."""
    return min(max(1, budget_bytes // max(1, window_bytes)), MAX_BATCH)


_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_KEPT_BYTES = 2**30


@cache
def keep_freed_pages() -> bool:
    """Let glibc keep the memory of freed tensors instead of giving it back to the system; True where it does.

    It maps every tensor above 32 MiB anew, and the system fills its pages with zeros: of a canvas of 4096 px more than
    a quarter of the time went there, at 1024 px a twentieth. Freed memory stays with the process, so a streamed run,
    whose memory is to be flat, does not ask for it. Where there is no glibc nothing happens.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and all(
        mallopt(option, _KEPT_BYTES) == 1 for option in (_M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD)
    )
