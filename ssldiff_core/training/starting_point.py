"""A packed model as a starting point: its networks become what the stages of a recipe find in their working folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from ..embeddings.spec import WEIGHTS_NAME, read_encoder_spec
from ..errors import SettingsError
from ..models.native import NativeDenoiser
from ..models.native_autoencoder import NativeAutoencoder
from ..models.parts import load_part
from ..models.spec import ModelSpec


def start_from(spec: ModelSpec, work: Path, *, with_student: bool = False) -> None:
    """Write the networks of a native model into ``work``, each where its stage leaves its own; what is there stays.

    Args:
        spec: a model that brings its patch encoder, as the shipped ones do.
        work: the recipe's working folder.
        with_student: whether its student comes too, where it has one. It is that of the model's own denoiser: where the
            recipe trains another denoiser, now or before, there is no student until one is trained.

    Raises:
        SettingsError: where the model is of another family, or has no patch encoder in its folder.
    """
    weights = spec.folder / WEIGHTS_NAME
    if spec.family != "native" or not weights.is_file():
        raise SettingsError(
            f"start from the model {spec.id}", "it is no native model with its patch encoder beside it",
            "a recipe goes on from what it has made", "Name tissue, aerial or a model of your own training",
        )  # fmt: skip
    parts: list[tuple[str, type]] = [("autoencoder", NativeAutoencoder), ("denoiser", NativeDenoiser)]
    if with_student and spec.has_student and not (work / "denoiser" / "checkpoint.pt").exists():
        parts.append(("student", NativeDenoiser))
    for name, kind in parts:
        folder = work / name / "weights"
        if not folder.exists():
            load_part(spec, name, kind, torch.device("cpu"), torch.float32).save_pretrained(folder)
    _write_encoder(weights, work / "encoder")


def _write_encoder(weights: Path, folder: Path) -> None:
    """``weights.pt`` and ``statistics.npz`` of a packed patch encoder."""
    from safetensors.torch import load_file

    if (folder / "weights.pt").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    spec = read_encoder_spec(weights.parent)
    mean, deviation = (np.array(v, dtype=np.float32) for v in (spec.embedding_mean, spec.embedding_std))
    np.savez(folder / "statistics.npz", mean=mean, deviation=deviation)
    state = load_file(weights)
    torch.save({k: v.float() if v.is_floating_point() else v for k, v in state.items()}, folder / "weights.pt")
