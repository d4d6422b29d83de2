"""The images that variations are made from: read, fitted to cells and embedded once, and remembered on disk."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...errors import SceneError, SettingsError
from ...export.replacing import replacing
from .dataset import Dataset, Sample, digest_file, read_pixels
from .fitting import Fit, fit_image
from .label_judge import describe_image

if TYPE_CHECKING:
    from ...embeddings.encoder import PatchEncoder
    from ...models.spec import ModelSpec

_BATCH_CELLS = 64


@dataclass(frozen=True, eq=False)
class Sources:
    """The readable images of a training split, with their embeddings.

    Args:
        root: of their paths.
        samples: n of them, each with its file's sha256.
        fits: how each lies on its canvas.
        vectors: for each (rows, cols, dim) float32.
        pixel_size_m: given for the whole set, or None.
        skipped: (path, reason) of images that could not be read.
        notes: what was done to sizes.
    """

    root: Path
    samples: tuple[Sample, ...]
    fits: tuple[Fit, ...]
    vectors: tuple[NDArray[np.float32], ...] = field(repr=False)
    pixel_size_m: float | None = None
    skipped: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()

    def canvas(self, index: int) -> NDArray[np.uint8]:
        """The pixels of one, on its canvas."""
        return self.fits[index].to_canvas(read_pixels(self.root, self.samples[index], self.pixel_size_m)[0])

    def describe(self) -> NDArray[np.float32]:
        """(n, dim): one vector for each image."""
        return np.stack([describe_image(vectors) for vectors in self.vectors])


def cells_of(canvas: NDArray[np.uint8], cell_px: int) -> NDArray[np.uint8]:
    """A canvas (rows · cell, cols · cell, 3) as (rows · cols, cell, cell, 3) uint8, row by row."""
    rows, cols = (side // cell_px for side in canvas.shape[:2])
    cut = canvas.reshape(rows, cell_px, cols, cell_px, 3).swapaxes(1, 2)
    return np.ascontiguousarray(cut.reshape(-1, cell_px, cell_px, 3))


def embed_canvases(canvases: Sequence[NDArray[np.uint8]], encoder: PatchEncoder) -> list[NDArray[np.float32]]:
    """(rows, cols, dim) float32 for each canvas, whatever their shapes; all cells in few calls."""
    side = encoder.patch_px
    cells = np.concatenate([cells_of(canvas, side) for canvas in canvases])
    vectors = encoder.encode(cells)
    found, start = [], 0
    for canvas in canvases:
        rows, cols = (length // side for length in canvas.shape[:2])
        found.append(vectors[start : start + rows * cols].reshape(rows, cols, -1))
        start += rows * cols
    return found


def read_sources(
    dataset: Dataset, spec: ModelSpec, encoder: PatchEncoder, *, pixel_size_m: float | None = None,
    memory: Path | None = None, progress: Callable[[int, int], None] = lambda done, total: None,
) -> Sources:  # fmt: skip
    """Read and embed every image of a data set; broken ones are left out and named.

    Args:
        dataset: of the training split alone.
        spec: of the model that will draw.
        encoder: the model's.
        pixel_size_m: of all images; None asks table and files.
        memory: ``.npz`` that remembers the embeddings between runs.
        progress: told how many images are done.

    Raises:
        GridError: where the pixel size lies outside the model's range.
        SettingsError: where nobody says how large pixels are, or no image can be read.
    """
    remembered = _remembered(memory, encoder.digest)
    kept: list[tuple[Sample, Fit, NDArray[np.float32]]] = []
    skipped: list[tuple[str, str]] = []
    waiting: list[tuple[Sample, Fit, NDArray[np.uint8]]] = []
    known = dict(remembered)

    def finish() -> None:
        if waiting:
            for (sample, fit, _), found in zip(waiting, embed_canvases([c for *_, c in waiting], encoder), strict=True):
                kept.append((sample, fit, found))
            waiting.clear()

    for number, (sample, pixels, size_m, reason) in enumerate(_read_all(dataset, pixel_size_m), start=1):
        progress(number, len(dataset.samples))
        if pixels is None:
            skipped.append((sample.path, reason))
            continue
        fit = fit_image((pixels.shape[0], pixels.shape[1]), size_m, spec.pixel_sizes_m, spec.cell_px, spec.id)
        key = f"{sample.sha256}|{sample.name}|{json.dumps(asdict(fit))}"
        if key in known:
            finish()
            kept.append((sample, fit, known[key]))
            continue
        waiting.append((sample, fit, fit.to_canvas(pixels)))
        if sum(f.shape_cell[0] * f.shape_cell[1] for _, f, _ in waiting) >= _BATCH_CELLS:
            finish()
    finish()
    if not kept:
        raise SettingsError(
            f"vary the images of {dataset.root}", f"none of {len(skipped)} can be read, such as {skipped[0]}"
        )
    _remember(memory, encoder.digest, kept)
    samples, fits, vectors = zip(*kept, strict=True)
    return Sources(
        dataset.root, tuple(samples), tuple(fits), tuple(vectors), pixel_size_m, tuple(skipped), _size_notes(fits)
    )


def _read_all(
    dataset: Dataset, pixel_size_m: float | None
) -> Iterator[tuple[Sample, NDArray[np.uint8] | None, float, str]]:
    """Each sample with its digest, its pixels and their size; no pixels and the reason where it is broken."""
    for sample in dataset.samples:
        path = dataset.root / sample.path
        try:
            found = digest_file(path)
            pixels, size_m = read_pixels(dataset.root, sample, pixel_size_m)
        except (SceneError, OSError) as error:
            yield sample, None, 0.0, str(error)
            continue
        if sample.sha256 and found != sample.sha256:
            yield sample, None, 0.0, "it is not the file that the table describes: its sha256 differs"
            continue
        yield Sample(**{**sample.__dict__, "sha256": found}), pixels, size_m, ""


def _size_notes(fits: Sequence[Fit]) -> tuple[str, ...]:
    notes: dict[str, int] = {}
    for fit in fits:
        if fit.note:
            notes[fit.note] = notes.get(fit.note, 0) + 1
    common = sorted(notes.items(), key=lambda item: -item[1])
    told = tuple(f"{count} of {len(fits)} images are {note}" for note, count in common[:3])
    return told if len(common) <= 3 else (*told, f"and {len(common) - 3} other sizes")


def _remembered(memory: Path | None, encoder_digest: str) -> dict[str, NDArray[np.float32]]:
    if memory is None or not memory.is_file():
        return {}
    try:
        with np.load(memory, allow_pickle=False) as archive:
            facts = json.loads(str(archive["facts"]))
            if facts["encoder"] != encoder_digest:
                return {}
            flat, found, start = archive["vectors"], {}, 0
            for key, shape in facts["images"]:
                count = shape[0] * shape[1]
                found[key] = flat[start : start + count].reshape(*shape, -1)
                start += count
            return found
    except (OSError, ValueError, KeyError):
        return {}


def _remember(
    memory: Path | None, encoder_digest: str, kept: Sequence[tuple[Sample, Fit, NDArray[np.float32]]]
) -> None:
    if memory is None:
        return
    images = [[f"{s.sha256}|{s.name}|{json.dumps(asdict(f))}", list(v.shape[:2])] for s, f, v in kept]
    flat = np.concatenate([vectors.reshape(-1, vectors.shape[-1]) for *_, vectors in kept])
    with replacing(f"write {memory}", memory) as (part,), part.open("wb") as stream:
        np.savez(stream, facts=np.array(json.dumps({"encoder": encoder_digest, "images": images})), vectors=flat)
