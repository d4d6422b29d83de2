"""A sentence becomes layouts to choose from: the job that asks the model's prior, and taking one of what it gave."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ssldiff_core.errors import Cancelled, LayoutError, ModelError, SettingsError

from .documents import Document
from .encoding import show_layout
from .handlers import MAX_CELLS, empty_canvas
from .jobs import Job
from .model_choice import find_spec
from .proposals import Proposed, keep_proposal, load_proposal, newest_seed
from .wishes import MAX_SEED, whole_number

if TYPE_CHECKING:
    from ssldiff_core.embeddings.grid import EmbeddingGrid
    from ssldiff_core.models.catalogue import ModelSpec
    from ssldiff_core.text_to_grid import TextRequest

    from .workspace import Workspace

Cells = tuple[tuple[int, int], ...]
MOST_CANDIDATES = 6
KEPT_OF_LIKE = 0.4
"""Share of a layout's cells that a relative of it keeps, chosen anew for each."""


@dataclass(frozen=True)
class Description:
    """What the page asks for.

    Args:
        text: what to show.
        negative: what not to show.
        count: of layouts.
        seed: of the first; the next ones follow.
        kept: cells that stay as they are; the rest is filled.
        like: a layout that was proposed before, of which relatives are asked for.
        take: whether the first one becomes the document's layout, where that was left alone meanwhile.
    """

    text: str
    negative: str
    count: int
    seed: int
    kept: Cells = ()
    like: Proposed | None = None
    take: bool = False


def describe_anew(workspace: Workspace, values: Mapping[str, Any]) -> Document:
    """A new document of ``model``, ``rows`` and ``cols``, named by the text, whose layouts are being made.

    Raises:
        SSLDiffError: as :func:`start_description`; then there is no new document.
    """
    spec = find_spec(workspace, str(values.get("model")))
    text = str(values.get("text", "")).strip()
    check_text(spec, text, str(values.get("negative", "")))
    document = empty_canvas(workspace, spec.id, values.get("rows", 8), values.get("cols", 8))
    document.rename(_short(text[:1].upper() + text[1:], 60))
    start_description(workspace, document, {**values, "take": True})
    return document


def start_description(workspace: Workspace, document: Document, values: Mapping[str, Any]) -> Job:
    """Queue layouts for a text, as large as the document's layout and in its place.

    Args:
        workspace: of the server.
        document: has a layout.
        values: ``text``; ``negative``; ``count`` of layouts; ``seed`` of the first; ``like``, the key of a layout to
            stay near to; ``keep``, cells as [row, col] that stay as they are; ``take``, whether the first one becomes
            the document's layout at once.

    Raises:
        LayoutError: where there is no layout, a kept cell lies outside it, or nothing is left to fill.
        ModelError: where the model comes without a prior.
        SettingsError: where the text is empty, too long or names nothing, or a value is out of range.
    """
    spec, layout = find_spec(workspace, document.model_id), document.need_layout()
    asked = _read(workspace, document, values)
    check_text(spec, asked.text, asked.negative)
    for job in workspace.jobs.of_document(document.id):
        if job.kind == "describe" and job.active:
            workspace.jobs.cancel(job.id)
    title = f"Layouts of “{_short(asked.text, 40)}”"
    job = Job("describe", document.id, total=asked.count, parts=asked.count, title=title)
    return workspace.jobs.submit(job, _work(workspace, document, spec, layout.grid(), asked))


def take_proposal(workspace: Workspace, document: Document, key: str) -> None:
    """Make a proposed layout the document's own: one step of undo, whichever others are looked at on the way.

    Raises:
        LayoutError: where it is no longer kept, or does not fit the document.
    """
    from ssldiff_core.layouts.layout import Layout

    grid, layout = load_proposal(workspace, document, key).grid, document.need_layout()
    if document.scene is not None and grid.geometry != layout.base.geometry:
        raise LayoutError(
            "take this layout", "it was made for another region", "a layout lies on the region of the scene",
            "Make it again from the sentence",
        )  # fmt: skip
    document.jump_to(Layout(grid, layout.palette), "text")
    show_layout(workspace, document)


