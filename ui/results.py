"""A result on disk: its folder, manifest, picture, and the labels of its cells as they were when it was drawn."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ssldiff_core.errors import LayoutError, SceneError

from .documents import Document, ResultRecord
from .files import write_json

if TYPE_CHECKING:
    from ssldiff_core.export.label_map import LabelClass
    from ssldiff_core.layouts.layout import Layout
    from ssldiff_core.provenance import Manifest

    from .workspace import Workspace

LABELS_FILE = "labels.json"


@dataclass(frozen=True)
class ResultLabels:
    """Class of each cell, (rows, cols) int64, -1 for none; and the classes."""

    labels: np.ndarray
    classes: tuple[LabelClass, ...]


def result_folder(workspace: Workspace, document: Document, record: ResultRecord) -> Path:
    return workspace.documents.folder(document.id) / "results" / record.id


def find_result(document: Document, result_id: str) -> ResultRecord | None:
    return next((record for record in document.results if record.id == result_id), None)


def result_manifest(folder: Path) -> Manifest:
    """The manifest beside the image.

    Raises:
        SceneError: where it is gone.
    """
    from ssldiff_core.provenance import Manifest

    found = [path for path in sorted(folder.glob("*.manifest.json")) if "png" not in path.name]
    if not found:
        raise SceneError("use this result", "it is no longer on disk", "", "Generate it again")
    return Manifest.load(found[0])


def result_pixels(folder: Path, size_px: tuple[int, int]) -> np.ndarray:
    """The image (height, width, 3) uint8 at (width, height).

    Raises:
        SceneError: where it is gone.
    """
    from ssldiff_core.scenes import open_scene

    with open_scene(folder / "image.ome.tif") as scene:
        return scene.read(scene.bounds_l0, size_px=size_px)


def keep_labels(folder: Path, layout: Layout) -> None:
    """Write down which swatch each cell is of, with names and colours as they are now: both may change later."""
    from ssldiff_core.layouts.layout import label_map

    if layout.palette is None:
        return
    classes = [{"name": swatch.name, "colour": swatch.colour} for swatch in layout.palette.swatches]
    write_json(folder / LABELS_FILE, {"labels": label_map(layout).tolist(), "classes": classes})


def result_labels(folder: Path, document: Document) -> ResultLabels:
    """The labels of a result; for one drawn before labels were kept, the swatches nearest to its grid.

    Raises:
        LayoutError: where the document has no palette.
    """
    from ssldiff_core.export.label_map import LabelClass

    path = folder / LABELS_FILE
    if path.is_file():
        body = json.loads(path.read_text(encoding="utf-8"))
        classes = tuple(LabelClass(str(one["name"]), str(one["colour"])) for one in body["classes"])
        return ResultLabels(np.array(body["labels"], np.int64), classes)
    palette, grid = document.need_layout().palette, result_manifest(folder).grid
    if palette is None:
        raise LayoutError("write the labels of this result", "the document has no palette")
    labels = palette.nearest(grid.vectors.reshape(-1, grid.dim)).reshape(grid.shape_cell).astype(np.int64)
    labels[~grid.valid] = -1
    return ResultLabels(labels, tuple(LabelClass(swatch.name, swatch.colour) for swatch in palette.swatches))


def delete_result(workspace: Workspace, document: Document, record: ResultRecord) -> None:
    """Take a result out of the document and off the disk."""
    document.remove_result(record.id)
    workspace.runs.forget(document, record.id)
    shutil.rmtree(result_folder(workspace, document, record), ignore_errors=True)
    workspace.publish_document(document)
