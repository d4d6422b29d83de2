"""The patch that the model draws for a swatch, or for a mixture of two: a short job, its picture remembered."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ssldiff_core.errors import Cancelled, SettingsError

from .documents import Document
from .jobs import Job
from .swatches import palette_of
from .tiles import encode_jpeg

if TYPE_CHECKING:
    from ssldiff_core.layouts.swatch import Swatch

    from .workspace import Workspace

PREVIEW_CELLS = 2
PREVIEW_STEPS = 8
KEPT_PREVIEWS = 512


class SwatchPreviews:
    """JPEGs by key; the oldest are forgotten."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pictures: OrderedDict[str, bytes] = OrderedDict()

    def get(self, key: str) -> bytes | None:
        return self._pictures.get(key)

    def put(self, key: str, jpeg: bytes) -> None:
        with self._lock:
            self._pictures[key] = jpeg
            while len(self._pictures) > KEPT_PREVIEWS:
                self._pictures.popitem(last=False)


def start_preview(workspace: Workspace, document: Document, payload: Mapping[str, Any]) -> dict[str, object]:
    """Draw ``swatch``, mixed with ``share`` of ``other`` where that is given, with ``seed``.

    Returns:
        ``key`` of the picture and ``job``: None where the picture is there already. An earlier preview of the document
        that nobody waits for any more is cancelled.

    Raises:
        LayoutError: where there is no such swatch.
        SettingsError: where the seed is none.
    """
    from ssldiff_core.layouts.mixing import mix_swatches

    palette = palette_of(document)
    swatch, seed = palette.find(str(payload.get("swatch"))), payload.get("seed", 0)
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**31:
        raise SettingsError(f"draw with the seed {seed!r}", "it is no whole number from 0 to 2147483647")
    if payload.get("other"):
        share = float(payload.get("share", 0.5))
        swatch = mix_swatches(swatch, palette.find(str(payload["other"])), share, "mixture")
    facts = f"{document.model_id} {palette.pixel_size_m!r} {swatch.id} {seed}"
    key = hashlib.blake2b(facts.encode(), digest_size=12).hexdigest()
    if workspace.previews.get(key):
        return {"key": key, "job": None}
    for job in workspace.jobs.of_document(document.id):
        if job.kind == "preview" and job.active:
            workspace.jobs.cancel(job.id)
    made = workspace.jobs.submit(Job("preview", document.id), _preview_work(workspace, document, swatch, seed, key))
    return {"key": key, "job": workspace.job_to_json(made)["job"]}


def _preview_work(
    workspace: Workspace, document: Document, swatch: Swatch, seed: int, key: str
) -> Callable[[Job], None]:
    def work(job: Job) -> None:
        from ssldiff_core.embeddings.grid import EmbeddingGrid
        from ssldiff_core.generate import Settings, generate
        from ssldiff_core.geometry import GridGeometry
        from ssldiff_core.layouts.apply import stroke_vectors
        from ssldiff_core.layouts.layout import Layout

        workspace.jobs.report(job, phase="drawing the swatch", done=0, total=PREVIEW_STEPS)
        base = document.need_layout().base
        rows, cols = (index.ravel() for index in np.indices((PREVIEW_CELLS, PREVIEW_CELLS)))
        vectors = stroke_vectors(swatch, "sample", seed, rows, cols).reshape(PREVIEW_CELLS, PREVIEW_CELLS, -1)
        geometry = GridGeometry(
            (PREVIEW_CELLS, PREVIEW_CELLS), base.geometry.pixel_size_m, cell_px=base.geometry.cell_px
        )
        grid = EmbeddingGrid(vectors, np.ones((PREVIEW_CELLS, PREVIEW_CELLS), bool), geometry, base.encoder_id)
        result = None
        settings = Settings(seed=seed, steps=PREVIEW_STEPS)
        model = workspace.model(document.model_id)
        for step in generate(Layout(grid), settings, model=model, cancelled=job.cancelled):
            result = step.result or result
        if result is None:
            raise Cancelled("the preview of a swatch")
        workspace.previews.put(key, encode_jpeg(result.image, 90))

    return work
