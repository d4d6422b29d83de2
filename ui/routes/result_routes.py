"""What the page asks of results and of the grid's numbers: overlays, label maps, contact sheets, clearing up."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Body, HTTPException
from fastapi.responses import FileResponse, Response

from ssldiff_core.errors import SettingsError

from ..documents import Document
from ..exporting import download_name
from ..fidelity import read_fidelity, start_fidelity
from ..generation import start_finish
from ..handlers import go_back
from ..quantities import fidelity_quantity, grid_quantity
from ..records import ResultRecord
from ..results import ResultLabels, delete_result, find_result, label_px, result_folder, result_labels
from ..wishes import whole_number
from ..workspace import Workspace
from .export_routes import send_made
from .image_routes import find_document

MAX_IGNORE_PX = 64


def result_routes(workspace: Workspace) -> APIRouter:
    router = APIRouter()
    _add_numbers(router, workspace)
    _add_exports(router, workspace)
    return router


def _found(workspace: Workspace, document_id: str, result_id: str) -> tuple[Document, ResultRecord]:
    document = find_document(workspace, document_id)
    record = find_result(document, result_id)
    if record is None:
        raise HTTPException(404, "This result is no longer in the document.")
    return document, record


def _add_numbers(router: APIRouter, workspace: Workspace) -> None:
    @router.get("/documents/{document_id}/quantities/{name}")
    def quantity(document_id: str, name: str, swatch: str = "") -> dict[str, object]:
        return grid_quantity(workspace, find_document(workspace, document_id), name, swatch).to_json()

    @router.get("/documents/{document_id}/results/{result_id}/fidelity")
    def fidelity(document_id: str, result_id: str) -> dict[str, object]:
        values = read_fidelity(workspace, *_found(workspace, document_id, result_id))
        return {"ready": False} if values is None else {"ready": True, **fidelity_quantity(values).to_json()}

    @router.post("/documents/{document_id}/results/{result_id}/fidelity")
    def measure(document_id: str, result_id: str) -> dict[str, object]:
        job = start_fidelity(workspace, *_found(workspace, document_id, result_id))
        return workspace.job_to_json(job)

    @router.post("/documents/{document_id}/results/{result_id}/show")
    def show(document_id: str, result_id: str) -> dict[str, object]:
        go_back(workspace, *_found(workspace, document_id, result_id))
        return {"ok": True}

    @router.post("/documents/{document_id}/results/{result_id}/mark")
    def mark(document_id: str, result_id: str, payload: Annotated[dict[str, Any], Body()]) -> dict[str, object]:
        document, record = _found(workspace, document_id, result_id)
        wanted = str(payload.get("mark", ""))
        if wanted not in ("", "kept", "marked"):
            raise SettingsError(f"mark a result {wanted[:20]!r}", "a result is kept, marked, or neither")
        document.mark_result(record.id, wanted)
        workspace.publish_document(document)
        return {"ok": True}

    @router.post("/documents/{document_id}/results/{result_id}/finish")
    def finish(document_id: str, result_id: str, payload: Annotated[dict[str, Any], Body()]) -> dict[str, object]:
        document, record = _found(workspace, document_id, result_id)
        steps = whole_number(payload.get("steps", 20), "number of steps", 1, 200)
        return workspace.job_to_json(start_finish(workspace, document, record, steps))

    @router.post("/documents/{document_id}/results/{result_id}/delete")
    def delete(document_id: str, result_id: str) -> dict[str, object]:
        delete_result(workspace, *_found(workspace, document_id, result_id))
        return {"ok": True}


def _add_exports(router: APIRouter, workspace: Workspace) -> None:
    @router.get("/documents/{document_id}/results/{result_id}/labels.png")
    def labels_png(document_id: str, result_id: str, ignore_px: int = 0) -> FileResponse:
        from ssldiff_core.export.label_map import write_label_png

        if not 0 <= ignore_px <= MAX_IGNORE_PX:
            raise SettingsError("leave a band out", f"it is {ignore_px} px wide", f"it is 0 to {MAX_IGNORE_PX} px wide")
        document, record = _found(workspace, document_id, result_id)
        found, cell = _labels(workspace, document, record)

        def make(folder: Path) -> Path:
            path = folder / "labels.png"
            write_label_png(path, found.finest, found.classes, cell_px=cell, ignore_px=ignore_px)
            return path

        return send_made(workspace, download_name(record.name, "labels.png"), make)

    @router.get("/documents/{document_id}/results/{result_id}/labels.geojson")
    def labels_geojson(document_id: str, result_id: str) -> FileResponse:
        from ssldiff_core.export.label_map import write_label_geojson

        document, record = _found(workspace, document_id, result_id)
        found, cell = _labels(workspace, document, record)
        smooth = 0.0 if found.fine is None else 1.0

        def make(folder: Path) -> Path:
            path = folder / "labels.geojson"
            write_label_geojson(path, found.finest, found.classes, cell_px=cell, smooth=smooth)
            return path

        return send_made(workspace, download_name(record.name, "labels.geojson"), make)

    @router.get("/documents/{document_id}/results/{result_id}/sheet.{kind}")
    def sheet(document_id: str, result_id: str, kind: str, with_all: bool = False) -> Response:
        from ..sheets import contact_sheet, sheet_bytes

        types = {"png": "image/png", "pdf": "application/pdf"}
        if kind not in types:
            raise HTTPException(404)
        document, record = _found(workspace, document_id, result_id)
        same = [other for other in document.results if other is not record and _one_place(other, record)]
        content = sheet_bytes(contact_sheet(workspace, document, [record, *(same if with_all else ())]), kind)
        stem = re.sub(r"[^\w-]+", "_", document.name).strip("_") or "document"
        headers = {"Content-Disposition": f'attachment; filename="{_ascii(stem)}.sheet.{kind}"'}
        return Response(content, media_type=types[kind], headers=headers)


def _labels(workspace: Workspace, document: Document, record: ResultRecord) -> tuple[ResultLabels, int]:
    """The labels of a result, and the side of the finest of them in its pixels."""
    found = result_labels(result_folder(workspace, document, record), document)
    return found, label_px(found, record)


def _one_place(a: ResultRecord, b: ResultRecord) -> bool:
    return (a.origin_l0, a.width_l0, a.width, a.height) == (b.origin_l0, b.width_l0, b.width, b.height)


def _ascii(text: str) -> str:
    return text.encode("ascii", "replace").decode().replace("?", "_")
