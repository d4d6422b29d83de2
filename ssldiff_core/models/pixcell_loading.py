"""Loading PixCell: the transformer from a local diffusers folder or the hub's cache, and the SD3 autoencoder."""

from __future__ import annotations

import torch
from diffusers import AutoencoderKL, DDPMScheduler

from ..errors import ModelError
from .parts import find_part, load_part, telling_broken
from .pixcell import PixCellAutoencoder, PixCellDenoiser, PixCellTransformer2DModel
from .preview import fit_latent_rgb
from .spec import Model, ModelSpec


def load(spec: ModelSpec, device: torch.device, dtype: torch.dtype) -> Model:
    """The networks, ready to draw in windows.

    Raises:
        ModelError: where a part is missing (with the command that fetches it), broken, or does not fit the others.
        SettingsError: where the weights do not fit the precision.
    """
    network = load_part(spec, "denoiser", PixCellTransformer2DModel, device, dtype)
    vae = load_part(spec, "autoencoder", AutoencoderKL, device, dtype)
    with telling_broken(spec):
        scheduler = DDPMScheduler.from_pretrained(find_part(spec, "scheduler"), local_files_only=True)
    denoiser, autoencoder = PixCellDenoiser(network, scheduler), PixCellAutoencoder(vae, spec.window_lat)
    for name, found, wanted in (
        ("embeddings have", network.config.caption_channels, spec.condition_dim),
        ("windows are of", denoiser.window_lat, spec.window_lat),
        ("cells along a window are", denoiser.cells_per_window, spec.cells_per_window),
        ("latents have", denoiser.latent_channels, spec.latent_channels),
        ("autoencoder's latents have", vae.config.latent_channels, spec.latent_channels),
        ("pixels along a latent are", autoencoder.factor, spec.latent_factor),
    ):
        if found != wanted:
            raise ModelError(
                f"load the model {spec.id!r}", f"its {name} {found} where model.json says {wanted}",
                "model.json describes the weights", "Convert the model again",
            )  # fmt: skip
    normal = torch.randn(64, spec.latent_channels, generator=torch.Generator().manual_seed(0))
    latent_rgb = spec.latent_rgb or fit_latent_rgb(autoencoder, normal)
    return Model(spec, None, denoiser, autoencoder, latent_rgb, device, dtype)
