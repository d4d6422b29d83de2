"""Laws of palettes, edits and layouts."""

from __future__ import annotations

import itertools
import json
import time
from dataclasses import replace

import numpy as np
import pytest

from ssldiff_core.embeddings.grid import EmbeddingGrid
from ssldiff_core.errors import LayoutError
from ssldiff_core.geometry import GridGeometry
from ssldiff_core.layouts.apply import apply_edits
from ssldiff_core.layouts.clustering import palette_from_grid, swatch_from_cells
from ssldiff_core.layouts.edits import Blend, Copy, Edit, Erase, Fill, Paint, Vary, edit_from_json, edit_to_json
from ssldiff_core.layouts.labels import largest_rectangles
from ssldiff_core.layouts.layout import Layout, empty_layout, label_map
from ssldiff_core.layouts.palette import Palette
from ssldiff_core.layouts.swatch import Swatch

PIXEL_SIZE = 5e-7


def make_grid(
    rows: int = 6, cols: int = 9, dim: int = 16, seed: int = 0, pixel_size_m: float = PIXEL_SIZE
) -> EmbeddingGrid:
    """Three vertical bands, each around its own direction."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(3, dim))
    band = np.arange(cols) * 3 // cols
    vectors = centres[band][None] + 0.1 * rng.normal(size=(rows, cols, dim))
    valid = np.ones((rows, cols), dtype=bool)
    valid[0, 0] = False
    return EmbeddingGrid(vectors.astype(np.float32), valid, GridGeometry((rows, cols), pixel_size_m), "tissue-1")


@pytest.fixture(scope="module")
def grid() -> EmbeddingGrid:
    return make_grid()


@pytest.fixture(scope="module")
def palette(grid: EmbeddingGrid) -> Palette:
    return palette_from_grid(grid, n_swatches=3, read_patch=lambda r, c: np.full((4, 4, 3), 10 * r + c, np.uint8))[0]


EDITS: tuple[Edit, ...] = (
    Paint(((0, 0), (1, 1), (2, 8)), "Swatch 1", seed=3),
    Paint(((3, 3), (3, 4)), "Swatch 2", mode="mean", strength=0.7),
    Paint(tuple((r, c) for r in range(6) for c in range(4)), "Swatch 3", mode="texture", seed=5),
    Fill((5, 8), "Swatch 2", seed=1),
    Blend(((2, 2), (2, 3)), "Swatch 1", strength=0.4),
    Copy((0, 0, 3, 3), (4, 7)),
    Erase(((1, 1), (5, 5))),
    Vary(((2, 5), (2, 6), (1, 1)), amount=0.5, seed=8),
)


@pytest.mark.parametrize("edit", EDITS, ids=lambda e: type(e).__name__)
def test_undo_after_apply_is_identity_and_redo_comes_back(grid: EmbeddingGrid, palette: Palette, edit: Edit) -> None:
    before = Layout(grid, palette).apply(Erase(((4, 4), (2, 8))))
    after = before.apply(edit)
    assert after.grid() != before.grid()
    assert after.undo().grid() == before.grid()
    assert after.undo().edits == before.edits
    assert after.undo().redo() == after
    assert after.undo().redo().grid() == after.grid()


def test_a_layout_by_steps_is_the_replay_of_its_edits(grid: EmbeddingGrid, palette: Palette) -> None:
    layout = Layout(grid, palette)
    for edit in EDITS:
        layout = layout.apply(edit)
    assert apply_edits(grid, palette, layout.edits) == layout.grid()
    assert Layout(grid, palette, layout.edits).undo().grid() == layout.undo().grid()


def test_an_edit_after_undo_forgets_what_was_undone(grid: EmbeddingGrid, palette: Palette) -> None:
    layout = Layout(grid, palette).apply(EDITS[0]).undo().apply(EDITS[1])
    assert layout.undone == ()
    assert layout.redo() is layout


@pytest.mark.parametrize("edit", EDITS, ids=lambda e: type(e).__name__)
def test_an_edit_survives_json_and_is_hashable(edit: Edit) -> None:
    again = edit_from_json(json.loads(json.dumps(edit_to_json(edit))))
    assert again == edit
    assert hash(again) == hash(edit)


@pytest.mark.parametrize(
    "data",
    [
        {}, {"kind": "paint"}, {"kind": "smear", "version": 1}, {"kind": "erase", "version": 2, "cells": [[0, 0]]},
        {"kind": "erase", "version": 1, "cells": []}, {"kind": "erase", "version": 1, "cells": [[0.5, 0]]},
        {"kind": "erase", "version": 1, "cells": 3}, {"kind": "erase", "version": 1, "cells": [[0, 0]], "x": 1},
        {"kind": "paint", "version": 1, "cells": [[0, 0]], "swatch": "a", "strength": 0},
        {"kind": "paint", "version": 1, "cells": [[0, 0]], "swatch": "a", "strength": float("nan")},
        {"kind": "paint", "version": 1, "cells": [[0, 0]], "swatch": "a", "mode": "spray"},
        {"kind": "copy", "version": 1, "source": [0, 0, 0, 1], "target": [0, 0]},
        {"kind": "paint", "version": 1, "cells": [[0, 0]], "swatch": 3}, {"kind": "vary", "version": 1},
    ],
)  # fmt: skip
def test_a_malformed_edit_is_a_layout_error(data: dict[str, object]) -> None:
    with pytest.raises(LayoutError):
        edit_from_json(data)


def test_a_sampled_cell_depends_on_seed_and_cell_not_on_order_or_company(grid: EmbeddingGrid, palette: Palette) -> None:
    cells = tuple((r, c) for r in range(6) for c in range(9))
    together = Layout(grid, palette).apply(Paint(cells, "Swatch 1", seed=4)).grid()
    alone = Layout(grid, palette).apply(Erase(cells)).apply(Paint(((3, 7),), "Swatch 1", seed=4)).grid()
    assert np.array_equal(together.vectors[3, 7], alone.vectors[3, 7])
    other = Layout(grid, palette).apply(Paint(cells, "Swatch 1", seed=5)).grid()
    assert not np.array_equal(together.vectors, other.vectors)
    exemplars = {vector.tobytes() for vector in palette.find("Swatch 1").vectors}
    painted = {vector.tobytes() for vector in together.vectors.reshape(-1, grid.dim)}
    assert painted <= exemplars
    assert len(painted) > 3


def test_texture_keeps_the_neighbours_of_a_real_grid(grid: EmbeddingGrid, palette: Palette) -> None:
    cells = tuple((r, c) for r in range(6) for c in range(9))
    painted = Layout(grid, palette).apply(Paint(cells, "Swatch 1", mode="texture", seed=2)).grid().vectors
    texture = palette.find("Swatch 1").texture
    assert texture is not None
    real = {(a.tobytes(), b.tobytes()) for row in texture for a, b in itertools.pairwise(row)}
    real |= {(b, a) for a, b in real} | {(v.tobytes(), v.tobytes()) for row in texture for v in row}
    assert all((a.tobytes(), b.tobytes()) in real for row in painted for a, b in itertools.pairwise(row))


def test_strength_blends_along_the_sphere_and_erased_cells_take_the_swatch_whole(
    grid: EmbeddingGrid, palette: Palette
) -> None:
    layout = Layout(grid, palette).apply(Blend(((3, 8), (0, 0)), "Swatch 2", strength=0.5))
    new, old, mean = layout.grid().vectors[3, 8], grid.vectors[3, 8], palette.find("Swatch 2").mean

    def cosine(a: np.ndarray, b: np.ndarray) -> float:
        return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))

    angle = np.arccos(cosine(old, mean))
    np.testing.assert_allclose(np.arccos(cosine(new, old)) + np.arccos(cosine(new, mean)), angle, atol=1e-3)
    np.testing.assert_array_equal(layout.grid().vectors[0, 0], mean)


def test_a_variation_stays_near_what_it_varies(grid: EmbeddingGrid, palette: Palette) -> None:
    cells = tuple((int(r), int(c)) for r, c in np.argwhere(grid.valid))
    for layout in (Layout(grid, palette), Layout(grid)):
        small, large = (layout.apply(Vary(cells, amount=a)).grid().vectors for a in (0.05, 1.0))
        assert 0 < np.abs(small - grid.vectors).max() < np.abs(large - grid.vectors).max()
    varied = Layout(grid, palette).apply(Vary(cells, amount=0.5))
    assert (label_map(varied) == label_map(Layout(grid, palette))).all()


def test_fill_takes_the_contiguous_cells_of_one_label(grid: EmbeddingGrid, palette: Palette) -> None:
    wall = Paint(tuple((r, 1) for r in range(6)), palette.names[int(label_map(Layout(grid, palette))[2, 8])])
    layout = Layout(grid, palette).apply(wall).apply(Fill((5, 0), "Swatch 1"))
    fill = layout.edits[-1]
    assert isinstance(fill, Fill)
    assert fill.cells == tuple((r, 0) for r in range(1, 6))


def test_copy_is_clipped_and_reads_before_it_writes(grid: EmbeddingGrid) -> None:
    shifted = Layout(grid).apply(Copy((0, 0, 6, 9), (0, 1))).grid()
    assert np.array_equal(shifted.vectors[:, 1:], grid.vectors[:, :-1])
    assert not shifted.valid[0, 1]
    with pytest.raises(LayoutError):
        Layout(grid).apply(Copy((0, 0, 2, 2), (6, 0)))


def test_erased_cells_are_invalid_and_labelled_minus_one(grid: EmbeddingGrid, palette: Palette) -> None:
    layout = Layout(grid, palette).apply(Erase(((2, 2),)))
    assert not layout.grid().valid[2, 2]
    assert label_map(layout)[2, 2] == -1


def test_a_cell_outside_names_the_nearest_inside(grid: EmbeddingGrid) -> None:
    with pytest.raises(LayoutError, match=r"row 5, col 0"):
        Layout(grid).apply(Erase(((6, -1),)))


def test_swatches_of_another_encoder_or_pixel_size_are_refused(grid: EmbeddingGrid, palette: Palette) -> None:
    with pytest.raises(LayoutError, match="aerial-1"):
        Layout(grid, replace(palette, encoder_id="aerial-1"))
    with pytest.raises(LayoutError, match="pixel size"):
        apply_edits(grid, replace(palette, pixel_size_m=PIXEL_SIZE * 1.3), ())
    Layout(grid, replace(palette, pixel_size_m=PIXEL_SIZE * 1.25))


def test_names_colours_and_order_move_no_vector(grid: EmbeddingGrid, palette: Palette) -> None:
    layout = Layout(grid, palette)
    for edit in EDITS:
        layout = layout.apply(edit)
    changed = (
        palette.rename("Swatch 1", "stroma").recolour("stroma", "#123456").reorder(["Swatch 3", "stroma", "Swatch 2"])
    )
    changed = changed.merge(["Swatch 3", "Swatch 2"], "rest")
    moved = layout.with_palette(changed)
    assert moved.grid() == layout.grid() == apply_edits(grid, changed, layout.edits)
    assert changed.names == ("rest", "stroma")
    assert len(changed.retired) == 2
    removed = layout.with_palette(palette.remove("Swatch 2"))
    assert removed.grid() == layout.grid()
    assert label_map(removed).max() == 1
    with pytest.raises(LayoutError):
        layout.with_palette(replace(palette, swatches=palette.swatches[:1]))


def test_a_palette_survives_its_file(tmp_path: object, palette: Palette) -> None:
    path = tmp_path / "p.npz"  # type: ignore[operator]
    merged = palette.merge(["Swatch 1", "Swatch 2"])
    merged.save(path)
    again = Palette.load(path)
    assert again == merged
    assert [s.id for s in again.retired] == [s.id for s in merged.retired]
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(LayoutError):
        Palette.load(path)


def test_clusters_are_the_bands_largest_first_with_exemplars_first(grid: EmbeddingGrid) -> None:
    palette, labels = palette_from_grid(
        grid, n_swatches=3, names=["fat"], read_patch=lambda r, c: np.full((2, 2, 3), 9 * r + c, np.uint8)
    )
    assert palette.names == ("fat", "Swatch 2", "Swatch 3")
    assert labels[0, 0] == -1
    assert all(len(set(labels[1:, c : c + 3].ravel())) == 1 for c in (0, 3, 6))
    assert np.array_equal(labels, label_map(Layout(grid, palette)))
    for swatch in palette.swatches:
        for picture, vector in zip(swatch.exemplars, swatch.vectors, strict=False):
            assert np.array_equal(grid.vectors[divmod(int(picture[0, 0, 0]), 9)], vector)


def test_a_grid_with_fewer_vectors_than_swatches_gives_fewer(grid: EmbeddingGrid) -> None:
    flat = grid.with_vectors(np.ones_like(grid.vectors))
    assert len(palette_from_grid(flat, n_swatches=8)[0].swatches) == 1
    with pytest.raises(LayoutError):
        palette_from_grid(grid.with_vectors(grid.vectors, np.zeros_like(grid.valid)))


def test_the_largest_rectangle_is_the_largest_of_all_rectangles() -> None:
    labels = np.random.default_rng(1).integers(-1, 2, (7, 8))
    for label, (row, col, rows, cols) in largest_rectangles(labels).items():
        assert (labels[row : row + rows, col : col + cols] == label).all()
        best = max(
            (r1 - r0) * (c1 - c0)
            for r0 in range(7) for r1 in range(r0 + 1, 8) for c0 in range(8) for c1 in range(c0 + 1, 9)
            if (labels[r0:r1, c0:c1] == label).all()
        )  # fmt: skip
        assert rows * cols == best


def test_picked_cells_make_a_swatch(grid: EmbeddingGrid, palette: Palette) -> None:
    swatch = swatch_from_cells(grid, [(2, 2), (3, 2), (2, 3), (3, 3), (0, 0)], "mine", "#010203")
    assert len(swatch.vectors) == 4
    assert swatch.texture is not None
    assert swatch.texture.shape[:2] == (2, 2)
    assert Layout(grid, palette.add(swatch)).apply(Paint(((0, 0),), "mine")).grid().valid[0, 0]
    with pytest.raises(LayoutError):
        swatch_from_cells(grid, [(0, 0)], "none", "#010203")


def test_an_empty_canvas_has_no_valid_cell_until_it_is_painted(palette: Palette) -> None:
    blank = empty_layout(3, 4, palette)
    assert not blank.grid().valid.any()
    filled = empty_layout(3, 4, palette, swatch="Swatch 2", seed=1)
    assert filled.grid().valid.all()
    assert (label_map(filled) == 1).all()


@pytest.mark.parametrize(
    "broken",
    [
        {"vectors": np.full((2, 4), np.nan, np.float32)}, {"vectors": np.ones((2, 4), np.int64)}, {"colour": "red"},
        {"name": " "}, {"exemplars": np.zeros((3, 2, 2, 3), np.uint8)}, {"texture": np.ones((2, 2, 5), np.float32)},
    ],
)  # fmt: skip
def test_a_malformed_swatch_is_a_layout_error(broken: dict[str, object]) -> None:
    facts: dict[str, object] = {"name": "a", "colour": "#000000", "vectors": np.ones((2, 4), np.float32)}
    with pytest.raises(LayoutError):
        Swatch(**{**facts, **broken})  # type: ignore[arg-type]


def test_one_more_edit_costs_that_edit_whatever_went_before() -> None:
    grid = make_grid(60, 60, 64)
    layout = Layout(grid, palette_from_grid(grid, n_swatches=3)[0])
    seconds = []
    for index in range(120):
        began = time.perf_counter()
        layout = layout.apply(Paint(((index % 60, 5), (3, index % 60)), "Swatch 1", seed=index))
        layout.grid()
        seconds.append(time.perf_counter() - began)
    assert np.median(seconds[-20:]) < 5 * np.median(seconds[:20])
