"""Virtual slides: a layout far larger than what is drawn at once, drawn tile by tile where somebody looks.

For each document one :class:`~ssldiff_core.synthetic_scene.SyntheticScene` is held. A job draws tiles, beginning
in the middle of the view, keeps them on disk (``ui.slide_tiles``), and tells the page of each. After an edit only tiles
that the changed cells reach are drawn again. The rest is drawn when the whole image is asked for.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ssldiff_core.errors import Cancelled, LayoutError
from ssldiff_core.geometry import Box

from .documents import Document
from .jobs import Job
from .questions import require_answer
from .records import ResultRecord
from .results import keep_labels, new_result
from .resuming import drawing_request
from .slide_tiles import TILE_PX, Place, SlideImage, SlideTiles, tile_keys
from .wishes import Wish

if TYPE_CHECKING:
    from ssldiff_core.embeddings.grid import EmbeddingGrid
    from ssldiff_core.layouts.layout import Layout
    from ssldiff_core.synthetic_scene import SyntheticScene

    from .workspace import Workspace

STEPS = 4
LARGE_PX = 4096**2
"""Canvases of more pixels are shown as virtual slides."""
MOST_TILES = 48
"""What one look draws at most: whoever sees more than this should come nearer."""
REACH_LAT = 16 * (STEPS - 1) + 32
"""How far a cell is felt: the network's radius in each step, and the decoder's."""
KEPT = 3


@dataclass
class Slide:
    """A document's virtual slide: what decides its pixels, and which of its tiles are there."""

    document_id: str
    facts: tuple[object, ...]
    """Model and settings: with the grid they decide every pixel."""
    grid: EmbeddingGrid
    store: SlideTiles
    scene: SyntheticScene | None = None

    def __post_init__(self) -> None:
        cell = self.grid.geometry.cell_lat
        self.keys = tile_keys(self.facts, self.grid, -(-(REACH_LAT + cell // 2) // cell))

    def ready(self) -> set[Place]:
        """The tiles that are drawn, as the disk has them now."""
        there = self.store.there(self.document_id, self.keys.values())
        return {place for place, key in self.keys.items() if key in there}

    @property
    def version(self) -> str:
        return hashlib.blake2b(f"{self.facts} {self.grid.digest}".encode(), digest_size=8).hexdigest()

    @property
    def shape(self) -> Place:
        """Rows and columns of tiles."""
        height, width = self.grid.geometry.shape_px
        return -(-height // TILE_PX), -(-width // TILE_PX)

    def to_json(self) -> dict[str, object]:
        rows, cols = self.shape
        return {"version": self.version, "rows": rows, "cols": cols, "tile_px": TILE_PX, "ready": sorted(self.ready())}


class Slides:
    """The virtual slides looked at last."""

    def __init__(self, store: SlideTiles) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._held: OrderedDict[str, Slide] = OrderedDict()

    def get(self, document: Document, wish: Wish) -> Slide:
        """The slide of a document as it is now; tiles that no change since reaches are there already."""
        made = self.of(document, document.need_layout(), wish)
        with self._lock:
            self._held[document.id] = made
            self._held.move_to_end(document.id)
            while len(self._held) > KEPT:
                self._held.popitem(last=False)
            return made

    def of(self, document: Document, layout: Layout, wish: Wish) -> Slide:
        """The slide of any layout of a document; the held one where it is that."""
        from ssldiff_core.models.catalogue import get_model_spec

        grid, held, spec = layout.grid(), self._held.get(document.id), get_model_spec(document.model_id)
        guidance = None if spec.has_student else wish.settings.guidance_scale  # a student needs none
        facts = (spec.digest, wish.settings.seed, guidance, STEPS, spec.has_student)
        if held is not None and held.facts == facts and held.grid == grid:
            return held
        return Slide(document.id, facts, grid, self._store)

    def find(self, document: Document, version: str) -> Slide | None:
        slide = self._held.get(document.id)
        return slide if slide is not None and slide.version == version else None

    def jpeg(self, document: Document, version: str, level: int, place: Place) -> bytes | None:
        """What the page shows of a tile; None where the slide or the tile is gone."""
        slide = self.find(document, version)
        key = slide.keys.get(place) if slide is not None else None
        return None if key is None else self._store.jpeg(document.id, key, level)


def look(workspace: Workspace, document: Document, values: Mapping[str, Any]) -> Job:
    """Queue the tiles of ``view`` ([row, col, rows, cols] of tiles); a look that is under way gives way to it.

    Raises:
        LayoutError: where there is no grid, or the view is none.
    """
    require_answer(document)
    slide = workspace.slides.get(document, slide_wish(values))
    ready = slide.ready()
    missing = [place for place in _places(values.get("view"), slide.shape) if place not in ready]
    for job in workspace.jobs.of_document(document.id):
        if job.kind == "look" and job.active:
            workspace.jobs.cancel(job.id)
    job = Job("look", document.id, total=len(missing))
    return workspace.jobs.submit(job, _looking(workspace, document, slide, missing))


def slide_wish(values: Mapping[str, Any]) -> Wish:
    """What the page asks for, in the few steps of a slide."""
    return Wish.from_values({**values, "steps": STEPS, "count": 1})


def _places(view: object, shape: Place) -> list[Place]:
    """The tiles of a view, those in its middle first."""
    if not isinstance(view, list) or len(view) != 4 or not all(isinstance(value, int) for value in view):
        raise LayoutError("look at a part of the image", f"the view is {view!r}", "a view is [row, col, rows, cols]")
    row, col, high, wide = view
    middle = (row + (high - 1) / 2, col + (wide - 1) / 2)
    rows, cols = range(max(0, row), min(shape[0], row + high)), range(max(0, col), min(shape[1], col + wide))
    found = [(r, c) for r in rows for c in cols]
    if len(found) > MOST_TILES:
        raise LayoutError(
            f"draw {len(found)} tiles at once", f"at most {MOST_TILES} are drawn for one look", "", "Zoom in"
        )
    return sorted(found, key=lambda place: (place[0] - middle[0]) ** 2 + (place[1] - middle[1]) ** 2)


def _looking(workspace: Workspace, document: Document, slide: Slide, places: list[Place]) -> Callable[[Job], None]:
    def work(job: Job) -> None:
        scene = _scene(workspace, document, slide, job)
        for done, place in enumerate(places):
            if job.cancelled():
                raise Cancelled("looking")
            workspace.jobs.report(job, phase="drawing where you look", done=done, total=len(places))
            _draw_tile(workspace, document, slide, scene, place)

    return work


def _scene(workspace: Workspace, document: Document, slide: Slide, job: Job) -> SyntheticScene:
    from ssldiff_core.settings import Settings
    from ssldiff_core.synthetic_scene import SyntheticScene

    if slide.scene is None:
        workspace.jobs.report(job, phase="loading the model", done=0, total=job.total)
        _, seed, guidance, steps, student = slide.facts
        settings = Settings(seed=seed, guidance_scale=guidance, steps=steps, student=student)  # type: ignore[arg-type]
        slide.scene = SyntheticScene(slide.grid, settings, model=workspace.model(document.model_id))
    return slide.scene


def _draw_tile(workspace: Workspace, document: Document, slide: Slide, scene: SyntheticScene, place: Place) -> None:
    """Draw one tile, keep it, and tell the page."""
    width, height = scene.size_l0
    left, top = place[1] * TILE_PX, place[0] * TILE_PX
    pixels = scene.read(Box(left, top, min(TILE_PX, width - left), min(TILE_PX, height - top)))
    slide.store.put(document.id, slide.keys[place], pixels)
    news: dict[str, object] = {"type": "tile", "version": slide.version, "row": place[0], "col": place[1]}
    workspace.events.publish(document.id, news)


def draw_rest(workspace: Workspace, document: Document, values: Mapping[str, Any]) -> Job:
    """Queue the tiles nobody has looked at yet; the whole becomes a result, which is exported like any other.

    Raises:
        LayoutError: where there is no grid.
    """
    require_answer(document)
    layout, wish = document.need_layout(), slide_wish(values)
    rows, cols = workspace.slides.get(document, wish).shape
    request = {**drawing_request(layout, values), "rest": True}
    job = Job(
        "generate", document.id, total=rows * cols + 1, title=f"The whole of {document.name}", request=request
    )  # fmt: skip
    return workspace.jobs.submit(job, rest_work(workspace, document, layout, wish))


def rest_work(workspace: Workspace, document: Document, layout: Layout, wish: Wish) -> Callable[[Job], None]:
    """The work of :func:`draw_rest`; done again after a restart, it draws what the disk does not have."""

    def work(job: Job) -> None:
        slide = workspace.slides.of(document, layout, wish)
        began, ready = time.monotonic(), slide.ready()
        missing = [place for place in slide.keys if place not in ready]
        scene = _scene(workspace, document, slide, job)
        for done, place in enumerate(missing):
            if job.cancelled():
                raise Cancelled("the generation")
            eta = (time.monotonic() - began) / done * (len(missing) - done) if done else None
            workspace.jobs.report(job, phase="drawing", done=done, total=len(missing) + 1, eta_s=eta)
            _draw_tile(workspace, document, slide, scene, place)
        workspace.jobs.report(job, phase="saving", done=len(missing), total=len(missing) + 1)
        record = _keep(workspace, document, layout, slide, scene, time.monotonic() - began)
        document.add_result(record, slide.grid)
        job.result_id = record.id
        workspace.publish_document(document)

    return work


def _image(workspace: Workspace, document: Document, slide: Slide, scene: SyntheticScene) -> SlideImage:
    """The slide as its tiles have it; one that was removed meanwhile is drawn again."""

    def read_tile(place: Place) -> np.ndarray:
        pixels = slide.store.pixels(document.id, slide.keys[place])
        if pixels is None:
            _draw_tile(workspace, document, slide, scene, place)
            pixels = slide.store.pixels(document.id, slide.keys[place])
        if pixels is None:
            raise LayoutError(
                "write the whole image", "its tiles are removed while it is written", "", "Ask for more disk"
            )
        return pixels

    return SlideImage(scene.size_l0, read_tile, slide.grid.geometry.pixel_size_m)


def _keep(
    workspace: Workspace, document: Document, layout: Layout, slide: Slide, scene: SyntheticScene, seconds: float
) -> ResultRecord:  # fmt: skip
    """The whole image as a pyramid on disk, written block by block."""
    from ssldiff_core.export import write_image

    geometry, settings = scene.grid.geometry, scene.settings
    image = _image(workspace, document, slide, scene)
    with new_result(workspace, document) as (result_id, folder):
        path = folder / "image.ome.tif"
        write_image(path, image, scene.manifest, pixel_size_m=geometry.pixel_size_m, geometry=geometry)
        keep_labels(folder, layout)
    entry = workspace.library.get(f"result-{document.id}-{result_id}")
    width, height = scene.size_l0
    return ResultRecord(
        id=result_id, scene_id=entry.id, scene_version=entry.version, name=f"{document.name} seed {settings.seed}",
        width=width, height=height, origin_l0=geometry.origin_l0, width_l0=geometry.box_l0.width,
        pixel_size_m=geometry.pixel_size_m, model_id=document.model_id, seed=settings.seed, steps=settings.steps,
        guidance_scale=float(settings.guidance_scale or 0.0), edits=len(layout.edits), seconds=round(seconds, 2),
        created=time.time(), fast=settings.student,
    )  # fmt: skip
