"""Virtual slides: a layout far larger than what is drawn at once, drawn tile by tile where somebody looks.

For each document one :class:`~ssldiff_core.synthetic_scene.SyntheticScene` is held. A job draws tiles, beginning
in the middle of the view, and tells the page of each. After an edit only tiles that the changed cells reach are
drawn again. The rest is drawn when the whole image is asked for.
"""

from __future__ import annotations

import hashlib
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ssldiff_core.errors import Cancelled, LayoutError
from ssldiff_core.geometry import Box

from .documents import Document
from .jobs import Job
from .questions import require_answer
from .records import ResultRecord
from .results import keep_labels
from .tiles import encode_jpeg
from .wishes import Wish

if TYPE_CHECKING:
    from ssldiff_core.embeddings.grid import EmbeddingGrid
    from ssldiff_core.layouts.layout import Layout
    from ssldiff_core.synthetic_scene import SyntheticScene

    from .workspace import Workspace

STEPS = 4
TILE_PX = 512
LEVELS = 4
LARGE_PX = 4096**2
"""Canvases of more pixels are shown as virtual slides."""
MOST_TILES = 48
"""What one look draws at most: whoever sees more than this should come nearer."""
REACH_LAT = 16 * (STEPS - 1) + 32
"""How far a cell is felt: the network's radius in each step, and the decoder's."""
KEPT = 3
Place = tuple[int, int]


@dataclass
class Slide:
    """A document's virtual slide: what decides its pixels, and the tiles that are there, as JPEGs of each level."""

    facts: tuple[object, ...]
    """Model and settings: with the grid they decide every pixel."""
    grid: EmbeddingGrid
    tiles: dict[Place, list[bytes]] = field(default_factory=dict)
    scene: SyntheticScene | None = None

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
        return {"version": self.version, "rows": rows, "cols": cols, "tile_px": TILE_PX, "ready": sorted(self.tiles)}


