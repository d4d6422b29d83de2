"""From a scene to an image and back to the same image, by commands alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ssldiff_core.cli import main
from ssldiff_core.embeddings.grid import EmbeddingGrid
from ssldiff_core.provenance import Manifest

ENCODE = "encode scene.png --scene-pixel-size 0.5um --model tiny -o grid.npz"
GENERATE = "generate grid.npz --steps 2 --device cpu --yes -o out.png"


def pixels(name: str) -> np.ndarray:
    with Image.open(name) as image:
        return np.asarray(image)


def run(line: str) -> int:
    return main(line.split())


def test_a_replay_is_the_same_image_bit_for_bit(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(ENCODE) == 0
    assert run(f"{GENERATE} out.ome.tif --seed 3") == 0
    assert pixels("out.png").shape == (256, 384, 3)
    assert run("replay out.png.manifest.json") == 0
    assert run("replay out.ome.tif -o again.png") == 0
    for name in ("out.replay.png", "again.png"):
        np.testing.assert_array_equal(pixels(name), pixels("out.png"))
    capsys.readouterr()
    assert run("replay out.png --verify --json") == 0
    assert json.loads(capsys.readouterr().out)["same"] is True


def test_a_replay_that_differs_ends_with_1_and_says_why(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(ENCODE) == 0
    assert run(GENERATE) == 0
    record = json.loads((workplace / "out.png.manifest.json").read_text())
    record["image"]["digest"] = "0" * 64
    record["versions"]["torch"] = "1.0"
    (workplace / "changed.json").write_text(json.dumps(record))
    assert run("replay changed.json --verify") == 1
    assert "torch: 1.0 then" in capsys.readouterr().out


def test_other_weights_are_no_replay(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(ENCODE) == 0
    assert run(GENERATE) == 0
    record = json.loads((workplace / "out.png.manifest.json").read_text())
    record["model"]["digest"] = "0" * 64
    (workplace / "changed.json").write_text(json.dumps(record))
    assert run("replay changed.json --verify") == 2
    assert "weights" in capsys.readouterr().err


def test_an_edit_changes_the_image_and_its_manifest(workplace: Path) -> None:
    assert run(ENCODE) == 0
    assert run("palette grid.npz --scene scene.png --scene-pixel-size 0.5um -n 2 -o palette.npz") == 0
    assert run("edit grid.npz --palette palette.npz --paint 0,0,2,2:B:mean --erase 1,2 -o edited.npz") == 0
    assert run(GENERATE) == 0
    assert run("generate edited.npz --steps 2 --device cpu --yes -o edited.png") == 0
    assert (pixels("edited.png") != pixels("out.png")).any()
    manifest = Manifest.load("edited.png.manifest.json")
    assert [edit["kind"] for edit in manifest.source["edits"]] == ["paint", "erase"]
    assert manifest.grid == EmbeddingGrid.load("edited.npz")
    assert manifest.settings["steps"] == 2


def test_a_grid_unlike_the_training_images_is_drawn_only_on_request(
    workplace: Path, models_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(models_dir, "models")
    description = Path("models/tiny/encoder.json")
    facts = json.loads(description.read_text())
    facts["quantiles"]["distances"] = dict.fromkeys(facts["quantiles"]["distances"], 0.0)  # nothing is that near
    description.write_text(json.dumps(facts))
    monkeypatch.setenv("SSLDIFF_MODELS_DIR", str(workplace / "models"))
    assert run(ENCODE) == 0
    assert run("generate grid.npz --steps 1 --device cpu -o out.png") == 2
    assert "100 % of the cells are unlike" in capsys.readouterr().err
    assert not Path("out.png").exists()
    assert run("generate grid.npz --steps 1 --device cpu -o out.png --yes") == 0


def test_check_reports_what_it_used(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check --model tiny --steps 1 --device cpu --precision float32 --json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["device"] == "cpu"
    assert facts["precision"] == "float32"
    assert facts["threads"] >= 1
    assert facts["peak_memory_mib"] > 0
    assert facts["seconds_expected_1024"] > 0


def test_the_catalogue_is_listed(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("models --json") == 0
    assert "tiny" in [model["id"] for model in json.loads(capsys.readouterr().out)["models"]]


def test_an_unscaled_scene_asks_for_its_pixel_size(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("encode scene.png --model tiny -o grid.npz") == 2
    assert "--scene-pixel-size" in capsys.readouterr().err
