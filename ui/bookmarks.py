"""Regions of a scene that a user comes back to, and the job that draws variations of all of them."""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ssldiff_core.errors import LayoutError, SceneError, SettingsError
from ssldiff_core.geometry import Box, GridGeometry, format_length

from .jobs import Job
from .wishes import Wish, number, whole_number

if TYPE_CHECKING:
    from ssldiff_core.embeddings.grid import EmbeddingGrid
    from ssldiff_core.layouts.layout import Layout
    from ssldiff_core.models.catalogue import ModelSpec

    from .documents import Document
    from .workspace import Workspace

MAX_BOOKMARKS = 60
MAX_CELLS = 64 * 64


@dataclass(frozen=True)
class Bookmark:
    """A region of whole cells: its corner in level-0 pixels, and the pixel size that it is read at."""

    id: str
    name: str
    x: float
    y: float
    rows: int
    cols: int
    pixel_size_m: float
    model_id: str

    def geometry(self, scene_pixel_size_m: float, cell_px: int) -> GridGeometry:
        """Where its cells lie."""
        cell = cell_px * self.pixel_size_m / scene_pixel_size_m
        box = Box(self.x, self.y, (self.cols + 0.005) * cell, (self.rows + 0.005) * cell)
        return GridGeometry.covering(
            box, pixel_size_m=self.pixel_size_m, scene_pixel_size_m=scene_pixel_size_m, cell_px=cell_px
        )


def add_bookmark(workspace: Workspace, document: Document, values: Mapping[str, Any]) -> Bookmark:
    """Remember ``{"x", "y", "rows", "cols", "pixel_size_m", "model", "name"}``.

    Raises:
        SceneError: where the document has no scene of known pixel size.
        SettingsError: where the region is none, or there are too many.
    """
    if document.scene is None or document.scene.pixel_size_m is None:
        raise SceneError("bookmark a region", "this document has no scene of known pixel size")
    if len(document.bookmarks) >= MAX_BOOKMARKS:
        raise SettingsError("bookmark a region", f"there are {MAX_BOOKMARKS} already", "", "Remove one first")
    rows, cols = (whole_number(values.get(side), side, 1, 128) for side in ("rows", "cols"))
    if rows * cols > MAX_CELLS:
        raise SettingsError(f"bookmark {rows} × {cols} cells", f"at most {MAX_CELLS} cells are drawn at once")
    x, y, size = (number(values.get(name), name) for name in ("x", "y", "pixel_size_m"))
    known = {spec.id: spec.pixel_sizes_m for spec in workspace.models()}
    model_id = str(values.get("model") or document.model_id)
    if not any(math.isclose(size, one, rel_tol=0.02) for one in known.get(model_id, ())):
        raise SettingsError(f"read cells at {format_length(size)}", f"{model_id} was not trained at this pixel size")
    name = str(values.get("name") or f"Region {len(document.bookmarks) + 1}").strip()[:60]
    bookmark = Bookmark(uuid.uuid4().hex[:8], name, x, y, rows, cols, size, model_id)
    document.set_bookmarks((*document.bookmarks, bookmark))
    workspace.publish_document(document)
    return bookmark


def remove_bookmark(workspace: Workspace, document: Document, key: str) -> None:
    """Forget a region; its results stay."""
    document.set_bookmarks(tuple(one for one in document.bookmarks if one.id != key))
    workspace.publish_document(document)


def vary_all(workspace: Workspace, document: Document, values: Mapping[str, Any]) -> Job:
    """Queue one job: every bookmarked region, read and drawn once for each seed.

    Raises:
        LayoutError: where nothing is bookmarked.
    """
    if not document.bookmarks:
        raise LayoutError("vary all regions", "none is bookmarked", "", "Bookmark a region first")
    wish = replace(Wish.from_values(values), anew=True)
    parts = len(document.bookmarks) * wish.count
    title = f"{len(document.bookmarks)} regions × {wish.count} of {document.name}"
    job = Job("generate", document.id, total=parts * (wish.settings.steps + 1), parts=parts, title=title)
    return workspace.jobs.submit(job, _work(workspace, document, document.bookmarks, wish))


def _work(
    workspace: Workspace, document: Document, bookmarks: tuple[Bookmark, ...], wish: Wish
) -> Callable[[Job], None]:  # fmt: skip
    def work(job: Job) -> None:
        from .generation import draw_one, of_seed

        specs = {spec.id: spec for spec in workspace.models()}
        for place, bookmark in enumerate(bookmarks):
            layout = _read(workspace, document, bookmark, specs[bookmark.model_id], job)
            model = workspace.model(bookmark.model_id)
            for index in range(wish.count):
                job.part = place * wish.count + index
                draw_one(workspace, document, layout, of_seed(wish, index), job, model, show=False)

    return work


def _read(workspace: Workspace, document: Document, bookmark: Bookmark, spec: ModelSpec, job: Job) -> Layout:
    """The region as a layout, with the document's palette where it fits."""
    from ssldiff_core.layouts.layout import Layout
    from ssldiff_core.scenes import open_scene

    from .encoding import embed_region

    scene_ref = document.scene
    if scene_ref is None or scene_ref.pixel_size_m is None:
        raise SceneError("read a region", "this document has no scene of known pixel size")
    entry = workspace.library.get(scene_ref.id)
    override = None if scene_ref.pixel_size_m == scene_ref.file_pixel_size_m else scene_ref.pixel_size_m
    with open_scene(entry.path, pixel_size_m=override) as scene:
        grid: EmbeddingGrid = embed_region(
            workspace, job, scene, spec, bookmark.geometry(scene_ref.pixel_size_m, spec.cell_px)
        )
    palette = document.layout.palette if document.layout is not None else None
    try:
        return Layout(grid, palette)
    except LayoutError:
        return Layout(grid)
