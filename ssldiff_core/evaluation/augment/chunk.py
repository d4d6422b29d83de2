"""One chunk of an augmentation: variations of one shape and strength, drawn, judged and written together.

A chunk's variations and their order follow from the plan alone, so its bits depend on no process and no restart.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from ...drawing import resolve
from ...export.embedding import PNG_KEY
from ...export.marks import SOFTWARE, XMP_PNG_KEY, xmp_packet
from ...export.replacing import replacing
from ...provenance import NOTICE
from ...settings import Settings
from ..similarity import cosine
from .dataset import digest_file
from .drawing import Canvas, canvases_at_once, draw_canvases
from .label_judge import LabelJudge, describe_image
from .manifest import Row
from .masks import MaskPalette, write_mask
from .recipes import grid_of, varied_vectors
from .sources import Sources, embed_canvases
from .variations import ATTEMPTS, Recipe, Variation, chance

if TYPE_CHECKING:
    from ...embeddings.encoder import PatchEncoder
    from ...models.catalogue import Model

ALONE = 1.0
"""The strength of a run that starts from noise."""


@dataclass(frozen=True)
class Filter:
    """Which variations are kept.

    Args:
        min_fidelity: least mean cosine between embeddings asked for and read back; -1 keeps all.
        label: whether a probe on the training images must find the label likeliest.
        attempts: so often a rejected one is drawn anew, the first time counted.
    """

    min_fidelity: float = -1.0
    label: bool = False
    attempts: int = ATTEMPTS

    def passes(self, fidelity: float, likeliest: bool) -> bool:
        """Whether a variation is kept."""
        return fidelity >= self.min_fidelity and (likeliest or not self.label)


@dataclass(frozen=True, eq=False)
class Job:
    """All that decides an augmentation's images.

    Args:
        out: folder that receives them.
        sources: training images and their embeddings.
        plan: what is made.
        recipe: for its seed.
        model_id: what draws.
        settings: how.
        filter: what is kept.
    """

    out: Path
    sources: Sources
    plan: tuple[Variation, ...]
    recipe: Recipe
    model_id: str
    settings: Settings
    filter: Filter

    @cached_property
    def chunks(self) -> list[tuple[int, ...]]:
        """Indices of the plan, in batches of one shape and strength, as the plan goes."""
        waiting: dict[tuple[object, ...], list[int]] = defaultdict(list)
        done = []
        for index, variation in enumerate(self.plan):
            fit = self.sources.fits[variation.source]
            key = (fit.shape_cell, fit.pixel_size_m, strength_of(variation))
            waiting[key].append(index)
            if len(waiting[key]) >= max(1, 64 // (fit.shape_cell[0] * fit.shape_cell[1])):
                done.append(tuple(waiting.pop(key)))
        return [*done, *(tuple(indices) for indices in waiting.values())]


def strength_of(variation: Variation) -> float:
    """How much of the source's pixels is forgotten; 1 where none are used."""
    return variation.amount if variation.kind == "image" else ALONE


