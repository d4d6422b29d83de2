"""Arrays that nobody can write to, as frozen dataclasses hold them."""

from __future__ import annotations

import numpy as np


def read_only(array: np.ndarray) -> np.ndarray:
    """The array itself where it is read-only and contiguous, else a read-only copy."""
    if not array.flags.writeable and array.flags.c_contiguous:
        return array
    own = np.array(array, order="C", copy=True)
    own.setflags(write=False)
    return own
