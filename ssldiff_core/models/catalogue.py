"""The catalogue of models: what ships, what lies in the folder that ``SSLDIFF_MODELS_DIR`` names, and how to load it.

A model of the native family is a folder with ``model.json`` (the :class:`ModelSpec`), ``autoencoder/`` and
``denoiser/`` in
diffusers' layout, the patch encoder (``encoder.safetensors``, ``encoder.json``), a starting palette and a model card.
"""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..assets import assets_path
from ..errors import GridError, ModelError

if TYPE_CHECKING:
    import torch

    from ..diffusion.autoencoder import Autoencoder
    from ..diffusion.denoisers import Denoiser
    from ..embeddings.grid import EmbeddingGrid

Stamps = tuple[tuple[str, int, int], ...]

PIXEL_SIZE_TOLERANCE = 1.25
"""How far beyond the trained pixel sizes a model still draws, as a ratio."""


@dataclass(frozen=True)
class ModelSpec:
    """What a catalogue entry is.

    Args:
        id: name to ask for it.
        family: which code loads it.
        version: of the weights.
        domain: what it draws, for people.
        encoder_id: the patch encoder whose embeddings it takes.
        condition_dim: length of those embeddings.
        cell_px: canvas pixels along a cell.
        pixel_sizes_m: pixel sizes it was trained at, ascending.
        latent_factor: canvas pixels along a latent.
        latent_channels: channels of a latent.
        guidance_scale: a good default, 1 is off.
        licence: of the weights.
        paper: what it follows.
        folder: where its files lie.
    """

    id: str
    family: str
    version: str
    domain: str
    encoder_id: str
    condition_dim: int
    cell_px: int
    pixel_sizes_m: tuple[float, ...]
    latent_factor: int
    latent_channels: int
    guidance_scale: float
    licence: str
    paper: str
    folder: Path

    @property
    def digest(self) -> str:
        """sha256 (hex) of the weights of autoencoder and denoiser."""
        return _digest_of_weights(self.folder, _stamps(self.folder))

    def check_grid(self, grid: EmbeddingGrid) -> None:
        """GridError where the model cannot draw this grid: another encoder, dimension, cell or pixel size."""
        asked = f"draw the grid with the model {self.id!r}"
        geometry = grid.geometry
        if grid.encoder_id != self.encoder_id:
            raise GridError(
                asked, f"its embeddings are of the encoder {grid.encoder_id!r}",
                f"the model takes embeddings of {self.encoder_id!r}", "Encode the scene with that encoder",
            )  # fmt: skip
        if grid.dim != self.condition_dim:
            raise GridError(asked, f"its embeddings have {grid.dim} numbers", f"the model takes {self.condition_dim}")
        if (geometry.cell_px, geometry.latent_factor) != (self.cell_px, self.latent_factor):
            raise GridError(asked, f"its cells are {geometry.cell_px} px wide", f"the model's are {self.cell_px} px")
        size = geometry.pixel_size_m
        low, high = self.pixel_sizes_m[0] / PIXEL_SIZE_TOLERANCE, self.pixel_sizes_m[-1] * PIXEL_SIZE_TOLERANCE
        if not low <= size <= high:
            nearest = min(self.pixel_sizes_m, key=lambda trained: abs(trained - size))
            raise GridError(
                asked, f"its pixel size is {size:g} m", f"the model was trained from {self.pixel_sizes_m[0]:g} "
                f"to {self.pixel_sizes_m[-1]:g} m", f"Encode the scene at {nearest:g} m",
            )  # fmt: skip


@dataclass(frozen=True)
class Model:
    """A loaded model, ready to draw.

    Args:
        spec: its catalogue entry.
        denoiser: estimates clean latents.
        autoencoder: pixels to latents and back.
        latent_rgb: linear map from a latent to RGB, for previews.
        device: where the networks lie.
        dtype: the type they compute in.
    """

    spec: ModelSpec
    denoiser: Denoiser
    autoencoder: Autoencoder
    latent_rgb: tuple[tuple[float, ...], ...]
    device: torch.device
    dtype: torch.dtype


def models_folders() -> list[Path]:
    """Folders that hold model folders: the one of ``SSLDIFF_MODELS_DIR`` first, then the shipped one."""
    own = os.environ.get("SSLDIFF_MODELS_DIR")
    return [*([Path(own)] if own else []), assets_path("models")]


