"""Published weights made ready to draw with, by commands alone; figures of the authors' code come out again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from ssldiff_core.cli import main
from ssldiff_core.embeddings.grid import EmbeddingGrid
from ssldiff_core.geometry import GridGeometry
from tests.models.tiny_families import write_lrdm, write_pixcell


@pytest.fixture
def golden(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return shared / "golden"


def convert(golden: Path, folder: str, *more: str) -> int:
    files = [str(golden / "lrdm_patch" / name) for name in ("last.ckpt", "project.yaml")]
    return main(["convert", *files, "-o", folder, *more])


def test_a_checkpoint_becomes_a_model_of_the_catalogue(
    golden: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert convert(golden, "models/naip", "--encoder", "mine", "--pixel-size", "2um", "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["id"], facts["encoder"], facts["condition_dim"]) == ("naip", "mine", 24)
    assert facts["pixel_size_m"] == pytest.approx(2e-6)
    assert main(["models", "--models-dir", "models", "--json"]) == 0
    assert "naip" in capsys.readouterr().out
    assert {file.name for file in Path("models").iterdir()} == {"naip"}


def test_of_a_published_model_the_facts_follow_from_its_id(golden: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert convert(golden, "models/any", "--id", "brca-5x", "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["encoder"], facts["pixel_size_m"]) == ("ctranspath", 2e-6)


def test_what_cannot_be_converted_leaves_nothing(golden: Path, capsys: pytest.CaptureFixture[str]) -> None:
    patch, region = golden / "lrdm_patch", golden / "lrdm_region"
    Path("short.ckpt").write_bytes((patch / "last.ckpt").read_bytes()[:1000])
    Path("full").mkdir()
    Path("full/file").touch()
    for words, told in (
        ([patch / "last.ckpt", region / "project.yaml", "-o", "out"], "fit each other"),
        ([patch / "last.ckpt", "-o", "out"], "project.yaml"),
        (["short.ckpt", patch / "project.yaml", "-o", "out"], "Compare its size"),
        ([patch / "last.ckpt", patch / "project.yaml", "-o", "full"], "not empty"),
        ([patch / "last.ckpt", patch / "project.yaml", "-o", "out", "--id", "pixcell-256"], "family pixcell"),
        (["no/where", "-o", "out"], "hf download no/where"),
        ([patch, "-o", "out", "--autoencoder", str(patch)], "config.json"),
    ):
        assert main(["convert", *map(str, words)]) == 2, told
        assert told in capsys.readouterr().err
    assert {file.name for file in Path().iterdir()} == {"short.ckpt", "full"}


def test_pixcell_is_adopted_and_draws_in_windows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_pixcell(Path("PixCell"), cells=1)
    line = "convert PixCell -o models/pixcell-256 --encoder mine --autoencoder PixCell --json"
    assert main(line.split()) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["engine"], facts["cells_per_window"], facts["encoder"]) == ("windowed", 1, "mine")
    vectors = np.random.default_rng(0).normal(size=(1, 2, 12)).astype(np.float32)
    geometry = GridGeometry((1, 2), 0.5e-6, cell_px=256)
    EmbeddingGrid(vectors, np.ones((1, 2), bool), geometry, "mine").save("grid.npz")
    line = (
        "generate grid.npz --models-dir models --steps 2 --device cpu --precision float32 --save-latents l.safetensors"
    )
    assert main([*line.split(), "-o", "out.png"]) == 0
    (latents,) = load_file("l.safetensors").values()
    assert latents.shape[-3:] == (16, 32, 64)
    assert main(["generate", "grid.npz", "--models-dir", "models", "--engine", "dense", "-o", "dense.png"]) == 2
    assert "windowed, shifted, notebook" in capsys.readouterr().err


def test_a_bare_grid_is_drawn_by_the_only_model_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_lrdm(Path("models/tiny"))
    save_file({"grid": torch.randn(2, 3, 12)}, "grid.safetensors")
    line = "generate grid.safetensors --models-dir models --engine notebook --steps 2 --device cpu -o out.png --json"
    assert main(line.split()) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["model"], facts["width_px"], facts["height_px"]) == ("tiny", 192, 128)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["npz", "safetensors"])
def test_convert_and_generate_give_the_authors_latents(golden: Path, form: str) -> None:
    source = golden / "lrdm_patch" / "expected_2x2.safetensors"
    wanted = load_file(source)
    assert convert(golden, "models/golden", "--encoder", "golden") == 0
    if form == "npz":
        geometry = GridGeometry((2, 2), 0.5e-6, cell_px=256, latent_factor=4)
        source = Path("grid.npz")
        EmbeddingGrid(wanted["grid"].numpy(), np.ones((2, 2), bool), geometry, "golden").save(source)
    line = "--models-dir models --model golden --engine notebook --seed 4321 --save-latents latents.safetensors"
    assert main(["generate", str(source), *line.split(), "--device", "cpu", "-o", "out.png"]) == 0
    latents = next(iter(load_file("latents.safetensors").values())).reshape(3, 128, 128)
    difference = (latents - wanted["latent"][0]).norm() / wanted["latent"].norm()
    assert float(difference) <= 1e-3
    assert torch.isfinite(latents).all()
