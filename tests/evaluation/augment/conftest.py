"""A tiny data set, and the tiny model that varies it."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.conftest import models_dir as models_dir  # the model ``tiny``, built once


@pytest.fixture
def patches(models_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """``set/`` with the classes ``dark`` (3 images of 128 px), ``light`` (2, of 100 px) and ``alone`` (1)."""
    monkeypatch.setenv("SSLDIFF_MODELS_DIR", str(models_dir))
    monkeypatch.chdir(tmp_path)
    generator = np.random.default_rng(0)
    for label, count, low, side in (("dark", 3, 0, 128), ("light", 2, 150, 100), ("alone", 1, 80, 128)):
        folder = tmp_path / "set" / label
        folder.mkdir(parents=True)
        for number in range(count):
            pixels = generator.integers(low, low + 100, (side, side, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"{number}.png")
    return tmp_path / "set"


@pytest.fixture
def student(patches: Path, models_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The model ``tiny`` has a student, with random weights of its own."""
    import torch

    from ssldiff_core.models.native import NativeDenoiser

    root = shutil.copytree(models_dir, tmp_path / "models")
    torch.manual_seed(1)
    NativeDenoiser(4, 6, (16, 24), (16, 24), (1, 2, 1), 16).save_pretrained(root / "tiny" / "student")
    monkeypatch.setenv("SSLDIFF_MODELS_DIR", str(root))
