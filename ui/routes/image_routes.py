"""Pictures and numbers in bulk: tiles, thumbnails, patches, exemplars, previews, point buffers, downloads."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
from fastapi import APIRouter, HTTPException
from fastapi.responses import FileResponse, Response

from ssldiff_core.errors import SSLDiffError

from ..documents import Document
from ..jobs import Job
from ..library import SceneEntry
from ..records import ResultRecord
from ..tiles import encode_jpeg
from ..users import may_see
from ..workspace import Workspace
from .static_routes import IMMUTABLE

PATCH_PX = 96


def image_routes(workspace: Workspace) -> APIRouter:
    """Addresses carry a version, so everything but previews may be cached for good.

    What a page asks for may be of a grid or a palette that another has replaced a moment ago. That is no fault: the
    answer is empty (204), and the page asks for what is there now.
    """
    router = APIRouter()
    tiles = workspace.tiles

    @router.get("/tiles/{scene_id}/{version}/{z}/{x}_{y}.jpg")
    def tile(scene_id: str, version: str, z: int, x: int, y: int) -> Response:
        entry = find_scene(workspace, scene_id, version)
        return _jpeg(lambda: tiles.tile(entry, z, x, y))

    @router.get("/thumbnails/{scene_id}/{version}.jpg")
    def thumbnail(scene_id: str, version: str) -> Response:
        entry = find_scene(workspace, scene_id, version)
        try:
            return _jpeg(lambda: tiles.thumbnail(entry))
        except SSLDiffError:  # a file of the folder that is no scene: the list shows its name without a picture
            return Response(status_code=204)

    @router.get("/documents/{document_id}/patches/{digest}/{cell}.jpg")
    def patch(document_id: str, digest: str, cell: int) -> Response:
        document = find_document(workspace, document_id)
        scene, grid = document.scene, document.need_layout().base
        if scene is None or not grid.digest.startswith(digest):
            return Response(status_code=204)
        if not 0 <= cell < grid.valid.size:
            raise HTTPException(404)
        row, col = divmod(cell, grid.geometry.cols)
        entry = workspace.library.get(scene.id)
        return _jpeg(lambda: tiles.patch(entry, grid.geometry.cells_to_l0(row, col), PATCH_PX))

    @router.get("/documents/{document_id}/exemplars/{swatch_id}/{index}.jpg")
    def exemplar(document_id: str, swatch_id: str, index: int) -> Response:
        palette = find_document(workspace, document_id).need_layout().palette
        known = (*palette.swatches, *palette.retired) if palette else ()
        swatch = next((one for one in known if one.id == swatch_id), None)
        if swatch is None:
            return Response(status_code=204)
        if not 0 <= index < len(swatch.exemplars):
            raise HTTPException(404)
        return _jpeg(lambda: encode_jpeg(swatch.exemplars[index]))

    @router.get("/jobs/{job_id}/preview/{number}.jpg")
    def preview(job_id: str, number: int) -> Response:
        job = find_job(workspace, job_id)
        if not job.preview_jpeg:  # the job has ended since the page heard of this preview
            return Response(status_code=204)
        return Response(job.preview_jpeg, media_type="image/jpeg", headers={"Cache-Control": "no-store"})

    @router.get("/documents/{document_id}/points/{key}/{name}.f32")
    def points(document_id: str, key: str, name: str) -> Response:
        content = point_buffer(find_document(workspace, document_id), key, name)
        if content is None:
            return Response(status_code=204)
        return Response(content.tobytes(), media_type="application/octet-stream", headers=IMMUTABLE)

    @router.get("/documents/{document_id}/results/{result_id}/{what}")
    def download(document_id: str, result_id: str, what: str) -> FileResponse:
        document = find_document(workspace, document_id)
        record = next((item for item in document.results if item.id == result_id), None)
        if record is None:
            raise HTTPException(404)
        return _download(workspace, document, record, what)

    return router


def find_document(workspace: Workspace, document_id: str) -> Document:
    """The document of an id, or 404."""
    document = workspace.documents.get(document_id)
    if document is None:
        raise HTTPException(404, "There is no such document on this server.")
    return document


def find_job(workspace: Workspace, job_id: str) -> Job:
    """The job of an id, or 404."""
    job = workspace.jobs.get(job_id)
    if job is None or not may_see(job.owner):
        raise HTTPException(404, "There is no such job on this server.")
    return job


def point_buffer(document: Document, key: str, name: str) -> np.ndarray | None:
    """Points of a projection, (n, 3) float32: x, y, and what it is of; None where they are of something else by now.

    The last is the cell's index (row × cols + col) for a grid read from a scene, and the swatch's for a palette alone.
    """
    with document.lock:
        layout, xy = document.need_layout(), document.points.get(name)
        if xy is None or document.points_key != key:
            return None
    if document.scene is not None:
        of = np.flatnonzero(layout.base.valid)
    else:
        swatches = layout.palette.swatches if layout.palette else ()
        of = np.concatenate([np.full(len(swatch.vectors), i) for i, swatch in enumerate(swatches)] or [np.zeros(0)])
    n = min(len(of), len(xy))
    return np.concatenate([xy[:n], of[:n, None].astype(np.float32)], axis=1).astype("<f4")


def find_scene(workspace: Workspace, scene_id: str, version: str) -> SceneEntry:
    """The scene of an id as it is on disk now, or 404."""
    if scene_id.startswith("result-"):
        find_document(workspace, scene_id[7:39])  # a result is seen by whoever may see its document
    try:
        entry = workspace.library.get(scene_id)
    except SSLDiffError as error:
        raise HTTPException(404, str(error)) from None
    if entry.version != version:
        raise HTTPException(404, "The file has changed on disk. Open it again.")
    return entry


def _jpeg(make: Callable[[], bytes]) -> Response:
    return Response(make(), media_type="image/jpeg", headers=IMMUTABLE)


def _download(workspace: Workspace, document: Document, record: ResultRecord, what: str) -> FileResponse:
    folder = workspace.documents.folder(document.id) / "results" / record.id
    name = re.sub(r"[^\w-]+", "_", record.name).strip("_") or "result"
    if what == "image.png":
        _make_png(folder, record)
    names = {"image.ome.tif": f"{name}.ome.tif", "image.png": f"{name}.png", "manifest.json": f"{name}.manifest.json"}
    if what not in names:
        raise HTTPException(404)
    path = folder / what if what != "manifest.json" else _manifest_path(folder)
    if not path.is_file():
        raise HTTPException(404, "This result is no longer on disk. Generate it again.")
    return FileResponse(path, filename=names[what])


def _make_png(folder: Path, record: ResultRecord) -> None:
    """The PNG, with its manifest inside, made when it is first asked for."""
    from ssldiff_core.export import write_image
    from ssldiff_core.provenance import Manifest
    from ssldiff_core.scenes import open_scene

    path = folder / "image.png"
    if path.is_file():
        return
    with open_scene(folder / "image.ome.tif") as scene:
        pixels = scene.read(scene.bounds_l0, size_px=(record.width, record.height))
    write_image(path, pixels, Manifest.load(_manifest_path(folder)), pixel_size_m=record.pixel_size_m)


def _manifest_path(folder: Path) -> Path:
    found = [path for path in sorted(folder.glob("*.manifest.json")) if "png" not in path.name]
    return found[0] if found else folder / "image.manifest.json"
