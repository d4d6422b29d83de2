"""What a user can ask for, one function each: the page's buttons and the routes call these and nothing deeper.

Each checks what came from outside and either does it, queues a job, or raises an ``SSLDiffError`` in the user's words.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ssldiff_core.errors import LayoutError, ModelError, SceneError, SettingsError, SSLDiffError
from ssldiff_core.geometry import Box, format_length, parse_pixel_size
from ssldiff_core.scenes.probe import probe_files

from .clipping import clip_to_cells, read_cells
from .documents import Document
from .encoding import Work, encoding_work, finish_layout, region_geometry, show_layout
from .generation import generation_work
from .jobs import Job
from .library import SceneEntry
from .model_choice import find_spec, likely_model, palette_path
from .questions import require_answer
from .records import ResultRecord, SceneRef
from .results import result_folder, result_manifest
from .resuming import drawing_request
from .wishes import Wish, number, whole_number

if TYPE_CHECKING:
    from ssldiff_core.embeddings.grid import EmbeddingGrid
    from ssldiff_core.layouts.palette import Palette
    from ssldiff_core.layouts.swatch import Swatch

    from .workspace import Workspace

MAX_CELLS = 128 * 128
GROUNDS = ("glass", "green field")
"""Swatches that an empty canvas is full of, where the palette has one: what lies where nothing is."""


def open_scene(workspace: Workspace, scene_id: str) -> Document:
    """A new document over a scene of the library.

    Raises:
        SceneError: where the file is no scene.
    """
    entry = workspace.library.get(scene_id)
    scene = workspace.tiles.scenes.get(entry)
    named = workspace.config.keep_source_names or entry.origin in ("demo", "result")
    name = _stem(entry.name) if named else scene.alias
    ref = SceneRef(
        id=entry.id, name=name, version=entry.version, size_l0=scene.size_l0, pixel_size_m=scene.pixel_size_m,
        file_pixel_size_m=scene.pixel_size_m, warnings=tuple(map(_without_options, scene.warnings)),
        attribution=scene.attribution if named or scene.crs is not None or scene.synthetic else "",
        digest=scene.digest, size_bytes=entry.size_bytes,
    )  # fmt: skip
    document = workspace.documents.create()
    document.rename(name.capitalize())
    document.set_scene(ref, likely_model(workspace, scene.pixel_size_m))
    return document


def open_upload(workspace: Workspace, entry: SceneEntry) -> Document:
    """As :func:`open_scene`; a file that is no scene is not kept."""
    try:
        probe_files([entry.path])  # in a process that may die of it
        return open_scene(workspace, entry.id)
    except SSLDiffError:
        workspace.library.forget_upload(entry)
        raise


def empty_canvas(workspace: Workspace, model_id: str, rows: int, cols: int) -> Document:
    """A new document without a scene, painted from a model's own palette."""
    from ssldiff_core.layouts.layout import empty_layout
    from ssldiff_core.layouts.palette import Palette

    spec = find_spec(workspace, model_id)
    rows, cols = (whole_number(value, name, 1, 128) for value, name in ((rows, "rows"), (cols, "columns")))
    path = palette_path(spec)
    if path is None:
        raise ModelError(
            f"paint with {spec.id}", "this model ships no palette", "", "Open a scene: its region gives one"
        )
    palette = Palette.load(path)
    document = workspace.documents.create()
    document.rename(f"{spec.id.capitalize()} canvas")
    ground = next((swatch for swatch in palette.swatches if swatch.name in GROUNDS), palette.swatches[0])
    layout = empty_layout(rows, cols, palette, swatch=ground.id, cell_px=spec.cell_px)
    document.set_layout(replace(layout, base=_of_one_kind(layout.grid(), palette, ground), edits=()), spec.id)
    finish_layout(workspace, document)
    return document


