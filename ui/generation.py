"""The job that generates: follows ``generate()``, shows each step, and keeps the result with its manifest."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING

from ssldiff_core.errors import Cancelled

from .documents import Document, ResultRecord
from .jobs import Job
from .results import keep_labels
from .tiles import encode_jpeg

if TYPE_CHECKING:
    from ssldiff_core.generate import Result, Settings
    from ssldiff_core.layouts.layout import Layout

    from .workspace import Workspace

PREVIEW_PX = 512
PHASES = {"denoise": "drawing", "decode": "sharpening", "done": "saving"}


def generation_work(
    workspace: Workspace, document: Document, layout: Layout, settings: Settings
) -> Callable[[Job], None]:
    """Generate the layout as it was when asked for."""

    def work(job: Job) -> None:
        from ssldiff_core.generate import generate

        workspace.jobs.report(job, phase="loading the model", done=0, total=settings.steps)
        model, began, result = workspace.model(document.model_id), time.monotonic(), None
        for step in generate(layout, settings, model=model, preview_px=PREVIEW_PX, cancelled=job.cancelled):
            jpeg = b"" if step.preview is None else encode_jpeg(step.preview, 85)
            phase = PHASES.get(step.phase, step.phase)
            workspace.jobs.report(
                job, phase=phase, done=step.index, total=step.total, eta_s=step.eta_s, preview_jpeg=jpeg
            )
            result = step.result or result
        if result is None:
            raise Cancelled("the generation")
        record = _keep_result(workspace, document, layout, settings, result, time.monotonic() - began)
        job.result_id = record.id
        document.add_result(record, layout.grid())
        workspace.publish_document(document)

    return work


def _keep_result(
    workspace: Workspace, document: Document, layout: Layout, settings: Settings, result: Result, seconds: float
) -> ResultRecord:
    """Write the image as a pyramid, which the viewer reads like any scene and the user downloads as it is."""
    from ssldiff_core.export import write_image

    result_id, geometry = uuid.uuid4().hex[:12], result.geometry
    folder = workspace.documents.folder(document.id) / "results" / result_id
    folder.mkdir(parents=True)
    write_image(
        folder / "image.ome.tif", result.image, result.manifest, pixel_size_m=geometry.pixel_size_m, geometry=geometry
    )
    keep_labels(folder, layout)
    entry = workspace.library.get(f"result-{document.id}-{result_id}")
    height, width = result.image.shape[:2]
    return ResultRecord(
        id=result_id, scene_id=entry.id, scene_version=entry.version, name=f"{document.name} seed {settings.seed}",
        width=width, height=height, origin_l0=geometry.origin_l0, width_l0=geometry.box_l0.width,
        pixel_size_m=geometry.pixel_size_m, model_id=document.model_id, seed=settings.seed, steps=settings.steps,
        guidance_scale=float(result.manifest.settings["guidance_scale"]),
        edits=len(layout.edits), seconds=round(seconds, 2), created=time.time(),
    )  # fmt: skip