class Slides:
    """The virtual slides looked at last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: OrderedDict[str, Slide] = OrderedDict()

    def get(self, document: Document, wish: Wish) -> Slide:
        """The slide of a document as it is now; tiles that no change reaches are taken over from before."""
        grid = document.need_layout().grid()
        facts = (document.model_id, wish.settings.seed, wish.settings.guidance_scale, STEPS)
        with self._lock:
            old = self._held.get(document.id)
            if old is None or old.facts != facts or old.grid != grid:
                made = Slide(facts, grid)
                if old is not None and old.facts == facts and old.grid.geometry == grid.geometry:
                    made.tiles = {place: old.tiles[place] for place in _untouched(old.grid, grid, old.tiles)}
                self._held[document.id] = made
            self._held.move_to_end(document.id)
            while len(self._held) > KEPT:
                self._held.popitem(last=False)
            return self._held[document.id]

    def find(self, document: Document, version: str) -> Slide | None:
        slide = self._held.get(document.id)
        return slide if slide is not None and slide.version == version else None


def _untouched(old: EmbeddingGrid, new: EmbeddingGrid, places: Iterable[Place]) -> list[Place]:
    """Tiles that no changed cell reaches; none where borders finer than cells may have moved."""
    differ = (old.valid != new.valid) | (old.vectors != new.vectors).any(axis=-1)
    if not differ.any():
        return []
    cell = old.geometry.cell_lat
    reach = -(-(REACH_LAT + cell // 2) // cell)
    per_tile = TILE_PX // old.geometry.cell_px

    def touched(place: Place) -> bool:
        rows, cols = (slice(max(0, k * per_tile - reach), (k + 1) * per_tile + reach) for k in place)
        return bool(differ[rows, cols].any())

    return [place for place in places if not touched(place)]


def look(workspace: Workspace, document: Document, values: Mapping[str, Any]) -> Job:
    """Queue the tiles of ``view`` ([row, col, rows, cols] of tiles); a look that is under way gives way to it.

    Raises:
        LayoutError: where there is no grid, or the view is none.
    """
    require_answer(document)
    slide = workspace.slides.get(document, _wish(values))
    missing = [place for place in _places(values.get("view"), slide.shape) if place not in slide.tiles]
    for job in workspace.jobs.of_document(document.id):
        if job.kind == "look" and job.active:
            workspace.jobs.cancel(job.id)
    job = Job("look", document.id, total=len(missing))
    return workspace.jobs.submit(job, _looking(workspace, document, slide, missing))


def _wish(values: Mapping[str, Any]) -> Wish:
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
        _, seed, guidance, steps = slide.facts
        settings = Settings(seed=seed, guidance_scale=guidance, steps=steps)  # type: ignore[arg-type]
        slide.scene = SyntheticScene(slide.grid, settings, model=workspace.model(document.model_id))
    return slide.scene


def _draw_tile(
    workspace: Workspace, document: Document, slide: Slide, scene: SyntheticScene, place: Place
) -> None:  # fmt: skip
    """Draw one tile, keep it at every level, and tell the page."""
    if place in slide.tiles:
        return
    width, height = scene.size_l0
    left, top = place[1] * TILE_PX, place[0] * TILE_PX
    pixels = scene.read(Box(left, top, min(TILE_PX, width - left), min(TILE_PX, height - top)))
    levels = [pixels]
    while len(levels) < LEVELS:
        last = levels[-1].astype(np.uint16)
        last = last[: last.shape[0] // 2 * 2, : last.shape[1] // 2 * 2]
        levels.append(
            ((last[::2, ::2] + last[1::2, ::2] + last[::2, 1::2] + last[1::2, 1::2] + 2) // 4).astype(np.uint8)
        )
    slide.tiles[place] = [encode_jpeg(level, 90) for level in levels]
    news: dict[str, object] = {"type": "tile", "version": slide.version, "row": place[0], "col": place[1]}
    workspace.events.publish(document.id, news)


def draw_rest(workspace: Workspace, document: Document, values: Mapping[str, Any]) -> Job:
    """Queue the tiles nobody has looked at yet; the whole becomes a result, which is exported like any other.

    Raises:
        LayoutError: where there is no grid.
    """
    require_answer(document)
    layout, wish = document.need_layout(), _wish(values)
    slide = workspace.slides.get(document, wish)
    rows, cols = slide.shape
    places = [(row, col) for row in range(rows) for col in range(cols)]
    job = Job("generate", document.id, total=len(places) + 1, title=f"The whole of {document.name}")
    return workspace.jobs.submit(job, _whole(workspace, document, layout, slide, places))


def _whole(
    workspace: Workspace, document: Document, layout: Layout, slide: Slide, places: list[Place]
) -> Callable[[Job], None]:  # fmt: skip
    def work(job: Job) -> None:
        began, missing = time.monotonic(), [place for place in places if place not in slide.tiles]
        scene = _scene(workspace, document, slide, job)
        for done, place in enumerate(missing):
            if job.cancelled():
                raise Cancelled("the generation")
            eta = (time.monotonic() - began) / done * (len(missing) - done) if done else None
            workspace.jobs.report(job, phase="drawing", done=done, total=len(missing) + 1, eta_s=eta)
            _draw_tile(workspace, document, slide, scene, place)
        workspace.jobs.report(job, phase="saving", done=len(missing), total=len(missing) + 1)
        record = _keep(workspace, document, layout, scene, time.monotonic() - began)
        document.add_result(record, slide.grid)
        job.result_id = record.id
        workspace.publish_document(document)

    return work


def _keep(
    workspace: Workspace, document: Document, layout: Layout, scene: SyntheticScene, seconds: float
) -> ResultRecord:  # fmt: skip
    """The whole image as a pyramid on disk, written block by block."""
    from ssldiff_core.export import write_image

    result_id, geometry, settings = uuid.uuid4().hex[:12], scene.grid.geometry, scene.settings
    folder = workspace.documents.folder(document.id) / "results" / result_id
    folder.mkdir(parents=True)
    write_image(folder / "image.ome.tif", scene, scene.manifest, pixel_size_m=geometry.pixel_size_m, geometry=geometry)
    keep_labels(folder, layout)
    entry = workspace.library.get(f"result-{document.id}-{result_id}")
    width, height = scene.size_l0
    return ResultRecord(
        id=result_id, scene_id=entry.id, scene_version=entry.version, name=f"{document.name} seed {settings.seed}",
        width=width, height=height, origin_l0=geometry.origin_l0, width_l0=geometry.box_l0.width,
        pixel_size_m=geometry.pixel_size_m, model_id=document.model_id, seed=settings.seed, steps=settings.steps,
        guidance_scale=float(settings.guidance_scale or 0.0), edits=len(layout.edits), seconds=round(seconds, 2),
        created=time.time(),
    )  # fmt: skip
