"""Noise that belongs to positions: a counter-based random field over the latent frame.

``PositionNoise(seed)`` gives the same numbers at the same place whatever crop is asked for, in whatever order, on any
machine. Philox4x32-10 (Salmon et al. 2011, the Random123 vectors): key = seed, counter = (row, column, channel block,
stream); four 32-bit words become four normals by Box-Muller in float64.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import SettingsError

_MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_WEYL = (np.uint64(0x9E3779B9), np.uint64(0xBB67AE85))
_LOW = np.uint64(0xFFFFFFFF)
_SHIFT = np.uint64(32)
_ROUNDS = 10

Words = NDArray[np.uint64]


class NoiseSource(Protocol):
    """Standard normal noise for a block of latents."""

    def crop(self, row_lat: int, col_lat: int, height: int, width: int, channels: int) -> NDArray[np.float32]:
        """(channels, height, width) float32."""


def philox4x32(counter: tuple[Words, Words, Words, Words], key: tuple[int, int]) -> tuple[Words, Words, Words, Words]:
    """Philox4x32-10 on arrays of 32-bit words held in uint64; the arrays broadcast against each other."""
    c0, c1, c2, c3 = counter
    k0, k1 = np.uint64(key[0]), np.uint64(key[1])
    for _ in range(_ROUNDS):
        product0, product1 = _MULTIPLIERS[0] * c0, _MULTIPLIERS[1] * c2
        c0, c1, c2, c3 = (
            (product1 >> _SHIFT) ^ c1 ^ k0,
            product1 & _LOW,
            (product0 >> _SHIFT) ^ c3 ^ k1,
            product0 & _LOW,
        )
        k0, k1 = (k0 + _WEYL[0]) & _LOW, (k1 + _WEYL[1]) & _LOW
    return c0, c1, c2, c3


def _normals(first: Words, second: Words) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Box-Muller: two words in [0, 2**32) -> two independent standard normals."""
    uniform = (first.astype(np.float64) + 0.5) * 2.0**-32
    angle = (second.astype(np.float64) + 0.5) * (2.0 * np.pi * 2.0**-32)
    radius = np.sqrt(-2.0 * np.log(uniform))
    return radius * np.cos(angle), radius * np.sin(angle)


@dataclass(frozen=True)
class PositionNoise:
    """Standard normal noise as a function of position.

    Args:
        seed: 0 ≤ seed < 2**64.
        stream: tells apart independent fields of one seed (0 the start of a run; further ones for stochastic steps).
    """

    seed: int
    stream: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.seed < 2**64:
            raise SettingsError(f"use the seed {self.seed}", "it lies outside 0 … 2^64 - 1", "", "Use 0 or more")

    def crop(self, row_lat: int, col_lat: int, height: int, width: int, channels: int) -> NDArray[np.float32]:
        """Noise (channels, height, width) float32 for the block whose top-left latent is (row_lat, col_lat).

        Positions may be negative: a canvas grows in any direction.
        """
        rows = (np.arange(row_lat, row_lat + height) % 2**32).astype(np.uint64)[None, :, None]
        cols = (np.arange(col_lat, col_lat + width) % 2**32).astype(np.uint64)[None, None, :]
        blocks = np.arange(-(-channels // 4)).astype(np.uint64)[:, None, None]
        words = philox4x32(
            (rows, cols, blocks, np.full((1, 1, 1), self.stream, np.uint64)), (self.seed % 2**32, self.seed // 2**32)
        )
        pairs = (*_normals(words[0], words[1]), *_normals(words[2], words[3]))
        shape = (len(blocks), height, width)
        stacked = np.stack([np.broadcast_to(part, shape) for part in pairs], axis=1)
        return stacked.reshape(4 * len(blocks), height, width)[:channels].astype(np.float32)
