"""Laws of regeneration, with tiny random networks: the rest stays, undo costs nothing, replays agree."""

from __future__ import annotations

import numpy as np
import pytest

from ssldiff_core import EmbeddingGrid, GridGeometry, Layout, Manifest, Settings, generate, regenerate
from ssldiff_core.diffusion.graph.trajectory import Trajectory
from ssldiff_core.diffusion.reference import Reference
from ssldiff_core.embeddings.grid_change import grow_grid
from ssldiff_core.errors import Cancelled, GridError, LayoutError, ManifestError, SettingsError
from ssldiff_core.generate import replay
from ssldiff_core.layouts import Erase
from tests.ui.tiny_models import DIM, write_tiny_models

SETTINGS = Settings(seed=3, steps=3, device="cpu", precision="float32")
REACH_PX = 8 * (8 + 6 + 12)
"""Beyond the edited cell: half a cell, the margin and the tiny decoder's radius, with some to spare."""


@pytest.fixture(scope="module", autouse=True)
def models(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSLDIFF_MODELS_DIR", str(write_tiny_models(tmp_path_factory.mktemp("models"))))
        yield


@pytest.fixture(scope="module")
def grid():
    vectors = np.random.default_rng(0).standard_normal((5, 7, DIM)).astype(np.float32)
    return EmbeddingGrid(vectors, np.ones((5, 7), bool), GridGeometry((5, 7), 1e-6), "tissue-1")


def last(steps):
    return list(steps)[-1].result


@pytest.fixture
def kept(request, grid, tmp_path):
    """A result and its trajectory; in a folder, and opened anew, where a test asks for that."""
    folder = tmp_path / "kept" if getattr(request, "param", "memory") == "folder" else None
    trajectory = Trajectory(folder)
    result = last(generate(grid, SETTINGS, keep=trajectory))
    return result, Trajectory(folder) if folder else trajectory


BOTH = pytest.mark.parametrize("kept", ["memory", "folder"], indirect=True)


def edited(grid, row, col, seed=9):
    vectors = grid.vectors.copy()
    vectors[row, col] = np.random.default_rng(seed).standard_normal(DIM)
    return grid.with_vectors(vectors)


def test_outside_the_margin_nothing_changes_and_inside_something_does(kept, grid):
    before, trajectory = kept
    after = last(regenerate(trajectory, edited(grid, 1, 1)))
    cell = (slice(128, 256),) * 2
    assert (before.image[cell] != after.image[cell]).mean() > 0.2
    outside = np.ones(before.image.shape[:2], bool)
    outside[: 256 + REACH_PX, : 256 + REACH_PX] = False
    assert outside.mean() > 0.2
    np.testing.assert_array_equal(before.image[outside], after.image[outside])
    pinned = slice(32 + 8 + 6, None)
    assert (before.latents[:, pinned] == after.latents[:, pinned]).all()


def test_with_everything_changed_it_is_an_ordinary_run(kept, grid):
    other = grid.with_vectors(np.random.default_rng(4).standard_normal(grid.vectors.shape).astype(np.float32))
    fresh = last(generate(other, SETTINGS))
    again = last(regenerate(kept[1], other))
    assert (again.latents - fresh.latents).abs().max() <= 1e-4


def test_a_wide_margin_and_halo_give_the_image_of_a_fresh_run(kept, grid):
    other = edited(grid, 2, 3)
    fresh = last(generate(other, SETTINGS))
    near = last(regenerate(kept[1], other, margin_lat=2, halo_lat=4))
    kept[1].undo_to(1)
    far = last(regenerate(kept[1], other, margin_lat=64, halo_lat=16))
    assert (far.latents - fresh.latents).abs().max() <= 1e-4
    assert (near.latents - fresh.latents).abs().max() > 1e-3


@BOTH
def test_undo_restores_without_computing_and_edits_follow_each_other(kept, grid):
    first, trajectory = kept
    one, two = edited(grid, 0, 0), edited(edited(grid, 0, 0), 4, 6)
    image_one = last(regenerate(trajectory, one)).image
    image_two = last(regenerate(trajectory, two)).image
    assert not np.array_equal(image_one, image_two)
    steps = list(regenerate(trajectory, one))
    assert [step.phase for step in steps] == ["done"]
    np.testing.assert_array_equal(steps[0].result.image, image_one)
    np.testing.assert_array_equal(last(regenerate(trajectory, grid)).image, first.image)
    assert len(trajectory.versions) == 1
    np.testing.assert_array_equal(last(regenerate(trajectory, one)).image, image_one)


@pytest.mark.parametrize("sides", [(1, 0, 0, 0), (0, 0, 0, 2), (1, 2, 1, 1)])
def test_a_canvas_grows_and_what_was_there_stays(kept, grid, sides):
    before, trajectory = kept
    top, _, _, left = sides
    larger = grow_grid(grid, *sides)
    after = last(regenerate(trajectory, larger))
    assert after.image.shape == (*larger.geometry.shape_px, 3)
    old = (slice(top * 128, top * 128 + 640), slice(left * 128, left * 128 + 896))
    np.testing.assert_array_equal(after.image[old], before.image)
    new = np.ones(after.image.shape[:2], bool)
    new[old] = False
    assert after.image[new].std() > 1
    further = last(regenerate(trajectory, edited(larger, 0, 0)))
    assert not np.array_equal(further.image, after.image)


@pytest.mark.parametrize("sides", [(0, 2, 0, 0), (1, 1, 1, 1)])
def test_a_strip_along_a_growth_is_drawn_again_and_the_rest_stays(kept, grid, sides):
    before, trajectory = kept
    top, right, bottom, left = sides
    after = last(regenerate(trajectory, grow_grid(grid, *sides), redraw_cells=1))
    old = after.latents[:, top * 16 : top * 16 + 80, left * 16 : left * 16 + 112]
    same = (old == before.latents).all(dim=0).numpy()
    kept_rows, kept_cols = slice(16 * (top > 0), 80 - 16 * (bottom > 0)), slice(16 * (left > 0), 112 - 16 * (right > 0))
    assert same[kept_rows, kept_cols].all()
    strip = np.ones_like(same)
    strip[kept_rows, kept_cols] = False
    assert same[strip].mean() < 0.1
    again = list(replay(after.manifest))[-1].result
    np.testing.assert_array_equal(again.image, after.image)


def test_drawn_again_from_edge_to_edge_a_growth_is_a_run_of_the_larger_grid(kept, grid):
    larger = grow_grid(grid, right=1)
    after = last(regenerate(kept[1], larger, redraw_cells=7))
    assert (after.latents - last(generate(larger, SETTINGS)).latents).abs().max() <= 1e-4
    with pytest.raises(SettingsError, match="negative"):
        list(regenerate(kept[1], larger, redraw_cells=-1))


@BOTH
def test_a_variation_is_kept_edited_undone_and_replayed(kept, grid, tmp_path):
    reference = Reference(0.7, latents=kept[0].latents)
    trajectory = Trajectory(tmp_path / "varied" if kept[1].folder else None)
    before = last(generate(grid, SETTINGS, reference=reference, keep=trajectory))
    assert trajectory.steps < SETTINGS.steps
    other = edited(grid, 1, 1)
    after = last(regenerate(trajectory, other))
    outside = (before.image == after.image).all(axis=2)
    assert outside[256 + REACH_PX :].all()
    assert not outside[128:256, 128:256].all()
    fresh = last(generate(other, SETTINGS, reference=reference))
    wide = Trajectory()
    last(generate(grid, SETTINGS, reference=reference, keep=wide))
    assert (last(regenerate(wide, other, margin_lat=64, halo_lat=16)).latents - fresh.latents).abs().max() <= 1e-4
    np.testing.assert_array_equal(list(replay(after.manifest))[-1].result.image, after.image)
    np.testing.assert_array_equal(last(regenerate(trajectory, grid)).image, before.image)
    with pytest.raises(LayoutError, match="reference ends"):
        list(regenerate(trajectory, grow_grid(grid, top=1)))


@BOTH
def test_a_replay_of_the_chain_is_the_same_image_bit_for_bit(kept, grid):
    trajectory = kept[1]
    layout = Layout(grow_grid(edited(grid, 2, 2), left=1)).apply(Erase(cells=((0, 0), (0, 1))))
    for source in (edited(grid, 2, 2), layout.base, layout):
        result = last(regenerate(trajectory, source))
    manifest = Manifest.from_json(result.manifest.to_json())
    assert len(manifest.chain) == len(manifest.parents) == 3
    assert [edit["kind"] for edit in manifest.edits] == ["erase"]
    steps = list(replay(manifest))
    assert [step.result is not None for step in steps] == [False] * (len(steps) - 1) + [True]
    np.testing.assert_array_equal(steps[-1].result.image, result.image)
    assert steps[-1].result.manifest.digest == manifest.digest


def test_a_cancelled_regeneration_leaves_what_was_there(kept, grid):
    before, trajectory = kept
    with pytest.raises(Cancelled):
        list(regenerate(trajectory, edited(grid, 1, 1), cancelled=lambda: True))
    np.testing.assert_array_equal(trajectory.image(), before.image)
    assert len(trajectory.versions) == 1


def test_what_cannot_be_continued_is_refused(kept, grid):
    trajectory = kept[1]
    with pytest.raises(LayoutError, match="Grow first"):
        list(regenerate(trajectory, grow_grid(edited(grid, 0, 0), top=1)))
    smaller = EmbeddingGrid(grid.vectors[:4], grid.valid[:4], GridGeometry((4, 7), 1e-6), "tissue-1")
    with pytest.raises(GridError, match="shrinks"):
        list(regenerate(trajectory, smaller))
    with pytest.raises(SettingsError, match="holds one already"):
        list(generate(grid, SETTINGS, keep=trajectory))
    with pytest.raises(ManifestError, match="keep"):
        list(regenerate(Trajectory(), grid))
