"""A real timm network of a few thousand weights, saved as a native encoder is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ssldiff_core.embeddings.catalogue import EncoderSpec
from ssldiff_core.embeddings.encoder import TimmPatchEncoder, load_patch_encoder, save_patch_encoder

FACTS: dict[str, Any] = {
    "id": "tiny-1",
    "timm_name": "test_resnet",
    "timm_args": {"num_classes": 6},
    "patch_px": 32,
    "input_px": 32,
    "dim": 6,
    "pixel_sizes_m": (5e-7, 1e-6),
}


@pytest.fixture(scope="session")
def make_encoder(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., TimmPatchEncoder]:
    """A function that writes an encoder with the given facts (same weights each time) and loads it."""

    def make(**facts: Any) -> TimmPatchEncoder:
        import timm
        import torch

        spec = EncoderSpec(**{**FACTS, **facts})
        torch.manual_seed(0)
        network = timm.create_model(spec.timm_name, **spec.timm_args)
        return load_patch_encoder(write(tmp_path_factory.mktemp("encoder"), spec, network))

    def write(folder: Path, spec: EncoderSpec, network: Any) -> Path:
        save_patch_encoder(folder, spec, network)
        return folder

    return make


@pytest.fixture(scope="session")
def encoder(make_encoder: Callable[..., TimmPatchEncoder]) -> TimmPatchEncoder:
    return make_encoder()
