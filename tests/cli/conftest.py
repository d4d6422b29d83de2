"""A whole model of the native family with tiny random networks, in a folder of its own, and a scene to read."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

PIXEL_SIZE_M = 0.5e-6


@pytest.fixture(scope="session")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for ``SSLDIFF_MODELS_DIR`` with the model ``tiny``."""
    import timm
    import torch

    from ssldiff_core.embeddings.catalogue import EncoderSpec
    from ssldiff_core.embeddings.check import quantiles_from
    from ssldiff_core.embeddings.encoder import save_patch_encoder
    from ssldiff_core.models.native import NativeDenoiser
    from ssldiff_core.models.native_autoencoder import NativeAutoencoder

    root = tmp_path_factory.mktemp("models")
    folder = root / "tiny"
    torch.manual_seed(0)
    everywhere = np.random.default_rng(0).normal(size=(512, 6)).astype(np.float32)
    spec = EncoderSpec(
        "tiny-1", "test_resnet", 128, 128, 6, (PIXEL_SIZE_M,), timm_args={"num_classes": 6}, normalise=True,
        quantiles=quantiles_from(everywhere),
    )  # fmt: skip
    save_patch_encoder(folder, spec, timm.create_model(spec.timm_name, **spec.timm_args))
    latent_rgb = tuple(tuple(float(v) for v in row) for row in np.zeros((3, 5)))
    autoencoder = NativeAutoencoder(4, (8, 16), (8, 16), (1, 1), (1, 2), latent_rgb=latent_rgb)
    denoiser = NativeDenoiser(4, 6, (16, 24), (16, 24), (1, 2, 1), 16)
    autoencoder.save_pretrained(folder / "autoencoder")
    denoiser.save_pretrained(folder / "denoiser")
    record = {
        "id": "tiny", "family": "native", "version": "0", "domain": "nothing", "encoder_id": "tiny-1",
        "condition_dim": 6, "cell_px": 128, "pixel_sizes_m": [PIXEL_SIZE_M], "latent_factor": 8, "latent_channels": 4,
        "guidance_scale": 1.5, "licence": "Apache-2.0", "paper": "none",
    }  # fmt: skip
    (folder / "model.json").write_text(json.dumps(record), encoding="utf-8")
    return root


@pytest.fixture
def workplace(models_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with ``scene.png`` of 2 × 3 cells; the model ``tiny`` is in the catalogue."""
    from PIL import Image

    monkeypatch.setenv("SSLDIFF_MODELS_DIR", str(models_dir))
    monkeypatch.chdir(tmp_path)
    pixels = np.random.default_rng(1).integers(0, 256, (256, 384, 3), dtype=np.uint8)
    Image.fromarray(pixels).save("scene.png")
    return tmp_path