def _of_one_kind(grid: EmbeddingGrid, palette: Palette, ground: Swatch) -> EmbeddingGrid:
    """A canvas of samples of a swatch, without those that look more like another one: cells in another colour."""
    index = palette.swatches.index(ground)
    vectors = grid.vectors.reshape(-1, grid.dim).copy()
    own = ground.vectors[palette.nearest(ground.vectors) == index]
    odd = np.flatnonzero(palette.nearest(vectors) != index)
    if len(own):
        vectors[odd] = own[np.arange(len(odd)) % len(own)]
    return grid.with_vectors(vectors.reshape(grid.vectors.shape))


def set_pixel_size(workspace: Workspace, document: Document, text: str) -> None:
    """Tell, or correct, the pixel size of the scene, as in ``"0.5 µm"``; empty goes back to what the file says."""
    scene = document.scene
    if scene is None:
        raise SceneError("set a pixel size", "this document has no scene")
    pixel_size_m = parse_pixel_size(text) if text.strip() else scene.file_pixel_size_m
    model_id = document.model_id if document.layout is not None else likely_model(workspace, pixel_size_m)
    document.set_scene(replace(scene, pixel_size_m=pixel_size_m), model_id)
    workspace.publish_document(document)


def encode_region(workspace: Workspace, document: Document, payload: Mapping[str, Any]) -> Job:
    """Queue the reading of a region, see :func:`encoding_asked`."""
    job = Job("encode", document.id, request={"payload": dict(payload)})
    return workspace.jobs.submit(job, encoding_asked(workspace, document, payload))


def encoding_asked(workspace: Workspace, document: Document, payload: Mapping[str, Any]) -> Work:
    """The work of reading a region: ``{"region": [x, y, width, height], "model": id, "pixel_size_m": number}``.

    The region is in level-0 pixels; whole cells inside it are read.
    """
    if document.scene is None or document.scene.pixel_size_m is None:
        raise SceneError(
            "read a region", "the pixel size of this scene is not known", "a cell is a length on slide or ground",
            "Enter the pixel size first",
        )  # fmt: skip
    spec = find_spec(workspace, str(payload.get("model") or document.model_id))
    pixel_size_m = number(payload.get("pixel_size_m"), "pixel size")
    if not any(math.isclose(pixel_size_m, known, rel_tol=0.02) for known in spec.pixel_sizes_m):
        known = ", ".join(format_length(size) for size in spec.pixel_sizes_m)
        raise SettingsError(
            f"read cells at {format_length(pixel_size_m)}",
            f"{spec.id} was trained at {known}",
            "",
            "Choose one of these",
        )
    box = _region(payload.get("region"), document.scene.size_l0)
    geometry = region_geometry(box, pixel_size_m, document.scene.pixel_size_m, spec.cell_px, MAX_CELLS)
    return encoding_work(workspace, document, spec, geometry)


def apply_edit(workspace: Workspace, document: Document, payload: Mapping[str, Any]) -> None:
    """An edit of the page as JSON, or ``{"kind": "undo"}`` or ``{"kind": "redo"}``.

    A paint or an erase, of cells or finer, with a ``stroke``, any text, is a piece of that stroke, sent while it is
    drawn; ``{"kind": "abandon", "stroke": …}`` takes back its pieces. Shapes finer than cells are cut to the cells
    that they are to stay ``within``.
    """
    from ssldiff_core.layouts.edits import Erase, EraseRegion, Paint, PaintRegion, edit_from_json

    kind = payload.get("kind")
    if kind in ("undo", "redo"):
        base = document.need_layout().base
        (document.undo if kind == "undo" else document.redo)()
        if document.need_layout().base is not base:
            show_layout(workspace, document)
            return
    elif kind == "abandon":
        document.abandon_stroke(str(payload.get("stroke")))
    else:
        if len(payload.get("cells") or ()) > MAX_CELLS:
            raise LayoutError("paint", f"the stroke has more than {MAX_CELLS} cells")
        edit = edit_from_json({name: value for name, value in payload.items() if name not in ("stroke", "within")})
        cells = read_cells(payload)
        if cells and isinstance(edit, PaintRegion | EraseRegion):
            clipped = clip_to_cells(edit, cells)
            if clipped is not None:
                document.edit(clipped)
        elif payload.get("stroke") and isinstance(edit, Paint | Erase | PaintRegion | EraseRegion) and _is_piece(edit):
            document.continue_stroke(edit, str(payload["stroke"]))
        else:
            document.edit(edit)
    workspace.publish_layout(document)


