"""The catalogue of models: what is here, and how to load it.

Models lie in folders of model folders: the one of ``--models-dir`` or ``SSLDIFF_MODELS_DIR``, those of plug-ins, and
the shipped one, in this order. A model folder holds ``model.json`` (the :class:`ModelSpec`) and its networks in
diffusers' layout; a shipped one also the patch encoder (``encoder.safetensors``, ``encoder.json``), a starting palette
and a card.
"""

from __future__ import annotations

import warnings
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from ..assets import assets_path, own_models_folder
from ..errors import ModelError
from .families import get_family, list_families
from .spec import PIXEL_SIZE_TOLERANCE as PIXEL_SIZE_TOLERANCE
from .spec import SPEC_NAME, Stamps, read_model_spec, remedy_for_encoder
from .spec import Model as Model
from .spec import ModelSpec as ModelSpec

if TYPE_CHECKING:
    import torch


def models_folders() -> list[Path]:
    """Folders that hold model folders: that of ``SSLDIFF_MODELS_DIR`` first, then those of plug-ins, then the shipped
    one.
    """
    own = own_models_folder()
    plugged = [folder for family in list_families() for folder in family.folders]
    return [*([own] if own else []), *plugged, assets_path("models")]


def list_models() -> list[ModelSpec]:
    """Every model that is present, each id once; one with a malformed ``model.json`` is left out, with a warning."""
    found: dict[str, ModelSpec] = {}
    for folder in models_folders():
        for file in _entries(folder):
            try:
                spec = read_model_spec(file.parent)
            except ModelError as error:
                warnings.warn(str(error), stacklevel=2)
                continue
            found.setdefault(spec.id, spec)
    return list(found.values())


def _entries(folder: Path) -> list[Path]:
    """The ``model.json`` of each model folder below a folder, or of the folder where it is a model folder itself."""
    own = folder / SPEC_NAME
    return [own] if own.is_file() else sorted(folder.glob(f"*/{SPEC_NAME}"))


def get_model_spec(model_id: str) -> ModelSpec:
    """The entry of that id; ModelError names those there are."""
    specs = {spec.id: spec for spec in list_models()}
    if model_id not in specs:
        raise ModelError(
            f"use the model {model_id!r}", "it is not here", f"models are {', '.join(specs) or 'none'}",
            "Name one of these, or give --models-dir or set SSLDIFF_MODELS_DIR to the folder that holds it",
        )  # fmt: skip
    return specs[model_id]


def find_model_for(encoder_id: str) -> ModelSpec:
    """The first model that takes embeddings of that encoder."""
    specs = list_models()
    for spec in specs:
        if spec.encoder_id == encoder_id:
            return spec
    domain = encoder_id.rpartition("-")[0]
    later = [spec.encoder_id for spec in specs if domain and spec.encoder_id.rpartition("-")[0] == domain]
    raise ModelError(
        f"find a model for embeddings of {encoder_id!r}", "there is none",
        f"models take embeddings of {', '.join(spec.encoder_id for spec in specs) or 'no encoder: none is here'}",
        remedy_for_encoder(encoder_id, later[0]) if later else
        "Name a model's folder with --models-dir, or convert the grid with an adapter, see `ssldiff adapt --help`",
    )  # fmt: skip


def find_only_model() -> ModelSpec | None:
    """The model of one's own folder where there is exactly one: what draws a grid that says nothing of itself."""
    own = own_models_folder()
    entries = _entries(own) if own else []
    return read_model_spec(entries[0].parent) if len(entries) == 1 else None


def load_model(model_id: str, *, device: str = "auto", precision: str = "auto") -> Model:
    """Load a model's networks.

    Args:
        model_id: catalogue id.
        device: ``auto`` (CUDA, then MPS, then CPU) or a torch device.
        precision: ``auto`` (bfloat16 where it is fast, unless the family wants another), ``float32``, ``bfloat16`` or
            ``float16``.

    Raises:
        ModelError: where weights are missing, broken or of another family.
        SettingsError: where device or precision are not to be had, or the weights do not fit the precision.
    """
    from .placement import choose_device, choose_dtype

    chosen = choose_device(device)
    spec = get_model_spec(model_id)
    wanted = get_family(spec.family).auto_precision if precision == "auto" else precision
    return _load(spec, spec.stamps, chosen, choose_dtype(chosen, wanted))


@lru_cache(maxsize=4)
def _load(spec: ModelSpec, stamps: Stamps, device: torch.device, dtype: torch.dtype) -> Model:
    """The loaded model; ``stamps`` are part of the key, so that changed weights are read again."""
    return get_family(spec.family).load_model(spec, device, dtype)
