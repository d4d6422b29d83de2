"""Which model a scene, a document or a request is for, and what the page is told of models."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ssldiff_core.errors import ModelError
from ssldiff_core.geometry import format_length

from .sentences import examples_of

if TYPE_CHECKING:
    from ssldiff_core.models.catalogue import ModelSpec

    from .workspace import Workspace

TISSUE_BELOW_M = 5e-6
"""Scenes with finer pixels are looked at through a microscope; coarser ones from the air."""


def default_guidance(workspace: Workspace, document_id: str) -> float:
    """The guidance scale that a document's model is best at."""
    document = workspace.documents.get(document_id)
    specs = {spec.id: spec for spec in workspace.models()}
    spec = specs.get(document.model_id) if document is not None else None
    return spec.guidance_scale if spec is not None else 1.5


def model_to_json(spec: ModelSpec) -> dict[str, object]:
    """What the page needs to know of a model."""
    return {
        "id": spec.id, "cell_px": spec.cell_px, "pixel_sizes_m": list(spec.pixel_sizes_m),
        "pixel_sizes": [format_length(size) for size in spec.pixel_sizes_m],
        "has_palette": palette_path(spec) is not None, "has_student": spec.has_student, "sentences": examples_of(spec),
    }  # fmt: skip


def palette_path(spec: ModelSpec) -> Path | None:
    """The palette shipped with a model, where there is one."""
    path = Path(spec.folder) / "palette.npz"
    return path if path.is_file() else None


def likely_model(workspace: Workspace, pixel_size_m: float | None) -> str:
    wanted = "aerial" if pixel_size_m is not None and pixel_size_m > TISSUE_BELOW_M else "tissue"
    ids = [spec.id for spec in workspace.models()]
    return wanted if wanted in ids or not ids else ids[0]


def find_spec(workspace: Workspace, model_id: str) -> ModelSpec:
    """The model of an id.

    Raises:
        ModelError: where its weights are not here.
    """
    specs = {spec.id: spec for spec in workspace.models()}
    if model_id not in specs:
        known = ", ".join(specs) or "none"
        raise ModelError(
            f"use the model {model_id!r}", f"the models here are: {known}", "", "Install ssldiff with its weights again"
        )
    return specs[model_id]
