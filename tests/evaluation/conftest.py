"""Folders of pictures: noise of two colours, enough for the laws of distances."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def write_pictures(folder: Path, count: int, *, mean: int = 120, side: int = 64, seed: int = 0) -> Path:
    """``count`` pictures of smooth noise about a brightness; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(seed)
    for index in range(count):
        coarse = generator.normal(mean, 25, (4, 4, 3)).clip(0, 255).astype(np.uint8)
        Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC).save(folder / f"{index:03}.png")
    return folder


@pytest.fixture
def pictures(tmp_path):
    """``real`` and ``generated``, 24 pictures of 64 px each, the generated ones brighter."""
    write_pictures(tmp_path / "real", 24)
    write_pictures(tmp_path / "generated", 24, mean=140, seed=1)
    return tmp_path
