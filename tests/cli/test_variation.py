"""Variation, appearance and finishing on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ssldiff_core.cli import main
from ssldiff_core.provenance import Manifest

ENCODE = "encode scene.png --scene-pixel-size 0.5um --model tiny -o grid.npz"
GENERATE = "generate grid.npz --device cpu --yes"


def pixels(name: str) -> np.ndarray:
    with Image.open(name) as image:
        return np.asarray(image)


def run(line: str) -> int:
    return main(line.split())


@pytest.fixture
def grid(workplace: Path) -> Path:
    assert run(ENCODE) == 0
    return workplace / "grid.npz"


def test_a_variation_is_replayed_without_its_reference(grid: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(f"{GENERATE} --steps 4 --reference scene.png --strength 0.5 -o varied.png") == 0
    manifest = Manifest.load("varied.png.manifest.json")
    assert manifest.reference["strength"] == 0.5
    assert "scene.png" not in json.dumps(dict(manifest.reference))  # sources go by alias unless names are asked for
    Path("scene.png").unlink()
    capsys.readouterr()
    assert run("replay varied.png --verify --json") == 0
    assert json.loads(capsys.readouterr().out)["same"] is True


def test_a_result_is_a_reference_and_at_strength_1_it_is_forgotten(grid: Path) -> None:
    assert run(f"{GENERATE} --steps 2 --seed 5 -o one.ome.tif one.png") == 0
    for name in ("one.ome.tif", "one.png"):
        assert run(f"{GENERATE} --steps 2 --seed 5 --reference {name} --strength 1 -o two.png") == 0
        np.testing.assert_array_equal(pixels("two.png"), pixels("one.png"))


def test_finishing_draws_the_same_start_in_more_steps(grid: Path) -> None:
    assert run(f"{GENERATE} --steps 1 --seed 2 -o fast.png") == 0
    assert run("finish fast.png --steps 3") == 0
    assert run(f"{GENERATE} --steps 3 --seed 2 -o slow.png") == 0
    np.testing.assert_array_equal(pixels("fast.finished.png"), pixels("slow.png"))
    assert Manifest.load("fast.finished.png.manifest.json").parents == (Manifest.load("fast.png.manifest.json").digest,)


@pytest.mark.parametrize("where", ["grid", "both"])
def test_an_appearance_moves_the_grid(grid: Path, where: str, stained: Path) -> None:
    assert run(f"{GENERATE} --steps 1 -o plain.png") == 0
    assert run(f"{GENERATE} --steps 1 --appearance-from {stained} --appearance-in {where} -o other.png") == 0
    plain, other = (Manifest.load(f"{name}.png.manifest.json") for name in ("plain", "other"))
    assert other.source["appearance"]["source"]["name"].startswith("scene ")
    assert bool(other.appearance) == (where == "both")
    assert not np.array_equal(other.grid.vectors, plain.grid.vectors)


@pytest.fixture
def stained(workplace: Path) -> Path:
    """Two stains in random amounts, one of them in blobs."""
    rng = np.random.default_rng(4)
    density = rng.random((128, 128, 1)) * (0.6, 0.7, 0.3) + rng.random((128, 128, 1)) * (0.1, 0.9, 0.2)
    Image.fromarray(np.uint8(255 * np.exp(-density))).save(workplace / "stained.png")
    return workplace / "stained.png"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("--strength 0.5", "--reference IMAGE"),
        ("--reference scene.png --strength 2", "nearest is 1"),
        ("--reference small.png", "384 × 256 px"),
        ("--reference none.png", "none.png"),
        ("--appearance-in both", "--appearance-from IMAGE"),
        ("--appearance-from white.png", "more tissue"),
    ],
)
def test_a_mistake_is_told_before_anything_is_drawn(
    grid: Path, options: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (128, 128)).save("small.png")
    Image.new("RGB", (128, 128), "white").save("white.png")
    assert run(f"{GENERATE} {options} -o out.png") == 2
    assert told in capsys.readouterr().err
    assert not Path("out.png").exists()


def test_finishing_in_fewer_steps_is_a_mistake(grid: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(f"{GENERATE} --steps 2 -o out.png") == 0
    assert run("finish out.png --steps 2") == 2
    assert "more steps" in capsys.readouterr().err
