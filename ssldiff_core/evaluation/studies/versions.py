"""Versions of an image that a robust classifier should tell alike, drawn for every image of a set.

``autoencoder`` shows what the first stage alone does, so that no fault of ours is counted as one of the classifier's;
``same`` is the same grid and a new seed; ``strength …`` starts from the image itself; ``stain`` is the image in the
colours of another one of the set, its shapes untouched.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ...diffusion.appearance import measure_appearance
from ...errors import ManifestError, SettingsError
from ...export.replacing import replacing
from ...settings import Settings
from ..augment.drawing import Canvas, autoencoded, canvases_at_once, draw_canvases
from ..augment.recipes import grid_of
from ..augment.sources import Sources, embed_canvases
from ..augment.variations import chance
from ..similarity import cosine

if TYPE_CHECKING:
    from ...embeddings.encoder import PatchEncoder
    from ...models.catalogue import Model

Pixels = NDArray[np.uint8]

STRENGTHS = (0.25, 0.5, 0.75)
REAL, AUTOENCODER, SAME, STAIN = "real", "autoencoder", "same grid, new seed", "stain only"
NAME = "versions.csv"


@dataclass(frozen=True)
class Version:
    """One version of one image.

    Args:
        file: below the study's folder.
        image: name of the source.
        group: of the source: intervals are drawn over groups.
        label: of the source, or nothing.
        version: what was done.
        fidelity: mean cosine of its cells' embeddings to the source's; 1 for the source itself.
        seed: of its noise, or of the choice of the colours.
    """

    file: str
    image: str
    group: str
    label: str
    version: str
    fidelity: float
    seed: int


def version_names(strengths: Sequence[float] = STRENGTHS) -> tuple[str, ...]:
    """All of them, the real image first."""
    return (REAL, AUTOENCODER, SAME, *(f"strength {strength:g}" for strength in strengths), STAIN)


def draw_versions(
    sources: Sources, model: Model, encoder: PatchEncoder, out: Path, settings: Settings, *, seed: int = 0,
    strengths: Sequence[float] = STRENGTHS, progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Version]:  # fmt: skip
    """Draw every version of every image; images whose versions all lie there are not drawn again.

    Returns:
        image by image, in the order of :func:`version_names`.
    """
    names = version_names(strengths)
    known = {
        (version.image, version.version): version for version in read_versions(out) if (out / version.file).is_file()
    }
    versions = dict(known)
    todo = [i for i, s in enumerate(sources.samples) if not all((s.name, name) in known for name in names)]
    for done, batch in enumerate(_batches(sources, todo)):
        for version in _draw_batch(sources, batch, model, encoder, out, settings, seed, strengths):
            versions[version.image, version.version] = version
        progress(sum(len(b) for b in _batches(sources, todo)[: done + 1]), len(todo))
        write_versions(out, versions.values())
    return [versions[sample.name, name] for sample in sources.samples for name in names]


def _batches(sources: Sources, indices: Sequence[int]) -> list[list[int]]:
    """Images of one shape and pixel size, as many as are drawn at once."""
    shapes: dict[tuple[object, ...], list[int]] = {}
    for index in indices:
        fit = sources.fits[index]
        shapes.setdefault((fit.shape_cell, fit.pixel_size_m), []).append(index)
    size = {
        key: max(1, 64 // (sources.fits[own[0]].shape_cell[0] * sources.fits[own[0]].shape_cell[1]))
        for key, own in shapes.items()
    }
    return [own[start : start + size[key]] for key, own in shapes.items() for start in range(0, len(own), size[key])]


def _draw_batch(
    sources: Sources, batch: Sequence[int], model: Model, encoder: PatchEncoder, out: Path, settings: Settings,
    seed: int, strengths: Sequence[float],
) -> list[Version]:  # fmt: skip
    """All versions of some images."""
    spec = model.spec
    canvases = [sources.canvas(index) for index in batch]
    grids = [
        grid_of(sources.vectors[i], sources.fits[i].pixel_size_m, spec.encoder_id, spec.cell_px, spec.latent_factor)
        for i in batch
    ]
    seeds = [chance(seed, sources.samples[index].name, 0, "version") for index in batch]
    size = canvases_at_once(grids[0])
    drawn: dict[str, list[Pixels]] = {REAL: canvases, AUTOENCODER: [autoencoded(canvas, model) for canvas in canvases]}
    for name, strength in [(SAME, 1.0), *((f"strength {strength:g}", strength) for strength in strengths)]:
        asked = [
            Canvas(grid, one, canvas if strength < 1.0 else None, strength)
            for grid, one, canvas in zip(grids, seeds, canvases, strict=True)
        ]
        drawn[name] = [
            image
            for start in range(0, len(asked), size)
            for image in draw_canvases(asked[start : start + size], model, settings)
        ]
    drawn[STAIN] = [
        _in_other_colours(sources, i, canvas, one) for i, canvas, one in zip(batch, canvases, seeds, strict=True)
    ]
    versions = []
    for name, images in drawn.items():
        read = embed_canvases(images, encoder)
        for place, index in enumerate(batch):
            fidelity = float(cosine(sources.vectors[index], read[place]).mean())
            versions.append(_write(sources, index, images[place], name, fidelity, seeds[place], out))
    return versions


def _in_other_colours(sources: Sources, index: int, canvas: Pixels, seed: int) -> Pixels:
    """A canvas in the colours of an image of another group; itself where no other has colours that can be told."""
    group = sources.samples[index].group
    others = [i for i, sample in enumerate(sources.samples) if sample.group != group]
    for attempt in range(min(5, len(others))):
        other = others[(seed + attempt) % len(others)]
        try:
            return measure_appearance(sources.canvas(other), sources.fits[other].pixel_size_m).match(canvas)
        except SettingsError:  # glass, or one stain alone
            continue
    return canvas


def _write(
    sources: Sources, index: int, canvas: Pixels, name: str, fidelity: float, seed: int, out: Path
) -> Version:  # fmt: skip
    sample = sources.samples[index]
    stem = "".join(c if c.isalnum() or c in "-_" else "-" for c in sample.name)
    file = f"versions/{name.replace(', ', '-').replace(' ', '-')}/{stem}.png"
    path = out / file
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(f"write {path}", path) as (part,):
        Image.fromarray(sources.fits[index].from_canvas(canvas)).save(part, format="PNG", compress_level=3)
    return Version(file, sample.name, sample.group, sample.label, name, round(fidelity, 4), seed)


def write_versions(out: Path, versions: object) -> None:
    """Write the table of versions, whole or not at all."""
    path = out / NAME
    with replacing(f"write {path}", path) as (part,), part.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, [item.name for item in fields(Version)])
        writer.writeheader()
        writer.writerows(asdict(version) for version in versions)  # type: ignore[attr-defined]


def read_versions(out: Path) -> list[Version]:
    """The table of versions; empty where there is none.

    Raises:
        ManifestError: where it is malformed.
    """
    path = out / NAME
    if not path.is_file():
        return []
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            return [
                Version(**{**row, "fidelity": float(row["fidelity"]), "seed": int(row["seed"])})  # type: ignore[arg-type]
                for row in csv.DictReader(stream)
            ]
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ManifestError(f"read {path}", f"a column is missing or malformed: {error}") from error
