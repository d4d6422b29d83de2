"""The picture that follows the brush: few steps, and only of what changed inside the view.

For each document a run of few steps is kept in memory. When cells change, those in the view are drawn again on it, and
laid over the shown result where they reach. When the brush rests, the page asks for the same in full steps: the noise
belongs to positions, so it is the same picture, sharper.
"""

from __future__ import annotations

import io
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageFilter

from ssldiff_core.errors import Cancelled, SettingsError

from .documents import Document
from .jobs import Job
from .questions import require_answer
from .wishes import Wish

if TYPE_CHECKING:
    from ssldiff_core.diffusion.graph.trajectory import Trajectory
    from ssldiff_core.embeddings.grid import EmbeddingGrid
    from ssldiff_core.models.catalogue import Model
    from ssldiff_core.settings import Settings

    from .workspace import Workspace

STEPS = 4
MAX_PX = 2048**2
"""Larger canvases do not follow: their first few-step run alone takes longer than anybody waits for a brush."""
KEPT = 4
REACH_LAT = 6
"""Beyond half a cell, what is drawn again around a changed one."""
FADE_LAT = 2.0


@dataclass
class Follower:
    """A document's few-step run, and the last picture made of it."""

    key: tuple[object, ...]
    run: Trajectory
    grid: EmbeddingGrid
    number: int = 0
    picture: bytes = b""


class Followers:
    """The followers of the documents painted on last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: OrderedDict[str, Follower] = OrderedDict()

    def get(self, document_id: str) -> Follower | None:
        return self._held.get(document_id)

    def put(self, document_id: str, follower: Follower) -> None:
        with self._lock:
            self._held[document_id] = follower
            self._held.move_to_end(document_id)
            while len(self._held) > KEPT:
                self._held.popitem(last=False)


def start_follow(workspace: Workspace, document: Document, values: Mapping[str, Any]) -> Job:
    """Queue a picture of what changed in ``view`` ([row, col, rows, cols] in cells; all where it is left out).

    A sharpening that runs gives way to it.

    Raises:
        SettingsError: where the canvas is too large, or a value is out of range.
        LayoutError: where there is no grid.
    """
    layout = document.need_layout()
    height, width = layout.base.geometry.shape_px
    if height * width > MAX_PX:
        raise SettingsError(
            "follow the brush", f"the canvas is {width} × {height} px", "canvases up to 2048 × 2048 px can be followed"
        )
    require_answer(document)
    wish = Wish.from_values({**values, "steps": STEPS})
    view = _view(values.get("view"), layout.base.geometry.rows, layout.base.geometry.cols)
    for job in workspace.jobs.of_document(document.id):
        if job.active and (job.kind == "sharpen" or (job.kind == "follow" and job.state == "queued")):
            workspace.jobs.cancel(job.id)
    return workspace.jobs.submit(Job("follow", document.id, total=1), _work(workspace, document, wish, view))


def _view(value: object, rows: int, cols: int) -> tuple[slice, slice]:
    if not isinstance(value, list) or len(value) != 4 or not all(isinstance(v, int) for v in value):
        return slice(0, rows), slice(0, cols)
    row, col, high, wide = value
    return slice(max(0, row), max(0, min(rows, row + high))), slice(max(0, col), max(0, min(cols, col + wide)))


def _work(
    workspace: Workspace, document: Document, wish: Wish, view: tuple[slice, slice]
) -> Callable[[Job], None]:  # fmt: skip
    def work(job: Job) -> None:
        began = time.monotonic()
        model = workspace.model(document.model_id)
        with document.lock:  # as it is now: what was painted while this waited is drawn too
            wanted, drawn = document.need_layout().grid(), document.drawn
        settings = replace(wish.settings, engine="dense")
        follower = _begin(workspace, document, wanted, drawn, settings, model, job)
        target = _within(follower.grid, wanted, view)
        if target != follower.grid:
            _go_on(follower, target, model, job)
        follower.picture = _picture(follower, drawn)
        follower.number += 1
        geometry = wanted.geometry
        news = {
            "type": "follow", "number": follower.number, "seconds": round(time.monotonic() - began, 3),
            "box": [*geometry.origin_l0, geometry.box_l0.width, geometry.box_l0.height],
        }  # fmt: skip
        workspace.events.publish(document.id, news)

    return work


def _begin(
    workspace: Workspace, document: Document, wanted: EmbeddingGrid, drawn: EmbeddingGrid | None, settings: Settings,
    model: Model, job: Job,
) -> Follower:  # fmt: skip
    """The document's follower; a new one begins from what the shown result shows, so that it can go over it."""
    from ssldiff_core.diffusion.graph.trajectory import Trajectory
    from ssldiff_core.generate import generate

    key = (model.spec.digest, settings, wanted.geometry, wanted.encoder_id)
    known = workspace.followers.get(document.id)
    if known is not None and known.key == key:
        return known
    alike = drawn is not None and (drawn.geometry, drawn.encoder_id) == (wanted.geometry, wanted.encoder_id)
    start = drawn if alike and drawn is not None else wanted
    run = Trajectory()
    for _ in generate(start, settings, model=model, keep=run, cancelled=job.cancelled):
        pass
    follower = Follower(key, run, start, known.number if known else 0)
    workspace.followers.put(document.id, follower)
    return follower


