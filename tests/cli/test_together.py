"""One image by several processes, by the command that draws it alone."""

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
from tests.browser.conftest import free_port
from tests.conftest import TREE


@pytest.mark.slow
def test_torchrun_draws_the_image_of_one_process(workplace: Path) -> None:
    assert main(["encode", "scene.png", "--scene-pixel-size", "0.5um", "--model", "tiny", "-o", "grid.npz"]) == 0
    options = ["generate", "grid.npz", "--steps", "2", "--device", "cpu", "--precision", "float32", "--yes"]
    options += ["--seed", "3", "--json"]
    assert main([*options, "-o", "alone.png"]) == 0
    words = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "--no-python"]
    line = [sys.executable, "-m", "ssldiff_core.cli", *options, "-o", "together.png"]
    environment = {**os.environ, "PYTHONPATH": str(TREE)}
    done = subprocess.run([*words, *line], capture_output=True, text=True, check=False, env=environment, timeout=900)
    assert done.returncode == 0, done.stderr[-3000:]
    facts = json.loads(next(said for said in done.stdout.splitlines() if said.startswith("{")))
    assert (facts["processes"], facts["width_px"], facts["height_px"]) == (2, 384, 256)
    assert facts["bytes_sent"] > 0
    alone, together = (np.asarray(Image.open(name)).astype(int) for name in ("alone.png", "together.png"))
    assert np.abs(alone - together).max() <= 1
    assert sorted(path.name for path in Path().glob(".together*")) == []


def launch(line: list[str], port: int) -> list[subprocess.Popen[str]]:
    """Two processes that draw together, launched as a cluster's scheduler does it."""
    places = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2", "PYTHONPATH": str(TREE)}
    return [
        subprocess.Popen(
            [sys.executable, "-m", "ssldiff_core.cli", *line], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, env={**os.environ, **places, "RANK": str(rank), "LOCAL_RANK": str(rank), "OMP_NUM_THREADS": "1"},
        )
        for rank in (0, 1)
    ]  # fmt: skip


@pytest.mark.slow
def test_a_killed_process_is_named_by_the_other_and_the_same_command_goes_on(workplace: Path) -> None:
    assert main(["encode", "scene.png", "--scene-pixel-size", "0.5um", "--model", "tiny", "-o", "grid.npz"]) == 0
    options = ["generate", "grid.npz", "--steps", "300", "--device", "cpu", "--precision", "float32", "--yes", "--json"]
    together = [*options, "-o", "together.png"]
    first, second = launch(together, free_port())
    deadline = time.monotonic() + 300
    while not list(Path().glob(".together.png.together/steps-*/band-1-of-2-??.safetensors")):
        assert time.monotonic() < deadline
        assert first.poll() is None
        time.sleep(0.01)
    second.kill()
    killed = time.monotonic()
    told = first.communicate(timeout=120)[1]
    second.communicate()
    assert first.returncode == 2
    assert time.monotonic() - killed < 60
    assert "process 1 is gone" in told
    assert "give the same command again" in told

    first, second = launch(together, free_port())
    said, told = first.communicate(timeout=300)
    second.communicate(timeout=60)
    assert (first.returncode, second.returncode) == (0, 0), told
    assert 10 <= json.loads(said)["resumed_after_step"] < 300
    assert main([*options, "-o", "alone.png"]) == 0
    alone, image = (np.asarray(Image.open(name)).astype(int) for name in ("alone.png", "together.png"))
    assert np.abs(alone - image).max() <= 1
    assert not Path(".together.png.together").exists()


def test_what_one_process_alone_can_do_is_refused_in_several(
    workplace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "0")
    assert main(["encode", "scene.png", "--scene-pixel-size", "0.5um", "--model", "tiny", "-o", "grid.npz"]) == 0
    assert main(["generate", "grid.npz", "--yes", "-o", "a.png", "--save-latents", "l.safetensors"]) == 2
    assert "one process alone can do that" in capsys.readouterr().err
