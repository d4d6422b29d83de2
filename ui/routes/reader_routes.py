"""Blinded reader sets. What a reader asks for knows nothing of the document; the maker's addresses go through it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Body, HTTPException
from fastapi.responses import FileResponse, HTMLResponse, Response

from .. import reader_sets
from ..config import static_version
from ..users import current_user
from ..workspace import Workspace
from .export_routes import send_made
from .image_routes import find_document

Payload = Annotated[dict[str, Any], Body()]


def reader_routes(workspace: Workspace) -> APIRouter:
    router = APIRouter()
    _add_maker(router, workspace)
    _add_reader(router, workspace)
    return router


def _found(workspace: Workspace, set_id: str, document_id: str | None = None) -> tuple[Path, dict[str, Any]]:
    if document_id is not None:
        find_document(workspace, document_id)
    found = reader_sets.find_set(workspace, set_id)
    if found is None or (document_id is not None and found[1]["document"] != document_id):
        raise HTTPException(404, "There is no such reader set on this server.")
    return found


def _add_maker(router: APIRouter, workspace: Workspace) -> None:
    @router.get("/documents/{document_id}/reader-sets")
    def listing(document_id: str) -> dict[str, object]:
        return {"sets": reader_sets.sets_of(workspace, find_document(workspace, document_id))}

    @router.post("/documents/{document_id}/reader-sets")
    def make(document_id: str, payload: Payload) -> dict[str, object]:
        return reader_sets.make_reader_set(workspace, find_document(workspace, document_id), payload)

    @router.get("/documents/{document_id}/reader-sets/{set_id}/key.csv")
    def key(document_id: str, set_id: str) -> FileResponse:
        folder, _ = _found(workspace, set_id, document_id)
        return FileResponse(folder / "key.csv", media_type="text/csv", filename=f"key-{set_id[:8]}.csv")

    @router.get("/documents/{document_id}/reader-sets/{set_id}/scores.csv")
    def scores(document_id: str, set_id: str) -> Response:
        headers = {"Content-Disposition": f'attachment; filename="scores-{set_id[:8]}.csv"'}
        content = reader_sets.scores_csv(*_found(workspace, set_id, document_id))
        return Response(content, media_type="text/csv", headers=headers)

    @router.get("/documents/{document_id}/reader-sets/{set_id}/images.zip")
    def images(document_id: str, set_id: str) -> FileResponse:
        folder, facts = _found(workspace, set_id, document_id)
        name = f"reader-set-{set_id[:8]}.zip"
        return send_made(workspace, name, lambda into: reader_sets.write_set_zip(folder, facts, into / name))


def _add_reader(router: APIRouter, workspace: Workspace) -> None:
    page_file = Path(__file__).parent.parent / "styles" / "reader.html"

    @router.get("/reader-sets/{set_id}/read")
    def page(set_id: str) -> HTMLResponse:
        _found(workspace, set_id)
        text = page_file.read_text(encoding="utf-8").replace("{base}", f"../../static/{static_version()}")
        return HTMLResponse(text, headers={"Cache-Control": "no-store"})

    @router.get("/reader-sets/{set_id}/progress")
    def progress(set_id: str, reader: str = "") -> dict[str, object]:
        return {**reader_sets.progress_of(*_found(workspace, set_id), current_user() or reader), "user": current_user()}

    @router.post("/reader-sets/{set_id}/answers")
    def answer(set_id: str, payload: Payload) -> dict[str, object]:
        folder, facts = _found(workspace, set_id)
        reader, name = current_user() or str(payload.get("reader", "")), str(payload.get("name"))
        reader_sets.keep_answer(folder, facts, reader, name, payload.get("synthetic") is True)
        return reader_sets.progress_of(folder, facts, reader)

    @router.get("/reader-sets/{set_id}/images/{name}.png")
    def image(set_id: str, name: str) -> FileResponse:
        folder, facts = _found(workspace, set_id)
        if name not in facts["items"]:
            raise HTTPException(404)
        return FileResponse(folder / "images" / f"{name}.png", media_type="image/png")