def _within(old: EmbeddingGrid, new: EmbeddingGrid, view: tuple[slice, slice]) -> EmbeddingGrid:
    """The old grid with the new cells of the view; the new one where that is all that differs."""
    vectors, valid = old.vectors.copy(), old.valid.copy()
    vectors[view], valid[view] = new.vectors[view], new.valid[view]
    if np.array_equal(vectors, new.vectors) and np.array_equal(valid, new.valid):
        return new
    return replace(old, vectors=vectors, valid=valid)


def _go_on(follower: Follower, target: EmbeddingGrid, model: Model, job: Job) -> None:
    from ssldiff_core.regenerate import regenerate

    result = None
    for step in regenerate(follower.run, target, model=model, cancelled=job.cancelled):
        result = step.result
    if result is None:
        raise Cancelled("following the brush")
    squash(follower.run)
    follower.grid = target


def squash(run: Trajectory) -> None:
    """Make one version of all: what a follower passed through is of no more use."""
    from ssldiff_core.diffusion.graph.trajectory import Version
    from ssldiff_core.provenance import Manifest

    first, *later = run.versions
    for version in later:
        for place, levels in zip(version.blocks, version.levels, strict=True):
            first.levels[0][(slice(None), slice(None), *place.slices(first.canvas))] = levels
        for place, pixels in zip(version.pixel_blocks, version.pixels, strict=True):
            rows, cols = (slice(s.start * first.factor, s.stop * first.factor) for s in place.slices(first.canvas))
            first.pixels[0][rows, cols] = pixels
    record = replace(Manifest.from_json(run.record), chain=(), parents=()).to_json()
    run.versions = [Version(**{**first.__dict__, "record": record})]


def _picture(follower: Follower, drawn: EmbeddingGrid | None) -> bytes:
    """A WebP of the canvas, to be seen where it differs from what the shown result shows."""
    pixels, grid = follower.run.image(), follower.grid
    height, width = pixels.shape[:2]
    if drawn is None or drawn.geometry != grid.geometry:
        picture = Image.fromarray(pixels)
    else:
        cell = grid.geometry.cell_lat
        mask = np.zeros((grid.geometry.rows * cell, grid.geometry.cols * cell), np.uint8)
        reach = cell // 2 + REACH_LAT
        for row, col in np.argwhere((grid.valid != drawn.valid) | (grid.vectors != drawn.vectors).any(axis=-1)):
            top, left = max(0, row * cell - reach), max(0, col * cell - reach)
            mask[top : (row + 1) * cell + reach, left : (col + 1) * cell + reach] = 255
        soft = Image.fromarray(mask).filter(ImageFilter.GaussianBlur(FADE_LAT)).resize((width, height))
        picture = Image.fromarray(np.dstack([pixels, np.asarray(soft)]))
    out = io.BytesIO()
    picture.save(out, "WEBP", quality=85, method=0)
    return out.getvalue()
