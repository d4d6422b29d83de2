"""Palettes and swatches: what the palette panel asks for; and the clipboard of cells."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Body, File, HTTPException, UploadFile
from fastapi.responses import Response

from ssldiff_core.errors import LayoutError

from .. import clipboard, palette_store, swatches
from ..document_json import document_to_json, layout_to_json
from ..previewing import start_preview
from ..workspace import Workspace
from .image_routes import find_document
from .static_routes import IMMUTABLE

Payload = Annotated[dict[str, Any], Body()]


def palette_routes(workspace: Workspace) -> APIRouter:
    """Thin: they find the document and call a handler."""
    router = APIRouter()
    _add_swatches(router, workspace)
    _add_pictures(router, workspace)
    _add_palettes(router, workspace)
    _add_clipboard(router, workspace)
    return router


def _add_swatches(router: APIRouter, workspace: Workspace) -> None:
    @router.post("/documents/{document_id}/palette/merge")
    def merge(document_id: str, payload: Payload) -> dict[str, object]:
        document = find_document(workspace, document_id)
        swatches.merge(workspace, document, _keys(payload))
        return document_to_json(document)

    @router.post("/documents/{document_id}/palette/order")
    def order(document_id: str, payload: Payload) -> dict[str, object]:
        document = find_document(workspace, document_id)
        swatches.reorder(workspace, document, _keys(payload))
        return document_to_json(document)

    @router.post("/documents/{document_id}/palette/remove")
    def remove(document_id: str, payload: Payload) -> dict[str, object]:
        document = find_document(workspace, document_id)
        swatches.remove(workspace, document, str(payload.get("swatch")))
        return document_to_json(document)

    @router.post("/documents/{document_id}/palette/mix")
    def mix(document_id: str, payload: Payload) -> dict[str, object]:
        document = find_document(workspace, document_id)
        first, second = str(payload.get("swatch")), str(payload.get("other"))
        return {"swatch": swatches.mix(workspace, document, first, second, float(payload.get("share", 0.5)))}

    @router.post("/documents/{document_id}/palette/undo")
    def undo(document_id: str) -> dict[str, object]:
        document = find_document(workspace, document_id)
        swatches.undo_palette(workspace, document)
        return document_to_json(document)


def _add_pictures(router: APIRouter, workspace: Workspace) -> None:
    @router.get("/documents/{document_id}/swatches/{key}/nearest")
    def nearest(document_id: str, key: str, n: int = 12) -> dict[str, object]:
        return {"patches": swatches.nearest(find_document(workspace, document_id), key, n)}

    @router.post("/documents/{document_id}/previews")
    def preview(document_id: str, payload: Payload) -> dict[str, object]:
        return start_preview(workspace, find_document(workspace, document_id), payload)

    @router.get("/documents/{document_id}/previews/{key}.jpg")
    def picture(document_id: str, key: str) -> Response:
        find_document(workspace, document_id)
        jpeg = workspace.previews.get(key)
        if jpeg is None:
            raise HTTPException(404)
        return Response(jpeg, media_type="image/jpeg", headers=IMMUTABLE)


def _add_palettes(router: APIRouter, workspace: Workspace) -> None:
    @router.get("/palettes")
    def listing() -> dict[str, object]:
        return {"palettes": workspace.palettes.listing()}

    @router.post("/documents/{document_id}/palette/save")
    def save(document_id: str, payload: Payload) -> dict[str, object]:
        palette = swatches.palette_of(find_document(workspace, document_id))
        return {"name": workspace.palettes.save(str(payload.get("name", "")), palette)}

    @router.post("/documents/{document_id}/palette/take")
    def take(document_id: str, payload: Payload) -> dict[str, object]:
        document = find_document(workspace, document_id)
        if "document" in payload:
            source = find_document(workspace, str(payload["document"]))
            name, palette = source.name, swatches.palette_of(source)
        else:
            name = str(payload.get("palette"))
            palette = workspace.palettes.load(name)
        palette_store.take_palette(workspace, document, palette, name, bool(payload.get("beside")))
        return document_to_json(document)

    @router.post("/documents/{document_id}/palette/file")
    def load(document_id: str, file: Annotated[UploadFile, File()]) -> dict[str, object]:
        document = find_document(workspace, document_id)
        name = Path(file.filename or "palette").name
        palette = palette_store.read_palette_file(name, file.file)
        palette_store.take_palette(workspace, document, palette, name, beside=False)
        return document_to_json(document)

    @router.get("/documents/{document_id}/palette.npz")
    def download(document_id: str) -> Response:
        document = find_document(workspace, document_id)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "palette.npz"
            swatches.palette_of(document).save(path)
            content = path.read_bytes()
        name = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in document.name)
        headers = {"Content-Disposition": f'attachment; filename="{name}_palette.npz"'}
        return Response(content, media_type="application/octet-stream", headers=headers)


def _add_clipboard(router: APIRouter, workspace: Workspace) -> None:
    @router.post("/documents/{document_id}/copy")
    def copy(document_id: str, payload: Payload) -> dict[str, object]:
        document = find_document(workspace, document_id)
        return clipboard.copy_cells(workspace, document, swatches.read_cells(payload.get("cells")))

    @router.post("/documents/{document_id}/paste")
    def paste(document_id: str, payload: Payload) -> dict[str, object]:
        document = find_document(workspace, document_id)
        clipboard.paste_block(workspace, document, payload)
        return layout_to_json(document)


def _keys(payload: dict[str, Any]) -> list[str]:
    keys = payload.get("swatches")
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise LayoutError("change the palette", f"its swatches are {keys!r:.80}", "they are a list of ids")
    return keys
