"""Families in one registry: what each can be drawn with, plug-ins beside ours, and weights that do not fit."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from ssldiff_core.embeddings.grid import EmbeddingGrid
from ssldiff_core.errors import ModelError, SettingsError
from ssldiff_core.geometry import GridGeometry
from ssldiff_core.models.catalogue import get_model_spec, load_model
from ssldiff_core.models.conversion import Facts, adopt_pixcell
from ssldiff_core.models.families import get_family
from ssldiff_core.models.lrdm import LRDM, ConditionEmbedder
from ssldiff_core.models.spec import ModelSpec, read_model_spec, write_model_spec
from tests.models.tiny_families import write_lrdm, write_pixcell

PRECISION = {"device": "cpu", "precision": "float32"}


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "models"
    monkeypatch.setenv("SSLDIFF_MODELS_DIR", str(folder))
    return folder


def test_dense_is_refused_where_a_family_draws_in_windows() -> None:
    for name in ("lrdm", "pixcell"):
        with pytest.raises(SettingsError, match="windowed, shifted, notebook"):
            get_family(name).check_engine("dense")
    get_family("native").check_engine("dense")
    with pytest.raises(ModelError, match="native, lrdm, pixcell"):
        get_family("moon")


def test_an_entry_comes_back_as_it_was_written(models: Path) -> None:
    spec = write_lrdm(models / "tiny")
    write_model_spec(spec)
    assert read_model_spec(models / "tiny") == spec


def test_a_windowed_family_has_no_dense_denoiser(models: Path) -> None:
    write_lrdm(models / "tiny")
    model = load_model("tiny", device="cpu")
    assert model.denoiser is None
    assert model.dtype == torch.float32
    assert (model.window_denoiser.window_lat, model.window_denoiser.cells_per_window) == (16, 1)
    assert [len(row) for row in model.latent_rgb] == [4, 4, 4]


def edit_weights(folder: Path, change) -> None:
    file = next(folder.glob("*.safetensors"))
    weights = load_file(file)
    change(weights)
    save_file(weights, file)


def test_weights_that_do_not_fit_are_refused_by_name(models: Path) -> None:
    write_lrdm(models / "tiny")
    for change, told in (
        (lambda w: w.pop("patch_fc.bias"), r"patch_fc\.bias is missing"),
        (lambda w: w.update({"patch_fc.bias": torch.full((32,), float("nan"))}), "not finite"),
        (lambda w: w.update({"extra": torch.ones(1)}), "extra has no place"),
    ):
        shutil.copytree(models / "tiny" / "condition_embedder", models / "kept", dirs_exist_ok=True)
        edit_weights(models / "tiny" / "condition_embedder", change)
        with pytest.raises(ModelError, match=told):
            load_model("tiny", **PRECISION)
        shutil.copytree(models / "kept", models / "tiny" / "condition_embedder", dirs_exist_ok=True)


def test_truncated_safetensors_are_refused(models: Path) -> None:
    write_lrdm(models / "tiny")
    for part in ("denoiser", "autoencoder", "condition_embedder"):
        file = next((models / "tiny" / part).glob("*.safetensors"))
        whole = file.read_bytes()
        file.write_bytes(whole[:-9])
        with pytest.raises(ModelError, match="broken"):
            load_model("tiny", **PRECISION)
        file.write_bytes(whole)


def test_a_part_of_another_family_is_refused(models: Path) -> None:
    write_lrdm(models / "tiny")
    file = models / "tiny" / "model.json"
    file.write_text(file.read_text().replace('"lrdm"', '"native"'))
    with pytest.raises(ModelError, match=r"VQModel.*NativeAutoencoder"):
        load_model("tiny", **PRECISION)


def test_parts_of_other_widths_are_refused(models: Path) -> None:
    write_lrdm(models / "tiny")
    ConditionEmbedder(12, context_dim=48).save_pretrained(models / "tiny" / "condition_embedder")
    with pytest.raises(ModelError, match="width 48 where the UNet takes 32"):
        load_model("tiny", **PRECISION)


def test_half_precision_that_overflows_is_told(models: Path) -> None:
    write_lrdm(models / "tiny")
    change = {"patch_fc.weight": torch.full((32, 12), 7e4)}
    edit_weights(models / "tiny" / "condition_embedder", lambda w: w.update(change))
    with pytest.raises(SettingsError, match=r"patch_fc\.weight.*bfloat16 or float32"):
        load_model("tiny", device="cpu", precision="float16")
    denoiser = load_model("tiny", **PRECISION).window_denoiser
    with pytest.raises(SettingsError, match="estimate is not finite"):
        denoiser.predict_noise(torch.full((1, 3, 16, 16), float("inf")), 5, torch.zeros(1, 1, 32), 0.5)


def test_a_context_of_the_wrong_width_is_refused(models: Path) -> None:
    write_lrdm(models / "tiny")
    denoiser = LRDM.load(models / "tiny").denoiser()
    with pytest.raises(ModelError, match="13 numbers"):
        denoiser.embed(torch.zeros(1, 13), torch.ones(1, dtype=torch.bool))
    with pytest.raises(ModelError, match="context"):
        denoiser.predict_noise(torch.zeros(1, 3, 16, 16), 5, torch.zeros(1, 1, 31))


def test_pixcell_is_adopted_from_a_local_folder(models: Path, tmp_path: Path) -> None:
    source = write_pixcell(tmp_path / "PixCell", cells=4)
    spec = adopt_pixcell(str(source), models / "big", Facts(encoder_id="mine"), autoencoder=str(source))
    assert get_model_spec("big") == spec
    assert (spec.window_lat, spec.cells_per_window, spec.condition_dim) == (128, 4, 12)
    model = load_model("big", **PRECISION)
    latents = torch.randn(1, 16, 4, 4)
    pixels = model.autoencoder.decode(latents)
    assert pixels.shape == (1, 3, 32, 32)
    raw = model.autoencoder.network.decode(latents / 1.5305 + 0.0609).sample
    assert torch.allclose(pixels, raw, atol=1e-5)
    mean = model.autoencoder.network.encode(pixels).latent_dist.mean
    assert torch.allclose(model.autoencoder.encode(pixels), (mean - 0.0609) * 1.5305, atol=1e-5)
    assert len(spec.digest) == 64


def test_missing_weights_of_the_hub_name_the_command(
    tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    source = write_pixcell(tmp_path / "PixCell", cells=1)
    for place, told in (
        ("owner/PixCell-256", r"hf download owner/PixCell-256 --include 'transformer/\*'"),
        ("owner/PixCell-256@v1:net", r"--include 'net/\*' --revision v1"),
        ("./nowhere", "no such folder"),
    ):
        with pytest.raises(ModelError, match=told):
            adopt_pixcell(place, models / "new", autoencoder=str(source))
    with pytest.raises(ModelError, match=r"stable-diffusion-3.5-large --include 'vae/\*'.*hf auth login"):
        adopt_pixcell(str(source), models / "new")
    assert not models.exists() or not any(models.iterdir())
    adopt_pixcell(str(source), models / "new", autoencoder=str(source))
    shutil.rmtree(source / "transformer")
    assert "PixCell" in get_model_spec("new").how_to_get
    with pytest.raises(ModelError, match="no such folder"):
        load_model("new", **PRECISION)


def test_a_pixcell_of_another_family_is_refused(models: Path, tmp_path: Path) -> None:
    write_lrdm(tmp_path / "lrdm")
    vae = write_pixcell(tmp_path / "PixCell", cells=1)
    with pytest.raises(ModelError, match="describes something else"):
        adopt_pixcell(str(tmp_path / "lrdm" / "denoiser"), models / "new", autoencoder=str(vae))
    config = vae / "transformer" / "config.json"
    config.write_text(config.read_text().replace("PixCellTransformer2DModel", "PixArtTransformer2DModel"))
    with pytest.raises(ModelError, match="PixArtTransformer2DModel"):
        adopt_pixcell(str(vae), models / "new", autoencoder=str(vae))


PLUGIN = """
from pathlib import Path
import torch
from ssldiff_core.models.families import Family
from ssldiff_core.models.spec import Model