def _is_piece(edit: object) -> bool:
    """Whether an edit can be joined by more of its kind: cells, or lines without polygons."""
    return not getattr(edit, "polygons", ())


def change_swatch(workspace: Workspace, document: Document, key: str, name: str | None, colour: str | None) -> None:
    """Rename or recolour a swatch."""
    with document.lock:
        palette = document.need_layout().palette
        if palette is None:
            raise LayoutError("change a swatch", "this document has no palette")
        if name is not None:
            palette = palette.rename(key, name.strip()[:60])
        if colour is not None:
            palette = palette.recolour(key, colour)
        document.set_palette(palette)
    workspace.publish_document(document)


def start_generation(workspace: Workspace, document: Document, values: Mapping[str, Any]) -> Job:
    """Queue the drawing of the layout as it is now; ``values`` are the fields of a :class:`~ui.wishes.Wish`."""
    if document.layout is None:
        raise LayoutError("generate", "there is no grid yet", "an image is drawn from a grid", "Read a region first")
    if values.get("accept"):  # the button said what is unlike, and was pressed
        document.accept_note()
    require_answer(document)
    wish = Wish.from_values(values)
    find_spec(workspace, document.model_id)
    job = Job(
        "sharpen" if wish.auto else "generate",
        document.id,
        total=wish.count * (wish.settings.steps + 1),
        parts=wish.count,
        title=_title(document, wish),
        request={} if wish.auto else drawing_request(document.layout, values),
    )
    return workspace.jobs.submit(job, generation_work(workspace, document, document.layout, wish))


def _title(document: Document, wish: Wish) -> str:
    images = f"{wish.count} images" if wish.count > 1 else "1 image"
    return f"{images} of {document.name}, seed {wish.settings.seed}"


def go_back(workspace: Workspace, document: Document, record: ResultRecord) -> None:
    """Show a result, and make the layout what it was when the result was drawn: one step of undo.

    A result of another region, or of a grid that was read before, brings its grid back without the edits.

    Raises:
        LayoutError: where the layout was painted with swatches that are gone.
        SceneError: where the result is no longer on disk.
    """
    from ssldiff_core.layouts.edits import edit_from_json
    from ssldiff_core.layouts.layout import Layout

    manifest = result_manifest(result_folder(workspace, document, record))
    now = document.need_layout()
    if now.grid() != manifest.grid:
        edits = tuple(edit_from_json(dict(edit)) for edit in manifest.edits)
        try:
            before = Layout(now.base, now.palette, edits)
            matches = before.grid() == manifest.grid
        except LayoutError:
            matches = False
        if not matches:
            before = Layout(manifest.grid, now.palette)
        if record.model_id == document.model_id:
            document.jump_to(before)
        else:
            document.set_layout(before, record.model_id)
        if not document.points:
            finish_layout(workspace, document)
    document.show_result(record.id, manifest.grid)
    workspace.publish_document(document)


def _region(value: object, size_l0: tuple[int, int]) -> Box:
    if not isinstance(value, list) or len(value) != 4:
        raise SettingsError("read a region", f"it is {value!r}", "a region is [x, y, width, height] in level-0 pixels")
    box = Box(*(number(side, "region") for side in value))
    inside = box.intersection(Box(0, 0, *size_l0))
    if inside is None:
        raise SceneError(
            "read a region", "it lies wholly outside the scene", f"the scene is {size_l0[0]} × {size_l0[1]} pixels",
            "Pick the region again",
        )  # fmt: skip
    return box


def _without_options(text: str) -> str:
    """A warning without the command line's options in brackets: the page has fields for them."""
    return re.sub(r" *\(--[\w-]+\)", "", text)


def _stem(name: str) -> str:
    return name.removesuffix(".ome.tif").removesuffix(".ome.tiff").rsplit(".", 1)[0] or name
