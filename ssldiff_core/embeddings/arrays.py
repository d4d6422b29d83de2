"""Arrays as frozen dataclasses hold them: that nobody can write to, and known by their digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

import numpy as np


def read_only(array: np.ndarray) -> np.ndarray:
    """The array itself where it is read-only and contiguous, else a read-only copy."""
    if not array.flags.writeable and array.flags.c_contiguous:
        return array
    own = np.array(array, order="C", copy=True)
    own.setflags(write=False)
    return own


def digest_array(array: np.ndarray) -> str:
    """sha256 (hex) of an array's shape, type and bytes."""
    return digest_bands(array.shape, str(array.dtype), (array,))


def digest_bands(shape: tuple[int, ...], dtype: str, bands: Iterable[np.ndarray]) -> str:
    """As :func:`digest_array`, of an array that comes in bands of rows."""
    sha = hashlib.sha256(json.dumps([list(shape), dtype]).encode())
    for band in bands:
        sha.update(np.ascontiguousarray(band).tobytes())
    return sha.hexdigest()