class Flat:
    latent_channels, window_lat, cells_per_window, factor, decoder_radius_lat = 3, 32, 1, 8, 0
    betas = torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64)
    alphas_cumprod = torch.cumprod(1 - betas, 0)
    def embed(self, vectors, valid, pixel_size_m):
        return vectors * valid[:, None]
    def predict_noise(self, latents, timestep, context, alpha):
        return (latents - alpha**0.5 * context[:, :, None, None]) / (1 - alpha) ** 0.5
    def encode(self, pixels):
        return pixels[:, :, ::8, ::8]
    def decode(self, latents):
        return latents.repeat_interleave(8, 2).repeat_interleave(8, 3)

def load(spec, device, dtype):
    flat = Flat()
    return Model(spec, None, flat, flat, ((1., 0, 0, 0), (0, 1., 0, 0), (0, 0, 1., 0)), device, dtype)

FAMILY = Family("flat", load, folders=(Path(__file__).parent / "flat_models",))
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package with an entry point and a model, as pip would install it."""
    site = tmp_path / "site"
    facts = site / "flat_for_ssldiff-1.0.dist-info"
    facts.mkdir(parents=True)
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: flat-for-ssldiff\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text(
        "[ssldiff.models]\nflat = flat_for_ssldiff:FAMILY\nlost = nowhere_at_all:FAMILY\nlrdm = json:dumps\n"
    )
    (site / "flat_for_ssldiff.py").write_text(PLUGIN)
    folder = site / "flat_models" / "flat"
    folder.mkdir(parents=True)
    spec = ModelSpec(
        "flat", "flat", "1", "colours", "rgb", 3, 128, (1e-6,), 8, 3, 1.0, "Apache-2.0", "none", folder,
        engine="windowed", window_lat=32,
    )  # fmt: skip
    write_model_spec(spec)
    monkeypatch.syspath_prepend(str(site))
    yield site
    sys.modules.pop("flat_for_ssldiff", None)


@pytest.mark.filterwarnings("ignore:The plug-in")
@pytest.mark.parametrize("engine", [None, "shifted", "notebook"])
def test_an_image_is_drawn_by_a_plug_in(plugin: Path, engine: str | None) -> None:
    from ssldiff_core.generate import Settings, generate

    colour = np.array([0.6, -0.6, 0.0], np.float32)
    geometry = GridGeometry((3, 2), 1e-6)
    grid = EmbeddingGrid(np.tile(colour, (3, 2, 1)), np.ones((3, 2), bool), geometry, "rgb")
    settings = Settings(steps=4, guidance_scale=1.0, device="cpu", **({"engine": engine} if engine else {}))
    *_, last = generate(grid, settings)
    assert last.result.manifest.model_id == "flat"
    assert last.result.image.shape == (384, 256, 3)
    assert np.abs(last.result.image.astype(float) - 127.5 * (colour + 1)).max() <= 2


@pytest.mark.filterwarnings("ignore:The plug-in")
def test_a_plug_in_brings_its_family_and_its_models(plugin: Path) -> None:
    assert get_model_spec("flat").family == "flat"
    assert load_model("flat", **PRECISION).denoiser is None


@pytest.mark.filterwarnings("ignore:The plug-in")
def test_a_plug_in_that_is_broken_is_left_out_with_a_warning(plugin: Path) -> None:
    with pytest.warns(UserWarning, match="nowhere_at_all"):
        get_family("native")
    with pytest.warns(UserWarning, match="no ssldiff Family"):
        assert get_family("lrdm").auto_precision == "float32"


def test_old_entries_are_still_read(models: Path) -> None:
    write_lrdm(models / "tiny")
    file = models / "tiny" / "model.json"
    record = json.loads(file.read_text())
    for name in ("engine", "window_lat", "latent_rgb"):
        record.pop(name, None)
    file.write_text(json.dumps(record))
    spec = get_model_spec("tiny")
    assert (spec.engine, spec.window_lat, spec.cells_per_window, spec.sources) == ("dense", 0, 1, ())


@pytest.mark.slow
def test_full_size_networks_are_built_with_random_weights() -> None:
    from diffusers import UNet2DConditionModel

    from ssldiff_core.models.lrdm_conversion import unet_config
    from ssldiff_core.models.pixcell import PixCellTransformer2DModel

    unet = {
        "image_size": 64, "in_channels": 3, "out_channels": 3, "model_channels": 192, "context_dim": 512,
        "attention_resolutions": [8, 4, 2], "num_res_blocks": 2, "channel_mult": [1, 2, 3, 5], "num_heads": 1,
    }  # fmt: skip
    network = UNet2DConditionModel(**unet_config({"unet_config": {"params": unet}})).eval()
    assert sum(parameter.numel() for parameter in network.parameters()) == 400_920_579
    assert len(network.state_dict()) == 688
    with torch.inference_mode():
        noise = network(torch.randn(1, 3, 64, 64), 500, encoder_hidden_states=torch.randn(1, 2, 512)).sample
    assert noise.shape == (1, 3, 64, 64)
    assert bool(noise.isfinite().all())
    del network
    for sample_size, tokens, keys in ((32, 1, 604), (128, 16, 605)):
        with torch.device("meta"):
            pixcell = PixCellTransformer2DModel(sample_size=sample_size, caption_num_tokens=tokens)
        assert len(pixcell.transformer_blocks) == 28
        assert sum(parameter.numel() for parameter in pixcell.parameters()) == 608_072_960
        assert len(pixcell.state_dict()) == keys
