"""A result on disk: its folder, manifest, picture, and the labels of its cells as they were when it was drawn."""

from __future__ import annotations

import base64
import json
import shutil
import uuid
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ssldiff_core.errors import LayoutError, SceneError

from .documents import Document
from .files import write_json
from .records import ResultRecord

if TYPE_CHECKING:
    from ssldiff_core.export.label_map import LabelClass
    from ssldiff_core.layouts.layout import Layout
    from ssldiff_core.provenance import Manifest

    from .workspace import Workspace

LABELS_FILE = "labels.json"
_FINE_PX = 2
"""Pixels of the image along a label, where borders run through cells."""

_MOST_LABELS = 1 << 28


@dataclass(frozen=True)
class ResultLabels:
    """Class of each cell, (rows, cols) int64, -1 for none; the classes; and where borders run through cells the same
    more finely."""

    labels: np.ndarray
    classes: tuple[LabelClass, ...]
    fine: np.ndarray | None = None

    @property
    def finest(self) -> np.ndarray:
        """The finest labels there are."""
        return self.labels if self.fine is None else self.fine


@contextmanager
def new_result(workspace: Workspace, document: Document) -> Iterator[tuple[str, Path]]:
    """The id of a result in the making and its folder, which is removed where the block does not come to its end."""
    result_id = uuid.uuid4().hex[:12]
    folder = workspace.documents.folder(document.id) / "results" / result_id
    folder.mkdir(parents=True)
    try:
        yield result_id, folder
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


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
    body: dict[str, object] = {"labels": label_map(layout).tolist(), "classes": classes}
    per_cell = layout.base.geometry.cell_px // _FINE_PX
    if len(layout.divided_cells()[0]) and per_cell >= layout.base.geometry.cell_lat:
        body["fine"] = _packed(layout.fine_labels(per_cell))
    write_json(folder / LABELS_FILE, body)


def _packed(labels: np.ndarray) -> dict[str, object]:
    """Labels as JSON: their rows and columns, and the base64 of int16 packed by zlib."""
    content = zlib.compress(np.ascontiguousarray(labels, "<i2").tobytes(), 6)
    return {"shape": list(labels.shape), "packed": base64.b64encode(content).decode("ascii")}


def _unpacked(body: dict[str, object]) -> np.ndarray:
    """The inverse of :func:`_packed`; not more is unpacked than the shape says."""
    rows, cols = (int(side) for side in body["shape"])  # type: ignore[attr-defined]
    if rows < 1 or cols < 1 or rows * cols > _MOST_LABELS:
        raise ValueError("labels of no size, or of too many")
    content = zlib.decompressobj().decompress(base64.b64decode(str(body["packed"]), validate=True), 2 * rows * cols)
    return np.frombuffer(content, "<i2").reshape(rows, cols).astype(np.int64)


def result_labels(folder: Path, document: Document) -> ResultLabels:
    """The labels of a result; for one drawn before labels were kept, the swatches nearest to its grid.

    Raises:
        LayoutError: where the document has no palette, or the labels are damaged.
    """
    from ssldiff_core.export.label_map import LabelClass

    path = folder / LABELS_FILE
    if path.is_file():
        try:
            return _read_labels(json.loads(path.read_text(encoding="utf-8")))
        except (ValueError, KeyError, TypeError, OverflowError, zlib.error) as error:
            raise LayoutError("read the labels of this result", f"they are damaged ({type(error).__name__})") from None
    palette, grid = document.need_layout().palette, result_manifest(folder).grid
    if palette is None:
        raise LayoutError("write the labels of this result", "the document has no palette")
    labels = palette.nearest(grid.vectors.reshape(-1, grid.dim)).reshape(grid.shape_cell).astype(np.int64)
    labels[~grid.valid] = -1
    return ResultLabels(labels, tuple(LabelClass(swatch.name, swatch.colour) for swatch in palette.swatches))


def _read_labels(body: dict[str, Any]) -> ResultLabels:
    """What :func:`keep_labels` wrote; raises one of many errors where it is not that."""
    from ssldiff_core.export.label_map import LabelClass

    classes = tuple(LabelClass(str(one["name"]), str(one["colour"])) for one in body["classes"])
    labels = np.array(body["labels"], np.int64)
    if labels.ndim != 2 or not labels.size:
        raise ValueError("labels that are no grid")
    return ResultLabels(labels, classes, _unpacked(body["fine"]) if "fine" in body else None)


def label_px(found: ResultLabels, record: ResultRecord) -> int:
    """The side of the finest label of a result in its pixels.

    Raises:
        LayoutError: where the labels are those of another image.
    """
    rows, cols = map(int, found.finest.shape)
    side = record.width // cols
    if (rows * side, cols * side) != (record.height, record.width):
        raise LayoutError(
            "lay labels over this result",
            f"there are {rows} × {cols} of them for {record.width} × {record.height} px",
            "each stands for a square of the image",
            "Draw it again",
        )
    return side


def delete_result(workspace: Workspace, document: Document, record: ResultRecord) -> None:
    """Take a result out of the document and off the disk."""
    document.remove_result(record.id)
    workspace.runs.forget(document, record.id)
    shutil.rmtree(result_folder(workspace, document, record), ignore_errors=True)
    workspace.publish_document(document)