class Workshop:
    """A job with its networks: draws chunks.

    Args:
        job: what is made.
        model: draws.
        encoder: reads back.
    """

    def __init__(self, job: Job, model: Model, encoder: PatchEncoder) -> None:
        self.job, self.model, self.encoder = job, model, encoder
        self.settings = resolve(job.settings, model)
        self.judge = LabelJudge(job.sources.describe(), [sample.label for sample in job.sources.samples])
        masked = any(sample.mask for sample in job.sources.samples)
        self.palette = MaskPalette(job.sources, model.spec.latent_factor) if masked else None

    def draw_chunk(self, indices: Sequence[int]) -> list[Row]:
        """Draw, judge and write; rejected ones again, up to the filter's attempts. Rows in the order of the plan."""
        rows: dict[int, Row] = {}
        todo = list(indices)
        for attempt in range(self.job.filter.attempts):
            for row, index, image in self._attempt(todo, attempt):
                rows[index] = self._written(row, index, image)
            todo = [index for index in todo if not rows[index].is_kept]
            if not todo:
                break
        return [rows[index] for index in indices]

    def _attempt(self, indices: Sequence[int], attempt: int) -> list[tuple[Row, int, NDArray[np.uint8]]]:
        job, sources = self.job, self.job.sources
        canvases = [self._canvas(job.plan[index], attempt) for index in indices]
        size = canvases_at_once(canvases[0].grid)
        images = [
            image
            for start in range(0, len(canvases), size)
            for image in draw_canvases(canvases[start : start + size], self.model, self.settings)
        ]
        read = embed_canvases(images, self.encoder)
        labels = [sources.samples[job.plan[index].source].label for index in indices]
        shares, likeliest = self.judge.judge(np.stack([describe_image(found) for found in read]), labels)
        made = []
        for at, index in enumerate(indices):
            fidelity = float(cosine(canvases[at].grid.vectors, read[at]).mean())
            kept = job.filter.passes(fidelity, bool(likeliest[at]))
            row = self._row(job.plan[index], canvases[at], attempt, fidelity, float(shares[at]), kept)
            made.append((row, index, images[at]))
        return made

    def _canvas(self, variation: Variation, attempt: int) -> Canvas:
        job, sources, spec = self.job, self.job.sources, self.model.spec
        name = sources.samples[variation.source].name
        seed = chance(job.recipe.seed, name, variation.slot, variation.kind, attempt)
        own, regions = sources.vectors[variation.source], None
        if variation.kind == "layout":
            assert self.palette is not None, "layouts are planned for images with masks"
            vectors, regions = self.palette.layout(variation.source, seed)
        else:
            other = sources.vectors[variation.partner] if variation.partner >= 0 else None
            vectors = varied_vectors(variation, own, other, seed)
        size_m = sources.fits[variation.source].pixel_size_m
        grid = grid_of(vectors, size_m, spec.encoder_id, spec.cell_px, spec.latent_factor, regions)
        strength = strength_of(variation)
        reference = sources.canvas(variation.source) if strength < ALONE else None
        return Canvas(grid, seed, reference, strength)

    def _row(
        self, variation: Variation, canvas: Canvas, attempt: int, fidelity: float, share: float, kept: bool
    ) -> Row:  # fmt: skip
        samples, spec, settings = self.job.sources.samples, self.model.spec, self.settings
        source = samples[variation.source]
        partner = samples[variation.partner] if variation.partner >= 0 else None
        return Row(
            file=f"{variation.name}.png" if kept else "", label=source.label, split=source.split, group=source.group,
            kind=variation.kind, amount=variation.amount, source=source.name, source_sha256=source.sha256,
            partner=partner.name if partner else "", partner_sha256=partner.sha256 if partner else "",
            partner_group=partner.group if partner else "", slot=variation.slot, attempt=attempt, seed=canvas.seed,
            fidelity=round(fidelity, 4), label_probability=round(share, 4), kept="yes" if kept else "no",
            pixel_size_m=canvas.grid.geometry.pixel_size_m, model=spec.id, model_digest=spec.digest[:16],
            steps=settings.steps, guidance=settings.guidance_scale or 0.0, student="yes" if settings.student else "no",
        )  # fmt: skip

    def _written(self, row: Row, index: int, canvas: NDArray[np.uint8]) -> Row:
        """The row of a kept image, once it lies on disk."""
        if not row.is_kept:
            return row
        job = self.job
        variation = job.plan[index]
        path = job.out / row.file
        path.parent.mkdir(parents=True, exist_ok=True)
        write_synthetic_png(path, job.sources.fits[variation.source].from_canvas(canvas), row)
        mask = ""
        if job.sources.samples[variation.source].mask:
            mask = f"masks/{variation.name}.png"
            write_mask(job.out / mask, job.sources, variation, self.model.spec.latent_factor)
        return replace(row, sha256=digest_file(path), mask=mask)


def write_synthetic_png(path: Path, image: NDArray[np.uint8], row: Row) -> None:
    """Write (h, w, 3) uint8 as a PNG that says it is synthetic, and from what and how it was made."""
    text = PngImagePlugin.PngInfo()
    text.add_text("Title", "SYNTHETIC image")
    text.add_text("Software", SOFTWARE)
    text.add_itxt("Description", f"{NOTICE} A variation of a labelled image, see {PNG_KEY}-variation.")
    text.add_itxt(XMP_PNG_KEY, xmp_packet().decode())
    text.add_itxt(f"{PNG_KEY}-variation", json.dumps(row.__dict__, ensure_ascii=False))
    with replacing(f"write {path}", path) as (part,):
        Image.fromarray(image).save(part, format="PNG", pnginfo=text, compress_level=3)
