"""Loading a model of the paper's family, as :mod:`.lrdm_conversion` writes it."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import DDPMScheduler, UNet2DConditionModel, VQModel

from ..errors import ModelError
from .lrdm import LRDM, ConditionEmbedder
from .parts import find_part, load_part, telling_broken
from .preview import fit_latent_rgb
from .spec import Model, ModelSpec

PARTS = {"denoiser": UNet2DConditionModel, "autoencoder": VQModel, "condition_embedder": ConditionEmbedder}


def load(spec: ModelSpec, device: torch.device, dtype: torch.dtype) -> Model:
    """The networks, ready to draw in windows.

    Raises:
        ModelError: where a part is missing, broken, of another family, or does not fit the others.
        SettingsError: where the weights do not fit the precision.
    """
    unet, vq, embedder = (load_part(spec, name, kind, device, dtype) for name, kind in PARTS.items())
    with telling_broken(spec):
        scheduler = DDPMScheduler.from_pretrained(find_part(spec, "scheduler"), local_files_only=True)
    _check_widths(spec, unet, vq, embedder)
    model = LRDM(unet, vq, embedder, scheduler)
    autoencoder = model.autoencoder()
    latent_rgb = spec.latent_rgb or fit_latent_rgb(autoencoder, vq.quantize.embedding.weight)
    return Model(spec, None, model.denoiser(), autoencoder, latent_rgb, device, dtype)


def _check_widths(spec: ModelSpec, unet: Any, vq: Any, embedder: ConditionEmbedder) -> None:
    """ModelError where the parts were not made for each other."""
    for first, found, second, wanted in (
        ("the condition embedder takes", embedder.config.patch_dim, "model.json says", spec.condition_dim),
        ("the context is of width", embedder.config.context_dim, "the UNet takes", unet.config.cross_attention_dim),
        ("the UNet draws latents of", unet.config.in_channels, "model.json says", spec.latent_channels),
        ("the autoencoder's latents have", vq.config.latent_channels, "model.json says", spec.latent_channels),
        ("the UNet's windows are of", unet.config.sample_size, "model.json says", spec.window_lat),
    ):
        if found != wanted:
            raise ModelError(
                f"load the model {spec.id!r}", f"{first} {found} where {second} {wanted}",
                "the parts of a model were trained together", "Convert the checkpoint again",
            )  # fmt: skip
