"""Scripts and styles of the page: our own under the digest of their content, vendored ones under their name."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, HTTPException
from fastapi.responses import FileResponse

from ssldiff_core.assets import assets_path

from ..config import static_version

IMMUTABLE = {"Cache-Control": "public, max-age=31536000, immutable"}
UI_FOLDER = Path(__file__).parent.parent
TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


def static_routes() -> APIRouter:
    router = APIRouter()

    @router.get("/static/{version}/{kind}/{name}")
    def static_file(version: str, kind: str, name: str) -> FileResponse:
        headers = IMMUTABLE if version == static_version() else {"Cache-Control": "no-store"}
        if kind not in ("scripts", "styles"):
            raise HTTPException(404)
        return _send(UI_FOLDER / kind, name, headers)

    @router.get("/vendor/{package}/{name}")
    def vendored_file(package: str, name: str) -> FileResponse:
        return _send(assets_path("vendor"), f"{package}/{name}", {"Cache-Control": "public, max-age=86400"})

    return router


def _send(folder: Path, name: str, headers: dict[str, str]) -> FileResponse:
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.is_file() or path.suffix not in TYPES:
        raise HTTPException(404)
    return FileResponse(path, media_type=TYPES[path.suffix], headers=headers)
