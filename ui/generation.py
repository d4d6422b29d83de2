"""The job that draws: follows ``generate()`` or ``regenerate()``, shows each step, and keeps results with manifests."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ssldiff_core.errors import Cancelled, SettingsError

from .documents import Document
from .growing import cells_beyond
from .jobs import Job
from .records import ResultRecord
from .results import delete_result, find_result, keep_labels, new_result, result_folder, result_manifest, result_pixels
from .tiles import encode_jpeg
from .wishes import Wish

if TYPE_CHECKING:
    from ssldiff_core.diffusion.appearance import Appearance
    from ssldiff_core.diffusion.graph.trajectory import Trajectory
    from ssldiff_core.diffusion.reference import Reference
    from ssldiff_core.embeddings.grid import EmbeddingGrid
    from ssldiff_core.generate import Result, Step
    from ssldiff_core.layouts.layout import Layout
    from ssldiff_core.models.catalogue import Model

    from .workspace import Workspace

PREVIEW_PX = 512
PHASES = {"denoise": "drawing", "decode": "sharpening", "done": "saving"}
KEPT_PX = 4096**2
"""Runs of larger canvases are not kept: what they pass through would fill the disk."""
MOST_CHANGED = 0.6
"""Where more of the cells changed, drawing all costs as little."""


@dataclass(frozen=True)
class Origin:
    """What an image was drawn on top of: the result, its run, and the cells that changed since."""

    record: ResultRecord
    run: Trajectory
    cells: int


def generation_work(workspace: Workspace, document: Document, layout: Layout, wish: Wish) -> Callable[[Job], None]:
    """Draw the layout as it was when asked for, once for each seed."""

    def work(job: Job) -> None:
        workspace.jobs.report(job, phase="loading the model", done=0, total=wish.count * (wish.settings.steps + 1))
        model = workspace.model(document.model_id)
        for index in range(wish.count):
            job.part = index
            draw_one(workspace, document, layout, of_seed(wish, index), job, model)

    return work


def of_seed(wish: Wish, index: int) -> Wish:
    """The wish of one image of several."""
    return replace(wish, settings=replace(wish.settings, seed=wish.settings.seed + index))


def draw_one(
    workspace: Workspace, document: Document, layout: Layout, wish: Wish, job: Job, model: Model,
    show: bool = True,
) -> ResultRecord:  # fmt: skip
    """Draw one image and put it into the document; the page goes to it where ``show`` says so."""
    from ssldiff_core.diffusion.graph.trajectory import Trajectory
    from ssldiff_core.generate import generate
    from ssldiff_core.regenerate import regenerate

    began, settings = time.monotonic(), wish.settings
    origin = find_origin(workspace, document, layout, wish)
    height, width = layout.base.geometry.shape_px
    if origin is not None:
        run: Trajectory | None = origin.run
        steps = regenerate(origin.run, layout, model=model, preview_px=PREVIEW_PX, cancelled=job.cancelled)
    else:
        run = Trajectory() if wish.plain and model.spec.engine == "dense" and height * width <= KEPT_PX else None
        steps = generate(
            layout, settings, model=model, keep=run, reference=_reference(workspace, document, layout, wish),
            appearance=_appearance(workspace, document, wish), preview_px=PREVIEW_PX, cancelled=job.cancelled,
        )  # fmt: skip
    result = _follow(workspace, job, steps)
    record = _keep_result(workspace, document, layout, wish, result, time.monotonic() - began, job)
    if origin is not None:
        record = replace(record, changed_cells=origin.cells)
    if run is not None:
        parent = origin.record.id if origin is not None else ""
        record = replace(record, goes_on=workspace.runs.keep(document, record.id, run, parent))
    last = document.results[-1] if document.results else None
    document.add_result(record, layout.grid(), show)
    if wish.auto and last is not None and last.batch == "auto" and not last.mark:
        delete_result(workspace, document, last)  # one picture that sharpens, not one for each rest of the brush
    job.result_id = record.id
    workspace.publish_document(document)
    return record


def start_finish(workspace: Workspace, document: Document, record: ResultRecord, steps: int) -> Job:
    """Queue the same picture in more steps, as a result of its own.

    Raises:
        SettingsError: where the result has as many steps already.
    """
    if steps <= record.steps:
        raise SettingsError(
            f"finish this result in {steps} steps", f"it was drawn in {record.steps}", "finishing takes more steps"
        )

    def work(job: Job) -> None:
        from ssldiff_core.generate import finish
        from ssldiff_core.layouts.layout import Layout

        manifest, began = result_manifest(result_folder(workspace, document, record)), time.monotonic()
        layout = document.layout
        if layout is None or layout.grid() != manifest.grid:
            layout = Layout(manifest.grid, layout.palette if layout is not None else None)
        workspace.jobs.report(job, phase="loading the model", done=0, total=steps + 1)
        result = _follow(workspace, job, finish(manifest, steps, cancelled=job.cancelled))
        wish = Wish(strength=record.strength, appearance=record.appearance)
        made = _keep_result(workspace, document, layout, wish, result, time.monotonic() - began, job)
        document.add_result(replace(made, edits=record.edits), manifest.grid)
        job.result_id = made.id
        workspace.publish_document(document)

    title = f"Finish seed {record.seed} of {document.name}"
    return workspace.jobs.submit(Job("generate", document.id, total=steps + 1, title=title), work)


def _follow(workspace: Workspace, job: Job, steps: Iterator[Step]) -> Result:
    """Tell of each step; the progress of a job of several images runs through all of them."""
    result, parts = None, max(job.parts, 1)
    for step in steps:
        jpeg = b"" if step.preview is None else encode_jpeg(step.preview, 85)
        phase = PHASES.get(step.phase, step.phase)
        eta = step.eta_s
        if parts > 1 and job.part < parts - 1 and job.started:
            share = (job.part * step.total + step.index) / (parts * step.total)
            eta = (time.time() - job.started) * (1 - share) / max(share, 1e-3)
        done, total = job.part * step.total + step.index, parts * step.total
        workspace.jobs.report(job, phase=phase, done=done, total=total, eta_s=eta, preview_jpeg=jpeg)
        result = step.result or result
    if result is None:
        raise Cancelled("the generation")
    return result


def find_origin(workspace: Workspace, document: Document, layout: Layout, wish: Wish) -> Origin | None:
    """The result that an edit goes on from; None where all has to be drawn: another seed, a lost run, a new grid."""
    from ssldiff_core.provenance import Manifest

    record = find_result(document, wish.shown)
    if record is None or not record.goes_on or wish.anew or not wish.plain or not same_settings(record, wish):
        return None
    run = workspace.runs.load(document, record.id)
    if run is None or record.model_id != document.model_id:
        return None
    before, after = Manifest.from_json(run.record).grid, layout.grid()
    beyond = None if before == after else cells_beyond(before, after)
    if beyond is None:
        return None
    if before.geometry != after.geometry:
        return Origin(record, run, int(beyond[0].sum())) if not beyond[1] else None  # grown, and nothing else
    if before.digest != after.digest and not _holds_others(before, after):
        return None  # only borders finer than cells moved: all is drawn
    return Origin(record, run, beyond[1]) if beyond[1] <= MOST_CHANGED * after.valid.size else None


def _holds_others(before: EmbeddingGrid, after: EmbeddingGrid) -> bool:
    return bool(((before.valid != after.valid) | (before.vectors != after.vectors).any(axis=-1)).any())


def same_settings(record: ResultRecord, wish: Wish) -> bool:
    """Whether a wish asks for what a result was drawn with."""
    asked = wish.settings
    guidance = record.guidance_scale if asked.guidance_scale is None else asked.guidance_scale
    return (
        (record.seed, record.steps, record.fast) == (asked.seed, asked.steps, asked.student)
        and abs(record.guidance_scale - guidance) < 1e-6
        and wish.count == 1
    )


def _reference(workspace: Workspace, document: Document, layout: Layout, wish: Wish) -> Reference | None:
    """What a variation starts from: the region of the scene, or without one the shown result."""
    from ssldiff_core.diffusion.reference import Reference

    if wish.strength >= 1.0:
        return None
    return Reference(wish.strength, image=_seen(workspace, document, layout, wish.shown, prefer_scene=True))


def _seen(
    workspace: Workspace, document: Document, layout: Layout, result_id: str, prefer_scene: bool
) -> np.ndarray:  # fmt: skip
    """Pixels (h, w, 3) of the layout's place as the scene, or a result, shows it."""
    geometry = layout.base.geometry
    height, width = geometry.shape_px
    if document.scene is not None and document.scene.version and prefer_scene:
        entry = workspace.library.get(document.scene.id)
        return workspace.tiles.scenes.read(entry, lambda scene: scene.read(geometry.box_l0, size_px=(width, height)))
    record = find_result(document, result_id)
    if record is None:
        raise SettingsError(
            "start from a reference", "there is neither a scene nor a result", "", "Draw an image from the grid first"
        )
    return result_pixels(result_folder(workspace, document, record), (width, height))


