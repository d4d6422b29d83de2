"""A models folder with real classes at tiny size and random weights: pictures mean nothing, everything else is true."""

from __future__ import annotations

import json
from pathlib import Path

PIXEL_SIZES = {"tissue": (0.5e-6, 1e-6), "aerial": (0.15, 0.3, 0.6)}
DIM = 16


def write_tiny_models(folder: Path) -> Path:
    """``folder/tissue`` and ``folder/aerial``, as ``SSLDIFF_MODELS_DIR`` wants them; each with a palette, ``tissue``
    alone with a student, ``aerial`` alone with a grid prior.
    """
    for name, sizes in PIXEL_SIZES.items():
        _write_model(folder / name, name, sizes)
    return folder


def _write_model(folder: Path, name: str, sizes: tuple[float, ...]) -> None:
    import timm
    import torch

    from ssldiff_core.embeddings.catalogue import EncoderSpec
    from ssldiff_core.embeddings.encoder import save_patch_encoder
    from ssldiff_core.models.native import NativeDenoiser
    from ssldiff_core.models.native_autoencoder import NativeAutoencoder

    torch.manual_seed(0)
    spec = EncoderSpec(f"{name}-1", "test_resnet", 128, 128, DIM, sizes, timm_args={"num_classes": DIM})
    save_patch_encoder(folder, spec, timm.create_model(spec.timm_name, **spec.timm_args))
    rgb = tuple(tuple(row) for row in torch.randn(3, 9).mul(0.3).tolist())
    small = {
        "encoder_channels": (8, 16),
        "decoder_channels": (8, 16),
        "encoder_blocks": (1, 1),
        "decoder_blocks": (1, 1),
    }
    NativeAutoencoder(latent_rgb=rgb, **small).save_pretrained(folder / "autoencoder")
    for part in ("denoiser", "student") if name == "tissue" else ("denoiser",):
        NativeDenoiser(
            condition_dim=DIM, channels=(16, 16), hidden=(16, 16), blocks=(1, 1, 1), embedding=16
        ).save_pretrained(folder / part)
    facts = {
        "id": name, "family": "native", "version": "tiny", "domain": name, "encoder_id": spec.id, "condition_dim": DIM,
        "cell_px": 128, "pixel_sizes_m": list(sizes), "latent_factor": 8, "latent_channels": 8, "guidance_scale": 1.5,
        "licence": "Apache-2.0", "paper": "", "begins_fast": name == "tissue",
    }  # fmt: skip
    (folder / "model.json").write_text(json.dumps(facts), encoding="utf-8")
    if name == "aerial":
        _write_prior(folder, spec.id, sizes)
    _write_palette(folder, spec.id, sizes[0])


def _write_prior(folder: Path, encoder_id: str, sizes: tuple[float, ...]) -> None:
    """A grid prior that was taught nothing, with a real vocabulary; only ``aerial`` has one."""
    from ssldiff_core.models.grid_prior import GridPriorNetwork
    from ssldiff_core.models.prior import PRIOR_FOLDER, PriorSpec, write_prior

    concepts = {"houses": ("houses", "a suburb"), "river": ("river", "water"), "woodland": ("woodland", "trees")}
    words = tuple(sorted({word for texts in concepts.values() for text in texts for word in text.split()}))
    spec = PriorSpec(encoder_id, "all-MiniLM-L6-v2", sizes, sizes[1], 2.0, concepts, {}, words)
    network = GridPriorNetwork(DIM, 384, width=16, depth=1, heads=2, hidden=16)
    write_prior(folder / PRIOR_FOLDER, spec, network)


def _write_palette(folder: Path, encoder_id: str, pixel_size_m: float) -> None:
    import numpy as np

    from ssldiff_core.layouts import Palette, Swatch
    from ssldiff_core.layouts.swatch import default_colour

    rng = np.random.default_rng(0)
    swatches = tuple(
        Swatch(
            f"Kind {k + 1}", default_colour(k), np.float32(rng.normal(size=DIM) + 0.2 * rng.normal(size=(12, DIM))),
            rng.integers(0, 255, (4, 64, 64, 3), dtype=np.uint8),
        )
        for k in range(5)
    )  # fmt: skip
    Palette(swatches, encoder_id, pixel_size_m).save(folder / "palette.npz")
