"""Files made from a result when they are asked for: images in every format, at their place where it is known.

They are written into a folder of their own and removed when they have been sent: only what a document holds stays.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from ssldiff_core.errors import ExportError

from .documents import Document
from .records import ResultRecord
from .results import label_px, result_folder, result_labels, result_manifest
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


def export_pair(workspace: Workspace, document: Document, record: ResultRecord, folder: Path) -> Path:
    """A result with its labels: a zip of ``image.png``, ``labels.png``, ``labels.geojson`` and the manifest.

    Labels lie pixel on pixel over the image; in the PNG those beside borders are to be ignored.

    Raises:
        SceneError: where the result is no longer on disk.
        LayoutError: where it has no labels.
    """
    from ssldiff_core.export.label_map import IGNORE_PX, write_label_geojson, write_label_png

    found = result_labels(result_folder(workspace, document, record), document)
    labels, cell_px = found.finest, label_px(found, record)
    image = export_image(workspace, document, record, "png", folder)
    write_label_png(folder / "labels.png", labels, found.classes, cell_px=cell_px, ignore_px=IGNORE_PX)
    smooth = 0.0 if found.fine is None else 1.0
    write_label_geojson(folder / "labels.geojson", labels, found.classes, cell_px=cell_px, smooth=smooth)
    pair = folder / "pair.zip"
    with zipfile.ZipFile(pair, "w") as archive:
        for name in (image.name, "labels.png", "labels.geojson", f"{image.name}.manifest.json"):
            packing = zipfile.ZIP_STORED if name.endswith(".png") else zipfile.ZIP_DEFLATED
            archive.write(folder / name, name, packing)
    return pair


def scratch_folder(workspace: Workspace) -> tuple[Path, Callable[[], None]]:
    """A folder for what is sent and then removed, and how to remove it."""
    folder = Path(tempfile.mkdtemp(dir=workspace.config.data_dir, prefix=".out-"))
    return folder, lambda: shutil.rmtree(folder, ignore_errors=True)


def download_name(name: str, ending: str) -> str:
    """A file name of plain letters: it goes into a header."""
    stem = re.sub(r"[^\w-]+", "_", name).strip("_")[:100] or "result"
    return f"{stem}.{ending}"
