"""ssldiff: large images from grids of self-supervised embeddings.

The public names below load when they are first used, so ``import ssldiff_core`` costs next to nothing::

    import ssldiff_core as ssldiff

    with ssldiff.open_scene("slide.svs") as scene:
        encoder = ssldiff.load_patch_encoder("tissue-2")
        for progress in ssldiff.embed_scene(scene, encoder, pixel_size_m=0.5e-6):
            grid = progress.grid
    for step in ssldiff.generate(grid, ssldiff.Settings(seed=1)):
        result = step.result
    ssldiff.write_image("out.ome.tif", result.image, result.manifest, pixel_size_m=grid.geometry.pixel_size_m)
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from .diffusion.appearance import measure_appearance as measure_appearance
    from .diffusion.graph.trajectory import Trajectory as Trajectory
    from .diffusion.reference import Reference as Reference
    from .embeddings.check import GridCheck as GridCheck
    from .embeddings.check import check_grid as check_grid
    from .embeddings.embed import EmbedProgress as EmbedProgress
    from .embeddings.embed import embed_scene as embed_scene
    from .embeddings.encoder import load_patch_encoder as load_patch_encoder
    from .embeddings.grid import EmbeddingGrid as EmbeddingGrid
    from .errors import Cancelled as Cancelled
    from .errors import ExportError as ExportError
    from .errors import GridError as GridError
    from .errors import LayoutError as LayoutError
    from .errors import ManifestError as ManifestError
    from .errors import ModelError as ModelError
    from .errors import SceneError as SceneError
    from .errors import SettingsError as SettingsError
    from .errors import SSLDiffError as SSLDiffError
    from .export import write_image as write_image
    from .generate import Result as Result
    from .generate import Settings as Settings
    from .generate import Step as Step
    from .generate import finish as finish
    from .generate import generate as generate
    from .generate import replay as replay
    from .geometry import Box as Box
    from .geometry import GridGeometry as GridGeometry
    from .layouts import Blend as Blend
    from .layouts import Copy as Copy
    from .layouts import Erase as Erase
    from .layouts import EraseRegion as EraseRegion
    from .layouts import Fill as Fill
    from .layouts import Layout as Layout
    from .layouts import Paint as Paint
    from .layouts import PaintRegion as PaintRegion
    from .layouts import Palette as Palette
    from .layouts import Swatch as Swatch
    from .layouts import Vary as Vary
    from .layouts import apply_edits as apply_edits
    from .layouts import palette_from_grid as palette_from_grid
    from .models.catalogue import ModelSpec as ModelSpec
    from .models.catalogue import get_model_spec as get_model_spec
    from .models.catalogue import list_models as list_models
    from .models.catalogue import load_model as load_model
    from .pipeline import SSLDiffPipeline as SSLDiffPipeline
    from .provenance import Manifest as Manifest
    from .regenerate import regenerate as regenerate
    from .scenes import Scene as Scene
    from .scenes import open_scene as open_scene
    from .streaming import StreamedRun as StreamedRun
    from .synthetic_scene import SyntheticScene as SyntheticScene
    from .text_to_grid import Proposal as Proposal
    from .text_to_grid import TextRequest as TextRequest
    from .text_to_grid import generate_from_text as generate_from_text
    from .text_to_grid import propose_grids as propose_grids

_HOMES = {
    "Box": "geometry",
    "GridGeometry": "geometry",
    "Scene": "scenes",
    "open_scene": "scenes",
    "EmbeddingGrid": "embeddings.grid",
    "EmbedProgress": "embeddings.embed",
    "embed_scene": "embeddings.embed",
    "load_patch_encoder": "embeddings.encoder",
    "GridCheck": "embeddings.check",
    "check_grid": "embeddings.check",
    "Layout": "layouts",
    "Palette": "layouts",
    "Swatch": "layouts",
    "Paint": "layouts",
    "PaintRegion": "layouts",
    "Fill": "layouts",
    "Blend": "layouts",
    "Copy": "layouts",
    "Erase": "layouts",
    "EraseRegion": "layouts",
    "Vary": "layouts",
    "apply_edits": "layouts",
    "palette_from_grid": "layouts",
    "ModelSpec": "models.catalogue",
    "get_model_spec": "models.catalogue",
    "list_models": "models.catalogue",
    "load_model": "models.catalogue",
    "Settings": "generate",
    "Step": "generate",
    "Result": "generate",
    "generate": "generate",
    "Trajectory": "diffusion.graph.trajectory",
    "replay": "generate",
    "finish": "generate",
    "Reference": "diffusion.reference",
    "measure_appearance": "diffusion.appearance",
    "regenerate": "regenerate",
    "StreamedRun": "streaming",
    "SyntheticScene": "synthetic_scene",
    "TextRequest": "text_to_grid",
    "Proposal": "text_to_grid",
    "propose_grids": "text_to_grid",
    "generate_from_text": "text_to_grid",
    "Manifest": "provenance",
    "SSLDiffPipeline": "pipeline",
    "write_image": "export",
    "SSLDiffError": "errors",
    "SceneError": "errors",
    "GridError": "errors",
    "LayoutError": "errors",
    "ModelError": "errors",
    "SettingsError": "errors",
    "ExportError": "errors",
    "ManifestError": "errors",
    "Cancelled": "errors",
}
"""Public name -> module of this package that holds it."""

__all__ = [*_HOMES, "__version__"]


class _Package(ModuleType):
    """This package: where a submodule and a public name are called the same (``generate``), the public name wins."""

    def __setattr__(self, name: str, value: object) -> None:
        if name in _HOMES and isinstance(value, ModuleType):  # the import system binds a submodule it has loaded
            value = getattr(value, name)
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> object:
    """Load a public name from its module when it is first asked for."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{home}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
