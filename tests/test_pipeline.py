"""The pipeline in diffusers' manner: it draws what generate() draws, and a folder it wrote is a model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ssldiff_core.embeddings.grid import EmbeddingGrid
from ssldiff_core.errors import GridError, ModelError, SettingsError
from ssldiff_core.generate import generate
from ssldiff_core.geometry import GridGeometry
from ssldiff_core.models.catalogue import get_model_spec, load_model
from ssldiff_core.pipeline import SSLDiffPipeline
from ssldiff_core.settings import Settings
from tests.ui.tiny_models import DIM, write_tiny_models


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_models(tmp_path_factory.mktemp("models"))


@pytest.fixture
def pipe(folder: Path, monkeypatch: pytest.MonkeyPatch) -> SSLDiffPipeline:
    monkeypatch.setenv("SSLDIFF_MODELS_DIR", str(folder))
    pipe = SSLDiffPipeline.from_pretrained("tissue")
    pipe.set_progress_bar_config(disable=True)
    return pipe


@pytest.fixture(scope="module")
def grid() -> EmbeddingGrid:
    vectors = np.random.default_rng(0).normal(size=(2, 3, DIM)).astype(np.float32)
    return EmbeddingGrid(vectors, np.ones((2, 3), bool), GridGeometry((2, 3), 0.5e-6), "tissue-1")


def test_it_draws_what_generate_draws(pipe: SSLDiffPipeline, grid: EmbeddingGrid) -> None:
    import torch

    told = []
    out = pipe(
        grid, generator=torch.Generator().manual_seed(5), num_inference_steps=3,
        callback_on_step_end=lambda *step: told.append(step[1:3]), output_type="np",
    )  # fmt: skip
    *_, last = generate(
        grid, Settings(seed=5, steps=3), model=load_model("tissue", device="cpu", precision="float32")
    )  # fmt: skip
    np.testing.assert_array_equal(out.images[0], last.result.image)
    assert out.result.manifest.image_digest == last.result.manifest.image_digest
    assert told == [(1, 3), (2, 3), (3, 3)]
    (images,) = pipe(grid, seed=5, num_inference_steps=3, return_dict=False)
    np.testing.assert_array_equal(np.asarray(images[0]), out.images[0])


def test_what_it_saves_is_a_pipeline_and_a_model_folder(
    pipe: SSLDiffPipeline, grid: EmbeddingGrid, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    first = pipe(grid, num_inference_steps=2, output_type="np").images[0]
    pipe.save_pretrained(tmp_path / "mine")
    index = json.loads((tmp_path / "mine" / "model_index.json").read_text())
    assert index["_class_name"] == "SSLDiffPipeline"
    assert index["denoiser"][1] == "NativeDenoiser"
    again = SSLDiffPipeline.from_pretrained(tmp_path / "mine")
    again.set_progress_bar_config(disable=True)
    np.testing.assert_array_equal(again(grid, num_inference_steps=2, output_type="np").images[0], first)
    assert again.patch_encoder.id == "tissue-1"
    monkeypatch.setenv("SSLDIFF_MODELS_DIR", str(tmp_path))
    assert get_model_spec("tissue").folder == tmp_path / "mine"
    assert get_model_spec("tissue").digest == pipe.spec.digest
    half = SSLDiffPipeline.from_pretrained(tmp_path / "mine", torch_dtype=torch.float16)
    assert (half.denoiser.dtype, half.autoencoder.dtype) == (torch.float16, torch.float16)


def test_mistakes_are_told_in_sentences(
    pipe: SSLDiffPipeline, grid: EmbeddingGrid, folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(GridError, match="adapt"):
        pipe(EmbeddingGrid(grid.vectors, grid.valid, grid.geometry, "aerial-1"))
    with pytest.raises(SettingsError, match="colour"):
        pipe(grid, colour="blue")
    with pytest.raises(ModelError, match="not said what"):
        SSLDiffPipeline(pipe.autoencoder, pipe.denoiser)
    record = json.loads((folder / "tissue" / "model.json").read_text())
    (tmp_path / "model.json").write_text(json.dumps({**record, "family": "lrdm"}))
    with pytest.raises(ModelError, match="'lrdm'"):
        SSLDiffPipeline.from_pretrained(tmp_path)


def test_nothing_is_fetched_unless_asked_and_nothing_sent_offline(
    pipe: SSLDiffPipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub.constants

    with pytest.raises(ModelError, match="hf download somebody/a-model"):
        SSLDiffPipeline.from_pretrained("somebody/a-model")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match="hf download somebody/a-model"):
        SSLDiffPipeline.from_pretrained("somebody/a-model", local_files_only=False)
    with pytest.raises(ModelError, match="HF_HUB_OFFLINE"):
        pipe.push_to_hub("somebody/a-model")
