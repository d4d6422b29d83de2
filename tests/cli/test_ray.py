"""Encoding and augmentation on a Ray cluster whose worker is killed in the middle: what one process makes."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from ssldiff_core.cli import main
from ssldiff_core.embeddings.grid import EmbeddingGrid
from tests.conftest import TREE

ENCODE = (
    "encode scene.png --scene-pixel-size 0.5um --model tiny --device cpu --region {x},0,256,256 -o {folder}/{x}.npz"
)
AUGMENT = "augment set -o {folder}/more --pixel-size 0.5um --model tiny --steps 2 --device cpu --shard {part}/3"


def write_list(name: str) -> Path:
    """Eight encodings and an augmentation in three parts, all into a folder of that name."""
    folder = Path(name)
    folder.mkdir()
    lines = [ENCODE.format(x=16 * k, folder=folder) for k in range(8)]
    lines[2:2] = [AUGMENT.format(part=part, folder=folder) for part in (1, 2, 3)]
    path = Path(f"{name}.txt")
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def kill_one_at_work(parent: int, alive: subprocess.Popen[str]) -> None:
    """Kill the first worker that is at a task; a worker says so in its title."""
    deadline = time.monotonic() + 400
    while time.monotonic() < deadline and alive.poll() is None:
        for process in psutil.Process(parent).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if "_run_there" in "".join(process.cmdline()):
                    process.kill()
                    return
    pytest.fail("no worker was seen at a task")


def drawn(folder: str) -> dict[str, str]:
    """Files of an augmentation and their digests."""
    rows: dict[str, str] = {}
    for table in Path(folder, "more").rglob("*.csv"):
        with table.open(newline="") as file:
            rows |= {row["file"]: row["sha256"] for row in csv.DictReader(file) if row.get("file")}
    return rows


@pytest.mark.slow
def test_a_cluster_that_loses_a_worker_encodes_and_augments_what_one_process_does(workplace: Path) -> None:
    pytest.importorskip("ray")
    rng = np.random.default_rng(0)
    for label in ("bone", "glass"):
        Path("set", label).mkdir(parents=True)
        for k in range(3):
            Image.fromarray(rng.integers(0, 256, (128, 128, 3), dtype=np.uint8)).save(f"set/{label}/{k}.png")
    assert main(["batch", str(write_list("alone")), "-o", "done-alone"]) == 0

    words = [sys.executable, "-m", "ssldiff_core.cli", "batch", str(write_list("spread")), "-o", "done", "--ray"]
    environment = {**os.environ, "PYTHONPATH": str(TREE)}
    with subprocess.Popen(
        [*words, "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as parent:
        kill_one_at_work(parent.pid, parent)
        said, told = parent.communicate(timeout=500)
    assert json.loads(said) == {"items": 11, "done": 11, "failed": []}, told
    for x in range(0, 128, 16):
        alone, spread = (EmbeddingGrid.load(Path(folder, f"{x}.npz")) for folder in ("alone", "spread"))
        assert alone.digest == spread.digest
    assert drawn("alone")
    assert drawn("alone") == drawn("spread")
