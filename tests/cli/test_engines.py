"""The engines' options on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from ssldiff_core import Manifest
from ssldiff_core.cli import main


@pytest.fixture
def grid(workplace: Path) -> str:
    assert main(["encode", "scene.png", "--scene-pixel-size", "0.5um", "-o", "grid.npz", "-q"]) == 0
    return "grid.npz"


def test_engine_options_reach_the_run_and_a_replay_is_the_same(grid: str) -> None:
    options = "--engine windowed --solver flow --stride 64 --blending uniform --guidance-interval 0.2,0.8 --memory 7"
    assert main(["generate", grid, "-o", "out.png", "--yes", "-q", "--steps", "2", *options.split()]) == 0
    used = Manifest.load(Path("out.png.manifest.json")).settings
    names = ("engine", "solver", "stride_px", "blending", "guidance_interval", "memory_mib")
    assert [used[name] for name in names] == ["windowed", "flow", 64, "uniform", [0.2, 0.8], 7]
    assert main(["replay", "out.png.manifest.json", "--verify", "-q"]) == 0


def test_the_notebook_has_its_fifty_steps_unless_asked_otherwise(grid: str) -> None:
    for options, steps in ((["--steps", "3"], 3), ([], 50)):
        assert main(["generate", grid, "-o", "out.png", "--yes", "-q", "--engine", "notebook", *options]) == 0
        assert Manifest.load(Path("out.png.manifest.json")).settings["steps"] == steps


def test_latents_are_saved_with_what_made_them(grid: str) -> None:
    arguments = ["generate", grid, "-o", "out.png", "--yes", "-q", "--steps", "2"]
    assert main([*arguments, "--save-latents", "out.safetensors"]) == 0
    with safe_open("out.safetensors", "pt") as file:
        latents, facts = file.get_tensor("latents"), file.metadata()
    assert latents.shape == (4, 32, 48)
    assert latents.dtype == torch.float32
    assert latents.std() > 0
    assert facts["synthetic"] == "true"
    beside = json.loads(Path("out.png.manifest.json").read_text())
    assert json.loads(facts["manifest"])["image"] == beside["image"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--engine", "warp"], "shifted"), (["--stride", "100", "--engine", "windowed"], "latent"),
        (["--guidance-interval", "0.5"], "LOW,HIGH"), (["--save-latents", "out.png"], ".safetensors"),
        (["--engine", "dense", "--solver", "unipc"], "dpm"),
    ],
)  # fmt: skip
def test_a_mistaken_option_is_told(grid: str, options, said, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["generate", grid, "-o", "out.png", "--yes", "-q", *options]) == 2
    assert said in capsys.readouterr().err
    assert not Path("out.png").exists()
