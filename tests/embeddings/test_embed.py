"""Laws of reading a scene as a grid, of the check against a model, of tissue and of projections."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from ssldiff_core.embeddings.check import check_grid, quantiles_from
from ssldiff_core.embeddings.embed import embed_scene, preprocessing_digest
from ssldiff_core.embeddings.encoder import TimmPatchEncoder
from ssldiff_core.embeddings.foreground import foreground_mask, tissue_region
from ssldiff_core.embeddings.grid import EmbeddingGrid
from ssldiff_core.embeddings.projection import project_pca, project_umap
from ssldiff_core.errors import GridError, ModelError
from ssldiff_core.geometry import Box, GridGeometry
from ssldiff_core.scenes.array_scene import ArrayScene

PIXEL_SIZE = 5e-7


def make_scene(height: int = 330, width: int = 400, **facts: object) -> ArrayScene:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return ArrayScene(pixels, **{"pixel_size_m": PIXEL_SIZE, "name": "noise", **facts})  # type: ignore[arg-type]


def embed(scene: ArrayScene, encoder: TimmPatchEncoder, **options: object) -> EmbeddingGrid:
    *before, last = embed_scene(scene, encoder, **{"pixel_size_m": PIXEL_SIZE, **options})  # type: ignore[arg-type]
    assert all(progress.grid is None for progress in before)
    assert last.grid is not None
    assert last.done == last.total == last.grid.valid.size
    return last.grid


def test_a_cell_holds_the_embedding_of_the_pixels_under_it(encoder: TimmPatchEncoder) -> None:
    scene = make_scene()
    grid = embed(scene, encoder, region_l0=Box(3, 5, 390, 300))
    assert grid.shape_cell == (9, 12)
    assert grid.valid.all()
    for row, col in ((0, 0), (8, 11), (4, 8)):
        patch = scene.read(grid.geometry.cells_to_l0(row, col), size_px=(32, 32))
        np.testing.assert_allclose(grid.vectors[row, col], encoder.encode(patch[None])[0], atol=1e-5)


def test_the_batch_size_changes_nothing_but_rounding(encoder: TimmPatchEncoder) -> None:
    one, many = (embed(make_scene(), encoder, batch_size=n) for n in (3, 64))
    np.testing.assert_allclose(one.vectors, many.vectors, atol=1e-5)
    assert one.preprocessing_digest == many.preprocessing_digest


def test_cells_with_less_than_half_their_pixels_are_not_valid(encoder: TimmPatchEncoder) -> None:
    valid = np.ones((330, 400), dtype=bool)
    valid[:32, :17] = False  # 17 of 32 columns of cell (0, 0)
    valid[32:64, :15] = False
    grid = embed(make_scene(valid=valid), encoder)
    assert not grid.valid[0, 0]
    assert grid.valid.sum() == grid.valid.size - 1
    over = embed(make_scene(), encoder, region_l0=Box(-48, 0, 960, 64))
    assert over.valid[0].tolist() == [c == 1 or 2 <= c <= 13 for c in range(30)]


def test_the_preprocessing_digest_follows_reading_encoder_and_pixel_size(encoder: TimmPatchEncoder) -> None:
    scene, other = make_scene(), make_scene(preprocessing={"reader": "array", "range": [0, 9]})
    digests = {
        preprocessing_digest(scene, encoder, PIXEL_SIZE),
        preprocessing_digest(other, encoder, PIXEL_SIZE),
        preprocessing_digest(scene, encoder, 2 * PIXEL_SIZE),
    }
    assert len(digests) == 3
    assert embed(scene, encoder).preprocessing_digest in digests


@pytest.mark.parametrize(
    ("facts", "options", "match"),
    [
        ({"pixel_size_m": None}, {}, "--scene-pixel-size"),
        ({}, {"pixel_size_m": 3e-6}, "nearest is 1 µm"),
        ({}, {"region_l0": Box(500, 0, 64, 64)}, "outside"),
        ({}, {"region_l0": Box(0, 0, 20, 64)}, "at least one cell"),
        ({}, {"batch_size": 0}, "batch"),
    ],
)
def test_what_cannot_be_embedded_is_refused_before_reading(
    encoder: TimmPatchEncoder, facts: dict[str, object], options: dict[str, object], match: str
) -> None:
    with pytest.raises(GridError, match=match):
        embed_scene(make_scene(**facts), encoder, **{"pixel_size_m": PIXEL_SIZE, **options})  # type: ignore[arg-type]


def test_a_region_without_data_is_refused(encoder: TimmPatchEncoder) -> None:
    with pytest.raises(GridError, match="no cell"):
        embed(make_scene(valid=np.zeros((330, 400), dtype=bool)), encoder)


def make_grid(vectors: np.ndarray, pixel_size_m: float = PIXEL_SIZE) -> EmbeddingGrid:
    square = vectors.reshape(10, -1, vectors.shape[-1]).astype(np.float32)
    geometry = GridGeometry(square.shape[:2], pixel_size_m)
    return EmbeddingGrid(square, np.ones(square.shape[:2], dtype=bool), geometry, "tiny-1")


def draw(n: int, offset: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(n)
    centres = np.random.default_rng(0).normal(size=(4, 12)) + offset
    return np.asarray(centres[rng.integers(0, 4, n)] + 0.2 * rng.normal(size=(n, 12)), dtype=np.float32)


def test_a_scene_like_the_training_set_passes_and_another_asks(tmp_path: Path) -> None:
    reference = json.loads(json.dumps(quantiles_from(draw(4000), held_out=draw(2000), n_centroids=8)))
    like, unlike = check_grid(make_grid(draw(500)), reference), check_grid(make_grid(draw(500, 3.0)), reference)
    assert like.share_out_of_range < 0.05
    assert 0.8 < like.median_ratio < 1.25
    assert not like.needs_confirmation
    assert unlike.share_out_of_range > 0.9
    assert unlike.needs_confirmation
    assert unlike.out_of_range.shape == (10, 50)
    path = tmp_path / "encoder.json"
    path.write_text(json.dumps({"id": "tiny-1", "pixel_sizes_m": [PIXEL_SIZE], "quantiles": reference}))
    assert check_grid(make_grid(draw(500)), path).share_out_of_range == like.share_out_of_range
    with pytest.raises(GridError, match="nearest"):
        check_grid(make_grid(draw(500), 1e-6), path)
    with pytest.raises(GridError, match="dimensions"):
        check_grid(make_grid(draw(500)[:, :5]), path)


@pytest.mark.parametrize("reference", [{}, {"quantiles": 3}, {"centroids": [[1]], "distances": {}}, "none.json"])
def test_a_broken_reference_is_a_model_error(reference: object) -> None:
    with pytest.raises(ModelError):
        check_grid(make_grid(draw(20)), reference)  # type: ignore[arg-type]


@pytest.mark.parametrize("reference", [{"id": "tiny-1"}, {"id": "tiny-1", "quantiles": None}])
def test_an_encoder_without_a_reference_says_so_and_asks_nothing(reference: dict[str, object]) -> None:
    check = check_grid(make_grid(draw(20)), reference)
    assert not check.needs_confirmation
    assert "no reference" in check.message


def make_slide() -> np.ndarray:
    """Glass with a pink disc of radius 60 at (row 150, col 250), and a black unscanned corner."""
    pixels = np.random.default_rng(0).integers(236, 246, (300, 400, 3)).astype(np.uint8)
    rows, cols = np.mgrid[:300, :400]
    disc = (rows - 150) ** 2 + (cols - 250) ** 2 < 60**2
    pixels[disc] = (205, 120, 180)
    pixels[:30, :30] = (3, 0, 0)
    return pixels


def test_tissue_is_what_is_coloured() -> None:
    mask = foreground_mask(make_slide())
    rows, cols = np.mgrid[:300, :400]
    distance = np.hypot(rows - 150, cols - 250)
    assert mask[distance < 56].all()
    assert not mask[distance > 64].any()
    assert not foreground_mask(np.full((50, 50, 3), 240, np.uint8)).any()
    pink = np.random.default_rng(0).normal((200, 110, 170), 8, (50, 50, 3)).clip(0, 255).astype(np.uint8)
    assert foreground_mask(pink).all()
    with pytest.raises(GridError):
        foreground_mask(pink.astype(np.float32))


def test_the_tissue_region_is_centred_on_the_tissue_and_inside_the_scene() -> None:
    region, share = tissue_region(ArrayScene(make_slide()), 60, 60)
    assert abs(region.x + 30 - 250) < 8
    assert abs(region.y + 30 - 150) < 8
    assert abs(share - np.pi * 60**2 / (300 * 400)) < 0.01
    whole, _ = tissue_region(ArrayScene(make_slide()), 9999, 9999)
    assert whole == Box(0, 0, 400, 300)


def test_pca_keeps_the_distances_of_points_in_a_plane() -> None:
    rng = np.random.default_rng(0)
    plane, basis = rng.normal(size=(40, 2)) * (3, 1), np.linalg.qr(rng.normal(size=(9, 2)))[0]
    points = project_pca(plane @ basis.T + 5)

    def distances(x: np.ndarray) -> np.ndarray:
        return np.asarray(np.linalg.norm(x[:, None] - x[None], axis=2))

    scale = distances(plane).max() / distances(points).max()
    np.testing.assert_allclose(distances(points) * scale, distances(plane), atol=1e-4)
    assert points.dtype == np.float32
    assert np.abs(points).max() == 1


def test_projections_of_few_or_equal_points_are_finite() -> None:
    for vectors in (np.ones((1, 4)), np.ones((30, 4)), np.ones((3, 1))):
        assert np.isfinite(project_pca(vectors)).all()
        assert project_pca(vectors).shape == (len(vectors), 2)
    assert project_umap(np.eye(5)).shape == (5, 2)
    with pytest.raises(GridError):
        project_pca(np.full((3, 3), np.nan))


@pytest.mark.slow
def test_umap_is_the_same_for_the_same_seed_and_parts_what_is_apart() -> None:
    rng = np.random.default_rng(0)
    vectors = np.repeat(np.eye(3, 8), 20, axis=0) + 0.05 * rng.normal(size=(60, 8))
    points = project_umap(vectors, seed=3)
    assert np.array_equal(points, project_umap(vectors, seed=3))
    assert np.abs(points).max() == 1
    groups = points.reshape(3, 20, 2)
    spread = np.linalg.norm(groups - groups.mean(axis=1, keepdims=True), axis=2).mean()
    apart = min(np.linalg.norm(groups[i].mean(0) - groups[j].mean(0)) for i, j in ((0, 1), (0, 2), (1, 2)))
    assert apart > 2 * spread
    for n in (8, 12, 51):
        assert np.isfinite(project_umap(vectors[:n])).all()


def test_the_first_components_are_those_of_the_whole_decomposition_from_many_threads_at_once() -> None:
    vectors = np.random.default_rng(0).normal(size=(300, 24)) * np.linspace(1, 3, 24)
    centred = vectors - vectors.mean(axis=0)
    points = centred @ np.linalg.svd(centred, full_matrices=False)[2][:2].T
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(project_pca, [vectors] * 16))
    assert all(np.array_equal(found[0], one) for one in found)
    for axis in (0, 1):
        assert abs(np.corrcoef(found[0][:, axis], points[:, axis])[0, 1]) == pytest.approx(1, abs=1e-5)