def list_models() -> list[ModelSpec]:
    """Every model that is present, each id once; one with a malformed ``model.json`` is left out, with a warning."""
    found: dict[str, ModelSpec] = {}
    for folder in models_folders():
        for file in sorted(folder.glob("*/model.json")):
            try:
                spec = read_model_spec(file.parent)
            except ModelError as error:
                warnings.warn(str(error), stacklevel=2)
                continue
            found.setdefault(spec.id, spec)
    return list(found.values())


def read_model_spec(folder: Path) -> ModelSpec:
    """The entry of one model folder.

    Raises:
        ModelError: where ``model.json`` is missing or malformed.
    """
    try:
        record: dict[str, Any] = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        record["pixel_sizes_m"] = tuple(sorted(float(size) for size in record["pixel_sizes_m"]))
        return ModelSpec(**record, folder=folder)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ModelError(
            f"read the model in {folder}", f"its model.json is missing or malformed: {error}",
            "a model folder holds a model.json with the fields of ModelSpec",
        ) from error  # fmt: skip


def get_model_spec(model_id: str) -> ModelSpec:
    """The entry of that id; ModelError names those there are."""
    specs = {spec.id: spec for spec in list_models()}
    if model_id not in specs:
        raise ModelError(
            f"use the model {model_id!r}", "it is not here", f"models are {', '.join(specs) or 'none'}",
            "Name one of these, or set SSLDIFF_MODELS_DIR to the folder that holds it",
        )  # fmt: skip
    return specs[model_id]


def find_model_for(encoder_id: str) -> ModelSpec:
    """The first model that takes embeddings of that encoder."""
    specs = list_models()
    for spec in specs:
        if spec.encoder_id == encoder_id:
            return spec
    raise ModelError(
        f"find a model for embeddings of {encoder_id!r}", "there is none",
        f"models take embeddings of {', '.join(spec.encoder_id for spec in specs) or 'no encoder: none is here'}",
    )  # fmt: skip


def load_model(model_id: str, *, device: str = "auto", precision: str = "auto") -> Model:
    """Load a model's networks.

    Args:
        model_id: catalogue id.
        device: ``auto`` (CUDA, then MPS, then CPU) or a torch device.
        precision: ``auto`` (bfloat16 where it is fast), ``float32``, ``bfloat16`` or ``float16``.

    Raises:
        ModelError: where weights are missing or broken.
        SettingsError: where device or precision are not to be had.
    """
    from .placement import choose_device, choose_dtype

    chosen = choose_device(device)
    spec = get_model_spec(model_id)
    return _load(spec, _stamps(spec.folder), chosen, choose_dtype(chosen, precision))


@lru_cache(maxsize=4)
def _load(spec: ModelSpec, stamps: Stamps, device: torch.device, dtype: torch.dtype) -> Model:
    import torch

    from ..diffusion.denoisers import VelocityDenoiser
    from .native import NativeAutoencoder, NativeDenoiser

    if spec.family != "native":
        raise ModelError(f"load the model {spec.id!r}", f"its family is {spec.family!r}", "the families are: native")
    try:
        networks = [
            kind.from_pretrained(spec.folder / name, torch_dtype=dtype, local_files_only=True, low_cpu_mem_usage=False)
            for kind, name in ((NativeAutoencoder, "autoencoder"), (NativeDenoiser, "denoiser"))
        ]
    except Exception as error:  # diffusers and safetensors raise many kinds for a broken file
        raise ModelError(
            f"load the model {spec.id!r}", f"its weights are missing or broken: {str(error).splitlines()[0]}",
            f"{spec.folder.name}/ holds autoencoder/ and denoiser/ in diffusers' layout", "Install ssldiff again",
        ) from error  # fmt: skip
    autoencoder, network = (
        module.eval().requires_grad_(False).to(device=device, memory_format=torch.channels_last) for module in networks
    )
    denoiser = VelocityDenoiser(network, network.radius_lat)
    return Model(spec, denoiser, autoencoder, autoencoder.config.latent_rgb, device, dtype)


def _stamps(folder: Path) -> Stamps:
    """Name, size and time of every weights file: what a cached result belongs to."""
    files = ((file, file.stat()) for file in sorted(folder.glob("*/*.safetensors")))
    return tuple((file.relative_to(folder).as_posix(), facts.st_size, facts.st_mtime_ns) for file, facts in files)


@lru_cache(maxsize=16)
def _digest_of_weights(folder: Path, stamps: Stamps) -> str:
    sha = hashlib.sha256()
    for name, _, _ in stamps:
        sha.update(name.encode())
        sha.update((folder / name).read_bytes())
    return sha.hexdigest()
