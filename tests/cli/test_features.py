"""Encoders and features on the command line: what a user brings becomes a grid, and a grid an image."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ssldiff_core.cli import main
from ssldiff_core.embeddings.grid_files import read_grid
from tests.embeddings.test_features import CONTOURS, lattice, write_clam, write_trident


def run(line: str, capsys: pytest.CaptureFixture[str]) -> dict:
    assert main([*line.split(), "--json"]) == 0
    return json.loads(capsys.readouterr().out.strip().splitlines()[-1])


def test_tridents_features_become_a_grid_that_the_model_draws(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    coords = lattice(2, 3, 256)
    features = np.random.default_rng(0).normal(size=(6, 6)).astype(np.float32)
    write_trident(workplace / "slide.h5", coords, px=128, features=features, encoder="tiny-1")
    told = run("import-features slide.h5 --model tiny --scene-pixel-size 0.265um -o grid.h5", capsys)
    assert told["grids"][0]["pixel_size_m"] == pytest.approx(0.53e-6)
    assert told["grids"][0]["rows"] == 2
    run("edit grid.h5 --erase 0,0 -o edited.safetensors", capsys)
    made = run("generate edited.safetensors --model tiny --steps 2 --yes -o out.png", capsys)
    assert (made["width_px"], made["height_px"]) == (384, 256)


def test_each_contour_of_clam_is_written_to_a_file_of_its_own(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = "import-features both.h5 --coords patches.h5 --encoder tiny-1 --scene-pixel-size 0.25um --patch-px 256"
    write_clam(workplace, CONTOURS)
    assert main([*line.split(), "-o", "grid.npz"]) == 2  # eight numbers, and the encoder has six
    assert "hose of tiny-1 have 6" in capsys.readouterr().err
    import h5py

    with h5py.File("both.h5", "r+") as file:
        features = file["features"][:, :6]
        del file["features"]
        file["features"] = features
    told = run(f"{line} --patch-l0 512 -o grid.npz", capsys)
    assert [Path(grid["grid"]).name for grid in told["grids"]] == ["grid-1.npz", "grid-2.npz"]
    assert read_grid("grid-2.npz").geometry.origin_l0 == (9111, 2300)
    told = run(f"{line} --patch-l0 512 --one-lattice --tolerance 0.45 -o one.npz", capsys)
    assert told["shift_cells"] == pytest.approx(0.4141)
    assert len(told["grids"]) == 1


def test_a_bare_array_is_drawn_by_the_model_that_is_named(
    workplace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from safetensors.numpy import save_file

    save_file({"grid": np.ones((1, 2, 6), np.float32)}, workplace / "bare.safetensors")
    made = run("generate bare.safetensors --model tiny --steps 2 --yes -o out.png", capsys)
    assert made["width_px"] == 256
    monkeypatch.delenv("SSLDIFF_MODELS_DIR")  # with a folder of one model, that is the one
    assert main(["generate", "bare.safetensors", "-o", "out.png"]) == 2
    assert "--model" in capsys.readouterr().err


def test_the_table_names_every_model_and_encoder_and_how_to_get_it(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models"]) == 0
    text = capsys.readouterr().out
    tiny = next(line for line in text.splitlines() if line.startswith("tiny "))
    assert tiny.split()[1:] == ["nothing", "tiny-1", "128", "px", "0.5", "µm", "Apache-2.0", "yes"]
    assert "hf download MahmoodLab/UNI2-h pytorch_model.bin" in text
    facts = run("models", capsys)
    assert {"tiny-1", "uni2-h", "ctranspath"} <= {encoder["id"] for encoder in facts["encoders"]}
    assert all(entry["present"] or entry["how_to_get"] for entry in (*facts["models"], *facts["encoders"]))


def test_weights_of_an_encoder_come_from_the_file_that_is_named(
    workplace: Path, models_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = models_dir / "tiny" / "encoder.safetensors"
    line = "encode scene.png --scene-pixel-size 0.5um --pixel-size 0.5um"
    told = run(f"{line} --encoder tiny-1 --encoder-weights {weights} -o grid.safetensors", capsys)
    run(f"{line} --model tiny -o same.npz", capsys)
    assert read_grid("grid.safetensors") == read_grid("same.npz")
    assert told["encoder"] == "tiny-1"
    assert main([*line.split(), "--encoder", "dinov2-small", "--encoder-weights", str(weights), "-o", "no.npz"]) == 2
    assert "do not fit" in capsys.readouterr().err
    assert main([*line.split(), "--encoder", "virchow2", "-o", "no.npz"]) == 2
    assert "hf auth login" in capsys.readouterr().err
