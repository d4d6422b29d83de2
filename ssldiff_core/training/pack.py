"""From a recipe's working folder to a model folder of the catalogue."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ..embeddings.catalogue import EncoderSpec
from ..embeddings.check import quantiles_from
from ..embeddings.encoder import save_patch_encoder
from ..geometry import CELL_PX, LATENT_FACTOR
from ..models.native import NativeDenoiser
from ..models.native_autoencoder import NativeAutoencoder
from ..models.spec import ModelSpec, write_model_spec
from .data import DOMAINS
from .denoiser import CachedImage
from .patch_encoder import TIMM_ARGS, TIMM_NAME

DRAWS = {"tissue": "H&E histology", "aerial": "aerial imagery"}
PAPER = "Graikos et al., CVPR 2024, arXiv 2312.07330"


def trained_pixel_sizes(domain: str) -> list[float]:
    """Ascending, metres."""
    return sorted({size for collection in DOMAINS[domain] for size in collection.read_at_m})


def pack_encoder(
    folder: Path, domain: str, encoder: nn.Module, statistics: tuple[np.ndarray, np.ndarray],
    cached: list[CachedImage], *, version: str,
) -> None:  # fmt: skip
    """Writes ``encoder.safetensors`` (float16) and ``encoder.json`` with the reference of the training embeddings.

    The encoder's id is ``DOMAIN-VERSION``: grids of another version are refused, for their numbers mean other things.
    """
    vectors = np.concatenate([image.embeddings.reshape(-1, image.embeddings.shape[-1]) for image in cached])
    chosen = np.random.default_rng(0).permutation(len(vectors))[:20000]
    spec = EncoderSpec(
        id=f"{domain}-{version}", timm_name=TIMM_NAME, timm_args=TIMM_ARGS, patch_px=CELL_PX, input_px=CELL_PX,
        dim=TIMM_ARGS["num_classes"], pixel_sizes_m=tuple(trained_pixel_sizes(domain)),
        embedding_mean=tuple(statistics[0].tolist()), embedding_std=tuple(statistics[1].tolist()), normalise=True,
        quantiles=quantiles_from(vectors[chosen].astype(np.float32)),
    )  # fmt: skip
    save_patch_encoder(folder, spec, encoder.half())


def describe(
    folder: Path, domain: str, autoencoder: NativeAutoencoder, denoiser: NativeDenoiser, *, version: str,
    guidance: float, encoder_id: str, guidance_interval: tuple[float, float] = (0.0, 1.0),
    begins_fast: bool = False,
) -> ModelSpec:  # fmt: skip
    """The catalogue entry of a domain's networks; ``begins_fast`` as there, of a model that has a student."""
    return ModelSpec(
        id=domain, family="native", version=version, domain=DRAWS[domain], encoder_id=encoder_id,
        condition_dim=denoiser.config.condition_dim, cell_px=CELL_PX,
        pixel_sizes_m=tuple(trained_pixel_sizes(domain)), latent_factor=LATENT_FACTOR,
        latent_channels=autoencoder.config.latent_channels, guidance_scale=guidance, licence="Apache-2.0",
        paper=PAPER, folder=folder, guidance_interval=guidance_interval, begins_fast=begins_fast,
    )  # fmt: skip


def pack_networks(spec: ModelSpec, autoencoder: NativeAutoencoder, denoiser: NativeDenoiser) -> None:
    """Writes ``autoencoder/``, ``denoiser/`` (float16) and ``model.json`` into the model's folder."""
    save_network(autoencoder, spec.folder / "autoencoder")
    save_network(denoiser, spec.folder / "denoiser")
    write_model_spec(spec)


def save_network(network: NativeAutoencoder | NativeDenoiser, folder: Path) -> None:
    """In float16 and diffusers' layout, without the path that diffusers notes of where the network was loaded from."""
    network.to(torch.float16).save_pretrained(folder)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config.pop("_name_or_path", None)
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
