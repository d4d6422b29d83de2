"""Laws of the position noise."""

from __future__ import annotations

import numpy as np
import pytest

from ssldiff_core.diffusion.noise import PositionNoise, philox4x32
from ssldiff_core.errors import SettingsError


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((2**32 - 1,) * 4, (2**32 - 1,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_philox_gives_the_random123_vectors(counter, key, expected):
    words = philox4x32(tuple(np.array([word], np.uint64) for word in counter), key)
    assert tuple(int(word[0]) for word in words) == expected


def test_noise_of_a_crop_is_the_crop_of_the_noise():
    noise = PositionNoise(seed=2**40 + 3)
    whole = noise.crop(-5, -7, 40, 33, 8)
    assert np.array_equal(noise.crop(4, -2, 11, 9, 8), whole[:, 9:20, 5:14])


def test_noise_is_standard_normal_and_uncorrelated_between_channels():
    values = PositionNoise(1).crop(0, 0, 128, 128, 8).reshape(8, -1).astype(np.float64)
    assert np.allclose(values.mean(1), 0, atol=0.04)
    assert np.allclose(np.cov(values), np.eye(8), atol=0.05)
    assert abs((values**4).mean() - 3) < 0.15


def test_seeds_and_streams_give_different_noise():
    base = PositionNoise(1).crop(0, 0, 4, 4, 4)
    assert not np.array_equal(base, PositionNoise(2).crop(0, 0, 4, 4, 4))
    assert not np.array_equal(base, PositionNoise(1, stream=1).crop(0, 0, 4, 4, 4))


def test_a_negative_seed_is_refused():
    with pytest.raises(SettingsError, match="seed"):
        PositionNoise(-1)
