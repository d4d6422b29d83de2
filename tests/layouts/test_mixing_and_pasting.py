"""Laws of mixed swatches, nearest cells, pasted blocks, and palettes taken over."""

from __future__ import annotations

import numpy as np
import pytest

from ssldiff_core.errors import LayoutError
from ssldiff_core.layouts import (
    Layout,
    Paint,
    Palette,
    Paste,
    Swatch,
    edit_from_json,
    edit_to_json,
    mix_swatches,
    nearest_cells,
    palette_from_grid,
)
from ssldiff_core.layouts.directions import to_unit
from tests.layouts.test_layout import make_grid

RNG = np.random.default_rng(1)
FIRST = Swatch("First", "#ff0000", to_unit(RNG.normal(size=(3, 8))))
SECOND = Swatch("Second", "#0000ff", to_unit(RNG.normal(size=(5, 8))))


def angle(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.arccos(np.clip(a @ b / np.linalg.norm(a) / np.linalg.norm(b), -1, 1)))


@pytest.mark.parametrize("share", [0.1, 0.5, 0.8])
def test_a_mixed_vector_divides_the_arc_of_its_pair_by_the_share(share: float) -> None:
    mixed = mix_swatches(FIRST, SECOND, share, "Mixed")
    assert len(mixed.vectors) == 5
    for i, vector in enumerate(mixed.vectors):
        a, b = FIRST.vectors[i % 3], SECOND.vectors[i]
        assert angle(a, vector) == pytest.approx(share * angle(a, b), abs=1e-3)


def test_a_share_of_nothing_or_all_is_no_mixture() -> None:
    for share in (0.0, 1.0, float("nan")):
        with pytest.raises(LayoutError):
            mix_swatches(FIRST, SECOND, share, "Mixed")


def test_the_nearest_cells_are_those_of_the_smallest_angle_and_hold_something() -> None:
    grid = make_grid()
    found = nearest_cells(grid, grid.vectors[2, 4], 6)
    assert found[0][:2] == (2, 4)
    angles = [angle(grid.vectors[row, col], grid.vectors[2, 4]) for row, col, _ in found]
    assert angles == sorted(angles)
    others = [angle(v, grid.vectors[2, 4]) for v in grid.vectors[grid.valid]]
    assert sorted(others)[5] == pytest.approx(angles[-1], abs=1e-6)
    assert (0, 0) not in [cell[:2] for cell in nearest_cells(grid, grid.vectors[2, 4], 10_000)]


def test_a_pasted_block_is_what_was_copied_and_undo_gives_back_what_was_there() -> None:
    here, there = make_grid(), make_grid(seed=7)
    palette = palette_from_grid(here, n_swatches=3)[0]
    block = there.vectors[1:3, 4:7]
    stored = Swatch("Copied", "#000000", block.reshape(-1, here.dim), texture=block)
    layout = Layout(here, palette.keep(stored))
    kind = palette.swatches[2].id
    edit = Paste(((3, 0), (4, 0), (3, 2)), stored.id, (3, 0), (kind, "", kind))
    assert edit_from_json(edit_to_json(edit)) == edit
    pasted = layout.apply(edit)
    vectors = pasted.grid().vectors
    assert np.array_equal(vectors[[3, 3, 4], [0, 2, 0]], block[[0, 0, 1], [0, 2, 0]])
    assert np.array_equal(vectors[3, 1], here.vectors[3, 1])
    assert pasted.labels()[3, 0] == 2
    assert pasted.undo().grid() == here
    assert pasted.undo().redo().grid() == pasted.grid()
    with pytest.raises(LayoutError, match="block"):
        layout.apply(Paste(((5, 0),), stored.id, (3, 0)))


def test_what_a_palette_keeps_is_not_shown_but_in_its_file(tmp_path: object) -> None:
    kept = Palette((FIRST,), "tissue-1", 5e-7).keep(SECOND)
    assert kept.names == ("First",)
    assert kept.keep(SECOND) is kept
    kept.save(f"{tmp_path}/palette.npz")
    assert Palette.load(f"{tmp_path}/palette.npz").find(SECOND.id).vectors.shape == (5, 8)


def test_a_palette_taken_over_leaves_the_cells_painted_before_as_they_are() -> None:
    grid = make_grid()
    own = palette_from_grid(grid, n_swatches=3)[0]
    vectors = np.random.default_rng(2).normal(size=(4, grid.dim)).astype(np.float32)
    other = Palette((Swatch("Swatch 1", "#123456", vectors),), own.encoder_id, own.pixel_size_m)
    painted = Layout(grid, own).apply(Paint(((1, 1), (2, 2)), "Swatch 2"))
    changed = painted.with_palette(own.take(other))
    assert changed.palette.names == ("Swatch 1",)
    assert changed.grid() == painted.grid()
    assert Layout(grid, changed.palette, changed.edits).grid() == painted.grid()
    assert own.take(other, beside=True).names == ("Swatch 1", "Swatch 2", "Swatch 3", "Swatch 1 2")
    assert own.take(other).take(own).names == own.names


def test_a_palette_of_another_encoder_is_not_taken() -> None:
    own = palette_from_grid(make_grid(), n_swatches=3)[0]
    for encoder, size in (("aerial-1", own.pixel_size_m), (own.encoder_id, own.pixel_size_m * 4)):
        with pytest.raises(LayoutError, match="it is of"):
            own.take(Palette(own.swatches, encoder, size))
