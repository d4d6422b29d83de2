"""Generated images that have a manifest: do they say what their grids say, and do their seams show?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..embeddings.encoder import PatchEncoder, load_patch_encoder
from ..embeddings.spec import CONFIG_NAME
from ..errors import ManifestError, SSLDiffError
from ..provenance import Manifest
from .intervals import bootstrap_of_mean
from .report import Measurement
from .samples import SUFFIXES, read_image
from .seams import seam_score
from .similarity import cosine, read_back

MANIFEST = ".manifest.json"


@dataclass(frozen=True)
class ResultScore:
    """How one generated image fares.

    Args:
        path: of the image.
        manifest: of it.
        similarity: (rows, cols) float32, cosine between asked and read back; NaN in invalid cells.
        embeddings: (rows, cols, dim) float32 read back.
        cell_seams: gradient energy on the lines between cells as a part of that elsewhere; NaN for one cell.
    """

    path: Path
    manifest: Manifest
    similarity: NDArray[np.float32]
    embeddings: NDArray[np.float32]
    cell_seams: float

    @property
    def cell_px(self) -> int:
        return self.manifest.grid.geometry.cell_px


def find_manifests(path: Path) -> list[Path]:
    """Manifests in a folder, or beside an image, or the manifest itself."""
    if path.name.endswith(MANIFEST):
        return [path]
    if path.is_dir():
        return sorted(path.rglob(f"*{MANIFEST}"))
    beside = path.with_name(path.name + MANIFEST)
    return [beside] if beside.is_file() else []


def image_of(manifest: Path) -> Path:
    """The image that a manifest lies beside.

    Raises:
        ManifestError: where it is gone.
    """
    image = manifest.with_name(manifest.name.removesuffix(MANIFEST))
    if image.suffix.lower() not in SUFFIXES or not image.is_file():
        raise ManifestError(f"find the image of {manifest.name}", f"there is no {image.name} beside it")
    return image


def score_results(
    manifests: Sequence[Path], skipped: list[tuple[str, str]], device: str = "cpu"
) -> list[ResultScore]:  # fmt: skip
    """Score the images of manifests; those that cannot be read are named in ``skipped``."""
    encoders: dict[str, PatchEncoder] = {}
    scores = []
    for file in manifests:
        try:
            manifest = Manifest.load(file)
            grid = manifest.grid
            if grid.encoder_id not in encoders:
                encoders[grid.encoder_id] = encoder_of(manifest, device)
            scores.append(score_result(image_of(file), manifest, encoders[grid.encoder_id]))
        except SSLDiffError as error:
            skipped.append((file.name, error.found))
    return scores


def encoder_of(manifest: Manifest, device: str = "cpu") -> PatchEncoder:
    """The encoder that a manifest's grid was read with: the one in its model's folder, else that of the catalogue."""
    from ..models.catalogue import list_models

    grid = manifest.grid
    for spec in list_models():
        if spec.encoder_id == grid.encoder_id and (spec.folder / CONFIG_NAME).is_file():
            return load_patch_encoder(spec.folder, device, patch_px=grid.geometry.cell_px)
    return load_patch_encoder(grid.encoder_id, device, patch_px=grid.geometry.cell_px)


def score_result(path: Path, manifest: Manifest, encoder: PatchEncoder) -> ResultScore:
    """Read embeddings back from one image and look for its seams."""
    image, grid = read_image(path), manifest.grid
    found = read_back(image, grid, encoder)
    similarity = np.where(grid.valid, cosine(grid.vectors, found), np.float32(np.nan))
    side = grid.geometry.cell_px
    seams = seam_score(image, side) if max(grid.shape_cell) > 1 else float("nan")
    return ResultScore(path, manifest, similarity, found, seams)


def similarity_figures(scores: Sequence[ResultScore]) -> dict[str, Measurement]:
    """Mean, quantiles, floor (what random pairs of asked and read back give) and seams, over all images.

    ``retrieval`` is the share of cells whose own embedding is the nearest, among at most 1,000, to what was read back.
    """
    values = [score.similarity[~np.isnan(score.similarity)].astype(np.float64) for score in scores]
    cells, images = np.concatenate(values), np.repeat(np.arange(len(values)), [len(v) for v in values])
    about = Measurement(float("nan"), n=len(cells), features=scores[0].manifest.grid.encoder_id)
    low, high = bootstrap_of_mean(cells, images if len(values) > 3 else None)
    note = f"95 %, bootstrap of {'images' if len(values) > 3 else 'cells'}"
    figures = {"similarity": replace(about, value=float(cells.mean()), low=low, high=high, note=note)}
    for share in (0.05, 0.25, 0.5, 0.75, 0.95):
        figures[f"similarity_q{round(100 * share):02d}"] = replace(about, value=float(np.quantile(cells, share)))
    figures |= _floor_and_retrieval(scores, about)
    seams = np.array([score.cell_seams for score in scores])
    seams = seams[np.isfinite(seams)]
    if len(seams):
        low_seams, high_seams = bootstrap_of_mean(seams) if len(seams) > 3 else (None, None)
        note = "gradient energy on lines between cells, 1: they do not show"
        figures["seams"] = Measurement(float(seams.mean()), low_seams, high_seams, len(seams), note=note)
    return figures


def _floor_and_retrieval(scores: Sequence[ResultScore], about: Measurement) -> dict[str, Measurement]:
    one_space = [score for score in scores if score.manifest.grid.encoder_id == scores[0].manifest.grid.encoder_id]
    asked = np.concatenate([score.manifest.grid.vectors[score.manifest.grid.valid] for score in one_space])
    found = np.concatenate([score.embeddings[score.manifest.grid.valid] for score in one_space])
    if len(asked) < 2:
        return {}
    chosen = np.random.default_rng(0).permutation(len(asked))[:1000]
    floor = cosine(asked[chosen], found[np.roll(chosen, 1)])
    share, count = retrieval(asked[chosen], found[chosen]), len(chosen)
    return {
        "similarity_floor": replace(about, value=float(floor.mean()), n=count, note="of random pairs"),
        "retrieval": replace(about, value=share, n=count, note=f"the asked cell is the nearest of {count}"),
    }


def retrieval(asked: NDArray[np.floating], found: NDArray[np.floating]) -> float:
    """Share of rows of ``found`` (n, d) whose nearest of ``asked`` (n, d), by cosine, is the row of the same index."""
    first, second = (v / np.maximum(np.linalg.norm(v, axis=1, keepdims=True), 1e-12) for v in (asked, found))
    return float((np.argmax(second @ first.T, axis=1) == np.arange(len(asked))).mean())