def check_text(spec: ModelSpec, text: str, negative: str) -> None:
    """Refuse what the prior cannot follow before anything is begun.

    Raises:
        ModelError: where the model comes without a prior, or the text encoder is not here.
        SettingsError: where the text is empty, too long, or names nothing that the prior knows.
    """
    from ssldiff_core.layouts.text import Vocabulary, read_prompt
    from ssldiff_core.layouts.understanding import check_understood
    from ssldiff_core.models.prior import PRIOR_FOLDER, has_prior, read_prior_spec
    from ssldiff_core.models.text_encoders import load_text_encoder

    if not has_prior(spec):
        raise ModelError(
            f"lay out a text with the model {spec.id}", "it was not taught to read", "such a model has a grid prior",
            "Choose another model, or paint the layout",
        )  # fmt: skip
    prior = read_prior_spec(spec.folder / PRIOR_FOLDER)
    vocabulary = Vocabulary(dict(prior.concepts), dict(prior.labels), frozenset(prior.words))
    check_understood(
        read_prompt(text, negative, vocabulary), vocabulary, load_text_encoder(prior.text_encoder), spec.domain
    )


def _read(workspace: Workspace, document: Document, values: Mapping[str, Any]) -> Description:
    """What the page sent, checked."""
    like = load_proposal(workspace, document, str(values["like"])) if values.get("like") else None
    shape = document.need_layout().base.shape_cell
    if like is not None and like.grid.shape_cell != shape:
        raise LayoutError("make layouts like this one", "the document has another size since", "", "Type it again")
    seed = values.get("seed")
    return Description(
        str(values.get("text", "")).strip(), str(values.get("negative", "")).strip(),
        whole_number(values.get("count") or 1, "number of layouts", 1, MOST_CANDIDATES),
        whole_number(newest_seed(workspace, document) + 1 if seed is None else seed, "seed", 0, MAX_SEED),
        like.kept if like is not None else _cells(values.get("keep"), shape), like,
        bool(values.get("take")),
    )  # fmt: skip


def _cells(value: object, shape: tuple[int, int]) -> Cells:
    if not value:
        return ()
    try:
        cells = tuple((int(row), int(col)) for row, col in value)  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        raise SettingsError("keep cells", "they are no pairs of row and column") from None
    rows, cols = shape
    if len(cells) > MAX_CELLS or any(not (0 <= row < rows and 0 <= col < cols) for row, col in cells):
        raise LayoutError("keep cells", f"some lie outside the grid of {rows} × {cols}")
    if len(set(cells)) == rows * cols:
        raise LayoutError("lay out a text", "all cells are kept", "at least one is left to fill", "Select fewer cells")
    return cells


def _work(
    workspace: Workspace, document: Document, spec: ModelSpec, now: EmbeddingGrid, asked: Description
) -> Callable[[Job], None]:  # fmt: skip
    """One layout after the other: each is shown when it is there, and the work can be stopped between them."""

    def work(job: Job) -> None:
        from ssldiff_core.models.placement import choose_device
        from ssldiff_core.text_to_grid import propose_grids

        workspace.jobs.report(job, phase="reading the sentence", done=0, total=asked.count)
        watch = _watch(workspace, job)
        for index in range(asked.count):
            job.part = index
            request = _request(asked, spec, now, asked.seed + index)
            proposal = propose_grids(request, device=str(choose_device()), watch=watch)
            grid = replace(proposal.grids[0], geometry=now.geometry)
            key = keep_proposal(workspace, document, Proposed(job.id[:12], grid, proposal.notes, asked.kept))
            if asked.take and index == 0 and document.need_layout().grid() == now:
                take_proposal(workspace, document, key)

    return work


def _watch(workspace: Workspace, job: Job) -> Callable[[int, int], None]:
    """Tell of each step of each layout, and stop where somebody asks to: large layouts take minutes."""
    began: list[float] = []

    def watch(step: int, steps: int) -> None:
        if job.cancelled():
            raise Cancelled("the making of layouts")
        began.append(time.monotonic())
        done, total = job.part * steps + step, job.parts * steps
        eta_s = (began[-1] - began[0]) / done * (total - done) if done else None
        workspace.jobs.report(job, phase="making layouts", done=done, total=total, eta_s=eta_s)

    return watch


def _request(asked: Description, spec: ModelSpec, now: EmbeddingGrid, seed: int) -> TextRequest:
    """What is asked of the prior for one layout."""
    from ssldiff_core.text_to_grid import TextRequest

    kept = np.zeros(now.shape_cell, bool)
    if asked.kept:
        kept[tuple(np.array(asked.kept).T)] = True
    if asked.like is not None:
        now = asked.like.grid
        kept |= np.random.default_rng(seed).random(now.shape_cell) < KEPT_OF_LIKE
    kept &= now.valid
    geometry = now.geometry
    return TextRequest(
        asked.text, spec.id, (geometry.cols * geometry.cell_px, geometry.rows * geometry.cell_px),
        negative=asked.negative, pixel_size_m=geometry.pixel_size_m, seed=seed,
        sketch=replace(now, valid=kept, regions=None) if kept.any() else None,
    )  # fmt: skip


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"
