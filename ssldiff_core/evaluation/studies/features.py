"""What the linear probe sees of an image: embeddings of the shipped patch encoder, under standard augmentation.

View 0 is the image as it is; the others are turned or mirrored, cut (80 to 100 % of a side) and slightly changed in
brightness and contrast. A vector is the mean of the cells' embeddings and, with more than one cell, their deviation.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...errors import GridError
from ...export.replacing import replacing
from ...training.data import dihedral
from ..augment.fitting import Fit, fit_image, resized
from ..augment.sources import embed_canvases

if TYPE_CHECKING:
    from ...embeddings.encoder import PatchEncoder

Pixels = NDArray[np.uint8]

_IMAGES_AT_ONCE = 16


@dataclass(frozen=True)
class Picture:
    """An image of a study.

    Args:
        path: of the file.
        sha256: of the file.
        label: its class.
        group: of its source.
        parents: indices of the samples it was made from; its own index alone for a real one.
    """

    path: Path
    sha256: str
    label: str
    group: str
    parents: tuple[int, ...]


def change_view(pixels: Pixels, view: int, key: str) -> Pixels:
    """A view of an image (h, w, 3) uint8, of the same size but for a quarter turn; ``key`` and view decide it."""
    if view == 0:
        return pixels
    generator = np.random.default_rng([view, int(hashlib.sha256(key.encode()).hexdigest()[:8], 16)])
    height, width = pixels.shape[:2]
    share = generator.uniform(0.8, 1.0)
    sides = [max(8, round(length * share)) for length in (height, width)]
    row, col = (
        int(generator.integers(0, length - side + 1)) for length, side in zip((height, width), sides, strict=True)
    )
    cut = resized(np.ascontiguousarray(pixels[row : row + sides[0], col : col + sides[1]]), (height, width))
    turned = dihedral(cut, int(generator.integers(8))).astype(np.float32)
    contrast, brightness = generator.uniform(0.9, 1.1), generator.uniform(-12.0, 12.0)
    mean = turned.mean()
    changed = (turned - mean) * contrast + mean + brightness
    return np.ascontiguousarray(changed.clip(0, 255).round().astype(np.uint8))


def describe_cells(cells: NDArray[np.float32]) -> NDArray[np.float32]:
    """Embeddings (rows, cols, dim) as one vector: mean, and deviation where there is more than one cell."""
    flat = cells.reshape(-1, cells.shape[-1])
    parts = [flat.mean(axis=0)] if len(flat) == 1 else [flat.mean(axis=0), flat.std(axis=0)]
    return np.concatenate(parts).astype(np.float32)


def image_features(
    pictures: Sequence[Picture], encoder: PatchEncoder, fit_size: Callable[[tuple[int, int]], Fit], views: int,
    memory: Path | None = None, progress: Callable[[int, int], None] = lambda done, total: None,
) -> NDArray[np.float32]:  # fmt: skip
    """(n, views, dim) float32 of pictures.

    Args:
        fit_size: (height, width) -> how an image of that size lies on cells.
        views: of each.
        memory: ``.npz`` that remembers them between runs.
        progress: told how many pictures are done.

    Raises:
        GridError: where a vector is not finite, naming the picture.
    """
    mark = hashlib.sha256(json.dumps([encoder.digest, views, asdict(fit_size((256, 256)))]).encode()).hexdigest()
    known = _read(memory, mark)
    found: dict[str, NDArray[np.float32]] = {}
    missing = [picture for picture in {p.sha256: p for p in pictures}.values() if picture.sha256 not in known]
    for start in range(0, len(missing), _IMAGES_AT_ONCE):
        batch = missing[start : start + _IMAGES_AT_ONCE]
        canvases = [_canvas(picture, view, fit_size) for picture in batch for view in range(views)]
        vectors = [describe_cells(cells) for cells in embed_canvases(canvases, encoder)]
        for place, picture in enumerate(batch):
            found[picture.sha256] = _checked(np.stack(vectors[place * views : (place + 1) * views]), picture)
        progress(start + len(batch), len(missing))
    known |= found
    if found:
        _write(memory, mark, known)
    return np.stack([known[picture.sha256] for picture in pictures])


def read_picture(picture: Picture) -> Pixels:
    """(h, w, 3) uint8."""
    from PIL import Image

    with Image.open(picture.path) as image:
        return np.asarray(image.convert("RGB"))


def fitter(
    pixel_size_m: float, trained_m: tuple[float, ...], cell_px: int, name: str
) -> Callable[[tuple[int, int]], Fit]:
    """How images of one pixel size lie on cells, by their (height, width)."""
    return lambda size: fit_image(size, pixel_size_m, trained_m, cell_px, name)


def _canvas(picture: Picture, view: int, fit_size: Callable[[tuple[int, int]], Fit]) -> Pixels:
    pixels = change_view(read_picture(picture), view, picture.sha256)
    return fit_size((pixels.shape[0], pixels.shape[1])).to_canvas(pixels)


def _checked(vectors: NDArray[np.float32], picture: Picture) -> NDArray[np.float32]:
    if not np.isfinite(vectors).all():
        raise GridError(f"describe {picture.path.name}", "its features are not finite", "features are finite numbers")
    return vectors


def _read(memory: Path | None, mark: str) -> dict[str, NDArray[np.float32]]:
    if memory is None or not memory.is_file():
        return {}
    with np.load(memory, allow_pickle=False) as archive:
        if str(archive["mark"]) != mark:
            return {}
        return dict(zip(archive["names"].tolist(), archive["vectors"], strict=True))


def _write(memory: Path | None, mark: str, known: dict[str, NDArray[np.float32]]) -> None:
    if memory is None:
        return
    with replacing(f"write {memory}", memory) as (part,), part.open("wb") as stream:
        np.savez(stream, mark=np.array(mark), names=np.array(list(known)), vectors=np.stack(list(known.values())))
