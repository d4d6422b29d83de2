"""Documents: what a user works on, kept on the server under an id with a lock, a version and autosave.

A document is a scene (or none), the layout over it (grid, palette, edits), projections of its points, and results.
Every change raises its version and is written to disk a moment later, so a reload, or a kill, loses nothing.
"""

from __future__ import annotations

import hashlib
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ssldiff_core.errors import LayoutError

from .bookmarks import Bookmark
from .jumps import Jumps
from .records import ResultRecord, SceneRef

if TYPE_CHECKING:
    from ssldiff_core.embeddings.grid import EmbeddingGrid
    from ssldiff_core.layouts.edits import Edit, Erase, EraseRegion, Paint, PaintRegion
    from ssldiff_core.layouts.layout import Layout
    from ssldiff_core.layouts.palette import Palette

    Piece = Paint | Erase | PaintRegion | EraseRegion


@dataclass
class Document:
    """Change it only through its methods: they hold the lock and raise the version."""

    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    name: str = "Untitled"
    version: int = 0
    created: float = field(default_factory=time.time)
    scene: SceneRef | None = None
    model_id: str = ""
    layout: Layout | None = None
    grid_note: str = ""
    palette_version: int = 0
    points: dict[str, np.ndarray] = field(default_factory=dict)
    results: tuple[ResultRecord, ...] = ()
    drawn: EmbeddingGrid | None = None
    """The grid that the shown result shows."""
    shown: str = ""
    """The result that the page shows; the layout's changes are told against it."""
    jumps: Jumps = field(default_factory=Jumps)
    bookmarks: tuple[Bookmark, ...] = ()
    owner: str = ""
    """Who made it, where the server has a login."""
    note_accepted: bool = False
    """Whether the user said to go on although the grid is unlike what the model was trained on."""

    def __post_init__(self) -> None:
        self.lock = threading.RLock()
        self.saved_version = -1
        self.on_change: Callable[[Document], None] = lambda _: None  # called with the lock held
        self.palette_history: list[tuple[str, Palette]] = []
        self._labels: tuple[Layout, np.ndarray, np.ndarray] | None = None
        self._pending: tuple[Layout, EmbeddingGrid, np.ndarray] | None = None
        self._stroke: tuple[str, Piece] | None = None

    def set_scene(self, scene: SceneRef | None, model_id: str) -> None:
        """Show another scene, or the same with another pixel size."""
        with self.lock:
            self.scene, self.model_id = scene, model_id
            self._changed()

    def set_layout(self, layout: Layout, model_id: str, note: str = "") -> None:
        """Begin with a new grid and palette; earlier edits belong to the grid that is left."""
        with self.lock:
            self.layout, self.model_id, self.grid_note, self.note_accepted = layout, model_id, note, False
            self.points, self.jumps = {}, Jumps()
            self.palette_version += 1
            self._changed()

    def set_points(self, name: str, points: np.ndarray, key: str) -> bool:
        """Keep a projection (n, 2) float32, unless :attr:`points_key` is another one meanwhile."""
        with self.lock:
            if self.layout is None or self.points_key != key:
                return False
            self.points = {**self.points, name: np.ascontiguousarray(points, np.float32)}
            self._changed()
            return True

    def edit(self, edit: Edit) -> None:
        """Apply one edit.

        Raises:
            LayoutError: where it does not fit, or there is no grid yet.
        """
        with self.lock:
            self.layout = self.need_layout().apply(edit)
            self._changed()

    def continue_stroke(self, edit: Piece, stroke: str) -> None:
        """Apply a piece of a stroke that is under way: its pieces become one edit, which one undo takes back.

        Raises:
            LayoutError: where it does not fit; the pieces before stay.
        """
        with self.lock:
            layout, known = self.need_layout(), self._stroke
            if known is not None and known[0] == stroke and layout.edits[-1:] == known[1:]:
                joined = _joined(known[1], edit)
                if joined is not None:
                    edit, layout = joined, layout.undo()
            self.layout = layout.apply(edit)
            self._stroke = (stroke, cast("Piece", self.layout.edits[-1]))
            self._changed()

    def abandon_stroke(self, stroke: str) -> None:
        """Take back what of a stroke has been applied; nothing where another edit followed it."""
        with self.lock:
            layout = self.need_layout()
            if layout.edits and self._stroke == (stroke, layout.edits[-1]):
                self.layout, self._stroke = replace(layout.undo(), undone=()), None
                self._changed()

    def undo(self) -> None:
        with self.lock:
            layout = self.need_layout()
            if self.jumps.led_to(layout):
                self.layout, self.jumps = self.jumps.undo()
                self._left(layout)
            elif layout.edits:
                self.layout = layout.undo()
                self._changed()

    def redo(self) -> None:
        with self.lock:
            layout = self.need_layout()
            if self.jumps.lead_on_from(layout):
                self.layout, self.jumps = self.jumps.redo()
                self._left(layout)
            elif layout.undone:
                self.layout = layout.redo()
                self._changed()

    def jump_to(self, layout: Layout, why: str = "result") -> None:
        """Put a whole layout, over the same base or another one, in place of this one."""
        with self.lock:
            before = self.need_layout()
            self.layout, self.jumps = layout, self.jumps.jump(before, layout, why)
            self._left(before)

    @property
    def can_undo(self) -> bool:
        return self.layout is not None and (bool(self.layout.edits) or self.jumps.led_to(self.layout))

    @property
    def can_redo(self) -> bool:
        return self.layout is not None and (bool(self.layout.undone) or self.jumps.lead_on_from(self.layout))

    def set_palette(self, palette: Palette) -> None:
        """Another palette for the same grid (a swatch renamed, recoloured or added)."""
        with self.lock:
            self.layout = self.need_layout().with_palette(palette)
            self.jumps = self.jumps.with_palette(palette)
            self.palette_version += 1
            self._changed()

    def rename(self, name: str) -> None:
        with self.lock:
            self.name = name
            self._changed()

    def add_result(self, record: ResultRecord, drawn: EmbeddingGrid, show: bool = True) -> None:
        """Keep a result, and the grid that it shows."""
        with self.lock:
            self.results = (*self.results, record)
            if show or not self.shown:
                self.drawn, self.shown = drawn, record.id
            self._changed()

    def show_result(self, result_id: str, drawn: EmbeddingGrid) -> None:
        """Go back to a result, whose grid is ``drawn``."""
        with self.lock:
            self.shown, self.drawn = result_id, drawn
            self._changed()

    def set_bookmarks(self, bookmarks: tuple[Bookmark, ...]) -> None:
        with self.lock:
            self.bookmarks = bookmarks
            self._changed()

    def mark_result(self, result_id: str, mark: str) -> None:
        with self.lock:
            self.results = tuple(
                replace(record, mark=mark) if record.id == result_id else record for record in self.results
            )
            self._changed()

    def remove_result(self, result_id: str) -> None:
        """Take a result out of the list."""
        with self.lock:
            self.results = tuple(record for record in self.results if record.id != result_id)
            self._changed()

    def accept_note(self) -> None:
        """Go on with a grid that is unlike what the model was trained on."""
        with self.lock:
            self.note_accepted = True
            self._changed()

    @property
    def asks(self) -> str:
        """What the user must answer before anything is drawn; empty where there is nothing."""
        return "" if self.note_accepted else self.grid_note

    def need_layout(self) -> Layout:
        if self.layout is None:
            raise LayoutError(
                "paint", "there is no grid yet", "a grid comes from a region or a palette", "Choose a region first"
            )
        return self.layout

    def point_vectors(self) -> np.ndarray:
        """What the scatter's points stand for, (n, dim): the cells, or without a scene the palette's vectors."""
        with self.lock:
            layout = self.need_layout()
            if self.scene is not None or layout.palette is None:
                vectors: np.ndarray = layout.base.vectors[layout.base.valid]
                return vectors
            return np.concatenate([swatch.vectors for swatch in layout.palette.swatches])

    @property
    def points_key(self) -> str:
        """What the scatter's points are of, 16 hex digits: the grid, or without a scene the palette's swatches."""
        with self.lock:
            layout = self.need_layout()
            if self.scene is not None or layout.palette is None:
                return layout.base.digest[:16]
            ids = " ".join(swatch.id for swatch in layout.palette.swatches)
            return hashlib.blake2b(ids.encode(), digest_size=8).hexdigest()

    def labels(self) -> tuple[np.ndarray, np.ndarray]:
        """Swatch of each cell, -1 for none, and whether an edit touched it: both (rows, cols), int16 and uint8."""
        from ssldiff_core.layouts.layout import label_map

        with self.lock:
            layout, known = self.need_layout(), self._labels
            if known is not None and known[0] is layout:
                return known[1], known[2]
            changed = None if known is None else layout.changed_since(known[0])
            if known is None or changed is None:
                edited = (layout.touched > 0).astype(np.uint8)
                self._labels = (layout, label_map(layout).astype(np.int16), edited)
            else:  # a stroke changes few cells; the rest is as it was
                labels, edited = known[1].copy(), known[2].copy()
                labels[changed] = layout.labels_at(*changed)
                edited[changed] = layout.touched[changed] > 0
                self._labels = (layout, labels, edited)
            return self._labels[1], self._labels[2]

    def pending(self) -> np.ndarray:
        """Cells that are not as the shown result has them, (rows, cols) uint8; none where there is no result."""
        with self.lock:
            layout, drawn, known = self.need_layout(), self.drawn, self._pending
            if drawn is None or drawn.geometry != layout.base.geometry or drawn.dim != layout.base.dim:
                from .growing import cells_beyond

                grown = None if drawn is None else cells_beyond(drawn, layout.grid())
                return np.zeros(layout.base.shape_cell, np.uint8) if grown is None else grown[0].astype(np.uint8)
            changed = None if known is None or known[1] is not drawn else layout.changed_since(known[0])
            if known is None or changed is None:
                found = np.indices(layout.base.shape_cell).reshape(2, -1)
                pending = layout.differs_at(drawn, found[0], found[1]).reshape(layout.base.shape_cell).astype(np.uint8)
            else:
                pending = known[2].copy()
                pending[changed] = layout.differs_at(drawn, *changed)
            self._pending = (layout, drawn, pending)
            return pending

    def _left(self, before: Layout) -> None:
        """Another layout is in place of ``before``; points of cells belong to the grid they were made of."""
        if self.scene is not None and self.need_layout().base != before.base:
            self.points = {}
        self._changed()

    def _changed(self) -> None:
        self.version += 1
        self.on_change(self)


def _joined(before: Piece, piece: Piece) -> Piece | None:
    """A stroke with one more piece; None where they are not of one stroke."""
    old, new = cast("Any", before), cast("Any", piece)
    what = "lines" if hasattr(old, "lines") else "cells"
    if type(old) is not type(new) or replace(old, **{what: getattr(new, what)}) != new:
        return None
    if what == "cells":
        return cast("Piece", replace(old, cells=(*old.cells, *new.cells)))
    (*earlier, last), (first, *later) = old.lines, new.lines
    middle = [(*last, *first[1:])] if first[0] == last[-1] else [last, first]
    return cast("Piece", replace(old, lines=(*earlier, *middle, *later)))
