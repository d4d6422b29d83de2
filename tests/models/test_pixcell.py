"""PixCell against the outputs of the published transformer at tiny size with random weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from ssldiff_core.diffusion.engines import ShiftedEngine, WindowedEngine
from ssldiff_core.diffusion.field import ConditioningField
from ssldiff_core.diffusion.guidance import Guidance
from ssldiff_core.diffusion.noise import PositionNoise
from ssldiff_core.diffusion.samplers import make_sampler
from ssldiff_core.diffusion.windows import Windows
from ssldiff_core.embeddings.grid import EmbeddingGrid
from ssldiff_core.errors import ModelError
from ssldiff_core.geometry import GridGeometry
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


@pytest.fixture(scope="module")
def small() -> PixCellDenoiser:
    """Windows of 16 latents over 4 × 4 cells of 4 latents each, embeddings of 8 numbers."""
    from diffusers import DDPMScheduler

    torch.manual_seed(0)
    network = PixCellTransformer2DModel(
        num_attention_heads=2, attention_head_dim=8, num_layers=2, cross_attention_dim=16, sample_size=16,
        caption_channels=8, caption_num_tokens=16,
    )  # fmt: skip
    torch.nn.init.normal_(network.null_embeddings)
    return PixCellDenoiser(network.eval(), DDPMScheduler(beta_start=1e-4, beta_end=0.02))


def make_field(cells: tuple[int, int], valid: np.ndarray | None = None, seed: int = 0) -> ConditioningField:
    vectors = np.random.default_rng(seed).normal(size=(*cells, 8)).astype(np.float32)
    valid = np.ones(cells, bool) if valid is None else valid
    return ConditioningField(EmbeddingGrid(vectors, valid, GridGeometry(cells, 5e-7, cell_px=32), "uni2-h"))


def draw(engine: WindowedEngine | ShiftedEngine, denoiser: PixCellDenoiser, field: ConditioningField) -> torch.Tensor:
    sampler = make_sampler("dpm++", 2, PositionNoise(3), denoiser.betas, denoiser.alphas_cumprod)
    *_, last = engine.run(denoiser, field, sampler, Guidance(1.5))
    return last.latents


def test_a_window_is_told_the_raw_cells_under_it_in_row_order(small: PixCellDenoiser) -> None:
    valid = np.ones((6, 5), bool)
    valid[1, 2] = False
    field = make_field((6, 5), valid)
    windows = Windows.covering((24, 20), 16, 4)
    context = small.embed(*windows.conditions(field, small.cells_per_window), 5e-7)
    for (row, col), told in zip(windows.origins, context, strict=True):
        under = torch.from_numpy(field.grid.vectors[row // 4 : row // 4 + 4, col // 4 : col // 4 + 4].copy())
        wanted = under.reshape(16, 8)
        if row // 4 <= 1 and col // 4 <= 2:
            place = (1 - row // 4) * 4 + 2 - col // 4
            wanted[place] = small.network.null_embeddings[place]
        assert torch.equal(told, wanted)


@pytest.mark.parametrize("engine", [WindowedEngine(8), ShiftedEngine(0)])
def test_windowed_and_shifted_draw_with_the_cells_under_each_window(small: PixCellDenoiser, engine) -> None:
    latents = draw(engine, small, make_field((6, 5)))
    assert latents.shape == (16, 24, 20)
    assert bool(latents.isfinite().all())
    assert not torch.equal(latents, draw(engine, small, make_field((6, 5), seed=1)))


def test_a_cell_reaches_no_window_that_is_not_above_it(small: PixCellDenoiser) -> None:
    field = make_field((4, 8))
    vectors = field.grid.vectors.copy()
    vectors[0, 0] += 5.0
    changed = ConditioningField(field.grid.with_vectors(vectors))
    first, second = (draw(WindowedEngine(16), small, told) for told in (field, changed))
    assert torch.equal(first[:, :, 16:], second[:, :, 16:])
    assert not torch.equal(first[:, :, :16], second[:, :, :16])
