"""Annotations (GeoJSON) and label masks laid over a document's layout: read first, then painted by chosen swatches."""

from __future__ import annotations

import json
import tempfile
import threading
import uuid
from collections import Counter, OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ssldiff_core.errors import LayoutError

from .documents import Document

if TYPE_CHECKING:
    from ssldiff_core.layouts.annotations import Annotations
    from ssldiff_core.layouts.palette import Palette

    from .workspace import Workspace

MASKS = (".png", ".tif", ".tiff", ".bmp", ".gif")
KEPT = 16
ERASED, LEFT_OUT = "erase", ""
"""In place of a swatch: areas that are left to the model, and areas that are not looked at."""
_ASPECT_TOLERANCE = 0.02


class ReadAnnotations:
    """What was read and waits to be painted, by a token; the oldest are forgotten."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._read: OrderedDict[str, tuple[str, Annotations]] = OrderedDict()

    def put(self, document: Document, found: Annotations) -> str:
        token = uuid.uuid4().hex
        with self._lock:
            self._read[token] = (document.id, found)
            while len(self._read) > KEPT:
                self._read.popitem(last=False)
        return token

    def get(self, document: Document, token: str) -> Annotations:
        """
        Raises:
            LayoutError: where it is no longer kept, or was read for another document.
        """
        owner, found = self._read.get(token, ("", None))
        if found is None or owner != document.id:
            raise LayoutError("lay out these annotations", "they are no longer kept", "", "Load the file again")
        return found


@dataclass(frozen=True)
class Frame:
    """Where a file's pixels lie on the layout.

    Args:
        origin_px: of the layout's top-left corner in the file's pixels.
        cell_px: side of a cell in the file's pixels.
        said: the same for the user.
    """

    origin_px: tuple[float, float]
    cell_px: float
    said: str


def read_annotations_for(workspace: Workspace, document: Document, name: str, file: IO[bytes]) -> dict[str, object]:
    """Read a file and say what is in it: classes with the swatch of their name, what is left out, where it lies.

    Raises:
        LayoutError: where there is no layout to paint on, it cannot be read, or holds no class.
    """
    palette = _palette(document)
    found = _read(Path(name).suffix.lower(), file)
    if not found.areas:
        raise LayoutError("lay out this file", "no area is in it", "areas are polygons, or pixels of a label mask")
    frame = frame_of(workspace, document, found)
    counts = Counter(area.name for area in found.areas if not area.is_ignored)
    colours = {area.name: area.colour for area in found.areas}
    classes = [
        {"name": key, "areas": counts[key], "colour": colours[key], "swatch": _alike(key, palette)}
        for key in sorted(counts)
    ]  # fmt: skip
    return {
        "token": workspace.annotations.put(document, found), "classes": classes, "place": frame.said,
        "left_out": dict(found.left_out), "ignored": sum(area.is_ignored for area in found.areas),
    }  # fmt: skip


def lay_annotations(workspace: Workspace, document: Document, values: Mapping[str, Any]) -> None:
    """Paint what was read under ``token``; ``swatches`` says for each class which, one step of undo.

    Raises:
        LayoutError: where it is no longer kept, a swatch is unknown, or nothing of it lies on the layout.
    """
    from ssldiff_core.layouts.annotations import draw_annotations

    found, palette = workspace.annotations.get(document, str(values.get("token"))), _palette(document)
    chosen = values.get("swatches")
    if not isinstance(chosen, Mapping):
        raise LayoutError("lay out these annotations", "it is not said which swatches they are", "", "Choose them")
    areas = tuple(
        replace(area, name=f"{area.name}*") if chosen.get(area.name) == ERASED else area
        for area in found.areas
        if area.is_ignored or chosen.get(area.name, LEFT_OUT) != LEFT_OUT
    )
    swatches = {
        str(key): palette.find(str(value)).name for key, value in chosen.items() if value not in (ERASED, LEFT_OUT)
    }
    frame = frame_of(workspace, document, found)
    with document.lock:
        layout = draw_annotations(
            document.need_layout(), replace(found, areas=areas), origin_px=frame.origin_px, cell_px=frame.cell_px,
            mapping=swatches, unclassified=swatches.get(""),
        )  # fmt: skip
        document.jump_to(layout, "annotations")
    workspace.publish_layout(document)


def frame_of(workspace: Workspace, document: Document, found: Annotations) -> Frame:
    """A mask as large as the scene, and annotations of a scene, lie in its pixels, as QuPath counts them; any other
    mask is laid over the whole layout, and annotations without a scene lie in the pixels of the canvas.

    Raises:
        LayoutError: where a mask has another shape than the layout.
    """
    geometry, scene = document.need_layout().base.geometry, document.scene
    size = None if found.extent is None else (round(found.extent[2]), round(found.extent[3]))
    if scene is not None and (size is None or size == tuple(scene.size_l0)):
        shift = _qupath_origin(workspace, document)
        origin = (geometry.origin_l0[0] - shift[0], geometry.origin_l0[1] - shift[1])
        return Frame(origin, geometry.cell_l0, "in the pixels of the scene")
    height, width = geometry.shape_px
    if size is None:
        return Frame((0.0, 0.0), float(geometry.cell_px), f"in the pixels of the canvas, {width} × {height}")
    if abs(size[0] * height / (size[1] * width) - 1) > _ASPECT_TOLERANCE:
        raise LayoutError(
            f"lay a mask of {size[0]} × {size[1]} px over this layout",
            f"that has {geometry.cols} × {geometry.rows} cells",
            "a mask has the shape of the layout, or is as large as the scene",
            "Cut the mask, or grow the canvas",
        )  # fmt: skip
    return Frame((0.0, 0.0), size[0] / geometry.cols, f"over the whole layout, {size[0]} × {size[1]} px")


def _qupath_origin(workspace: Workspace, document: Document) -> tuple[float, float]:
    """QuPath counts from where the slide holds an image; a scene that is not here is taken to begin at 0."""
    if document.scene is None or not document.scene.version:
        return 0.0, 0.0
    box = workspace.tiles.scenes.get(workspace.library.get(document.scene.id)).bounds_l0
    return float(box.x), float(box.y)


def _read(suffix: str, file: IO[bytes]) -> Annotations:
    from ssldiff_core.export.label_map import LabelClass, label_geojson
    from ssldiff_core.layouts.annotations import annotations_from_geojson
    from ssldiff_core.layouts.masks import read_mask

    if suffix not in MASKS:
        try:
            data = json.loads(file.read())
        except (ValueError, RecursionError):
            raise LayoutError(
                "lay out this file", "it is neither GeoJSON nor a mask", f"masks are {', '.join(MASKS)}"
            ) from None
        return annotations_from_geojson(data, "lay out this file")
    with tempfile.NamedTemporaryFile(suffix=suffix) as copy:
        copy.write(file.read())
        copy.flush()
        try:
            mask = read_mask(copy.name)
        except LayoutError as error:  # its text names the copy
            raise LayoutError("lay out this mask", error.found, error.rule, error.remedy) from None
    classes = [LabelClass(name, name if name.startswith("#") else "#808080") for name in mask.names]
    found = annotations_from_geojson(label_geojson(mask.labels, classes, cell_px=1.0))
    height, width = mask.labels.shape
    return replace(found, extent=(0.0, 0.0, float(width), float(height)))


def _alike(name: str, palette: Palette) -> str:
    """Id of the swatch of a class's name, or of the class that it is a sort of; empty where there is none."""
    by_lower = {swatch.name.lower(): swatch.id for swatch in palette.swatches}
    parts = name.lower().split(": ")
    return next((by_lower[key] for n in range(len(parts), 0, -1) if (key := ": ".join(parts[:n])) in by_lower), "")


def _palette(document: Document) -> Palette:
    palette = document.need_layout().palette
    if palette is None:
        raise LayoutError("lay out annotations", "this document has no palette", "classes are swatches")
    return palette
