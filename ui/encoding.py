"""The job that reads a region of a scene into a grid with a palette."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ssldiff_core.errors import Cancelled, LayoutError
from ssldiff_core.geometry import Box, GridGeometry

from .documents import Document
from .jobs import Job
from .projecting import fit_square, start_umap

if TYPE_CHECKING:
    from ssldiff_core.embeddings.grid import EmbeddingGrid
    from ssldiff_core.layouts.palette import Palette
    from ssldiff_core.models.catalogue import ModelSpec
    from ssldiff_core.scenes import Scene

    from .workspace import Workspace

Work = Callable[[Job], None]
N_SWATCHES = 8
AUTOMATIC_UMAP_POINTS = 200
"""Fewer points are well told apart by PCA; UMAP is then computed when it is asked for."""


def encoding_work(workspace: Workspace, document: Document, spec: ModelSpec, geometry: GridGeometry) -> Work:
    """Embed the region of ``geometry``, make its palette, project it by PCA at once and by UMAP in the background."""

    def work(job: Job) -> None:
        from ssldiff_core.layouts.layout import Layout
        from ssldiff_core.scenes import open_scene

        scene_ref = document.scene
        if scene_ref is None:
            raise LayoutError("read a region", "this document has no scene", "", "Open a scene first")
        job.total = geometry.rows * geometry.cols
        workspace.jobs.report(job, phase="loading the patch encoder", done=0, total=job.total)
        workspace.encoder(spec)
        entry = workspace.library.get(scene_ref.id)
        override = None if scene_ref.pixel_size_m == scene_ref.file_pixel_size_m else scene_ref.pixel_size_m
        with open_scene(entry.path, pixel_size_m=override) as scene:
            scene.alias = scene_ref.name
            grid = embed_region(workspace, job, scene, spec, geometry)
            workspace.jobs.report(job, phase="grouping the cells", done=job.total, total=job.total)
            palette = _palette(grid, scene)
        note = _check(grid, spec)
        document.set_layout(Layout(grid, palette), spec.id, note)
        finish_layout(workspace, document)

    return work


def finish_layout(workspace: Workspace, document: Document) -> None:
    """Points for a new grid: by PCA at once, by UMAP in the background."""
    from ssldiff_core.embeddings.projection import project_pca

    vectors = document.point_vectors()
    document.set_points("pca", fit_square(project_pca(vectors)), document.points_key)
    workspace.publish_document(document)
    if len(vectors) >= AUTOMATIC_UMAP_POINTS:
        start_umap(workspace, document)


def show_layout(workspace: Workspace, document: Document) -> None:
    """Tell of a layout over another grid; its points where they are gone."""
    if document.points:
        workspace.publish_document(document)
    else:
        finish_layout(workspace, document)


def embed_region(
    workspace: Workspace, job: Job, scene: Scene, spec: ModelSpec, geometry: GridGeometry
) -> EmbeddingGrid:  # fmt: skip
    """Read a region's cells, telling how far it is."""
    from ssldiff_core.embeddings.embed import embed_scene

    encoder, began = workspace.encoder(spec), time.monotonic()
    steps = embed_scene(
        scene, encoder, region_l0=geometry.box_l0, pixel_size_m=geometry.pixel_size_m, latent_factor=spec.latent_factor
    )
    for progress in steps:
        if job.cancelled():
            raise Cancelled("the encoding")
        left = (time.monotonic() - began) / max(progress.done, 1) * (progress.total - progress.done)
        eta_s = left if progress.done else None
        workspace.jobs.report(job, phase="reading cells", done=progress.done, total=progress.total, eta_s=eta_s)
        if progress.grid is not None:
            return progress.grid
    raise RuntimeError("embed_scene ended without a grid")


def _palette(grid: EmbeddingGrid, scene: Scene) -> Palette:
    from ssldiff_core.layouts import palette_from_grid

    def read_patch(row: int, col: int) -> np.ndarray:
        side = grid.geometry.cell_px
        return scene.read(grid.geometry.cells_to_l0(row, col), size_px=(side, side))

    n_valid = int(grid.valid.sum())
    palette, _ = palette_from_grid(grid, read_patch=read_patch, n_swatches=min(N_SWATCHES, n_valid))
    return palette


def _check(grid: EmbeddingGrid, spec: ModelSpec) -> str:
    """A note for the user where the scene is unlike what the model was trained on; empty where it is alike."""
    from ssldiff_core.embeddings.check import check_grid

    reference = spec.folder / "encoder.json"
    if not reference.is_file():
        return ""
    check = check_grid(grid, reference)
    return check.message if check.needs_confirmation else ""


def region_geometry(
    box_l0: Box, pixel_size_m: float, scene_pixel_size_m: float, cell_px: int, max_cells: int
) -> GridGeometry:
    """The whole cells inside a region.

    Raises:
        GridError: where none fits.
        LayoutError: where there are more than the app reads at once.
    """
    geometry = GridGeometry.covering(
        box_l0, pixel_size_m=pixel_size_m, scene_pixel_size_m=scene_pixel_size_m, cell_px=cell_px
    )
    if geometry.rows * geometry.cols > max_cells:
        raise LayoutError(
            f"read {geometry.rows} × {geometry.cols} cells", f"that is {geometry.rows * geometry.cols} cells",
            f"the app reads at most {max_cells} at once", "Choose a smaller region or a coarser pixel size",
        )  # fmt: skip
    return geometry
