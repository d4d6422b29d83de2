"""An encoding that is killed goes on when the command is given again, to the same grid."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ssldiff_core.cli import main
from ssldiff_core.embeddings.grid import EmbeddingGrid
from tests.conftest import TREE

OPTIONS = ["--scene-pixel-size", "0.5um", "--model", "tiny", "--device", "cpu", "--workers", "0"]


def blocks_done(folder: Path) -> int:
    """How many blocks a run in the making has kept."""
    try:
        return int((np.load(folder / "marks.npy") != 0).sum())
    except (OSError, ValueError):
        return 0


@pytest.mark.slow
def test_a_killed_encoding_goes_on_to_the_same_grid(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    y, x = np.mgrid[0:5120, 0:5120].astype(np.float32)
    waves = np.stack([128 + 90 * np.sin(x / 61), 128 + 90 * np.cos(y / 47), 128 + 60 * np.sin((x + y) / 83)], axis=-1)
    Image.fromarray(waves.astype(np.uint8)).save("large.png")
    words = [sys.executable, "-m", "ssldiff_core.cli", "encode", "large.png", *OPTIONS, "-o", "grid.npz", "--quiet"]
    kept = Path(".grid.npz.encoding")
    with subprocess.Popen(words, env={**os.environ, "PYTHONPATH": str(TREE)}) as process:
        deadline = time.monotonic() + 300
        while blocks_done(kept) < 4 and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        process.kill()
    done = blocks_done(kept)
    assert 4 <= done < 25
    assert not Path("grid.npz").exists()

    assert main(["encode", "large.png", *OPTIONS, "-o", "grid.npz", "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert not kept.exists()
    assert main(["encode", "large.png", *OPTIONS, "-o", "whole.npz", "--quiet"]) == 0
    assert again["digest"] == EmbeddingGrid.load("whole.npz").digest
