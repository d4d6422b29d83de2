"""PixCell against the outputs of the published transformer at tiny size with random weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from ssldiff_core.errors import ModelError
from ssldiff_core.models.pixcell import PixCellDenoiser, PixCellTransformer2DModel


@pytest.fixture(scope="module", params=["pixcell_256", "pixcell_1024"])
def golden(request: pytest.FixtureRequest, shared: Path) -> Path:
    return shared / "golden" / request.param


@pytest.fixture(scope="module")
def expected(golden: Path) -> dict[str, torch.Tensor]:
    return load_file(golden / "expected.safetensors")


@pytest.fixture(scope="module")
def denoiser(golden: Path) -> PixCellDenoiser:
    from diffusers import DDPMScheduler

    return PixCellDenoiser(PixCellTransformer2DModel.from_pretrained(golden).eval(), DDPMScheduler())


def difference(found: torch.Tensor, wanted: torch.Tensor) -> float:
    assert found.shape == wanted.shape
    return float((found - wanted).abs().max())


def test_every_weight_has_its_place(golden: Path) -> None:
    _, facts = PixCellTransformer2DModel.from_pretrained(golden, output_loading_info=True)
    assert not any(facts.values())


def test_the_network_is_the_published_one(denoiser: PixCellDenoiser, expected) -> None:
    count = len(expected["latents"])
    with torch.inference_mode():
        output = denoiser.network(expected["latents"], expected["timestep"][:count], expected["embeddings"][:count])
    assert difference(output, expected["output"]) <= 1e-5


def test_the_learned_variance_is_dropped(denoiser: PixCellDenoiser, expected) -> None:
    vectors = expected["embeddings"][:1]
    context = denoiser.embed(vectors, torch.ones(vectors.shape[:2], dtype=torch.bool))
    noise = denoiser.predict_noise(expected["latents"][:1], int(expected["timestep"][0]), context)
    assert difference(noise, expected["output"][:1, :16]) <= 1e-5


def test_the_null_condition_is_the_stored_one(denoiser: PixCellDenoiser, expected) -> None:
    vectors = expected["embeddings"][:1]
    nothing = denoiser.embed(vectors, torch.zeros(vectors.shape[:2], dtype=torch.bool))
    assert torch.equal(nothing[0], expected["uncond_embedding"])
    noise = denoiser.predict_noise(expected["latents"][:1], int(expected["timestep"][0]), nothing)
    assert difference(noise, expected["output_uncond"][:1, :16]) <= 1e-5


def test_a_cell_without_embedding_carries_the_null_of_its_place(shared: Path) -> None:
    network = PixCellTransformer2DModel.from_pretrained(shared / "golden" / "pixcell_1024")
    from diffusers import DDPMScheduler

    denoiser = PixCellDenoiser(network, DDPMScheduler())
    vectors, valid = torch.randn(1, 16, 48), torch.ones(1, 16, dtype=torch.bool)
    valid[0, 5] = False
    context = denoiser.embed(vectors, valid)
    assert torch.equal(context[0, 5], network.null_embeddings[5])
    assert torch.equal(context[0, 6], vectors[0, 6])


def test_a_context_of_the_wrong_width_is_refused(denoiser: PixCellDenoiser) -> None:
    tokens = denoiser.cells_per_window**2
    with pytest.raises(ModelError, match="of 47 numbers"):
        denoiser.embed(torch.zeros(1, tokens, 47), torch.ones(1, tokens, dtype=torch.bool))
    with pytest.raises(ModelError, match="context"):
        denoiser.predict_noise(torch.zeros(1, 16, 8, 8), 1, torch.zeros(1, tokens, 47))
