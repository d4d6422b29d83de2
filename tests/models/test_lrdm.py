"""The paper's family against the outputs of the authors' code on tiny checkpoints with random weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file

from ssldiff_core.diffusion.field import interpolate_field
from ssldiff_core.errors import ModelError
from ssldiff_core.models.checkpoint import read_checkpoint
from ssldiff_core.models.lrdm import LRDM
from ssldiff_core.models.lrdm_conversion import convert_lrdm

CELL_LAT = 64


@pytest.fixture(scope="module", params=["lrdm_patch", "lrdm_region"])
def golden(request: pytest.FixtureRequest, shared: Path) -> Path:
    return shared / "golden" / request.param


@pytest.fixture(scope="module")
def model(golden: Path) -> LRDM:
    return convert_lrdm(golden / "last.ckpt", golden / "project.yaml")


@pytest.fixture(scope="module")
def expected(golden: Path) -> dict[str, torch.Tensor]:
    return load_file(golden / "expected.safetensors")


def difference(found: torch.Tensor, wanted: torch.Tensor) -> float:
    assert found.shape == wanted.shape
    return float((found - wanted).abs().max())


def test_the_network_is_the_authors(model: LRDM, expected) -> None:
    context = model.denoiser().embed(expected["embedding"], torch.ones(2, dtype=torch.bool))
    assert difference(context, expected["context"]) <= 1e-6
    with torch.inference_mode():
        noise = model.unet(expected["unet_x"], expected["unet_t"], encoder_hidden_states=context).sample
    assert difference(noise, expected["unet_out"]) <= 1e-5
    for row, timestep in enumerate(expected["unet_t"].tolist()):
        one = model.denoiser().predict_noise(expected["unet_x"][row : row + 1], int(timestep), context[row : row + 1])
        assert difference(one[0], expected["unet_out"][row]) <= 1e-5


def test_the_autoencoder_is_the_authors(model: LRDM, expected) -> None:
    autoencoder = model.autoencoder()
    assert autoencoder.factor == 4
    assert difference(autoencoder.encode(expected["vq_image"]), expected["vq_latent"]) <= 1e-4
    assert difference(autoencoder.decode(expected["vq_latent"]), expected["vq_decoded"]) <= 1e-4


def test_the_field_at_a_windows_centre_is_the_authors_interpolation(model: LRDM, expected) -> None:
    vectors = expected["grid"].numpy()
    valid = np.ones(vectors.shape[:2], bool)
    denoiser = model.denoiser()
    for (row, col), wanted in zip(expected["field_points"].tolist(), expected["field_context"], strict=True):
        condition, holds = interpolate_field(vectors, valid, np.array([row / CELL_LAT]), np.array([col / CELL_LAT]))
        context = denoiser.embed(torch.from_numpy(condition[0]), torch.from_numpy(holds[0]))
        assert difference(context[0], wanted) <= 1e-6


def test_the_null_condition_is_the_bias(model: LRDM, expected) -> None:
    null = model.denoiser().embed(expected["embedding"][:1], torch.zeros(1, dtype=torch.bool))
    assert difference(null, expected["null_context"]) <= 1e-6
    assert torch.equal(null[0, 0], model.embedder.patch_fc.bias)


def test_the_schedule_is_the_authors(model: LRDM, golden: Path) -> None:
    weights = read_checkpoint(golden / "last.ckpt")
    denoiser = model.denoiser()
    assert torch.allclose(denoiser.betas.float(), weights["betas"], rtol=1e-6, atol=0)
    assert torch.allclose(denoiser.alphas_cumprod.float(), weights["alphas_cumprod"], rtol=2e-6, atol=0)


def test_what_is_saved_is_loaded_again(model: LRDM, tmp_path: Path) -> None:
    model.save(tmp_path)
    again = LRDM.load(tmp_path)
    for part in ("unet", "vq", "embedder"):
        first, second = getattr(model, part).state_dict(), getattr(again, part).state_dict()
        assert first.keys() == second.keys()
        assert all(torch.equal(first[name], second[name]) for name in first)
    assert torch.equal(again.denoiser().alphas_cumprod, model.denoiser().alphas_cumprod)
    (tmp_path / "autoencoder" / "diffusion_pytorch_model.safetensors").write_bytes(b"short")
    with pytest.raises(ModelError, match="broken"):
        LRDM.load(tmp_path)


def save_changed(source: Path, folder: Path, change) -> Path:
    weights = read_checkpoint(source)
    change(weights)
    torch.save({"state_dict": weights}, folder / "changed.ckpt")
    return folder / "changed.ckpt"


KEYS = (
    "model.diffusion_model.out.2.bias",
    "first_stage_model.quantize.embedding.weight",
    "first_stage_model.encoder.mid.attn_1.q.weight",
    "cond_stage_model.patch_fc.bias",
)


@pytest.mark.parametrize("key", KEYS)
def test_a_missing_or_unknown_or_misshapen_weight_is_refused(shared: Path, tmp_path: Path, key: str) -> None:
    golden = shared / "golden" / "lrdm_patch"
    prefix = "model.diffusion_model" if key.startswith("model.") else key.partition(".")[0]
    for change in (
        lambda weights: weights.pop(key),
        lambda weights: weights.update({f"{prefix}.new": weights[key]}),
        lambda weights: weights.update({key: torch.zeros(7, *weights[key].shape[1:])}),
    ):
        with pytest.raises(ModelError):
            convert_lrdm(save_changed(golden / "last.ckpt", tmp_path, change), golden / "project.yaml")


def test_what_draws_nothing_is_left_behind(shared: Path, tmp_path: Path) -> None:
    golden = shared / "golden" / "lrdm_patch"
    extra = {"inception.fc.weight": torch.ones(2), "first_stage_model.loss.logvar": torch.ones(1)}
    convert_lrdm(save_changed(golden / "last.ckpt", tmp_path, lambda w: w.update(extra)), golden / "project.yaml")


def test_the_project_of_another_model_is_refused(shared: Path, tmp_path: Path) -> None:
    golden = shared / "golden"
    with pytest.raises(ModelError, match="fit each other"):
        convert_lrdm(golden / "lrdm_patch" / "last.ckpt", golden / "lrdm_region" / "project.yaml")
    file = tmp_path / "project.yaml"
    for text in ("model: {target: other}", "a: [", "- 1"):
        file.write_text(text)
        with pytest.raises(ModelError, match="describes something else"):
            convert_lrdm(golden / "lrdm_patch" / "last.ckpt", file)
    project = yaml.safe_load((golden / "lrdm_patch" / "project.yaml").read_text())
    del project["model"]["params"]["unet_config"]["params"]["channel_mult"]
    file.write_text(yaml.safe_dump(project))
    with pytest.raises(ModelError, match="channel_mult"):
        convert_lrdm(golden / "lrdm_patch" / "last.ckpt", file)
