"""The clean latents of a result as safetensors, marked SYNTHETIC, with what made them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..provenance import NOTICE, Manifest
from .replacing import replacing

LATENTS_SUFFIX = ".safetensors"


def write_latents(path: str | Path, latents: Any, manifest: Manifest) -> None:
    """Write a canvas as the tensor ``latents`` (channels, h, w) float32; its manifest is in the file's metadata.

    Args:
        path: of the file.
        latents: anything that numpy takes as an array.
        manifest: of the image that they decode to.

    Raises:
        ExportError: where the file cannot be written.
    """
    from safetensors.numpy import save_file

    path = Path(path)
    array = np.ascontiguousarray(latents, np.float32)
    facts = {"synthetic": "true", "notice": NOTICE, "manifest": manifest.to_json()}
    with replacing(f"write {path}", path) as (part,):
        save_file({"latents": array}, part, metadata=facts)
