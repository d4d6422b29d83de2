"""The story goes on: after an edit or on a larger canvas, only what is new is drawn, on the trajectory of the run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .drawing import part_by_part
from .embeddings.grid import EmbeddingGrid
from .embeddings.grid_change import GridChange
from .errors import ModelError, SettingsError
from .generate import PREVIEW_PX, Result, Step, generate, make_manifest
from .layouts import Layout
from .provenance import Manifest
from .settings import Settings

if TYPE_CHECKING:
    from .diffusion.graph import Block
    from .diffusion.graph.drawing import Drawing
    from .diffusion.graph.trajectory import Trajectory
    from .diffusion.reference import Reference
    from .diffusion.regeneration import Plan, Regeneration
    from .models.catalogue import Model


def regenerate(
    previous: Trajectory, source: EmbeddingGrid | Layout, *, model: Model | None = None, margin_lat: int | None = None,
    halo_lat: int | None = None, redraw_cells: int = 0, preview_px: int = PREVIEW_PX,
    cancelled: Callable[[], bool] = lambda: False,
) -> Iterator[Step]:  # fmt: skip
    """Draw what a grid changed, or added, since the last version that a trajectory holds.

    What lies further than the margin from the changed positions stays as it was in every bit, and so does all of a
    canvas that grows, unless a strip of it is drawn again; the cost follows what is new. A variation goes on too, but
    does not grow: its reference ends where its canvas does. A grid that an earlier version had brings that version back
    without computing, and later ones are forgotten: that is undo.

    Args:
        previous: filled by ``generate(..., keep=...)``; gets the new version.
        source: the grid or layout to draw now: cells changed, or rows and columns added on any side.
        model: the loaded model that drew it; loaded where None.
        margin_lat: latents around the changed positions that are drawn too.
        halo_lat: latents around a block that the network sees.
        redraw_cells: where the canvas grows, so many rows or columns of what was there are drawn again along the
            growth. One lets no seam show; 0 leaves what was there as it is.
        preview_px: longest side of the previews.
        cancelled: looked at before every block; a cancelled regeneration leaves the trajectory as it was.

    Raises:
        GridError: where the grid is not one that the canvas can become.
        LayoutError: where the canvas grew and drawn cells changed at once, or a variation grew.
        ManifestError: where the trajectory is empty, or does not hold what a variation started from.
        ModelError: where the weights are not those that drew it.
        SettingsError: where the strip to draw again has a negative width.
        Cancelled: where ``cancelled()`` said so.

    Example:
        >>> layout, kept = ssldiff.Layout(ssldiff.EmbeddingGrid.load("grid.npz")), ssldiff.Trajectory()
        >>> *_, first = ssldiff.generate(layout, ssldiff.Settings(seed=7, steps=2), keep=kept)
        >>> *_, second = ssldiff.regenerate(kept, layout.apply(ssldiff.Vary(((0, 0),), 0.8, seed=1)))
        >>> changed = (first.result.image != second.result.image).any(axis=-1)
        >>> bool(changed[:128, :128].any()), bool(changed[:, 352:].any())
        (True, False)
    """
    if redraw_cells < 0:
        raise SettingsError(f"draw {redraw_cells} cells along a growth again", "that is negative", "", "0 draws none")
    from .diffusion.regeneration import Regeneration

    manifest = Manifest.from_json(previous.record, name="the trajectory's manifest")
    settings = Settings.from_dict(manifest.settings)
    grid = source.grid() if isinstance(source, Layout) else source
    model = _checked_model(model, manifest, settings)
    model.spec.check_grid(grid)
    if _undo(previous, grid):
        yield _done(previous, grid, model, preview_px, {"network": 0.0, "decode": 0.0})
        return
    began = time.monotonic()
    change = GridChange.between(manifest.grid, grid)
    drawing = _drawing_of(previous, change, grid, manifest, settings, model)
    plan, record = _plan(previous.canvas, change, drawing, model, margin_lat, halo_lat, redraw_cells)
    work = Regeneration(plan, drawing, previous, model.spec.latent_factor)
    yield from _draw(work, model, preview_px, began, cancelled)
    network_s = time.monotonic() - began
    work.decode(model.autoencoder, model.device, cancelled)
    made = make_manifest(source, grid, settings, settings.guidance_scale or 0.0, model)
    parents, chain = (*manifest.parents, manifest.digest), (*manifest.chain, record)
    made = replace(made, parents=parents, chain=chain, reference=manifest.reference)
    made = made.with_image(previous.image(draft=work.draft))
    previous.finish(work.draft, made.to_json())
    seconds = {"network": network_s, "decode": time.monotonic() - began - network_s}
    yield _done(previous, grid, model, preview_px, seconds)


def replay_chain(
    manifest: Manifest, settings: Settings, model: Model, reference: Reference | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Iterator[Step]:  # fmt: skip
    """Draw a regenerated image again: the first run, and every change after it in its order.

    Args:
        reference: what the first run started from, where it was a variation.
    """
    from .diffusion.graph.trajectory import Trajectory

    grids = [manifest.grid]
    for record in reversed(manifest.chain):
        grids.insert(0, GridChange.from_json(record["change"], manifest.grid.geometry).before(grids[0]))
    trajectory, parts = Trajectory(), len(grids)
    first = generate(grids[0], settings, model=model, reference=reference, keep=trajectory, cancelled=cancelled)
    yield from _but_the_last(first)
    for index, (grid, record) in enumerate(zip(grids[1:], manifest.chain, strict=True), start=2):
        steps = regenerate(
            trajectory, grid, model=model, margin_lat=record["margin_lat"], halo_lat=record["halo_lat"],
            redraw_cells=record.get("redraw_cells", 0), cancelled=cancelled,
        )  # fmt: skip
        yield from steps if index == parts else _but_the_last(steps)


def _but_the_last(steps: Iterator[Step]) -> Iterator[Step]:
    for step in steps:
        if step.result is None:
            yield step


def _checked_model(model: Model | None, manifest: Manifest, settings: Settings) -> Model:
    """The model that drew the trajectory.

    Raises:
        ModelError: where it is another one.
    """
    from .models.catalogue import load_model

    model = model or load_model(manifest.model_id, device=settings.device, precision=settings.precision)
    if model.spec.digest != manifest.model_digest:
        raise ModelError(
            f"go on with an image of the model {manifest.model_id!r}", f"the weights here are {model.spec.digest[:12]}",
            f"it was drawn by {manifest.model_digest[:12]}", "Install the version of ssldiff that the manifest names",
        )  # fmt: skip
    return model


def _undo(previous: Trajectory, grid: EmbeddingGrid) -> bool:
    """Go back to the version that drew this grid, where there is one."""
    for index in reversed(range(len(previous.versions))):
        if Manifest.from_json(previous.versions[index].record).grid == grid:
            previous.undo_to(index + 1)
            return True
    return False


def _drawing_of(
    previous: Trajectory, change: GridChange, grid: EmbeddingGrid, manifest: Manifest, settings: Settings, model: Model
) -> Drawing:
    """What decides every number of the new canvas: its grid, and the start that the first run had.

    Raises:
        LayoutError: where a variation grows.
        ManifestError: where the manifest does not hold what it started from.
    """
    from .diffusion.reference import reference_from_record, start_of
    from .diffusion.regeneration import check_variation

    cell, old = grid.geometry.cell_lat, previous.canvas
    origin_lat = (old.row - change.offset_cell[0] * cell, old.col - change.offset_cell[1] * cell)
    drawing = part_by_part(model, grid, settings, origin_lat)
    reference = reference_from_record(manifest.reference, None)
    if reference is None:
        return drawing
    check_variation(grows=drawing.canvas != old)
    start = start_of(reference, settings.seed, drawing.levels, model.autoencoder, grid.geometry, model.device)
    return replace(drawing, noise=start.noise, levels=start.levels)


def _plan(
    old: Block, change: GridChange, drawing: Drawing, model: Model, margin_lat: int | None, halo_lat: int | None,
    redraw_cells: int,
) -> tuple[Plan, dict[str, Any]]:  # fmt: skip
    """What is to be done, and what the manifest says of it."""
    from .diffusion.field import changed_positions
    from .diffusion.regeneration import HALO_LAT, MARGIN_LAT, check_either, plan_edit, plan_growth

    margin, halo = (MARGIN_LAT if margin_lat is None else margin_lat), (HALO_LAT if halo_lat is None else halo_lat)
    record = {"margin_lat": margin, "halo_lat": halo, "redraw_cells": redraw_cells, "change": change.to_json()}
    grid = drawing.field.grid
    check_either(len(change.cells), grows=drawing.canvas != old)
    if drawing.canvas != old:
        return plan_growth(old, drawing, model.autoencoder, redraw_cells * grid.geometry.cell_lat), record
    changed = changed_positions(change.before(grid), grid)
    return plan_edit(changed, drawing, model.autoencoder, margin, halo), record


def _draw(
    work: Regeneration, model: Model, preview_px: int, began: float, cancelled: Callable[[], bool]
) -> Iterator[Step]:
    """The steps, each with a preview of the whole canvas."""
    from .diffusion.autoencoder import preview_rgb

    plan, total = work.plan, work.drawing.steps
    canvas = work.trajectory.read(total, plan.canvas)
    for done, estimates in work.run(cancelled):
        for block, x0 in zip(plan.blocks, estimates, strict=True):
            canvas[(slice(None), *block.slices(plan.canvas))] = x0
        each = (time.monotonic() - began) / done
        preview = preview_rgb(canvas, model.latent_rgb, preview_px)
        yield Step(done, total + 1, "denoise", preview, each * (total - done) + 0.1 * each * total)
    yield Step(total, total + 1, "decode", preview, 0.1 * each * total)


def _done(
    trajectory: Trajectory, grid: EmbeddingGrid, model: Model, preview_px: int, seconds: Mapping[str, float]
) -> Step:
    """The last step, with the trajectory's last version."""
    from .diffusion.autoencoder import preview_rgb

    latents = trajectory.read(trajectory.steps, trajectory.canvas)
    manifest = Manifest.from_json(trajectory.record)
    result = Result(trajectory.image(), latents, manifest, grid.geometry, seconds)
    total = trajectory.steps + 1
    return Step(total, total, "done", preview_rgb(latents, model.latent_rgb, preview_px), 0.0, result)
