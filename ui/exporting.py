"""Files made from a result when they are asked for: images in every format, at their place where it is known.

They are written into a folder of their own and removed when they have been sent: only what a document holds stays.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from ssldiff_core.errors import ExportError

from .documents import Document
from .records import ResultRecord
from .results import result_folder, result_manifest
from .workspace import Workspace

IMAGES = {
    "png": "image.png",
    "tif": "image.tif",
    "cog.tif": "image.cog.tif",
    "dzi.zip": "image.dzi.zip",
}
"""Endings of images that are made when asked for, and the files they are written as."""


def export_image(workspace: Workspace, document: Document, record: ResultRecord, ending: str, folder: Path) -> Path:
    """A result as an image of another format, its manifest inside, in ``folder``.

    Raises:
        SceneError: where the result is no longer on disk.
        ExportError: where it cannot be written, or has no place for a format that needs one.
    """
    from ssldiff_core.export import write_image
    from ssldiff_core.scenes import open_scene

    kept = result_folder(workspace, document, record)
    manifest = result_manifest(kept)
    if ending == "cog.tif" and not manifest.source.get("crs"):
        raise ExportError(
            "write a GeoTIFF", "the place of this result on the Earth is not known",
            "it is that of a reference with coordinates", "Download the OME-TIFF or the PNG instead",
        )  # fmt: skip
    with open_scene(kept / "image.ome.tif", pixel_size_m=record.pixel_size_m) as scene:
        return write_image(
            folder / IMAGES[ending], scene, manifest, pixel_size_m=record.pixel_size_m, geometry=manifest.grid.geometry
        )


def scratch_folder(workspace: Workspace) -> tuple[Path, Callable[[], None]]:
    """A folder for what is sent and then removed, and how to remove it."""
    folder = Path(tempfile.mkdtemp(dir=workspace.config.data_dir, prefix=".out-"))
    return folder, lambda: shutil.rmtree(folder, ignore_errors=True)


def download_name(name: str, ending: str) -> str:
    """A file name of plain letters: it goes into a header."""
    stem = re.sub(r"[^\w-]+", "_", name).strip("_")[:100] or "result"
    return f"{stem}.{ending}"