def _appearance(workspace: Workspace, document: Document, wish: Wish) -> Appearance | None:
    from ssldiff_core.diffusion.appearance import measure_appearance

    if not wish.appearance:
        return None
    layout = document.need_layout()
    pixels = _seen(workspace, document, layout, wish.appearance, prefer_scene=wish.appearance == "scene")
    return measure_appearance(pixels, layout.base.geometry.pixel_size_m, {"name": wish.appearance})


def _keep_result(
    workspace: Workspace, document: Document, layout: Layout, wish: Wish, result: Result, seconds: float, job: Job
) -> ResultRecord:
    """Write the image as a pyramid, which the viewer reads like any scene and the user downloads as it is."""
    from ssldiff_core.export import write_image

    geometry, used = result.geometry, result.manifest.settings
    with new_result(workspace, document) as (result_id, folder):
        path = folder / "image.ome.tif"
        write_image(path, result.image, result.manifest, pixel_size_m=geometry.pixel_size_m, geometry=geometry)
        keep_labels(folder, layout)
    entry = workspace.library.get(f"result-{document.id}-{result_id}")
    height, width = result.image.shape[:2]
    return ResultRecord(
        id=result_id, scene_id=entry.id, scene_version=entry.version, name=f"{document.name} seed {used['seed']}",
        width=width, height=height, origin_l0=geometry.origin_l0, width_l0=geometry.box_l0.width,
        pixel_size_m=geometry.pixel_size_m, model_id=result.manifest.model_id, seed=int(used["seed"]),
        steps=int(used["steps"]), guidance_scale=float(used["guidance_scale"]), edits=len(layout.edits),
        seconds=round(seconds, 2), created=time.time(), engine=str(used["engine"]), strength=wish.strength,
        appearance=wish.appearance, batch="auto" if wish.auto else job.id[:12] if job.parts > 1 else "",
        fast=bool(used["student"]),
    )  # fmt: skip
