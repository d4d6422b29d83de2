"""Laws of class regions: borders lie where they were drawn, and nothing else changes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ssldiff_core.diffusion.field import ConditioningField, changed_positions
from ssldiff_core.embeddings.class_regions import ClassRegions
from ssldiff_core.embeddings.grid import EmbeddingGrid
from ssldiff_core.embeddings.grid_change import GridChange, grow_grid
from ssldiff_core.embeddings.grid_files import read_grid, write_grid
from ssldiff_core.errors import GridError, LayoutError
from ssldiff_core.geometry import GridGeometry
from ssldiff_core.layouts import (
    Copy,
    Erase,
    EraseRegion,
    Layout,
    Paint,
    PaintRegion,
    Palette,
    Vary,
    apply_edits,
    edit_from_json,
    edit_to_json,
)
from ssldiff_core.layouts.swatch import Swatch
from ssldiff_core.provenance import Manifest

ROWS, COLS, DIM, SIDE = 5, 6, 12, 16
EVERY = tuple((row, col) for row in range(ROWS) for col in range(COLS))
SQUARE = (((1.3, 1.2), (3.6, 1.2), (3.6, 3.7), (1.3, 3.7)),)
RING = (((0.5, 0.5), (4.5, 0.5), (4.5, 4.5), (0.5, 4.5)), ((2.0, 2.0), (3.0, 2.0), (3.0, 3.0), (2.0, 3.0)))


def make_palette() -> Palette:
    rng = np.random.default_rng(1)
    centres = np.eye(DIM, dtype=np.float32)[:3]
    swatches = [
        Swatch(name, colour, (centre + 0.1 * rng.normal(size=(9, DIM))).astype(np.float32))
        for name, colour, centre in zip("ABC", ("#ff0000", "#00ff00", "#0000ff"), centres, strict=True)
    ]
    return Palette(tuple(swatches), "tissue-1", 1e-6)


@pytest.fixture(scope="module")
def layout() -> Layout:
    vectors, valid = np.zeros((ROWS, COLS, DIM), np.float32), np.zeros((ROWS, COLS), bool)
    base = EmbeddingGrid(vectors, valid, GridGeometry((ROWS, COLS), 1e-6), "tissue-1")
    palette = make_palette()
    ground = apply_edits(base, palette, [Paint(EVERY, "A", seed=4)])
    return Layout(ground, palette)


def centres(count: int) -> np.ndarray:
    return (np.arange(count * SIDE) + 0.5) / SIDE


def inside_square() -> np.ndarray:
    x, y = np.meshgrid(centres(COLS), centres(ROWS))
    return (x > 1.3) & (x < 3.6) & (y > 1.2) & (y < 3.7)


def test_the_border_lies_where_the_polygon_was_at_any_fineness(layout: Layout) -> None:
    drawn = layout.apply(PaintRegion("B", (SQUARE,)))
    assert np.array_equal(drawn.fine_labels() == 1, inside_square())
    fine = drawn.fine_labels(128)
    edge = (np.arange(COLS * 128) + 0.5) / 128
    assert np.array_equal(fine[300] == 1, (edge > 1.3) & (edge < 3.6))


def test_holes_are_holes_and_dots_and_lines_are_as_broad_as_their_brush(layout: Layout) -> None:
    drawn = layout.apply(PaintRegion("B", (RING,))).apply(PaintRegion("C", (), (((5.5, 2.5),),), 0.5))
    labels = drawn.fine_labels()
    assert labels[40, 40] == 0
    assert labels[20, 20] == 1
    assert abs((labels == 2).sum() / SIDE**2 - np.pi * 0.25**2) < 0.01
    line = layout.apply(PaintRegion("C", (), (((1.0, 2.0), (5.0, 2.0)),), 0.25)).fine_labels()
    assert np.array_equal(np.flatnonzero((line == 2)[:, 48]), np.arange(30, 34))


def test_no_interpolation_crosses_a_border(layout: Layout) -> None:
    drawn = layout.apply(PaintRegion("B", (SQUARE,), mode="mean"))
    field, valid = ConditioningField(drawn.grid()).crop(0, 0, ROWS * SIDE, COLS * SIDE)
    assert valid.all()
    inside = inside_square()
    mean = layout.palette.find("B").mean  # type: ignore[union-attr]
    assert np.allclose(field[inside], mean, atol=1e-6)
    cosine = field[~inside] @ mean / np.linalg.norm(field[~inside], axis=1) / np.linalg.norm(mean)
    assert cosine.max() < 0.6


def test_a_region_of_whole_cells_is_the_field_of_painted_cells(layout: Layout) -> None:
    whole = (((0, 0), (COLS, 0), (COLS, ROWS), (0, ROWS)),)
    by_region = layout.apply(PaintRegion("B", (whole,), seed=7)).grid()
    by_cells = layout.apply(Paint(EVERY, "B", seed=7)).grid()
    shape = (0, 0, ROWS * SIDE, COLS * SIDE)
    assert np.array_equal(ConditioningField(by_region).crop(*shape)[0], ConditioningField(by_cells).crop(*shape)[0])
    assert np.array_equal(by_region.vectors, by_cells.vectors)


def test_inside_a_block_of_whole_cells_and_a_cell_away_from_it_the_field_is_that_of_painted_cells(
    layout: Layout,
) -> None:
    cells = tuple((row, col) for row in range(1, 4) for col in range(1, 5))
    region = layout.apply(PaintRegion("B", ((((1, 1), (5, 1), (5, 4), (1, 4)),),), seed=7)).grid()
    painted = layout.apply(Paint(cells, "B", seed=7)).grid()
    shape = (0, 0, ROWS * SIDE, COLS * SIDE)
    ours, theirs = (ConditioningField(grid).crop(*shape)[0] for grid in (region, painted))
    inner = (slice(24, 56), slice(24, 72))
    assert np.array_equal(ours[inner], theirs[inner])
    assert np.array_equal(ours[:8], theirs[:8])
    assert not np.array_equal(ours, theirs)


def test_a_transition_as_wide_as_a_cell_is_the_cross_fade_of_painted_cells(layout: Layout) -> None:
    means = layout.apply(Paint(EVERY, "A", mode="mean"))
    half = (((0, 0), (3, 0), (3, ROWS), (0, ROWS)),)
    region = means.apply(PaintRegion("B", (half,), mode="mean")).grid()
    assert region.regions is not None
    region = replace(region, regions=replace(region.regions, transition_lat=SIDE))
    painted = means.apply(Paint(tuple(c for c in EVERY if c[1] < 3), "B", mode="mean")).grid()
    shape = (0, 0, ROWS * SIDE, COLS * SIDE)
    assert np.allclose(ConditioningField(region).crop(*shape)[0], ConditioningField(painted).crop(*shape)[0], atol=1e-5)


@pytest.mark.parametrize("transition", [1.0, 4.0])
def test_the_field_of_a_crop_is_the_crop_of_the_field(layout: Layout, transition: float) -> None:
    grid = layout.apply(PaintRegion("B", (SQUARE, RING))).apply(EraseRegion((), (((0.2, 4.5), (5, 4.1)),), 0.4)).grid()
    assert grid.regions is not None
    field = ConditioningField(replace(grid, regions=replace(grid.regions, transition_lat=transition)))
    whole, valid = field.crop(0, 0, ROWS * SIDE, COLS * SIDE)
    part, holds = field.crop(11, 7, 66, 71)
    assert np.array_equal(part, whole[11:77, 7:78])
    assert np.array_equal(holds, valid[11:77, 7:78])


def test_what_is_erased_finely_carries_the_null_condition_there_and_nowhere_else(layout: Layout) -> None:
    drawn = layout.apply(EraseRegion((SQUARE,)))
    _, valid = ConditioningField(drawn.grid()).crop(0, 0, ROWS * SIDE, COLS * SIDE)
    assert np.array_equal(~valid, inside_square())
    assert np.array_equal(drawn.fine_labels() == -1, inside_square())


EDITS = (
    PaintRegion("B", (SQUARE,), seed=3),
    PaintRegion("C", (), (((0.4, 0.4), (5.2, 4.1)),), 0.5, mode="mean"),
    Vary(((1, 1), (2, 2)), amount=0.5, seed=8),
    Paint(((2, 2), (0, 0)), "C", strength=0.6),
    Copy((0, 0, 2, 2), (3, 4)),
    EraseRegion((RING,)),
    Erase(((1, 1),)),
)


def test_undo_is_identity_and_replay_and_redo_agree(layout: Layout) -> None:
    grids, now = [layout.grid()], layout
    for edit in EDITS:
        now = now.apply(edit)
        grids.append(now.grid())
    assert apply_edits(layout.base, layout.palette, now.edits) == now.grid()
    again = now
    for grid in reversed(grids):
        assert again.grid().digest == grid.digest
        again = again.undo()
    for _ in EDITS:
        again = again.redo()
    assert again.grid() == now.grid()
    assert len({grid.digest for grid in grids}) == len(grids)


def test_edits_go_through_json(layout: Layout) -> None:
    for edit in EDITS:
        assert edit_from_json(edit_to_json(edit)) == edit
    with pytest.raises(LayoutError, match="covers a latent"):
        layout.apply(PaintRegion("B", ((((9, 9), (9.5, 9), (9.5, 9.5)),),)))
    for broken in ({"swatch": "B"}, {"swatch": "B", "lines": [[[0, 0]]]}, {"swatch": "B", "polygons": [[[[0, "x"]]]]}):
        with pytest.raises(LayoutError):
            edit_from_json({"kind": "paintregion", "version": 1, **broken})


def test_painting_a_cell_takes_its_borders_away(layout: Layout) -> None:
    drawn = layout.apply(PaintRegion("B", (SQUARE,)))
    back = drawn.apply(Paint(tuple((r, c) for r in range(1, 4) for c in range(1, 4)), "A", seed=4))
    assert back.grid() == layout.grid()


@pytest.mark.parametrize("suffix", [".npz", ".h5", ".safetensors"])
def test_files_and_manifests_keep_regions(layout: Layout, tmp_path, suffix: str) -> None:
    grid = layout.apply(PaintRegion("B", (SQUARE, RING))).grid()
    write_grid(grid, tmp_path / f"grid{suffix}")
    assert read_grid(tmp_path / f"grid{suffix}") == grid
    manifest = Manifest(grid, "tissue", "0", {})
    assert Manifest.from_json(manifest.to_json()).grid == grid
    assert Layout(grid, layout.palette).apply(Erase(((0, 0),))).undo().grid() == grid
    assert (
        Layout(grid, layout.palette).fine_labels() == layout.apply(PaintRegion("B", (SQUARE, RING))).fine_labels()
    ).all()


def test_a_change_of_regions_leads_back_and_names_its_cells(layout: Layout) -> None:
    first = layout.apply(PaintRegion("B", (SQUARE,)))
    second = first.apply(PaintRegion("C", (), (((4.5, 4.5),),), 0.5))
    change = GridChange.between(first.grid(), second.grid())
    assert change.cells.tolist() == [[4, 4]]
    again = GridChange.from_json(change.to_json(), second.grid().geometry)
    assert again.before(second.grid()) == first.grid()
    grown = grow_grid(second.grid(), bottom=2, left=1)
    assert GridChange.between(second.grid(), grown).before(grown) == second.grid()
    assert not len(GridChange.between(second.grid(), grown).cells)


def test_positions_outside_the_changed_ones_have_the_same_condition(layout: Layout) -> None:
    now = layout
    for edit in EDITS:
        later = now.apply(edit)
        fields = [ConditioningField(one.grid()).crop(0, 0, ROWS * SIDE, COLS * SIDE) for one in (now, later)]
        differs = (fields[0][0] != fields[1][0]).any(axis=2) | (fields[0][1] != fields[1][1])
        changed = changed_positions(now.grid(), later.grid())
        assert not (differs & ~changed).any(), edit
        now = later
    small = changed_positions(layout.grid(), layout.apply(PaintRegion("B", (), (((2.5, 2.5),),), 0.5)).grid())
    assert small.mean() < 0.02


def test_regions_of_another_size_are_refused(layout: Layout) -> None:
    grid = layout.grid()
    regions = ClassRegions(np.zeros((16, 16), np.uint8), (), np.zeros((0, 3)), np.zeros((0, DIM)), 16)
    with pytest.raises(GridError, match="latents"):
        replace(grid, regions=regions)
